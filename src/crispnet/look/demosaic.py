"""From four packed planes to three colours at every photosite.

Green first, interpolated along the direction in which the picture changes least and corrected by the curvature of the
colour measured on the spot (Hamilton and Adams 1997); the two directions are weighed softly, by slopes summed over a
neighbourhood, so that noise and fine texture do not break up into a maze (after Zhang and Wu 2005). Then red and blue,
through their difference to green, which changes slowly (Cok 1987).

Everything happens at packed resolution: a value *at a site* is a plane of one value per 2 x 2 cell, the sites in the
order of the packed planes: R, G (red row), B, G (blue row). Planes carry a margin of cells around the result, which
shrinks from step to step.
"""

from typing import NamedTuple

import numpy as np

MARGIN = 3  # packed pixels of context used on each side
BELOW = np.float32(
    0.02
)  # how far noise may pull a green down; held closer to its neighbours, dark noise would turn green


def demosaic(packed: np.ndarray) -> np.ndarray:
    """Interpolate the colours that each photosite did not measure.

    Args:
        packed: (4, h + 6, w + 6) float32, linear, white-balanced: h x w cells and 3 more on each side.

    Returns:
        (3, 4, h, w): red, green and blue at each of the four sites.
    """
    red, green, blue, lower_green = packed
    at_red = _directions(
        red, left=_at(green, 0, -1), right=_at(green), above=_at(lower_green, -1, 0), below=_at(lower_green)
    )
    at_blue = _directions(
        blue, left=_at(lower_green), right=_at(lower_green, 0, 1), above=_at(green), below=_at(green, 1, 0)
    )
    green_at_red = _blend(at_red, *(_above_left(slope) for slope in at_blue[:2]))
    green_at_blue = _blend(at_blue, *(_below_right(slope) for slope in at_red[:2]))
    red_excess = _at(red, margin=2) - green_at_red
    blue_excess = _at(blue, margin=2) - green_at_blue
    return _fill(
        [_at(plane, margin=MARGIN) for plane in packed], _at(green_at_red), _at(green_at_blue), red_excess, blue_excess
    )


class _Directions(NamedTuple):
    """What lies along the rows and along the columns at one site: how steep, and which green it suggests."""

    steepness_along_rows: np.ndarray
    steepness_along_columns: np.ndarray
    green_along_rows: np.ndarray
    green_along_columns: np.ndarray


def _directions(
    colour: np.ndarray, *, left: np.ndarray, right: np.ndarray, above: np.ndarray, below: np.ndarray
) -> _Directions:
    """Look along rows and columns through a site of red or blue, given its four green neighbours (margin 3 → 2)."""
    twice = 2 * _at(colour)
    bend_rows = twice - _at(colour, 0, -1) - _at(colour, 0, 1)
    bend_columns = twice - _at(colour, -1, 0) - _at(colour, 1, 0)
    return _Directions(
        np.abs(left - right) + np.abs(bend_rows),
        np.abs(above - below) + np.abs(bend_columns),
        _bent(left, right, bend_rows),
        _bent(above, below, bend_columns),
    )


def _bent(one: np.ndarray, other: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Interpolate between two greens along the bend of the other colour, but never far below both."""
    return np.maximum((one + other) * 0.5 + bend * 0.25, np.minimum(one, other) * 0.5 - BELOW)


def _blend(site: _Directions, around_rows: np.ndarray, around_columns: np.ndarray) -> np.ndarray:
    """Mix the two suggestions for green, each by how steep the *other* direction is here and around (margin 2 → 1)."""
    rows = np.square(_at(site.steepness_along_rows) + around_rows)
    columns = np.square(_at(site.steepness_along_columns) + around_columns)
    along_rows, along_columns = _at(site.green_along_rows), _at(site.green_along_columns)
    share = columns / (rows + columns + np.float32(1e-12))  # a perfectly flat place takes either
    return along_columns + share * (along_rows - along_columns)


def _fill(
    measured: list[np.ndarray],
    green_at_red: np.ndarray,
    green_at_blue: np.ndarray,
    red_excess: np.ndarray,
    blue_excess: np.ndarray,
) -> np.ndarray:
    """Add the differences to green (margin 1), averaged between the sites where they are known, to the greens."""
    red, green, blue, lower_green = measured
    full = np.empty((3, 4, *red.shape), np.float32)
    full[0, 0], full[1, 1], full[2, 2], full[1, 3] = red, green, blue, lower_green
    full[1, 0], full[1, 2] = green_at_red, green_at_blue
    np.add(green_at_blue, 0.25 * _below_right(red_excess), out=full[0, 2])
    np.add(green_at_red, 0.25 * _above_left(blue_excess), out=full[2, 0])
    np.add(green, 0.5 * (_at(red_excess) + _at(red_excess, 0, 1)), out=full[0, 1])
    np.add(lower_green, 0.5 * (_at(red_excess) + _at(red_excess, 1, 0)), out=full[0, 3])
    np.add(green, 0.5 * (_at(blue_excess) + _at(blue_excess, -1, 0)), out=full[2, 1])
    np.add(lower_green, 0.5 * (_at(blue_excess) + _at(blue_excess, 0, -1)), out=full[2, 3])
    return full


def _at(plane: np.ndarray, down: int = 0, across: int = 0, *, margin: int = 1) -> np.ndarray:
    """Give the plane with ``margin`` cells less on each side, seen from a cell further down or across."""
    height, width = plane.shape
    return plane[margin + down : height - margin + down, margin + across : width - margin + across]


def _above_left(plane: np.ndarray) -> np.ndarray:
    """Sum the four blue sites around each red one: in its own cell, above, left, and both (margin less 1)."""
    return _fours(plane)[:-1, :-1]


def _below_right(plane: np.ndarray) -> np.ndarray:
    """Sum the four red sites around each blue one: in its own cell, below, right, and both (margin less 1)."""
    return _fours(plane)[1:, 1:]


def _fours(plane: np.ndarray) -> np.ndarray:
    pairs = plane[:, :-1] + plane[:, 1:]
    return pairs[:-1] + pairs[1:]
