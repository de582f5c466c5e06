"""Lab for training: ``crispnet.colour.srgb_to_lab`` for tensors, with a gradient everywhere.

Notation: pictures are (b, 3, h, w), sRGB-encoded, nominally in [0, 1]; Lab is CIE 1976 relative to D65. Nothing is
clipped: what lies outside the range follows the curves on, and so is pulled back.
"""

import torch
from torch import Tensor

from crispnet.colour import D65_XY, SRGB_TO_XYZ, xy_to_xyz

_TO_RATIOS = torch.tensor(SRGB_TO_XYZ / xy_to_xyz(D65_XY)[:, None], dtype=torch.float32)  # of XYZ to that of white
_ROOTS_TO_LAB = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
_LAB_OF_NO_ROOTS = torch.tensor([-16.0, 0.0, 0.0])
_SRGB_KNEE, _LAB_KNEE = 0.04045, 6 / 29  # where each curve becomes straight


def srgb_to_lab(pictures: Tensor) -> Tensor:
    """Convert sRGB-encoded pictures (b, 3, h, w) to Lab of that shape: L* in [0, 100], a* and b* about as far from 0.

    The slope of a power is without bounds at black, or no number below it. Where the curves are straight, powers are
    therefore taken at their knee: a value that is then passed over must not have an infinite gradient.
    """
    ratios = _mixed(_TO_RATIOS, _decoded(pictures))
    straight = ratios / (3 * _LAB_KNEE**2) + 4 / 29
    roots = torch.where(ratios > _LAB_KNEE**3, ratios.clamp(min=_LAB_KNEE**3) ** (1 / 3), straight)
    return _mixed(_ROOTS_TO_LAB, roots) + _LAB_OF_NO_ROOTS.to(pictures).view(3, 1, 1)


def _decoded(encoded: Tensor) -> Tensor:
    sizes = encoded.abs()
    powers = ((sizes.clamp(min=_SRGB_KNEE) + 0.055) / 1.055) ** 2.4
    return torch.where(sizes <= _SRGB_KNEE, encoded / 12.92, encoded.sign() * powers)


def _mixed(matrix: Tensor, pictures: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix.to(pictures), pictures)
