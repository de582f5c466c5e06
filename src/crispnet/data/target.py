"""The picture of a pair, laid over the photosites that it was made from.

A picture file stands upright; the mosaic lies as the sensor does, and begins with any of the four colours. The picture
is turned back, and only whole cells R G / G B of it are learned from.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crispnet.data.pairs import Pair
from crispnet.errors import DataError
from crispnet.raw.bayer import red_offset
from crispnet.raw.image import Box, RawImage
from crispnet.raw.opcodes import WarpRectilinear
from crispnet.raw.orientation import upright
from crispnet.raw.picture import to_srgb

ORIENTATION = 0x0112  # EXIF tag
BACK = {6: 8, 8: 6}  # the orientation that undoes each; all others undo themselves


def whole_cells(crop: Box, cfa: str) -> tuple[Box, int, int]:
    """Find the cells of the packed frame that lie wholly in a crop, and the row and column of it where they begin.

    >>> whole_cells(Box(0, 0, 6, 8), "BGGR")
    (Box(top=1, left=1, height=2, width=3), 1, 1)
    """
    offsets = red_offset(cfa)
    begins = [place + offset for place, offset in zip((crop.top, crop.left), offsets, strict=True)]
    ends = [(begin + size) // 2 for begin, size in zip(begins, (crop.height, crop.width), strict=True)]
    top, left = ((begin + 1) // 2 for begin in begins)
    cells = Box(top, left, ends[0] - top, ends[1] - left)
    return cells, begins[0] % 2, begins[1] % 2


def target_of(pair: Pair, raw: RawImage) -> np.ndarray:
    """Read a pair's picture as (h, w, 3) uint8 sRGB, lying as the raw's crop does.

    Raises:
        DataError: it cannot be read, or does not show the same pixels.
    """
    if any(isinstance(opcode, WarpRectilinear) for opcode in raw.opcodes):
        raise DataError(
            f"{pair.raw} is to be straightened (DNG WarpRectilinear), so that the pixels of {pair.picture} are not "
            "where its photosites are. A raw without distortion was needed. Take the pair out of the manifest."
        )
    pixels = _upright_picture(pair.picture)
    if pixels.shape[:2] != raw.upright_size:
        (height, width), (rows, columns) = pixels.shape[:2], raw.upright_size
        raise DataError(
            f"{pair.picture} has {width} x {height} pixels, {pair.raw} {columns} x {rows}. A picture of the same "
            "pixels was needed. Let the camera save full size in the raw's own aspect, or take the pair out of the "
            "manifest."
        )
    return upright(pixels, BACK.get(raw.orientation, raw.orientation))


def _upright_picture(path: Path) -> np.ndarray:
    """Read a picture file as any viewer shows it, in sRGB."""
    try:
        with Image.open(path) as picture:
            turn: Any = picture.getexif().get(ORIENTATION)
            pixels = np.asarray(to_srgb(picture)[0].convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} cannot be read as a picture: {getattr(error, 'strerror', None) or error}. A JPEG, PNG or TIFF was "
            "needed. Check the file, or take the pair out of the manifest."
        ) from error
    return upright(pixels, turn if turn in range(1, 9) else 1)
