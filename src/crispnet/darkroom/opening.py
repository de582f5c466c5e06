"""Opens a developed picture, whichever program wrote it: upright, in sRGB, with all the depth that its file has.

Notation: **values** are (h, w, 3) or, of a grey picture, (h, w), float32, 0 to 1, in the file's own colour space and as
they lie in the file; **pixels** are (h, w, 3) float32 sRGB, upright.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms, UnidentifiedImageError

from crispnet.errors import PictureError
from crispnet.raw.orientation import upright
from crispnet.raw.picture import MOST_PIXELS, NOT_STATED, ORIENTATION, to_srgb
from crispnet.strips import for_each, strips

ENDINGS = frozenset(".jpg .jpeg .jpe .png .tif .tiff .avif .webp .bmp".split())  # of pictures in a folder
FORMATS = ("JPEG", "PNG", "TIFF", "AVIF", "WEBP", "GIF", "BMP")
PAGED = ("MPO", "TIFF")  # whose other pictures are previews and pages, not frames of a film; MPO are JPEGs
KNOWN = "JPEG, PNG, TIFF, AVIF or WebP"
TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DNG_VERSION = 50706  # the tag that makes a TIFF a DNG
SAME = 1.5 / 255  # a profile that moves no colour further is that of sRGB
ROWS = 128  # of a strip that is brought to sRGB
UNUSABLE = "an ICC profile that cannot be used: taken for sRGB"


@dataclass(frozen=True, eq=False)
class OpenedPicture:
    """A picture as it is meant to be seen.

    Attributes:
        pixels: (h, w, 3) float32 sRGB in [0, 1], upright.
        depth: bits per channel that were read.
        colour_space: what the picture was in before, and who said so.
        notes: what else is worth knowing, a sentence each.
    """

    pixels: np.ndarray
    depth: int
    colour_space: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Decoded:
    """Values as a file holds them, and what it says of them; ``space`` is known where they are sRGB already."""

    values: np.ndarray
    depth: int
    turn: int
    profile: bytes | None = None
    space: str = NOT_STATED
    notes: tuple[str, ...] = ()


def open_picture(path: str | Path) -> OpenedPicture:
    """Open a picture file: JPEG, PNG and TIFF of 8 bits and more, AVIF, WebP.

    Raises:
        PictureError: it is missing, empty, damaged, of another kind, a film, partly transparent, or in colours that
            nobody has defined.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(
            f"{path} cannot be read: {error.strerror or error}. A picture ({KNOWN}) was needed. Check the name."
        ) from error
    if not data:
        raise PictureError(f"{path} is empty. A picture ({KNOWN}) was needed. Copy or export it again.")
    with _decoding(path):
        found = _deep_tiff(path, data) if data.startswith(TIFF_BEGINS) else None
        decoded = found or _by_pillow(path, data)
    space = decoded.space
    if decoded.profile:
        values, space = _managed(decoded.values, decoded.profile)
    else:
        values = decoded.values
    coloured = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    pixels = np.ascontiguousarray(upright(np.clip(coloured, 0, 1), decoded.turn))
    return OpenedPicture(pixels, decoded.depth, space, decoded.notes)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Say of what a decoder cannot read that it is no picture, or a damaged one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # phones take more than its limit
            yield
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{path} is no picture of a known kind. {KNOWN} was needed. Export it as one of these."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except PictureError:
        raise
    except Exception as error:  # a damaged picture can fail anywhere in a decoder, and with any type
        raise PictureError(
            f"{path} cannot be decoded ({error}). A whole picture ({KNOWN}) was needed. Copy or export it again."
        ) from error


def _too_large(path: Path) -> PictureError:
    return PictureError(
        f"{path} has too many pixels. At most {MOST_PIXELS // 10**6} million were needed. Export it smaller."
    )


def _deep_tiff(path: Path, data: bytes) -> _Decoded | None:
    """Decode the first page of a TIFF of more than 8 bits; None of 8 bits, which Pillow reads in more variants."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        _refuse_raw(path, page)
        if page.bitspersample <= 8:
            return None
        if page.photometric not in (0, 1, 2) or page.samplesperpixel > 4:
            kind = getattr(page.photometric, "name", page.photometric)
            raise PictureError(f"{path} stores its colours as {kind}. RGB or grey was needed. Export it so.")
        if page.imagewidth * page.imagelength > MOST_PIXELS:
            raise _too_large(path)
        stored = page.asarray()
        stored = np.moveaxis(stored, 0, -1) if page.samplesperpixel > 1 and page.planarconfig == 2 else stored
        if stored.shape not in _shapes(page):
            raise ValueError(f"pixels of {stored.shape} in a picture of {page.imagewidth} x {page.imagelength}")
        turn, profile = _eighth(page.tags.valueof(ORIENTATION, 1)), page.iccprofile
        more = (f"holds {len(file.pages)} pages, of which the first was read",) if len(file.pages) > 1 else ()
    if stored.dtype.kind == "f" and not profile:
        raise PictureError(
            f"{path} holds floating-point values and no ICC profile: they may be linear or not. 8 or 16 bits, or a "
            "profile, were needed. Export it so."
        )
    values = _to_unit(stored, page.bitspersample)
    values = 1 - values if page.photometric == 0 else values
    return _Decoded(_opaque(path, values), page.bitspersample, turn, profile, notes=more)


def _shapes(page: tifffile.TiffPage) -> set[tuple[int, ...]]:
    """Give the shapes that the pixels of a page may have."""
    size = page.imagelength, page.imagewidth
    return {(*size, page.samplesperpixel)} | ({size} if page.samplesperpixel == 1 else set())


def _refuse_raw(path: Path, page: tifffile.TiffPage) -> None:
    if DNG_VERSION in page.tags:
        raise PictureError(
            f"{path} is a raw file (DNG). A developed picture was needed. Run `crispnet develop`, or "
            "`crispnet preview` for the camera's own picture."
        )


def _to_unit(stored: np.ndarray, bits: int) -> np.ndarray:
    if stored.dtype.kind == "f":
        return np.nan_to_num(stored.astype(np.float32, copy=False))
    if stored.dtype.kind != "u":
        raise ValueError(f"signed values of {stored.dtype}")
    return stored.astype(np.float32) / np.float32(2**bits - 1)


def _opaque(path: Path, values: np.ndarray) -> np.ndarray:
    """Take away an alpha channel that says nothing, and refuse one that does; grey becomes (h, w)."""
    channels = values.shape[2] if values.ndim == 3 else 1
    if channels in (2, 4):
        if values[..., -1].min() < 1:
            raise PictureError(
                f"{path} is partly transparent. A picture whose every pixel has a colour was needed. Flatten it."
            )
        values = values[..., :-1]
    return values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values


def _by_pillow(path: Path, data: bytes) -> _Decoded:
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        frames = getattr(picture, "n_frames", 1)
        if frames > 1 and picture.format not in PAGED:
            raise PictureError(f"{path} is a film of {frames} frames. A still picture was needed. Export one frame.")
        if picture.width * picture.height > MOST_PIXELS:
            raise _too_large(path)
        picture.load()
        turn = _turn(picture)
        profile = picture.info.get("icc_profile")
        if picture.format == "PNG" and data[24] == 16:
            values = _to_unit(imagecodecs.png_decode(data), 16)
            return _Decoded(_opaque(path, values), 16, turn, profile)
        notes = _notes(picture, data, frames)
        if picture.mode == "CMYK":
            return _Decoded(*_from_inks(path, picture, turn), notes=notes)
        plain = _in_grey_or_rgb(path, picture)
        if profile:
            return _Decoded(_opaque(path, _to_unit(np.asarray(plain), 8)), 8, turn, profile, notes=notes)
        converted, space = to_srgb(plain.convert("RGB") if plain.mode != "RGBA" else plain)
        return _Decoded(_opaque(path, _to_unit(np.asarray(converted), 8)), 8, turn, None, space, notes)


def _turn(picture: Image.Image) -> int:
    try:
        return _eighth(picture.getexif().get(ORIENTATION))
    except Exception:  # Pillow checks little of what it unpacks; a picture with odd tags is still a picture
        return 1


def _eighth(found: Any) -> int:
    """Take one of the eight orientations at its word, and anything else for the first."""
    return int(found) if found in range(1, 9) else 1


def _notes(picture: Image.Image, data: bytes, frames: int) -> tuple[str, ...]:
    place = data.find(b"av1C") if picture.format == "AVIF" else -1
    notes = []
    if place >= 0 and data[place + 6 : place + 7] and data[place + 6] & 0x40:  # high_bitdepth
        notes.append("has more than 8 bits, of which 8 were read; export it as PNG or TIFF to compare all")
    if frames > 1 and picture.format == "TIFF":
        notes.append(f"holds {frames} pages, of which the first was read")
    return tuple(notes)


def _from_inks(path: Path, picture: Image.Image, turn: int) -> tuple[np.ndarray, int, int, None, str]:
    converted, space = to_srgb(picture)
    if converted.mode != "RGB":
        raise PictureError(
            f"{path} is in inks (CMYK), and no ICC profile says which colours they make. RGB, or a profile, was "
            "needed. Export it as sRGB."
        )
    return _to_unit(np.asarray(converted), 8), 8, turn, None, space


def _in_grey_or_rgb(path: Path, picture: Image.Image) -> Image.Image:
    """Bring what can be brought without loss to L, LA, RGB or RGBA."""
    if "transparency" in picture.info and picture.mode in ("1", "L", "P", "RGB"):
        return picture.convert("RGBA")
    ways = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
    mode = ways.get(picture.mode, picture.mode)
    if mode not in ("L", "LA", "RGB", "RGBA"):
        raise PictureError(f"{path} stores its colours as {mode}. RGB or grey was needed. Export it so.")
    return picture.convert(mode)


def _managed(values: np.ndarray, profile: bytes) -> tuple[np.ndarray, str]:
    """Bring values to sRGB by an ICC profile, and say which it was."""
    grey = values.ndim == 2
    steps = np.linspace(0, 1, 6, dtype=np.float32)
    probe = steps[None] if grey else np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3)
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = f"{ImageCms.getProfileDescription(own).strip()} (ICC profile)"
        moved = np.abs(np.clip(_transformed(probe, profile), 0, 1) - (probe[..., None] if grey else probe)).max()
    except (OSError, ImageCms.PyCMSError, imagecodecs.CmsError):
        return values, UNUSABLE
    if moved < SAME:
        return values, name
    whole = np.empty((*values.shape[:2], 3), np.float32)

    def fill(rows: slice) -> None:
        whole[rows] = _transformed(values[rows], profile)

    for_each(strips(len(values), ROWS), fill)
    return whole, name


def _transformed(values: np.ndarray, profile: bytes) -> np.ndarray:
    # In floating point: at 16 bits Little CMS interpolates in a table that is off by up to ten codes of 8 bits.
    colours = "gray" if values.ndim == 2 else "rgb"
    return imagecodecs.cms_transform(
        np.ascontiguousarray(values), profile, _srgb(), colorspace=colours, outcolorspace="rgb", outdtype=np.float32
    )


@cache
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
