"""Pictures at several sizes, and where their pixels lie: what registering one upon another is made of.

Notation: a **position** is (across, down) from the middle of a frame, in halves of its longer side. A **cubic** is
(2, 4, 4): the position across and down in one frame, from powers of down and across in another. **Features** of a
plane (h, w) are complex, (h, w): the direction of its gradient, with a modulus of 0 where it is flat and of nearly 1
at an edge. No rising tone curve changes their direction.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crispnet.strips import for_each, strips

LUMA = np.array((0.25, 0.5, 0.25), np.float32)
IDENTITY = np.zeros((2, 4, 4))
IDENTITY[0, 0, 1] = IDENTITY[1, 1, 0] = 1
SOFT, LEAST_STEP = 0.5, 1e-3  # gradients as steep as this part of the mean one count half, and so do those of noise


@dataclass(frozen=True, eq=False)
class Level:
    """A plane (h, w) whose pixels lie ``pitch`` pixels of a frame of ``size`` (height, width) apart."""

    plane: np.ndarray
    pitch: int
    size: tuple[int, ...]

    @classmethod
    def of(cls, pixels: np.ndarray, longest: int) -> "Level":
        """Shrink the luminance of a picture (h, w, 3)."""
        pitch = pitch_for(pixels.shape, longest)
        return cls(shrunk(pixels, pitch) @ LUMA, pitch, pixels.shape[:2])

    def coarser(self, longest: int) -> "list[Level]":
        """Halve it until its longer side is at most ``longest`` pixels; return all, this one first."""
        levels = [self]
        while max(levels[-1].plane.shape) > longest:
            levels.append(Level(shrunk(levels[-1].plane, 2), 2 * levels[-1].pitch, self.size))
        return levels

    @cached_property
    def features(self) -> np.ndarray:
        """Direction of the gradient: (h, w) complex64."""
        return features(self.plane)

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the positions down (h,) and across (w,) of its pixels."""
        return positions(self.plane.shape, self.pitch, self.size)

    def sampled(self, across: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interpolate it at positions (h', w'); also tell which of them lie inside."""
        return sampled(self.plane, across, down, pitch=self.pitch, size=self.size)


def pitch_for(size: tuple[int, ...], longest: int) -> int:
    """Find by how much to shrink a picture so that its longer side has ``longest`` pixels at most.

    >>> pitch_for((3000, 4000), 1000), pitch_for((480, 640), 1000)
    (4, 1)
    """
    return -(-max(size[:2]) // longest)


def shrunk(pixels: np.ndarray, pitch: int) -> np.ndarray:
    """Average squares of ``pitch`` x ``pitch`` pixels of (h, w) or (h, w, 3) to float32, and leave out the rest.

    Codes of 8 or 16 bits are brought to [0, 1].
    """
    height, width = pixels.shape[0] // pitch, pixels.shape[1] // pitch
    small = np.empty((height, width, *pixels.shape[2:]), np.float32)
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    scale = np.float32(1 / (pitch * pitch * white))

    def fill(rows: slice) -> None:
        squares = pixels[rows.start * pitch : rows.stop * pitch, : width * pitch]
        lines = squares[::pitch].astype(np.float32)
        for row in range(1, pitch):
            lines += squares[row::pitch]
        total = lines[:, ::pitch].copy()
        for column in range(1, pitch):
            total += lines[:, column::pitch]
        np.multiply(total, scale, out=small[rows])

    for_each(strips(height, max(1, 64 // pitch)), fill)
    return small


def features(plane: np.ndarray) -> np.ndarray:
    """Find the direction of the gradient, (h, w) complex64, of a slightly smoothed plane."""
    wide = np.pad(plane, 2, mode="edge")
    smooth = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    smooth = smooth[:, :-2] + 2 * smooth[:, 1:-1] + smooth[:, 2:]
    gradient = np.empty(plane.shape, np.complex64)
    np.subtract(smooth[1:-1, 2:], smooth[1:-1, :-2], out=gradient.real)
    np.subtract(smooth[2:, 1:-1], smooth[:-2, 1:-1], out=gradient.imag)
    steepness = np.abs(gradient)
    return gradient / (steepness + np.float32(SOFT * steepness.mean() + 16 * LEAST_STEP))


def positions(shape: tuple[int, ...], pitch: float, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Give the positions down (h,) and across (w,) of pixels that lie ``pitch`` pixels of a frame apart."""
    down, across = (((np.arange(shape[i]) + 0.5) * pitch * 2 - size[i]) / max(size) for i in range(2))
    return down, across


def evaluated(cubic: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Evaluate a cubic on a lattice of positions: (2, h, w), across and down."""
    return np.vander(down, 4, increasing=True) @ cubic @ np.vander(across, 4, increasing=True).T


def sampled(
    pixels: np.ndarray, across: np.ndarray, down: np.ndarray, *, pitch: float, size: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate pixels (h, w) or (h, w, 3), ``pitch`` pixels of a frame apart, at positions (h', w').

    Returns:
        float32 values, (h', w') or (h', w', 3), and float32 1 or 0: whether the position lies in the frame.
    """
    height, width = pixels.shape[:2]
    row, column = ((at * max(size) + size[i]) / (2 * pitch) - 0.5 for i, at in enumerate((down, across)))
    inside = (row > -1) & (row < height) & (column > -1) & (column < width)
    row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    top, left = np.minimum(row.astype(np.intp), height - 2), np.minimum(column.astype(np.intp), width - 2)
    tail = (1,) * (pixels.ndim - 2)
    lower, right = (
        (at - first).astype(np.float32).reshape(*at.shape, *tail) for at, first in ((row, top), (column, left))
    )
    flat, place = pixels.reshape(height * width, *pixels.shape[2:]), top * width + left
    above = flat[place] * (1 - right) + flat[place + 1] * right
    below = flat[place + width] * (1 - right) + flat[place + width + 1] * right
    return above * (1 - lower) + below * lower, inside.astype(np.float32)


def hats(length: int, count: int) -> np.ndarray:
    """Make (length, count) weights that interpolate between the middles of ``count`` equal parts of an axis."""
    places = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
    return np.clip(1 - np.abs(places[:, None] - np.arange(count)), 0, None)
