"""Takes a few camera values, and what the camera made of them, out of a frame.

- **camera values** are linear R, (G + G) / 2, B of a packed cell, 0 = black level, 1 = white level;
- the **target** is the camera's picture in sRGB codes, with 2 x 2 pixels for each cell.
"""

import math
from typing import NamedTuple

import numpy as np

from crispnet.colour import decode_srgb, encode_srgb
from crispnet.data.frames import Frame

_LIGHT_OF_CODE = decode_srgb(np.arange(256) / 255).astype(np.float32)


class Samples(NamedTuple):
    """Camera values and the colours that they became.

    Attributes:
        camera: (h, w, 3) float32, linear.
        target: (h, w, 3) float32, sRGB-encoded in [0, 1], averaged in linear light.
    """

    camera: np.ndarray
    target: np.ndarray


def camera_values(packed: np.ndarray, *, white_balance: np.ndarray | None = None) -> np.ndarray:
    """Turn packed planes (4, h, w) into linear camera R, G, B (h, w, 3) float32, balanced if multipliers are given."""
    red, green, blue, other_green = packed.astype(np.float32)
    camera = np.stack([red, (green + other_green) / 2, blue], axis=-1)
    return camera if white_balance is None else camera * white_balance[:3].astype(np.float32)


def sample(frame: Frame, cells: int, *, balanced: bool, seed: int = 0) -> Samples:
    """Take at most ``cells`` single cells from all over a frame, on a regular grid that ``seed`` shifts."""
    packed, target = _thin(frame, cells, side=1, seed=seed)
    camera = camera_values(packed, white_balance=frame.white_balance if balanced else None)
    return Samples(camera, encode_srgb(shrink(_LIGHT_OF_CODE[target], 2)))


def sample_blocks(frame: Frame, cells: int, *, balanced: bool, seed: int = 0) -> tuple[Samples, Samples]:
    """Take blocks of 4 x 4 cells, at most ``cells`` in all; and the same blocks each averaged to one colour.

    Averaged over 8 x 8 pixels, a colour has hardly any noise, and does not mind a misregistration by a pixel.
    """
    packed, target = _thin(frame, cells, side=4, seed=seed)
    camera = camera_values(packed, white_balance=frame.white_balance if balanced else None)
    light = shrink(_LIGHT_OF_CODE[target], 2)
    averaged = Samples(shrink(camera, 4), encode_srgb(shrink(light, 4)))
    return Samples(camera, encode_srgb(light)), averaged


def shrink(picture: np.ndarray, factor: int) -> np.ndarray:
    """Average a picture (h, w, n) over squares of ``factor`` x ``factor``; what is left over at the ends is cut off."""
    height, width = (size // factor for size in picture.shape[:2])
    squares = picture[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    return squares.mean(axis=(1, 3))


def _thin(frame: Frame, cells: int, *, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep every n-th block of ``side`` x ``side`` cells along both axes, and join them: packed and target."""
    blocks = [size // side for size in frame.packed.shape[1:]]
    if min(blocks) == 0:
        raise ValueError(f"expected at least {side} x {side} cells, got a frame of {frame.packed.shape[1:]}")
    step = min(math.ceil(math.sqrt(math.prod(blocks) * side**2 / cells)), *blocks)
    first = np.random.default_rng(seed).integers(step, size=2)
    rows, columns = (
        (np.arange(start, count, step)[:, None] * side + np.arange(side)).ravel()
        for start, count in zip(first, blocks, strict=True)
    )
    packed = frame.packed[:, rows][:, :, columns]
    return packed, frame.target[_pixels(rows)][:, _pixels(columns)]


def _pixels(cells: np.ndarray) -> np.ndarray:
    return (2 * cells[:, None] + np.arange(2)).ravel()
