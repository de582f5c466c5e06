"""A whole frame through a look, in windows that fit a memory budget; the result does not depend on the windows.

A window is rendered with the look's halo around it, and the halo is cut off again. Beyond the edge of the frame the
mosaic is mirrored about its outermost photosite, which keeps its phase.
"""

from collections.abc import Iterator

import numpy as np

from crispnet.raw.bayer import PLANE_SITES
from crispnet.raw.image import Box

LEAST_ROWS, LEAST_COLUMNS = 64, 256  # packed pixels; smaller windows are mostly halo


def windows(
    height: int, width: int, *, cells: int, halo: int = 0, room: int | None = None, stride: int = 1
) -> Iterator[Box]:
    """Cut a packed frame into windows of about ``cells`` packed pixels at most, whole rows where possible.

    All windows but the last of each row and column have sizes that are multiples of ``stride``. Where ``room`` is
    given, a window with its ``halo`` has no more packed pixels than that, down to the smallest window there is.
    """
    columns = width if width * LEAST_ROWS <= cells else max(LEAST_COLUMNS, cells // LEAST_ROWS)
    rows = max(LEAST_ROWS, cells // columns)
    if room is not None:
        rows, columns = _fitting(min(rows, height), min(columns, width), halo=halo, room=room)
    rows, columns = (max(stride, size // stride * stride) for size in (rows, columns))
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Box(top, left, min(rows, height - top), min(columns, width - left))


def _fitting(rows: int, columns: int, *, halo: int, room: int) -> tuple[int, int]:
    """Halve the longer side until a window fits with its halo, or is as small as is worth rendering."""
    while (rows + 2 * halo) * (columns + 2 * halo) > room and (rows > LEAST_ROWS or columns > LEAST_COLUMNS):
        if columns > max(rows, LEAST_COLUMNS) or rows <= LEAST_ROWS:
            columns = max(columns // 2, LEAST_COLUMNS)
        else:
            rows = max(rows // 2, LEAST_ROWS)
    return rows, columns


def overlap(window: Box, region: Box) -> Box | None:
    """Give the photosites of a window of cells that lie in a region of photosites, or None."""
    top, left = max(2 * window.top, region.top), max(2 * window.left, region.left)
    bottom, right = min(2 * window.bottom, region.bottom), min(2 * window.right, region.right)
    return Box(top, left, bottom - top, right - left) if top < bottom and left < right else None


def with_halo(packed: np.ndarray, window: Box, *, halo: int, stride: int = 1) -> np.ndarray:
    """Cut a window out of a packed frame (4, h, w), with ``halo`` more on each side and up to the next ``stride``."""
    height, width = packed.shape[1:]
    rows, columns = (_padded(size, halo, stride) for size in (window.height, window.width))
    top, left = window.top - halo, window.left - halo
    inner_rows = slice(max(top, 0), min(top + rows, height))
    inner_columns = slice(max(left, 0), min(left + columns, width))
    inner = packed[:, inner_rows, inner_columns]
    if inner.shape[1:] == (rows, columns):
        return inner
    cut = np.empty((4, rows, columns), packed.dtype)
    above, before = inner_rows.start - top, inner_columns.start - left
    cut[:, above : above + inner.shape[1], before : before + inner.shape[2]] = inner
    rim_rows = np.r_[:above, above + inner.shape[1] : rows]
    rim_columns = np.r_[:before, before + inner.shape[2] : columns]
    for plane, part, (row, column) in zip(packed, cut, PLANE_SITES, strict=True):
        lines = _mirrored_cells(height, top, rows, row)
        places = _mirrored_cells(width, left, columns, column)
        part[:, rim_columns] = plane[np.ix_(lines, places[rim_columns])]
        part[rim_rows] = plane[np.ix_(lines[rim_rows], places)]
    return cut


def _padded(size: int, halo: int, stride: int) -> int:
    return -(-(size + 2 * halo) // stride) * stride


def _mirrored_cells(length: int, first: int, count: int, phase: int) -> np.ndarray:
    """Give the cells of the photosites of one phase, ``count`` from ``first`` on, mirrored at the ends."""
    sites = 2 * np.arange(first, first + count) + phase
    period = 2 * (2 * length - 1)
    sites = np.abs((sites + period // 2) % period - period // 2)  # a triangle wave: mirrored as often as need be
    return sites // 2
