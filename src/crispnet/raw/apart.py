"""Decodes files in a process apart, so that a damaged or hostile one costs a photograph and not the program.

The process is a fresh Python (LibRaw's OpenMP deadlocks in forked ones) that reads paths from its input and answers
with raw images, and with the pictures that cameras put into raws and beside them. It may take so much memory and so
long, may write no file, and is ended and replaced when it crashes, hangs or takes too much. What it answers is not
trusted either: nothing but the parts of a ``RawImage`` and of a ``CameraPicture`` is unpickled.

    with Decoder(Limits()) as decoder:
        raw = decoder.open(path)
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Self, TypeVar

from crispnet.errors import CrispnetError, NoCameraPicture, UnreadableRaw, UnsupportedRaw
from crispnet.raw import answers
from crispnet.raw.confined import BESIDE, EMBEDDED, FAILED, RAW, receive, send
from crispnet.raw.image import RawImage
from crispnet.raw.opening import HERE, Opening
from crispnet.raw.picture import CameraPicture
from crispnet.raw.refusals import COPY_AGAIN

Opened = TypeVar("Opened", RawImage, CameraPicture)
REFUSED = {kind.__name__: kind for kind in (UnreadableRaw, UnsupportedRaw, NoCameraPicture)}
PIPE = 1 << 20  # bytes that wait between two processes
START = 60.0  # seconds that a new process may take to be there


@dataclass(frozen=True)
class Limits:
    """What decoding one file may take.

    Attributes:
        memory: bytes of address space beyond those of the idle process.
        seconds: by the clock.
    """

    memory: int = 2 << 30
    seconds: float = 120.0


class Decoder:
    """One process that decodes; it starts at once, in the background. Calls from several threads take turns."""

    def __init__(self, limits: Limits) -> None:
        """Start the process."""
        self._limits = limits
        self._turn = threading.Lock()
        self._closed = self._late = self._greeted = False
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process(self) -> int:
        """Give the number of the process."""
        return self._process.pid

    def close(self) -> None:
        """End the process, whatever it is doing; a call that waits for it fails."""
        self._closed = True
        self._end()

    @property
    def opening(self) -> Opening:
        """Give what opens files in this process."""
        return Opening(self.open, self.camera_picture, self.picture_file)

    def open(self, path: Path) -> RawImage:
        """Read a raw file, as ``raw.reader.open_raw`` does.

        Raises:
            UnreadableRaw: as there; or decoding it crashed, or took too long.
            UnsupportedRaw: as there.
        """
        # Whatever it says its path is: files of that name are read later on.
        return replace(self._opened(RAW, path, answers.raw_image), path=path)

    def camera_picture(self, path: Path) -> CameraPicture:
        """Take the camera's picture out of a raw file, as ``raw.picture.camera_picture`` does.

        Raises:
            NoCameraPicture: as there; or decoding it crashed, or took too long.
            UnreadableRaw: as there.
        """
        return self._opened(EMBEDDED, path, answers.camera_picture)

    def picture_file(self, path: Path) -> CameraPicture:
        """Read a picture file, as ``raw.sidecar.picture_file`` does.

        Raises:
            NoCameraPicture: as there; or decoding it crashed, or took too long.
        """
        return self._opened(BESIDE, path, answers.camera_picture)

    def _opened(self, verb: bytes, path: Path, checked: Callable[[object], Opened]) -> Opened:
        with self._turn:
            if self._process.poll() is not None and not self._closed:
                self._restart()
            try:
                with self._watched(START):
                    self._greet()
                with self._watched(self._limits.seconds):
                    return checked(self._ask(verb, path))
            except CrispnetError:
                raise
            except Exception as error:  # of whatever kind: it broke off, or answered what is not what was asked for
                refusal = self._refusal(verb, path)
                self._end()
                raise refusal from error

    def _greet(self) -> None:
        """Wait until a new process is there: it is busy importing, which is no file's fault."""
        if not self._greeted:
            assert self._process.stdout is not None
            receive(self._process.stdout)
            self._greeted = True

    @contextlib.contextmanager
    def _watched(self, seconds: float) -> Iterator[None]:
        """End the process if the block takes too long."""
        self._late = False
        watch = threading.Timer(seconds, self._expire)
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _ask(self, verb: bytes, path: Path) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        send(self._process.stdin, [verb, os.fsencode(path)])
        kind, *parts = receive(self._process.stdout)
        if kind == FAILED:
            name, words = (str(part, "utf-8", "surrogateescape") for part in parts)
            raise REFUSED.get(name, UnreadableRaw)(words)
        return answers.unpickled(parts)

    def _expire(self) -> None:
        self._late = True
        self._process.kill()

    def _refusal(self, verb: bytes, path: Path) -> CrispnetError:
        # Where we were closed, the photograph is to fail, and not to become one without its camera's colours.
        kind = UnreadableRaw if verb == RAW or self._closed else NoCameraPicture
        if self._late:
            return kind(
                f"{path} took longer than {self._limits.seconds:g} s to decode, and was given up. A whole file was "
                f"needed. {COPY_AGAIN}"
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else "answered what is no image"
        return kind(
            f"{path} cannot be decoded: the process that tried {how}, as damaged files and those that need more memory "
            f"than there is make it. A whole file was needed. {COPY_AGAIN}"
        )

    def _restart(self) -> None:
        self._end()
        self._process = self._start()
        if self._closed:  # meanwhile
            self._end()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._greeted = False
        # As safe as this process's own path, and no folder more: a raw's folder may hold a numpy.py.
        paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        limits = (str(self._limits.memory), str(self._limits.seconds))
        command = [sys.executable, "-P", "-m", "crispnet.raw.confined", *limits]
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # what the user interrupts is this program; it ends the other
        )
        assert process.stdout is not None
        _widen(process.stdout)
        return process

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what it was not told any more does not matter
                    pipe.close()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more where the system can: a mosaic then comes through in fewer pieces."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


class Decoders:
    """Several such processes; each call takes one that is free, and waits where none is."""

    def __init__(self, count: int, limits: Limits) -> None:
        """Start the processes."""
        self._all = [Decoder(limits) for _ in range(count)]
        self._free: SimpleQueue[Decoder] = SimpleQueue()
        for decoder in self._all:
            self._free.put(decoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End them all, whatever they are doing."""
        for decoder in self._all:
            decoder.close()

    @property
    def opening(self) -> Opening:
        """Give what opens files in these processes."""
        return Opening(self.open, self.camera_picture, self.picture_file)

    def open(self, path: Path) -> RawImage:
        """Read a raw file, as ``Decoder.open`` does."""
        with self._one() as decoder:
            return decoder.open(path)

    def camera_picture(self, path: Path) -> CameraPicture:
        """Take the camera's picture out of a raw file, as ``Decoder.camera_picture`` does."""
        with self._one() as decoder:
            return decoder.camera_picture(path)

    def picture_file(self, path: Path) -> CameraPicture:
        """Read a picture file, as ``Decoder.picture_file`` does."""
        with self._one() as decoder:
            return decoder.picture_file(path)

    @contextlib.contextmanager
    def _one(self) -> Iterator[Decoder]:
        decoder = self._free.get()
        try:
            yield decoder
        finally:
            self._free.put(decoder)


@contextlib.contextmanager
def opening_for(count: int) -> Iterator[Opening]:
    """Give what opens so many files: this process for one, and for more of them another."""
    if count <= 1:
        yield HERE
        return
    with Decoder(Limits()) as decoder:
        yield decoder.opening
