"""The process apart that decodes files, and how it is spoken to: see ``raw.apart``.

A message is a number of parts, their lengths, and the parts. The first one, of none, says that the process is there.
What is asked is one of ``VERBS`` and a path; an answer is ``FAILED``, the kind of error and its words, or ``DECODED``,
a pickled ``RawImage`` or ``CameraPicture`` and the arrays that belong into it.
"""

import contextlib
import os
import pickle
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from crispnet.errors import CrispnetError, NoCameraPicture, UnreadableRaw
from crispnet.raw.refusals import MOST_PHOTOSITES

LENGTH = struct.Struct(">Q")
MOST_PARTS = 1 << 16  # of a message
MOST_BYTES = 2 * MOST_PHOTOSITES + (256 << 20)  # of one: the mosaic, and what a file says of it
VERBS = RAW, EMBEDDED, BESIDE = b"raw", b"embedded", b"beside"
FAILED, DECODED = b"failed", b"decoded"


def main() -> None:
    """Decode what is asked for until nobody asks any more: the process apart."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    from crispnet.raw.opening import HERE

    verbs = dict(zip(VERBS, (HERE.raw, HERE.camera_picture, HERE.picture_file), strict=True))
    renew = _confined(memory, seconds)
    send(answers, [])  # here we are
    while True:
        try:
            verb, path = map(bytes, receive(sys.stdin.buffer))
        except EOFError:
            return
        renew()
        unforeseen = UnreadableRaw if verb == RAW else NoCameraPicture
        send(answers, _answer(Path(os.fsdecode(path)), verbs[verb], unforeseen))


def _answer(path: Path, read: Callable[[Path], object], unforeseen: type[CrispnetError]) -> list[Any]:
    try:
        found = read(path)
    except CrispnetError as error:
        return [FAILED, type(error).__name__.encode(), str(error).encode("utf-8", "surrogateescape")]
    except Exception as error:  # a mistake of ours, or memory that ran out where nobody expects it
        words = (
            f"{path} cannot be decoded ({type(error).__name__}: {error}). A whole file was needed. If it is whole, "
            "this is a mistake in crispnet: please report it with the file."
        )
        return [FAILED, unforeseen.__name__.encode(), words.encode("utf-8", "surrogateescape")]
    buffers: list[pickle.PickleBuffer] = []
    described = pickle.dumps(found, protocol=5, buffer_callback=buffers.append)
    return [DECODED, described, *(buffer.raw() for buffer in buffers)]


def _confined(memory: int, seconds: float) -> Callable[[], None]:
    """Limit what this process may take, and give what allows it the processor time for one more file."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)  # rendering goes first, and waits for us where it has nothing to do
    limit_memory(memory)
    _limit("FSIZE", 0)

    def renew() -> None:
        _limit("CPU", int(time.process_time() + seconds) + 2)

    return renew


def limit_memory(memory: int) -> None:
    """Let this process take so many bytes of address space more than it has, and leave no image of them if it ends."""
    _limit("AS", _address_space() + memory)
    _limit("CORE", 0)


def _limit(what: str, amount: int) -> None:
    """Limit what this process may take of one thing; Windows has no such limits, and the user's own may be lower."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    kind = getattr(resource, f"RLIMIT_{what}")
    hard = resource.getrlimit(kind)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 1 << 30


def send(pipe: IO[bytes], parts: list[Any]) -> None:
    """Write the parts of a message, after their number and their lengths."""
    sizes = [memoryview(part).nbytes for part in parts]
    pipe.write(b"".join(map(LENGTH.pack, (len(parts), *sizes))))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def receive(pipe: IO[bytes]) -> list[bytearray]:
    """Read the parts of a message.

    Raises:
        EOFError: it ends early, or claims what no message can have.
    """
    (count,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    if count > MOST_PARTS:
        raise EOFError
    sizes = [LENGTH.unpack(_exactly(pipe, LENGTH.size))[0] for _ in range(count)]
    if sum(sizes) > MOST_BYTES:
        raise EOFError
    return [_exactly(pipe, size) for size in sizes]


def _exactly(pipe: IO[bytes], size: int) -> bytearray:
    content = bytearray(size)
    rest = memoryview(content)
    while rest:
        read = pipe.readinto(rest)  # type: ignore[attr-defined]  # a pipe of subprocess is buffered, or raw
        if not read:
            raise EOFError
        rest = rest[read:]
    return content


if __name__ == "__main__":
    main()
