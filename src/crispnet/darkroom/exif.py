"""What a picture file says about the shot: a short EXIF block of our own, or all of the raw's through exiftool.

The block is written with every picture; ``ExifTool`` then adds what only exiftool can read (GPS, maker notes,
captions, ...). Left behind is what describes the raw's own pixels: its orientation, size, previews, colour tags.
Tag numbers: TIFF 6.0 and EXIF 2.32.
"""

import contextlib
import math
import os
import queue
import re
import secrets
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

LONGEST_TEXT = 500  # characters; a JPEG has room for 64 KiB of EXIF in all
OLDEST = (12, 24)  # exiftools before this one run code that a picture may hide (CVE-2021-22204)
ORIENTATION, EXIF_DIRECTORY = 274, 34665
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


class Field(NamedTuple):
    """One TIFF value: the number of its type, how many there are, and their bytes (little-endian)."""

    kind: int
    number: int
    content: bytes


class Description(NamedTuple):
    """A picture's metadata as TIFF fields by tag number: those of the first directory and those of the EXIF one."""

    camera: dict[int, Field]
    shot: dict[int, Field]


def describe(exif: Mapping[str, object], *, software: str, size: tuple[int, int]) -> Description:
    """Put shooting data into the EXIF fields of an upright sRGB picture.

    Args:
        exif: ``RawImage.exif``; what is missing or absurd is left out.
        software: the program and the look that made the picture.
        size: (height, width) of the picture as it stands upright.
    """
    texts = {tag: str(exif.get(key) or "") for tag, key in {271: "make", 272: "model", 315: "artist"}.items()}
    texts |= {305: software, 33432: str(exif.get("copyright") or "")}
    camera = {tag: text(value) for tag, value in texts.items() if value} | {ORIENTATION: short(1)}
    camera |= {282: _rational(72), 283: _rational(72), 296: short(2)}  # EXIF wants a resolution: its default, per inch
    shot = {
        36864: Field(7, 4, b"0232"),  # ExifVersion
        40960: Field(7, 4, b"0100"),  # FlashpixVersion, which EXIF wants
        40961: short(1),  # ColorSpace: sRGB
        40962: long(size[1]),
        40963: long(size[0]),
    }
    shot |= {tag: text(str(exif[key])) for tag, key in {36867: "datetime", 42036: "lens"}.items() if exif.get(key)}
    return Description(camera, shot | _exposure(exif))


def _exposure(exif: Mapping[str, object]) -> dict[int, Field]:
    keys = {33434: "exposure_time", 33437: "aperture", 37386: "focal_length"}
    numbers = {tag: _positive(exif.get(key)) for tag, key in keys.items()}
    fields = {tag: _rational(number) for tag, number in numbers.items() if number}
    if iso := round(_positive(exif.get("iso")) or 0):
        fields[34855] = short(min(iso, 65535))  # EXIF 2.3: saturated, with the number in a second tag
        fields |= {34864: short(2), 34866: long(iso)} if iso >= 65535 else {}
    return fields


def _positive(value: object) -> float | None:
    sane = isinstance(value, int | float) and math.isfinite(value) and 1e-7 < value < 1e7
    return float(value) if sane else None  # type: ignore[arg-type]


def _rational(value: float) -> Field:
    # LibRaw's 0.004166667 s is the camera's 1/240; other values are short decimals.
    unit = Fraction(1, max(1, round(1 / value)))
    fraction = unit if abs(value / unit - 1) < 0.002 else Fraction(value).limit_denominator(100)
    return Field(5, 1, struct.pack("<II", *fraction.as_integer_ratio()))


def text(value: str) -> Field:
    """Encode text for TIFF: EXIF says ASCII, but cameras and programs write and read UTF-8."""
    content = value.replace("\0", "")[:LONGEST_TEXT].encode(errors="replace") + b"\0"
    return Field(2, len(content), content)


def short(*values: int) -> Field:
    """Encode 16-bit numbers for TIFF."""
    return Field(3, len(values), struct.pack(f"<{len(values)}H", *values))


def long(*values: int) -> Field:
    """Encode 32-bit numbers for TIFF."""
    return Field(4, len(values), struct.pack(f"<{len(values)}I", *values))


def lay_out(description: Description) -> bytes:
    """Lay out a TIFF header and both directories; its length is even and depends on the sizes of values alone."""
    first = _directory(description.camera | {EXIF_DIRECTORY: long(0)}, 8)
    camera = description.camera | {EXIF_DIRECTORY: long(8 + len(first))}
    return b"II*\0\x08\0\0\0" + _directory(camera, 8) + _directory(description.shot, 8 + len(first))


def _directory(fields: Mapping[int, Field], offset: int) -> bytes:
    """Lay out a TIFF directory that will stand at ``offset``, with its longer values behind it."""
    behind = offset + 2 + 12 * len(fields) + 4
    entries, values = b"", b""
    for tag, (kind, count, content) in sorted(fields.items()):
        pointer = struct.pack("<I", behind + len(values)) if len(content) > 4 else content.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + pointer
        if len(content) > 4:
            values += content + bytes(len(content) % 2)
    return struct.pack("<H", len(fields)) + entries + bytes(4) + values


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
