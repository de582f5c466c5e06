"""What a picture file says about the shot: a short EXIF block of our own, or all of the raw's through exiftool.

The block is written with every picture; ``ExifTool`` then adds what only exiftool can read (GPS, maker notes,
captions, ...). Left behind is what describes the raw's own pixels: its orientation, size, previews, colour tags.
"""

import contextlib
import math
import os
import queue
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from crispnet.raw.tiff import Directory, long, rational, short, text, undefined

LONGEST_TEXT = 500  # characters; a JPEG has room for 64 KiB of EXIF in all
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


def describe(exif: Mapping[str, object], *, software: str, size: tuple[int, int]) -> Directory:
    """Put shooting data into the EXIF fields of an upright sRGB picture.

    Args:
        exif: ``RawImage.exif``; what is missing or absurd is left out.
        software: the program and the look that made the picture.
        size: (height, width) of the picture as it stands upright.
    """
    camera = _texts(exif, {"Make": "make", "Model": "model", "Artist": "artist", "Copyright": "copyright"})
    shot: Directory = {
        "ExifVersion": undefined(b"0232"),
        "FlashpixVersion": undefined(b"0100"),  # EXIF wants it
        "ColorSpace": short(1),  # sRGB
        "PixelXDimension": long(size[1]),
        "PixelYDimension": long(size[0]),
    }
    shot |= _texts(exif, {"DateTimeOriginal": "datetime", "LensModel": "lens"}) | _exposure(exif)
    return camera | {
        "Software": text(software),
        "Orientation": short(1),
        # EXIF wants a resolution: its default, per inch.
        "XResolution": rational(72),
        "YResolution": rational(72),
        "ResolutionUnit": short(2),
        "ExifTag": [shot],
    }


def _texts(exif: Mapping[str, object], keys: Mapping[str, str]) -> Directory:
    return {tag: text(str(exif[key])[:LONGEST_TEXT]) for tag, key in keys.items() if exif.get(key)}


def _exposure(exif: Mapping[str, object]) -> Directory:
    keys = {"ExposureTime": "exposure_time", "FNumber": "aperture", "FocalLength": "focal_length"}
    numbers = {tag: _positive(exif.get(key)) for tag, key in keys.items()}
    fields: Directory = {tag: rational(_as_said(number)) for tag, number in numbers.items() if number}
    if iso := round(_positive(exif.get("iso")) or 0):
        fields["PhotographicSensitivity"] = short(min(iso, 65535))  # EXIF 2.3: the number itself in a second tag
        if iso >= 65535:
            fields |= {"SensitivityType": short(2), "RecommendedExposureIndex": long(iso)}
    return fields


def _positive(value: object) -> float | None:
    sane = isinstance(value, int | float) and math.isfinite(value) and 1e-7 < value < 1e7
    return float(value) if sane else None  # type: ignore[arg-type]


def _as_said(value: float) -> float:
    """Give the value that a photographer would say."""
    # LibRaw's 0.004166667 s is the camera's 1/240; other values are short decimals.
    unit = Fraction(1, max(1, round(1 / value)))
    return float(unit if abs(value / unit - 1) < 0.002 else Fraction(value).limit_denominator(100))


class ExifToolError(Exception):
    """Exiftool is missing, too old, too slow, or refuses the file."""


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
        number = secrets.randbelow(10**9)  # a file's text cannot guess it and so cannot end our reading early
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(os.fsencode(line) + b"\n" for line in (*arguments, f"-execute{number}")))
        self._process.stdin.flush()
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
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)  # noqa: S603
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._process, self._lines), daemon=True).start()

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
