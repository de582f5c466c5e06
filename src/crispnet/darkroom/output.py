"""Photo → picture file: JPEG, PNG, TIFF or AVIF, in sRGB.

Here, and nowhere else, a picture is turned upright. It is published whole or not at all: everything is written
under a hidden name in the target folder, brought to the disk, and only then given its name.
"""

import contextlib
import io
import logging
import os
import secrets
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from crispnet.darkroom import exif
from crispnet.darkroom.exif import Description, ExifTool, ExifToolError
from crispnet.errors import OutputError
from crispnet.strips import for_each, strips
from crispnet.version import VERSION

if TYPE_CHECKING:
    from crispnet.darkroom.photo import Photo

Part = bytes | bytearray | memoryview
log = logging.getLogger(__name__)

ENDINGS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".tif": "tiff", ".tiff": "tiff", ".avif": "avif"}
DEPTHS = {"jpeg": (8,), "png": (8, 16), "tiff": (16, 8), "avif": (8,)}  # bits per channel, the usual one first
QUANTISED = {8: np.uint8, 16: np.uint16, None: np.float32}  # None: as it was rendered
ROWS = 64  # of a strip: its temporaries stay in the cache
OPTIONS: dict[str, dict[str, Any]] = {  # for Pillow
    "jpeg": {"subsampling": "4:4:4"},
    # Speed 8: 12 megapixels in 2 s on two cores; 7 takes twice as long for 1 % less. A fixed division into tiles,
    # for by default it follows the number of cores, and so would the file.
    "avif": {"subsampling": "4:4:4", "speed": 8, "tile_rows": 1, "tile_cols": 1, "autotiling": False},
}


def save(
    photo: "Photo",
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word a photographer would use
    depth: int | None = None,
    quality: int = 95,
    overwrite: bool = False,
    exiftool: ExifTool | None = None,
) -> Path:
    """Save a photo, upright, with its colour profile and shooting data, and return the path.

    Args:
        photo: what ``develop`` made.
        path: where to; the folder must exist.
        format: "jpeg", "png", "tiff" or "avif"; by default what the ending of ``path`` says.
        depth: bits per channel: 8 or, for PNG and TIFF, 16; by default 16 for TIFF and 8 for the others.
        quality: 1 to 100, of JPEG (never with subsampled colour) and AVIF.
        overwrite: replace a file of that name; never the raw itself.
        exiftool: copies all metadata of the raw. Without it, or where it fails (which is logged), the picture has
            the fields of ``RawImage.exif``.

    Raises:
        OutputError: the file exists, is the raw itself, has an unknown ending, or cannot be written. Nothing
            half-written is left behind.
    """
    path = Path(path)
    if not 1 <= quality <= 100:
        raise ValueError(f"expected a quality of 1 to 100, got {quality}")
    kind, depth = _kind_and_depth(path, format, depth)
    check_destination(path, raw=photo.raw.path, overwrite=overwrite)
    # Not named after the target, whose name may already be as long as the disk allows.
    part = path.with_name(f".crispnet-{secrets.token_hex(8)}.{kind}")
    try:
        with part.open("xb") as file:
            file.writelines(_encode(photo, kind, depth=depth, quality=quality))
        if exiftool is not None and photo.raw.path is not None:
            _enrich(part, photo.raw.path, exiftool)
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        _publish(part, path, overwrite=overwrite)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. A writable folder with enough free space was "
            "needed. Check the folder and the disk, or choose another destination."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return path


def check_destination(path: Path, *, raw: Path | None, overwrite: bool) -> None:
    """Refuse a destination before any work is done for it.

    Raises:
        OutputError: the folder is missing, the file exists and is not to be replaced, or it is the raw itself.
    """
    if not os.path.isdir(path.parent):  # unlike those of Path, these functions take an absurd name for a missing file
        raise OutputError(f"{path.parent} is not a folder. An existing one was needed. Make it, or choose another.")
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder. The name of a picture was needed. Add one.")
    if raw is not None and os.path.exists(raw) and os.path.exists(path) and os.path.samefile(raw, path):
        raise OutputError(f"{path} is the raw file itself. Raws are never changed. Choose another name.")
    if os.path.lexists(path) and not overwrite:
        _refuse_existing(path)


def destination(raw: str | os.PathLike[str], *, folder: str | os.PathLike[str], ending: str) -> Path:
    """Name the picture of a raw in a folder.

    Raises:
        OutputError: the name would lead out of the folder.
    """
    if ending not in ENDINGS:
        raise ValueError(f"expected an ending among {', '.join(ENDINGS)}, got {ending!r}")
    folder = Path(folder)
    path = folder / (Path(raw).stem + ending)
    if path.resolve().parent != folder.resolve():
        raise OutputError(f"{path} leads out of {folder}. Its own name was needed. Remove that link, or move the raw.")
    return path


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (h, w, ...) pixels as EXIF Orientation (tag 274), 1 to 8, says; the result is a view.

    >>> upright(np.array([[1, 2], [3, 4]]), 6).tolist()  # a quarter turn clockwise
    [[3, 1], [4, 2]]
    """
    if orientation not in range(1, 9):
        raise ValueError(f"expected an EXIF orientation of 1 to 8, got {orientation}")
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    turned = turned[::-1] if orientation in (3, 4, 7, 8) else turned
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned


def quantise(pixels: np.ndarray, *, depth: int) -> np.ndarray:
    """Clip (h, w, 3) pixels to [0, 1] and round them to 8 or 16 bits, half up; a NaN becomes black.

    Pixels that are quantised already are brought to that depth. The result is contiguous, whatever view came in.
    """
    if pixels.dtype == QUANTISED[depth] and pixels.flags.c_contiguous:
        return pixels
    whole = np.empty(pixels.shape, QUANTISED[depth])
    quantise_into(whole, pixels)
    return whole


def quantise_into(target: np.ndarray, pixels: np.ndarray) -> None:
    """Write (h, w, 3) pixels into an array of uint8 or uint16, or of their own type, as ``quantise`` does."""
    if pixels.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise ValueError(f"expected pixels of float32, uint8 or uint16, got {pixels.dtype}")
    # Moved as one value of 3 or 6 bytes, pixels turn twice as fast as they do channel by channel.
    triplet = np.dtype(f"V{3 * target.itemsize}")

    def fill(rows: slice) -> None:
        strip = _quantised(pixels[rows], target.dtype)
        if strip.strides[2] == target.strides[2] == target.itemsize:
            target[rows].view(triplet)[...] = strip.view(triplet)
        else:
            target[rows] = strip

    for_each(strips(pixels.shape[0], ROWS), fill)


def _quantised(strip: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    """Quantise a strip, in its own order in memory."""
    if strip.dtype == kind:
        return strip
    if strip.dtype == np.uint8:
        return strip.astype(np.uint16) * np.uint16(257)
    if strip.dtype == np.uint16:
        return ((strip.astype(np.uint32) + 128) // 257).astype(np.uint8)
    values: np.ndarray = np.fmax(strip, 0)
    np.fmin(values, 1, out=values)
    values *= np.iinfo(kind).max
    values += 0.5
    return values.astype(kind)


@cache
def srgb_profile() -> bytes:
    """Make the ICC profile of sRGB: version 4, 588 bytes, and no date, so that equal pictures are equal files."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def _kind_and_depth(path: Path, named: str | None, depth: int | None) -> tuple[str, int]:
    if named is not None and named not in DEPTHS:
        raise ValueError(f"expected a format among {', '.join(DEPTHS)}, got {named!r}")
    kind = named or ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path} ends in no known way. Use one of {', '.join(ENDINGS)}, or name the format.")
    depth = depth or DEPTHS[kind][0]
    if depth not in DEPTHS[kind]:
        held = " or ".join(map(str, DEPTHS[kind]))
        raise OutputError(f"{path} cannot have {depth} bits per channel. A {kind} has {held}. Choose PNG or TIFF.")
    return kind, depth


def _encode(photo: "Photo", kind: str, *, depth: int, quality: int) -> list[Part]:
    """Encode a photo; the parts of the file, in order."""
    picture = quantise(upright(photo.pixels, photo.raw.orientation), depth=depth)
    software = f"crispnet {VERSION}, look {photo.look}"
    description = exif.describe(photo.raw.exif, software=software, size=picture.shape[:2])
    if kind == "png":
        return _png(picture, description)
    if kind == "tiff":
        return _tiff(picture, description)
    from PIL import Image

    if kind == "avif":
        # AVIF turns pictures by properties of its own, and Pillow would spoil the EXIF's text to take the tag out.
        del description.camera[exif.ORIENTATION]
    file, block = io.BytesIO(), b"Exif\0\0" + exif.lay_out(description)
    options = OPTIONS[kind] | {"quality": quality, "icc_profile": srgb_profile(), "exif": block}
    Image.fromarray(picture).save(file, kind, **options)
    return [file.getbuffer()]


def _png(picture: np.ndarray, description: Description) -> list[Part]:
    import imagecodecs

    # Measured: no larger than Pillow's default and ten times as fast; photographs have few repeats to look for.
    average, runs = imagecodecs.PNG.FILTER.AVG, imagecodecs.PNG.STRATEGY.RLE
    encoded = imagecodecs.png_encode(picture, level=1, filter=average, strategy=runs)
    colour = _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))
    header = 8 + 25  # the signature and IHDR, behind which iCCP has to stand
    return [encoded[:header], colour, _chunk(b"eXIf", exif.lay_out(description)), memoryview(encoded)[header:]]


def _chunk(name: bytes, content: bytes) -> bytes:
    """Frame a PNG chunk: length, name, content, CRC of the latter two."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _tiff(picture: np.ndarray, description: Description) -> list[Part]:
    """Lay out a TIFF by hand, uncompressed: deflate takes 50 times as long for a sixth of the size."""
    height, width, channels = picture.shape
    row = width * channels * picture.itemsize
    cuts = list(strips(height, max(1, 2**18 // row)))
    description.camera.update(
        {
            256: exif.long(width),
            257: exif.long(height),
            258: exif.short(*[8 * picture.itemsize] * channels),
            259: exif.short(1),  # Compression: none
            262: exif.short(2),  # PhotometricInterpretation: RGB
            273: exif.long(*[0] * len(cuts)),  # StripOffsets, once known
            277: exif.short(channels),
            278: exif.long(cuts[0].stop),
            279: exif.long(*((cut.stop - cut.start) * row for cut in cuts)),
            284: exif.short(1),
            34675: exif.Field(7, len(srgb_profile()), srgb_profile()),
        }
    )
    start = len(exif.lay_out(description))
    description.camera[273] = exif.long(*(start + cut.start * row for cut in cuts))
    return [exif.lay_out(description), picture.astype(picture.dtype.newbyteorder("<"), copy=False).data.cast("B")]


def _enrich(picture: Path, raw: Path, exiftool: ExifTool) -> None:
    try:
        exiftool.add(picture, raw)
    except ExifToolError as error:
        log.warning("%s: only the main shooting data was written to the picture: %s", raw, error)


def _publish(part: Path, path: Path, *, overwrite: bool) -> None:
    """Give a file its name; without ``overwrite`` not even a file that came this moment is replaced."""
    if overwrite:
        os.replace(part, path)
        return
    try:
        _link(part, path)
    except FileExistsError:
        _refuse_existing(path)


def _link(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links: FAT, some shares
        path.open("xb").close()
        try:
            os.replace(part, path)
        except OSError:
            path.unlink()
            raise


def _refuse_existing(path: Path) -> NoReturn:
    raise OutputError(f"{path} exists already. A new name was needed. Choose another, or allow overwriting.")
