"""Proofs of exactly the cells that training learns from, in which pictures are looked for.

A proof of ``darkroom.proof`` shows the maker's crop to the next of its own photosites, which may be several of the
raw's. Here its edges are those of the cells that lie wholly in the crop, so that what is found in it is found in them.
"""

import numpy as np

from crispnet.darkroom.proof import Proof
from crispnet.data.target import whole_cells
from crispnet.look.contract import Metadata
from crispnet.look.plain import PlainLook
from crispnet.raw.bayer import pack_linear, shrink, thumbnail
from crispnet.raw.image import Box, RawImage


def smaller(packed: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink packed planes (4, h, w) to ``size`` cells; they themselves come back where they have that size."""
    return packed if packed.shape[1:] == size else shrink(packed, *size)


def cropped(raw: RawImage, packed: np.ndarray) -> np.ndarray:
    """Take the cells (4, h, w) that lie wholly in the raw's crop."""
    cells, _, _ = whole_cells(raw.crop, raw.cfa)
    return packed[:, cells.rows, cells.columns]


def size_within(shape: tuple[int, ...], longest: float) -> tuple[int, int]:
    """Scale rows and columns down so that the longer side has ``longest`` at most.

    >>> size_within((1500, 2000), 320), size_within((15, 20), 320)
    ((240, 320), (15, 20))
    """
    factor = max(1.0, max(shape) / longest)
    return max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor))


def proof(raw: RawImage, packed: np.ndarray, *, longest: int) -> np.ndarray:
    """Render the cells of a raw's crop small, with the plain look and in sensor orientation.

    Args:
        raw: the photograph.
        packed: all of it, as ``pack_linear`` gives it.
        longest: pixels along the longer side, at most.

    Returns:
        (h, w, 3) float32 sRGB in [0, 1]; h and w are even.
    """
    inner = cropped(raw, packed)
    rows, columns = size_within(inner.shape[1:], longest // 2)
    whole = Box(0, 0, 2 * rows, 2 * columns)
    small = Proof(smaller(inner, (rows, columns)), thumbnail(packed), Metadata.of(raw), whole)
    return np.clip(small.develop(PlainLook()), 0, 1)


def proof_of(raw: RawImage, *, longest: int) -> np.ndarray:
    """Pack a raw and make its ``proof``."""
    return proof(raw, pack_linear(raw), longest=longest)
