"""Lays out TIFF directories (TIFF 6.0), the frame of a DNG, of a TIFF picture and of every EXIF block.

By hand, because tifffile writes neither an EXIF directory nor a JPEG that it did not encode. A *directory* maps names
of tags to fields, or to a list of what lies elsewhere in the file: strips of a picture, or further directories.
"""

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from crispnet.files import Part

HEADER = b"II*\0\x08\0\0\0"  # little-endian; the first directory follows at once
TAGS = {  # of TIFF 6.0, EXIF 2.32 and DNG 1.7
    "NewSubfileType": 254, "ImageWidth": 256, "ImageLength": 257, "BitsPerSample": 258, "Compression": 259,
    "PhotometricInterpretation": 262, "Make": 271, "Model": 272, "StripOffsets": 273, "Orientation": 274,
    "SamplesPerPixel": 277, "RowsPerStrip": 278, "StripByteCounts": 279, "XResolution": 282, "YResolution": 283,
    "PlanarConfiguration": 284, "ResolutionUnit": 296, "Software": 305, "DateTime": 306, "Artist": 315, "SubIFDs": 330,
    "YCbCrSubSampling": 530, "YCbCrPositioning": 531, "ReferenceBlackWhite": 532, "CFARepeatPatternDim": 33421,
    "CFAPattern": 33422, "Copyright": 33432, "ExposureTime": 33434, "FNumber": 33437, "ExifTag": 34665,
    "InterColorProfile": 34675, "PhotographicSensitivity": 34855, "SensitivityType": 34864,
    "RecommendedExposureIndex": 34866, "ExifVersion": 36864, "DateTimeOriginal": 36867, "FocalLength": 37386,
    "FlashpixVersion": 40960, "ColorSpace": 40961, "PixelXDimension": 40962, "PixelYDimension": 40963,
    "BodySerialNumber": 42033, "LensModel": 42036, "DNGVersion": 50706, "DNGBackwardVersion": 50707,
    "UniqueCameraModel": 50708, "CFAPlaneColor": 50710, "CFALayout": 50711, "BlackLevelRepeatDim": 50713,
    "BlackLevel": 50714, "BlackLevelDeltaH": 50715, "BlackLevelDeltaV": 50716, "WhiteLevel": 50717,
    "DefaultCropOrigin": 50719, "DefaultCropSize": 50720, "ColorMatrix1": 50721, "ColorMatrix2": 50722,
    "AsShotNeutral": 50728, "BaselineExposure": 50730, "CameraSerialNumber": 50735, "CalibrationIlluminant1": 50778,
    "CalibrationIlluminant2": 50779, "ActiveArea": 50829, "ForwardMatrix1": 50964, "ForwardMatrix2": 50965,
    "PreviewApplicationName": 50966, "PreviewApplicationVersion": 50967, "PreviewColorSpace": 50970,
    "OpcodeList1": 51008, "OpcodeList2": 51009, "OpcodeList3": 51022, "NoiseProfile": 51041,
    "CalibrationIlluminant3": 52529, "ColorMatrix3": 52531, "ForwardMatrix3": 52532,
}  # fmt: skip


class Field(NamedTuple):
    """The value of a tag: the number of its type, how many there are, and their bytes."""

    kind: int
    number: int
    content: bytes


Directory = dict[str, "Field | Sequence[Part | Directory]"]


def byte(content: bytes) -> Field:
    """Encode 8-bit numbers (BYTE)."""
    return Field(1, len(content), content)


def text(value: object) -> Field:
    """Encode what ``str`` makes of a value (ASCII, says the standard, but cameras and programs use UTF-8)."""
    content = str(value).replace("\0", "").encode(errors="replace") + b"\0"
    return Field(2, len(content), content)


def short(*values: int) -> Field:
    """Encode 16-bit numbers (SHORT)."""
    return Field(3, len(values), struct.pack(f"<{len(values)}H", *values))


def long(*values: int) -> Field:
    """Encode 32-bit numbers (LONG)."""
    return Field(4, len(values), struct.pack(f"<{len(values)}I", *values))


def rational(*values: float) -> Field:
    """Encode the nearest fractions of two 32-bit numbers (RATIONAL)."""
    parts = [part for value in values for part in _fraction(float(value), 2**32 - 1)]
    return Field(5, len(values), struct.pack(f"<{len(parts)}I", *parts))


def undefined(content: bytes) -> Field:
    """Encode bytes whose meaning the tag defines (UNDEFINED)."""
    return Field(7, len(content), content)


def signed_rational(*values: float) -> Field:
    """Encode the nearest fractions of two signed 32-bit numbers (SRATIONAL)."""
    parts = [part for value in values for part in _fraction(float(value), 2**31 - 1)]
    return Field(10, len(values), struct.pack(f"<{len(parts)}i", *parts))


def double(*values: float) -> Field:
    """Encode 64-bit floating-point numbers (DOUBLE)."""
    return Field(12, len(values), struct.pack(f"<{len(values)}d", *values))


def _fraction(value: float, largest: int) -> tuple[int, int]:
    """Find the fraction nearest to a value whose numerator and denominator both fit."""
    denominator = int(largest / max(1.0, abs(value)))
    return Fraction(value).limit_denominator(max(1, denominator)).as_integer_ratio()


def picture_in(*strips: Part) -> Directory:
    """Make the fields that say where a picture's strips are and how long."""
    return {"StripByteCounts": long(*map(_size, strips)), "StripOffsets": strips}


def lay_out(first: Directory) -> list[Part]:
    """Lay out a whole file with its first directory in front; the parts of the file, in order.

    Whatever a directory points to follows it, in the order of the mapping, each at an even offset as TIFF asks.
    """
    return [HEADER, *_laid_out(first, len(HEADER))]


def _laid_out(directory: Directory, start: int) -> list[Part]:
    """Lay out a directory at an offset, and behind it what it points to."""
    fields = {name: value if isinstance(value, Field) else long(*[0] * len(value)) for name, value in directory.items()}
    end = start + len(_encode(fields, start))  # which depends on the sizes of the values alone
    behind: list[Part] = []
    for name, targets in directory.items():
        if isinstance(targets, Field):
            continue
        offsets = []
        for target in targets:
            offsets.append(end)
            parts = _laid_out(target, end) if isinstance(target, dict) else [target, b"\0" * (_size(target) % 2)]
            behind += parts
            end += sum(map(_size, parts))
        fields[name] = long(*offsets)
    return [_encode(fields, start), *behind]


def _encode(fields: dict[str, Field], start: int) -> bytes:
    """Encode a directory that will stand at ``start``, with those of its values behind it that are long."""
    behind = start + 2 + 12 * len(fields) + 4
    entries, values = b"", b""
    for tag, (kind, number, content) in sorted((TAGS[name], field) for name, field in fields.items()):
        pointer = struct.pack("<I", behind + len(values)) if len(content) > 4 else content.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, number) + pointer
        if len(content) > 4:
            values += content + bytes(len(content) % 2)
    return struct.pack("<H", len(fields)) + entries + bytes(4) + values


def _size(part: Part) -> int:
    return memoryview(part).nbytes
