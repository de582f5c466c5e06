"""The camera's own picture, embedded in the raw file, brought to sRGB and turned upright."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rawpy
from PIL import Image, ImageCms, ImageOps

from crispnet.colour import ADOBE_RGB_TO_XYZ, XYZ_TO_SRGB, encode_srgb
from crispnet.errors import NoCameraPicture
from crispnet.raw.reader import decoding, orientation

COLOUR_SPACE, INTEROPERABILITY, ORIENTATION = 0xA001, 0xA005, 0x0112  # EXIF tags
ADOBE_GAMMA = 563 / 256
MOST_PIXELS = 256_000_000


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
                f"{path} holds no picture that the camera rendered. One was needed. Look for a JPEG of the same name "
                "beside the raw file."
            ) from None
        turn = orientation(decoder, tags).value
    if preview.format is not rawpy.ThumbFormat.JPEG:
        pixels = np.asarray(preview.data)
        return CameraPicture(np.asarray(_turned(Image.fromarray(pixels), turn)), "not stated: taken for sRGB", None)
    data = bytes(preview.data)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            return _from_jpeg(picture, data, turn)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoCameraPicture(
            f"{path} holds a damaged picture ({error}). Look for a JPEG of the same name beside the raw file."
        ) from error


def _from_jpeg(picture: Image.Image, data: bytes, turn: int) -> CameraPicture:
    if picture.width * picture.height > MOST_PIXELS:
        raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
    exif = picture.getexif()
    turn = exif.get(ORIENTATION, turn)  # the picture's own word counts; without one it lies as the sensor does
    converted, colour_space = to_srgb(picture)
    untouched = turn == 1 and converted is picture and picture.mode == "RGB"
    pixels = np.asarray(_turned(converted.convert("RGB"), turn))
    return CameraPicture(pixels, colour_space, data if untouched else None)


def to_srgb(picture: Image.Image) -> tuple[Image.Image, str]:
    """Bring a picture to sRGB by its ICC profile or its EXIF ColorSpace; also say what it was in.

    The same picture comes back where nothing is to be done.
    """
    profile = picture.info.get("icc_profile")
    if profile:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(own).strip()
        if name.lower().startswith("srgb"):
            return picture, f"{name} (ICC profile)"
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, own, srgb, outputMode="RGB")
        return converted or picture, f"{name} (ICC profile)"
    exif = picture.getexif().get_ifd(0x8769)
    space = exif.get(COLOUR_SPACE)
    if space == 2 or (space == 65535 and picture.getexif().get_ifd(INTEROPERABILITY).get(1) == "R03"):
        return _from_adobe_rgb(picture.convert("RGB")), "Adobe RGB (EXIF ColorSpace)"
    return picture, "sRGB (EXIF ColorSpace)" if space == 1 else "not stated: taken for sRGB"


def _from_adobe_rgb(picture: Image.Image) -> Image.Image:
    linear = (np.asarray(picture, np.float32) / 255) ** np.float32(ADOBE_GAMMA)
    to_srgb_matrix = (XYZ_TO_SRGB @ ADOBE_RGB_TO_XYZ).astype(np.float32)
    encoded = encode_srgb(np.clip(linear @ to_srgb_matrix.T, 0, 1))
    return Image.fromarray((encoded * 255 + 0.5).astype(np.uint8))


def _turned(picture: Image.Image, turn: int) -> Image.Image:
    exif = picture.getexif()
    exif[ORIENTATION] = turn
    return ImageOps.exif_transpose(picture)
