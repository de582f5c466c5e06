"""JPEG files, as a head, which says all about the picture, and a body, which is the picture.

    head    start of image, JFIF, EXIF, ICC profile; what exiftool adds: more EXIF, XMP, IPTC
    body    tables, size, pixels

A head needs no pixels. So exiftool can see to it before there are any, at a picture of one pixel.
"""

import struct
import tempfile
from pathlib import Path

import numpy as np

from crispnet.darkroom.exiftool import ExifTool

JFIF, EXIF, PROFILE, COMMENT = 0xE0, 0xE1, 0xE2, 0xFE  # second bytes of markers


def head_of(exif: bytes, profile: bytes) -> bytes:
    """Write a head: an EXIF block, which begins with its byte order, and an ICC profile of a single segment."""
    segments = ((EXIF, b"Exif\0\0" + exif), (PROFILE, b"ICC_PROFILE\0\x01\x01" + profile))
    encoded = _encoded(np.zeros((1, 1, 3), np.uint8), quality=100)
    return bytes(encoded[: _end_of(encoded)]) + b"".join(_segment(kind, content) for kind, content in segments)


def body_of(picture: np.ndarray, *, quality: int) -> memoryview:
    """Encode (h, w, 3) pixels of 8 bits, without subsampling of colour: all that comes after the head."""
    encoded = _encoded(picture, quality=quality)
    return encoded[_end_of(encoded) :]


def enriched(head: bytes, raw: Path, exiftool: ExifTool) -> bytes:
    """Let exiftool copy the metadata of a raw into a head.

    Raises:
        ExifToolError: it does not, for the reason given.
    """
    with tempfile.TemporaryDirectory(prefix="crispnet-") as folder:
        small = Path(folder) / "head.jpg"
        small.write_bytes(head + body_of(np.zeros((1, 1, 3), np.uint8), quality=100))
        exiftool.add(small, raw)
        content = small.read_bytes()
    return content[: _end_of(content)]


def _encoded(picture: np.ndarray, *, quality: int) -> memoryview:
    import imagecodecs

    # The same bytes as Pillow's, which would copy the pixels twice before.
    return memoryview(imagecodecs.jpeg8_encode(picture, level=quality, subsampling="444"))


def _end_of(content: bytes | memoryview) -> int:
    """Find where the head ends: behind the start of the image and the segments of applications and comments."""
    place = 2
    while JFIF <= content[place + 1] < JFIF + 16 or content[place + 1] == COMMENT:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return place


def _segment(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, 2 + len(content)) + content
