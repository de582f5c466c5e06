"""The camera's own picture, embedded in the raw file, brought to sRGB and turned upright."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rawpy
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from crispnet.colour import ADOBE_RGB_TO_XYZ, XYZ_TO_SRGB, encode_srgb
from crispnet.errors import NoCameraPicture
from crispnet.raw.orientation import upright
from crispnet.raw.reader import decoding, orientation
from crispnet.raw.refusals import said

EXIF, COLOUR_SPACE, INTEROPERABILITY, ORIENTATION = 0x8769, 0xA001, 0xA005, 0x0112  # EXIF tags
NOT_STATED = "not stated: taken for sRGB"
LOOK_BESIDE = "Look for a JPEG of the same name beside the raw file."
ADOBE_GAMMA = 563 / 256
MOST_PIXELS = 256_000_000  # of a picture that is decoded; the largest sensors have 200 million


@dataclass(frozen=True, eq=False)
class CameraPicture:
    """A picture that the camera rendered itself.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB, upright.
        colour_space: what the picture was in before, and who said so.
        jpeg: the file as the camera wrote it, where it was upright and in sRGB already; else None.
    """

    pixels: np.ndarray
    colour_space: str
    jpeg: bytes | None


def camera_picture(path: str | Path) -> CameraPicture:
    """Take the largest picture out of a raw file.

    Raises:
        NoCameraPicture: there is none, or none that can be decoded.
        UnreadableRaw: the file is missing, empty, damaged, or no raw file.
    """
    path = Path(path)
    with decoding(path) as (decoder, tags):
        try:
            preview = decoder.extract_thumb()
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
            raise NoCameraPicture(
                f"{path} holds no picture that the camera rendered. One was needed. {LOOK_BESIDE}"
            ) from None
        except (rawpy.LibRawError, NotImplementedError, OSError) as error:
            raise NoCameraPicture(
                f"{path} holds a picture that LibRaw cannot take out ('{said(error)}'). A whole JPEG was needed. "
                + LOOK_BESIDE
            ) from error
        turn = orientation(decoder, tags).value
        if preview.format is not rawpy.ThumbFormat.JPEG:
            return CameraPicture(upright(_as_rgb(np.asarray(preview.data)), turn), NOT_STATED, None)
        data = _as_written(bytes(preview.data))
    try:
        # Not Image.open, whose limit for all the world is less than what phones take.
        with JpegImageFile(io.BytesIO(data)) as picture:
            return _from_jpeg(picture, data, turn)
    except (OSError, ValueError, SyntaxError) as error:
        raise NoCameraPicture(
            f"{path} holds a damaged picture ({error}). A whole JPEG was needed. {LOOK_BESIDE}"
        ) from error


def _as_written(jpeg: bytes) -> bytes:
    """Take out the EXIF that LibRaw puts before a picture that does not begin with one, and which hides a later one."""
    ends = 4 + int.from_bytes(jpeg[4:6], "big")
    added = jpeg[2:4] == b"\xff\xe1" and b"dcraw v" in jpeg[:ends]  # its Software
    return jpeg[:2] + jpeg[ends:] if added else jpeg


def _as_rgb(bitmap: np.ndarray) -> np.ndarray:
    """Bring a bitmap of 8 or 16 bits, grey or coloured, to (h, w, 3) uint8."""
    eight_bits = (bitmap >> 8).astype(np.uint8) if bitmap.dtype == np.uint16 else bitmap.copy()
    return eight_bits if bitmap.shape[2] == 3 else eight_bits[:, :, :1].repeat(3, axis=2)


def _from_jpeg(picture: Image.Image, data: bytes, turn_of_raw: int) -> CameraPicture:
    if picture.width * picture.height > MOST_PIXELS:
        raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
    own: Any = _exif(picture).get(ORIENTATION)
    turn = own if own in range(1, 9) else turn_of_raw  # its own word counts; without one it lies as the sensor does
    converted, colour_space = to_srgb(picture)
    untouched = turn == 1 and converted is picture and picture.mode == "RGB"
    pixels = upright(np.asarray(converted.convert("RGB")), turn)
    return CameraPicture(pixels, colour_space, data if untouched else None)


def _exif(picture: Image.Image) -> dict[int, Any]:
    """Read the picture's EXIF tags as one mapping; what is damaged is absent."""
    tags: dict[int, Any] = {}
    try:
        exif = picture.getexif()
        tags |= exif
        tags |= exif.get_ifd(EXIF)
        tags |= {INTEROPERABILITY: exif.get_ifd(INTEROPERABILITY).get(1)}
    except Exception:  # Pillow checks little of what it unpacks; a picture with odd tags is still a picture
        return tags
    return tags


def to_srgb(picture: Image.Image) -> tuple[Image.Image, str]:
    """Bring a picture to sRGB by its ICC profile or its EXIF ColorSpace; also say what it was in.

    The same picture comes back where nothing is to be done.
    """
    profile = picture.info.get("icc_profile")
    if profile:
        try:
            return _by_profile(picture, profile)
        except (OSError, ImageCms.PyCMSError):
            return picture, "an ICC profile that cannot be used: taken for sRGB"
    exif = _exif(picture)
    space = exif.get(COLOUR_SPACE)
    if space == 2 or (space == 65535 and exif.get(INTEROPERABILITY) == "R03"):
        return _from_adobe_rgb(picture.convert("RGB")), "Adobe RGB (EXIF ColorSpace)"
    return picture, "sRGB (EXIF ColorSpace)" if space == 1 else NOT_STATED


def _by_profile(picture: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    name = ImageCms.getProfileDescription(own).strip()
    if name.lower().startswith("srgb"):
        return picture, f"{name} (ICC profile)"
    picture.load()  # a damaged picture must not be blamed on its profile
    converted = ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return converted or picture, f"{name} (ICC profile)"


def _from_adobe_rgb(picture: Image.Image) -> Image.Image:
    linear = (np.asarray(picture, np.float32) / 255) ** np.float32(ADOBE_GAMMA)
    to_srgb_matrix = (XYZ_TO_SRGB @ ADOBE_RGB_TO_XYZ).astype(np.float32)
    encoded = encode_srgb(np.clip(linear @ to_srgb_matrix.T, 0, 1))
    return Image.fromarray((encoded * 255 + 0.5).astype(np.uint8))
