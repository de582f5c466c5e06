"""Photo → picture file: JPEG, PNG, TIFF or AVIF, in sRGB.

Here, and nowhere else, a developed picture is turned upright.
"""

import io
import logging
import os
import struct
import zlib
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.darkroom import exif, jpeg
from crispnet.darkroom.exiftool import ExifTool, ExifToolError
from crispnet.darkroom.formats import kind_and_depth
from crispnet.darkroom.quantise import quantise
from crispnet.files import NOBODY, Handover, Part, check_destination, whole_file
from crispnet.raw.image import RawImage
from crispnet.raw.orientation import upright
from crispnet.raw.tiff import Directory, lay_out, long, picture_in, short, undefined
from crispnet.strips import strips
from crispnet.version import VERSION

log = logging.getLogger(__name__)

# For Pillow. Speed 8: 12 megapixels in 2 s on two cores; 7 takes twice as long for 1 % less. A fixed division into
# tiles, for by default it follows the number of cores, and so would the file.
AVIF: dict[str, Any] = {"subsampling": "4:4:4", "speed": 8, "tile_rows": 1, "tile_cols": 1, "autotiling": False}


def save(
    pixels: np.ndarray,
    raw: RawImage,
    path: str | os.PathLike[str],
    *,
    look: str,
    format: str | None = None,  # noqa: A002 - the word a photographer would use
    depth: int | None = None,
    quality: int = 95,
    overwrite: bool = False,
    exiftool: ExifTool | None = None,
    head: "Future[bytes] | None" = None,
    handover: Handover = NOBODY,
) -> Path:
    """Save developed pixels, upright, with their colour profile and shooting data, and return the path.

    Args:
        pixels: (h, w, 3) sRGB-encoded, in sensor orientation: float in [0, 1], uint8 or uint16.
        raw: what they were developed from.
        look: name and version of the look that rendered them.
        path: where to; the folder must exist.
        format: "jpeg", "png", "tiff" or "avif"; by default what the ending of ``path`` says.
        depth: bits per channel: 8 or, for PNG and TIFF, 16; by default 16 for TIFF and 8 for the others.
        quality: 1 to 100, of JPEG (never with subsampled colour) and AVIF.
        overwrite: replace a file of that name; never the raw itself.
        exiftool: copies all metadata of the raw. Without it, or where it fails (which is logged), the picture has
            the fields of ``RawImage.exif``.
        head: of a JPEG, by ``jpeg_head``, where somebody began to make it while there were no pixels yet.
        handover: who has a say before the file gets its name.

    Raises:
        OutputError: it exists, is the raw itself, has an unknown ending, or cannot be written; nothing is left behind.
    """
    path = Path(path)
    if not 1 <= quality <= 100:
        raise ValueError(f"expected a quality of 1 to 100, got {quality}")
    kind, depth = kind_and_depth(path, format, depth)
    check_destination(path, raw=raw.path, overwrite=overwrite)
    picture = quantise(upright(pixels, raw.orientation), depth=depth)
    with whole_file(path, overwrite=overwrite, ending=f".{kind}", handover=handover) as hidden:
        if kind == "jpeg":
            first = head.result() if head else jpeg_head(raw, picture.shape[:2], look=look, exiftool=exiftool)
            parts: list[Part] = [first, jpeg.body_of(picture, quality=quality)]
        else:
            parts = _encode(picture, kind, _described(raw, picture.shape[:2], look=look), quality=quality)
        with hidden.open("xb") as file:
            file.writelines(parts)
        if kind != "jpeg" and exiftool is not None and raw.path is not None:
            _enrich(hidden, raw.path, exiftool)
    return path


def jpeg_head(raw: RawImage, size: tuple[int, ...], *, look: str, exiftool: ExifTool | None) -> bytes:
    """Make the head of a JPEG (``darkroom.jpeg``) of so many rows and columns, upright; see ``save``."""
    head = jpeg.head_of(b"".join(lay_out(_described(raw, size, look=look))), srgb_profile())
    if exiftool is None or raw.path is None:
        return head
    try:
        return jpeg.enriched(head, raw.path, exiftool)
    except (ExifToolError, OSError) as error:
        _say_what_is_missing(raw.path, error)
        return head


@cache
def srgb_profile() -> bytes:
    """Make the ICC profile of sRGB: version 4, 588 bytes, and no date, so that equal pictures are equal files."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def _described(raw: RawImage, size: tuple[int, ...], *, look: str) -> Directory:
    height, width = size
    return exif.describe(raw.exif, software=f"crispnet {VERSION}, look {look}", size=(height, width))


def _encode(picture: np.ndarray, kind: str, description: Directory, *, quality: int) -> list[Part]:
    """Encode an upright, quantised picture as PNG, TIFF or AVIF; the parts of the file, in order."""
    if kind == "png":
        return _png(picture, description)
    if kind == "tiff":
        return _tiff(picture, description)
    from PIL import Image

    # AVIF turns pictures by properties of its own, and Pillow would spoil the EXIF's text to take the tag out.
    del description["Orientation"]
    file, block = io.BytesIO(), b"Exif\0\0" + b"".join(lay_out(description))
    Image.fromarray(picture).save(file, kind, quality=quality, icc_profile=srgb_profile(), exif=block, **AVIF)
    return [file.getbuffer()]


def _png(picture: np.ndarray, description: Directory) -> list[Part]:
    import imagecodecs

    # Measured: no larger than Pillow's default and ten times as fast; photographs have few repeats to look for.
    average, runs = imagecodecs.PNG.FILTER.AVG, imagecodecs.PNG.STRATEGY.RLE
    encoded = imagecodecs.png_encode(picture, level=1, filter=average, strategy=runs)
    colour = png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))
    header = 8 + 25  # the signature and IHDR, behind which iCCP has to stand
    return [encoded[:header], colour, png_chunk(b"eXIf", b"".join(lay_out(description))), memoryview(encoded)[header:]]


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Frame a PNG chunk: length, name, content, CRC of the latter two."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _tiff(picture: np.ndarray, description: Directory) -> list[Part]:
    """Lay out a TIFF, uncompressed: deflate takes 50 times as long for a sixth of the size."""
    height, width, channels = picture.shape
    row = width * channels * picture.itemsize
    cuts = list(strips(height, max(1, 2**18 // row)))
    pixels = picture.astype(picture.dtype.newbyteorder("<"), copy=False).data.cast("B")
    tags: Directory = {
        "ImageWidth": long(width),
        "ImageLength": long(height),
        "BitsPerSample": short(*[8 * picture.itemsize] * channels),
        "Compression": short(1),  # none
        "PhotometricInterpretation": short(2),  # RGB
        "SamplesPerPixel": short(channels),
        "RowsPerStrip": long(cuts[0].stop),
        "PlanarConfiguration": short(1),
        "InterColorProfile": undefined(srgb_profile()),
    }
    return lay_out(description | tags | picture_in(*(pixels[cut.start * row : cut.stop * row] for cut in cuts)))


def _enrich(picture: Path, raw: Path, exiftool: ExifTool) -> None:
    try:
        exiftool.add(picture, raw)
    except ExifToolError as error:
        _say_what_is_missing(raw, error)


def _say_what_is_missing(raw: Path, error: Exception) -> None:
    log.warning("%s: only the main shooting data was written to the picture: %s", raw, error)
