"""The camera's own picture beside the raw file: a JPEG of the same name, brought to sRGB and turned upright."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crispnet.errors import NoCameraPicture
from crispnet.raw.orientation import upright
from crispnet.raw.picture import MOST_PIXELS, ORIENTATION, CameraPicture, to_srgb

ENDINGS = (".jpg", ".jpeg")
FORMATS = ("JPEG", "PNG", "TIFF", "AVIF", "WEBP", "BMP")  # and none of the many more that Pillow would try


def sidecars(raw: Path) -> list[Path]:
    """List the JPEGs beside a raw file that have its name, whatever the case of their endings."""
    try:
        names = [beside for beside in raw.parent.iterdir() if beside.suffix.lower() in ENDINGS]
    except OSError:
        return []
    return sorted(path for path in names if path.stem == raw.stem and path.is_file())


def picture_file(path: str | Path) -> CameraPicture:
    """Read a picture file as any viewer shows it.

    Raises:
        NoCameraPicture: it is missing, damaged, too large, or no picture.
    """
    path = Path(path)
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
            turn: Any = picture.getexif().get(ORIENTATION)
            converted, colour_space = to_srgb(picture)
            pixels = np.asarray(converted.convert("RGB"))
    except Exception as error:  # a damaged picture can fail anywhere in Pillow, and with any type
        raise NoCameraPicture(
            f"{path} cannot be read as a picture: {getattr(error, 'strerror', None) or error}. A JPEG, PNG or TIFF was "
            "needed. Check the file."
        ) from error
    return CameraPicture(upright(pixels, turn if turn in range(1, 9) else 1), colour_space, None)
