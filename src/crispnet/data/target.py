"""The picture of a pair, laid over the photosites that it was made from.

A picture file stands upright; the mosaic lies as the sensor does, and begins with any of the four colours. The picture
is turned back, and only whole cells R G / G B of it are learned from.
"""

import numpy as np

from crispnet.data.pairs import Pair
from crispnet.errors import DataError, NoCameraPicture
from crispnet.raw.bayer import red_offset
from crispnet.raw.image import Box, RawImage
from crispnet.raw.opcodes import WarpRectilinear
from crispnet.raw.orientation import upright
from crispnet.raw.sidecar import picture_file

LAID = "laid"  # the tag of a pair whose picture was laid over its photosites (``data.laid``)
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
    try:
        pixels = picture_file(pair.picture).pixels
    except NoCameraPicture as error:
        raise DataError(f"{error} Or take the pair out of the manifest.") from error
    if pixels.shape[:2] != raw.upright_size:
        (height, width), (rows, columns) = pixels.shape[:2], raw.upright_size
        raise DataError(
            f"{pair.picture} has {width} x {height} pixels, {pair.raw} {columns} x {rows}. A picture of the same "
            "pixels was needed. Let the camera save full size in the raw's own aspect, or take the pair out of the "
            "manifest."
        )
    return upright(pixels, BACK.get(raw.orientation, raw.orientation))
