"""Bilinear demosaicking, for networks that read three colours at the size of the picture.

    R G1        packed planes R, G1, B, G2 (b, 4, h, w) ── (b, 3, 2h, 2w), R, G, B
    G2 B

A colour that a photosite lacks is the mean of its nearest neighbours that have it: two or four for red and blue, four
for green. At the edges the mosaic is continued by its reflection about the outermost photosites; that keeps the phase,
and each packed plane then repeats its own first or last row and column.

It is written as sums of single values: a convolution may run in 16 bits, and half the bits would show as bands.
"""

import torch
from torch import Tensor
from torch.nn import functional

INNER = slice(1, -1)
BEFORE, AFTER = slice(None, -2), slice(2, None)  # the packed pixel above or left of each, and that below or right


def bilinear(packed: Tensor) -> Tensor:
    """Demosaic (b, 4, h, w) packed planes into (b, 3, 2h, 2w), linear as they are, in their own precision.

    Values that were measured stay as they are.
    """
    red, green, blue, other_green = functional.pad(packed, (1, 1, 1, 1), mode="replicate").unbind(1)
    here, along = green[:, INNER, INNER], other_green[:, INNER, INNER]
    greens = (
        (here + green[:, INNER, BEFORE] + along + other_green[:, BEFORE, INNER]) / 4,
        here,
        along,
        (here + green[:, AFTER, INNER] + along + other_green[:, INNER, AFTER]) / 4,
    )
    blues = reversed(_spread(blue, BEFORE))
    return functional.pixel_shuffle(torch.stack((*_spread(red, AFTER), *greens, *blues), dim=1), 2)


def _spread(plane: Tensor, further: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give a colour of one photosite in four at that site, and between it and its next along rows, columns and both.

    Args:
        plane: (b, h + 2, w + 2).
        further: on which side the next one lies, ``BEFORE`` or ``AFTER``.
    """
    here, across, down = plane[:, INNER, INNER], plane[:, INNER, further], plane[:, further, INNER]
    return here, (here + across) / 2, (here + down) / 2, (here + across + down + plane[:, further, further]) / 4
