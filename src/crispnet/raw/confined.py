"""The process apart that decodes raw files, and how it is spoken to: see ``raw.apart``.

A message is a number of parts, their lengths, and the parts. The first one, of none, says that the process is there.
What is asked is a path; an answer is ``FAILED``, the kind of error and its words, or ``DECODED``, a pickled
``RawImage`` and the arrays that belong into it.
"""

import contextlib
import os
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from crispnet.errors import CrispnetError, UnreadableRaw
from crispnet.raw.image import RawImage
from crispnet.raw.refusals import MOST_PHOTOSITES

LENGTH = struct.Struct(">Q")
MOST_PARTS = 1 << 16  # of a message
MOST_BYTES = 2 * MOST_PHOTOSITES + (256 << 20)  # of one: the mosaic, and what a file says of it
FAILED, DECODED = b"failed", b"decoded"


def main() -> None:
    """Decode what is asked for until nobody asks any more: the process apart."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    from crispnet.raw.reader import open_raw

    renew = _confined(memory, seconds)
    send(answers, [])  # here we are
    while True:
        try:
            (path,) = receive(sys.stdin.buffer)
        except EOFError:
            return
        renew()
        send(answers, _answer(Path(os.fsdecode(bytes(path))), open_raw))


def _answer(path: Path, open_raw: Callable[[Path], RawImage]) -> list[Any]:
    try:
        raw = open_raw(path)
    except CrispnetError as error:
        return [FAILED, type(error).__name__.encode(), str(error).encode("utf-8", "surrogateescape")]
    except Exception as error:  # a mistake of ours, or memory that ran out where nobody expects it
        words = (
            f"{path} cannot be decoded ({type(error).__name__}: {error}). A whole raw file was needed. If it is whole, "
            "this is a mistake in crispnet: please report it with the file."
        )
        return [FAILED, UnreadableRaw.__name__.encode(), words.encode("utf-8", "surrogateescape")]
    buffers: list[pickle.PickleBuffer] = []
    described = pickle.dumps(raw, protocol=5, buffer_callback=buffers.append)
    return [DECODED, described, *(buffer.raw() for buffer in buffers)]


def _confined(memory: int, seconds: float) -> Callable[[], None]:
    """Limit what this process may take, and give what allows it the processor time for one more file."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)  # rendering goes first, and waits for us where it has nothing to do
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limits; the clock and the crash are watched there, too
        return lambda: None

    def limit(what: int, amount: int) -> None:
        hard = resource.getrlimit(what)[1]
        with contextlib.suppress(ValueError, OSError):  # the user's own limit is lower
            resource.setrlimit(what, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))

    def renew() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 2)

    limit(resource.RLIMIT_AS, _address_space() + memory)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_CORE, 0)
    return renew


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
