"""A map of colours that follows the place in the frame and the lightness: a bilateral grid, and how it is applied.

At vertices (down, across, lightness) stand affine maps of R, G, B, and a pixel's own is interpolated between those
around it: linearly over the frame, by quadratic B-splines over lightness, so that a ramp gets no kinks. Beside a strong
edge lie pixels of two lightnesses, so neither takes part in the map of the other and there are no halos.

Notation: **terms** of a pixel are (1, R, G, B), sRGB-encoded; a vertex holds (4, 3), terms → colours.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from crispnet.darkroom.levels import LUMA
from crispnet.strips import for_each, strips

ROWS = 4  # of a strip
TERMS = 4


@dataclass(frozen=True, eq=False)
class ColourMap:
    """A map of colours that changes smoothly with the place in the frame and with lightness.

    Attributes:
        grid: (down, across, lightness, 4, 3) float32, from terms to colours; the outer vertices lie on the frame's
            edges, and half a step beyond black and white.
    """

    grid: np.ndarray

    def apply(self, pixels: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
        """Map the colours of a whole picture (h, w, 3) of any size.

        Args:
            pixels: float32 sRGB, upright, nominally in [0, 1]; nothing is clipped.
            out: where to write, (h, w, 3) float32; may be ``pixels``.
        """
        out = np.empty(pixels.shape, np.float32) if out is None else out
        across = _Cells.of(pixels.shape[1], self.grid.shape[1])
        down = _Cells.of(pixels.shape[0], self.grid.shape[0])
        factors = self._factors()

        def fill(rows: slice) -> None:
            own = np.ascontiguousarray(pixels[rows].transpose(2, 0, 1), np.float32)[:, :, across.members]
            above, progress = down.cells[rows], down.progress_of_all[rows, None, None, None]
            lines = factors[above] + progress * (factors[above + 1] - factors[above])
            mapped = _mapped(own, lines, across.progress)
            for cell, columns in enumerate(across.slices):
                out[rows, columns] = mapped[:, cell, :, : columns.stop - columns.start].swapaxes(1, 2)

        for_each(strips(pixels.shape[0], ROWS), fill)
        return out

    def _factors(self) -> np.ndarray:
        """Give the factors of ``_powers`` at the left side of each cell, and how much the right one differs.

        Returns:
            (down, cells, 12, 2 x lightnesses) float32.
        """
        of_powers = np.einsum("dalij,pl->daijp", self.grid, _as_powers(self.grid.shape[2]))
        sides = np.concatenate([of_powers[:, :-1], np.diff(of_powers, axis=1)], axis=-1)
        return sides.reshape(*sides.shape[:2], TERMS * 3, -1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Cells:
    """How the pixels of an axis lie between the vertices.

    Attributes:
        cells: (n,) the cell of each pixel.
        progress_of_all: (n,) how far it is from one vertex to the next, 0 to 1.
        slices: the pixels of each cell.
        members: (cells, most), these, and as many more from the next cell as make all equally long.
        progress: (cells, most), likewise.
    """

    cells: np.ndarray
    progress_of_all: np.ndarray
    slices: list[slice]
    members: np.ndarray
    progress: np.ndarray

    @classmethod
    def of(cls, length: int, vertices: int) -> "_Cells":
        at = (np.arange(length) + 0.5) / length * (vertices - 1)
        cells = at.astype(np.intp)
        edges = np.searchsorted(cells, np.arange(vertices))
        members = np.minimum(edges[:-1, None] + np.arange(np.diff(edges).max()), length - 1)
        progress = (at[members] - np.arange(vertices - 1)[:, None]).astype(np.float32)
        slices = [slice(*pair) for pair in pairwise(edges.tolist())]
        return cls(cells, (at - cells).astype(np.float32), slices, members, progress)


def between_levels(light: np.ndarray, levels: int) -> np.ndarray:
    """Find where a lightness lies among the levels, the outermost of which are half a step beyond black and white."""
    return np.clip(light, 0, 1) * np.float32(levels - 2) + np.float32(0.5)


@cache
def _as_powers(levels: int) -> np.ndarray:
    """Make (lightnesses, lightnesses) that turn weights of quadratic B-splines into factors of ``_powers``.

    Quadratic B-splines weigh the levels so that their sum is 1 and has no kinks. To sum twelve of them up for each
    pixel takes four times as long as to sum up the powers that they are made of.
    """
    at = np.linspace(0.0, levels - 2.0, 8 * levels)
    away = np.abs(at[:, None] + 0.5 - np.arange(levels))
    bells = np.where(away < 0.5, 0.75 - away**2, np.maximum(1.5 - away, 0) ** 2 / 2)
    powers = np.empty((levels, len(at)))
    _powers(at, powers)
    return np.linalg.lstsq(powers.T, bells, rcond=None)[0]


def _powers(at: np.ndarray, powers: np.ndarray) -> None:
    """Write 1, the place among the levels, its square, and the squares of how far it is beyond each knot.

    The knots of a quadratic B-spline lie half-way between the levels.

    Args:
        at: (..., n) places, 0 at the first knot.
        powers: (..., levels, n), to write to.
    """
    powers[..., 0, :] = 1
    powers[..., 1, :] = at
    for knot in range(powers.shape[-2] - 2):
        beyond = powers[..., knot + 2, :]
        np.maximum(np.subtract(at, at.dtype.type(knot), out=beyond), 0, out=beyond)
        np.square(beyond, out=beyond)


def _light(own: np.ndarray) -> np.ndarray:
    """Weigh the planes (3, ...) of R, G and B: one addition after another is twice as fast as a product."""
    light = own[0] + own[2]
    light *= LUMA[0] / LUMA[1]
    light += own[1]
    light *= LUMA[1]
    return light


def _mapped(own: np.ndarray, lines: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """Map the pixels of a strip, (3, rows, cells, n), to (rows, cells, 3, n).

    All lightnesses take part at every pixel: one small product of matrices is faster than to look up a dozen maps.
    """
    rows, cells, _, count = lines.shape
    sides = np.empty((rows, cells, 2, count // 2, progress.shape[1]), np.float32)
    _powers(np.clip(_light(own), 0, 1) * np.float32(count // 2 - 2), sides[:, :, 0])
    np.multiply(sides[:, :, 0], progress[:, None], out=sides[:, :, 1])
    maps = lines @ sides.reshape(rows, cells, count, -1)
    mapped = maps[:, :, :3]
    for term, colour in enumerate(own, 1):
        part = maps[:, :, 3 * term : 3 * term + 3]
        part *= colour[:, :, None]
        mapped += part
    return mapped
