"""Structural similarity for training: SSIM and MS-SSIM of tensors, with a gradient everywhere.

Notation: a picture and its target are (b, c, h, w), of one shape, with values that nominally range from 0 to 1. Both
functions return a tensor without dimensions: the mean over pictures and channels, 1 where both are equal, never more.

SSIM is what ``evaluate.metrics.ssim`` measures: Wang et al. 2004 with a Gaussian window (11 x 11, sigma 1.5), windows
that reach over the edge left out. But nothing is clipped: what lies outside the range must be pulled back.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from crispnet.evaluate.metrics import CONTRAST_FLOOR, LUMINANCE_FLOOR, SIGMA, WINDOW

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents from the full size downwards (Wang et al. 2003, table 1)
LEAST = 1e-3  # what a scale counts for at least: a power of something negative is no number, of 0 it has no slope


def ssim(picture: Tensor, target: Tensor) -> Tensor:
    """Measure structural similarity (Wang et al. 2004).

    Raises:
        ValueError: shapes differ, or are smaller than a window, 11 x 11 pixels.
    """
    contrast, luminance = _similarity(picture, target)
    return (contrast * luminance).mean()


def ms_ssim(picture: Tensor, target: Tensor) -> Tensor:
    """Measure structural similarity at five sizes, each a half of the one before (Wang, Simoncelli & Bovik 2003).

    Contrast and structure count at every size, luminance at the last. What is smaller than 176 pixels along one side
    has fewer sizes that hold a window: ``exponents`` says which. Pictures are halved by averaging whole cells of
    2 x 2 pixels, so that an odd row or column at the end is left out. Means are taken over each channel of each
    picture; one that is below 0.001, as where structures oppose each other, counts as 0.001 and has no gradient.

    Raises:
        ValueError: shapes differ, or are smaller than a window, 11 x 11 pixels.
    """
    powers = []
    weights = exponents(picture.shape[-2:])
    for halvings, weight in enumerate(weights):
        if halvings:
            picture, target = avg_pool2d(picture, 2), avg_pool2d(target, 2)
        contrast, luminance = _similarity(picture, target)
        similar = contrast * luminance if halvings == len(weights) - 1 else contrast
        powers.append(similar.mean(dim=(-2, -1)).clamp(min=LEAST) ** weight)
    return torch.stack(powers).prod(dim=0).mean()


def exponents(size: Sequence[int]) -> list[float]:
    """Choose the exponents of MS-SSIM for a picture of (h, w) pixels: one per size that holds a window, of sum 1.

    >>> [round(weight, 3) for weight in exponents((92, 120))]
    [0.052, 0.329, 0.346, 0.273]
    """
    held = [weight for halvings, weight in enumerate(SCALES) if min(size) >> halvings >= WINDOW]
    return [weight / sum(held) for weight in held] or [1.0]


def _similarity(picture: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Compare around every pixel that holds a window: contrast and structure in one, and luminance."""
    if picture.shape != target.shape or min(picture.shape[-2:]) < WINDOW:
        raise ValueError(
            f"expected two pictures of one size, at least {WINDOW} x {WINDOW} pixels, got {tuple(picture.shape)} and "
            f"{tuple(target.shape)}"
        )
    squares, product = picture.square() + target.square(), picture * target
    of_picture, of_target, of_squares, of_product = _blur(torch.stack([picture, target, squares, product]))
    means, product = of_picture.square() + of_target.square(), of_picture * of_target
    contrast = (2 * (of_product - product) + CONTRAST_FLOOR) / (of_squares - means + CONTRAST_FLOOR)
    return contrast, (2 * product + LUMINANCE_FLOOR) / (means + LUMINANCE_FLOOR)


def _blur(planes: Tensor) -> Tensor:
    """Average planes (..., h, w) under the window: (..., h - 10, w - 10).

    Planes are channels with a window each, which is ten times as fast as pictures of one channel.
    """
    distances = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    bell = torch.exp(-distances.square() / (2 * SIGMA**2))
    bell = bell / bell.sum()
    flat = planes.reshape(-1, *planes.shape[-2:])
    flat = conv2d(flat, bell.expand(len(flat), 1, 1, WINDOW), groups=len(flat))
    flat = conv2d(flat, bell.view(WINDOW, 1).expand(len(flat), 1, WINDOW, 1), groups=len(flat))
    return flat.view(*planes.shape[:-2], *flat.shape[-2:])
