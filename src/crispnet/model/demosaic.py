"""Bilinear demosaicking, for networks that read three colours at the size of the picture.

    R G1        packed planes R, G1, B, G2 (b, 4, h, w) ── (b, 3, 2h, 2w), R, G, B
    G2 B

A colour that a photosite lacks is the mean of its nearest neighbours that have it: two or four for red and blue, four
for green. As a convolution of the packed planes this takes one packed pixel to each side. At the edges the mosaic is
continued by its reflection about the outermost photosites; that keeps the phase, and each packed plane then repeats
its own first or last row and column.
"""

from functools import cache
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

SITES = ((0, 0), (0, 1), (1, 1), (1, 0))  # (row, column) of each packed plane in its cell
COLOUR_OF = (0, 1, 2, 1)  # of each packed plane
GREEN = 1


def bilinear(packed: Tensor) -> Tensor:
    """Demosaic (b, 4, h, w) packed planes into (b, 3, 2h, 2w), linear as they are, in their own precision.

    Values that were measured stay as they are.
    """
    continued = functional.pad(packed, (1, 1, 1, 1), mode="replicate")
    # Half the bits would show as bands in a picture that a network only amends.
    with torch.autocast(packed.device.type, enabled=False):
        maps = functional.conv2d(continued, packed.new_tensor(_kernels()).view(12, 4, 3, 3))
    return functional.pixel_shuffle(maps, 2)


@cache
def _kernels() -> tuple[float, ...]:
    """Weigh packed photosites for each colour and place: 3 colours x 2 rows x 2 columns x 4 planes x 3 x 3."""
    weights = []
    for colour, row, column, plane, down, right in product(*map(range, (3, 2, 2, 4, 3, 3))):
        rows = 2 * (down - 1) + SITES[plane][0] - row
        columns = 2 * (right - 1) + SITES[plane][1] - column
        weights.append(_weight(abs(rows), abs(columns), colour) if COLOUR_OF[plane] == colour else 0.0)
    return tuple(weights)


def _weight(rows: int, columns: int, colour: int) -> float:
    """Weigh a photosite of a colour, so many rows and columns away from where the colour is wanted."""
    if colour == GREEN:
        return {0: 1.0, 1: 0.25}.get(rows + columns, 0.0)
    return max(0.0, 1 - rows / 2) * max(0.0, 1 - columns / 2)
