"""Copies what only exiftool can read (GPS, maker notes, captions, ...) from a raw to the picture made of it.

Left behind is what describes the raw's own pixels: its orientation, size, previews, colour tags.
"""

import contextlib
import os
import queue
import re
import secrets
import shutil
import subprocess
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

OLDEST = (12, 24)  # exiftools before this one run code that a picture may hide (CVE-2021-22204)
PATTERN = re.compile(r"%[-+]?\d*[.:]?\d*[lu]?[dDfFeEtgso]")  # what exiftool replaces in a source's name
RESULT = "-exif"  # how the file that exiftool writes is told from the one it reads

NAMES = (
    *("Make", "Model", "LensModel", "ISO", "ExposureTime", "FNumber", "FocalLength", "DateTimeOriginal"),
    *("Artist", "Copyright", "ImageDescription"),
)
GROUPS = (*("ExifIFD", "GPS", "IPTC", "XMP-dc", "XMP-xmpRights", "XMP-iptcCore", "XMP-iptcExt", "XMP-lr", "XMP-aux"),)
# Written by us, or true of the raw's pixels alone: sizes, coordinates, colour.
LEFT_OUT = (
    *("ColorSpace", "ExifImageWidth", "ExifImageHeight", "Gamma", "CompressedBitsPerPixel", "ComponentsConfiguration"),
    *("CFAPattern", "SubjectArea", "SubjectLocation", "XMP-dc:Format"),
)
COPIED = (
    # First by name from wherever the raw keeps them (a CRW has no EXIF), then the EXIF as it is, if there is one.
    *(f"-EXIF:{name}<{name}" for name in NAMES),
    *(f"-{group}:all" for group in GROUPS),
    *("-XMP-xmp:Rating", "-XMP-xmp:Label"),
    *(f"--{name}" for name in LEFT_OUT),
)
# A write that finds no file makes exiftool load what takes it longest, while the first raw is still being developed.
WARM_UP = ("-EXIF:Artist=x", "-GPS:GPSLatitude=1", "-IPTC:Keywords=x", "-XMP-dc:Title=x", "/no file")


class ExifToolError(Exception):
    """Exiftool is missing, too old, too slow, or refuses the file."""


def installed() -> AbstractContextManager["ExifTool | None"]:
    """Start exiftool where it is installed; without it, give None."""
    return ExifTool() if shutil.which("exiftool") else contextlib.nullcontext()


class ExifTool:
    """One exiftool process for a batch of pictures; it starts at once and in the background.

    A process that dies or hangs is replaced at the next call. Calls from several threads take turns.

        with ExifTool() as exiftool:
            save(photo, path, exiftool=exiftool)
    """

    def __init__(self, *, limit: float = 20.0) -> None:
        """Start the process.

        Args:
            limit: seconds that one picture may take.

        Raises:
            ExifToolError: exiftool is not installed.
        """
        self._limit = limit
        self._turn = threading.Lock()
        self._checked = False
        self._warming: int | None = None  # the number of a command whose reply nobody has read yet
        self._program = shutil.which("exiftool")
        if self._program is None:
            raise ExifToolError("exiftool is not installed")
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; its work is done whenever a call has returned."""
        with self._turn:
            self._stop()

    def add(self, picture: Path, raw: Path) -> None:
        """Add the metadata of ``raw`` to ``picture``, which is replaced as a whole, or stays as it is.

        Raises:
            ExifToolError: it stayed as it is, for the reason given.
        """
        result = picture.with_name(picture.stem + RESULT + picture.suffix)
        try:
            reply = self._copy(raw, picture)
            if "large value for MakerNotes" in reply:
                # A JPEG would need a second EXIF segment for them, and few programs look there.
                result.unlink(missing_ok=True)
                reply = self._copy(raw, picture, "--MakerNotes")
            if not result.exists():
                raise ExifToolError(" ".join(reply.split()) or "exiftool wrote nothing")
            os.replace(result, picture)
        finally:
            result.unlink(missing_ok=True)

    def _copy(self, raw: Path, picture: Path, *also: str) -> str:
        # The result is named by a pattern, because a % in the folder's name could not be written any other way.
        names = ("-charset", "filename=utf8", "-o", f"%d%f{RESULT}.%e", "-tagsFromFile", _source(raw))
        return self._ask(*names, *COPIED, *also, _argument(picture))

    def _ask(self, *arguments: str) -> str:
        """Have one command executed and return what exiftool says."""
        with self._turn:
            if self._process.poll() is not None:
                self._stop()
                self._start()
            try:
                if not self._checked:
                    version = self._execute("-ver").strip()
                    if not version.replace(".", "").isdigit() or tuple(map(int, version.split("."))) < OLDEST:
                        raise ExifToolError(f"exiftool {version} is too old to be safe; 12.24 or newer is needed")
                    self._checked = True
                return self._execute(*arguments)
            except OSError as error:
                self._stop()
                raise ExifToolError(f"exiftool ended unexpectedly: {error}") from error

    def _execute(self, *arguments: str) -> str:
        warming, self._warming = self._warming, None
        if warming is not None:
            self._reply_to(warming)
        return self._reply_to(self._send(*arguments))

    def _send(self, *arguments: str) -> int:
        number = secrets.randbelow(10**9)  # a file's text cannot guess it and so cannot end our reading early
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(os.fsencode(line) + b"\n" for line in (*arguments, f"-execute{number}")))
        self._process.stdin.flush()
        return number

    def _reply_to(self, number: int) -> str:
        deadline = time.monotonic() + self._limit
        reply = ""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._stop()
                raise ExifToolError(f"exiftool took longer than {self._limit:g} s") from None
            if line is None:
                raise OSError("it closed its output")
            if line.strip() == f"{{ready{number}}}":
                return reply
            reply += line

    def _start(self) -> None:
        # No configuration of the user's own: the same raw is to give the same file everywhere.
        command = [str(self._program), "-config", "", "-stay_open", "True", "-@", "-"]
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it finishes the picture at hand when the user interrupts the batch
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._process, self._lines), daemon=True).start()
        self._warming = None
        with contextlib.suppress(OSError):  # a process that dies at once is told from the first call
            self._warming = self._send(*WARM_UP)

    def _stop(self) -> None:
        self._process.kill()  # it holds nothing that is not written yet
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # what it was not told any more does not matter
                self._process.stdin.close()


def _read_lines(process: "subprocess.Popen[bytes]", lines: "queue.SimpleQueue[str | None]") -> None:
    """Pass on a process's output line by line and then None, so that waiting for it can have a limit."""
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            lines.put(line.decode(errors="replace"))
    lines.put(None)


def _argument(path: Path) -> str:
    """Write a path so that exiftool takes it for nothing else: absolute, on one line.

    Raises:
        ExifToolError: it has a line break, which would end the argument.
    """
    name = str(path.absolute())
    if "\n" in name or "\r" in name:
        raise ExifToolError(f"expected a name without line breaks, got {name!r}")
    return name


def _source(path: Path) -> str:
    name = _argument(path)
    if PATTERN.search(name):
        raise ExifToolError(f"exiftool would take the % in {name} for a pattern")
    return name
