"""Replaces photosites that the maker knows to be dead (DNG FixBadPixelsConstant and FixBadPixelsList)."""

from collections.abc import Iterable

import numpy as np

from crispnet.raw.opcodes import FixBadPixelsConstant, FixBadPixelsList, Opcode

MOST_BAD_SHARE = 0.05  # a list that condemns more of the sensor than this is not believed
REACH = 8  # how far, in photosites, to look for a good neighbour


def fix_bad_pixels(
    mosaic: np.ndarray, opcodes: Iterable[Opcode], cfa: str, *, origin: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Replace the photosites that lists 1 and 2 condemn by the mean of their nearest good neighbours.

    Neighbours have the same colour and come, where possible, in pairs on opposite sides, so that a linear
    ramp is restored exactly; none farther than ``REACH`` is asked.

    Args:
        mosaic: (h, w) uint16 counts of the active area.
        opcodes: any opcodes; only FixBadPixelsConstant (list 1) and FixBadPixelsList count.
        cfa: colours of ``mosaic[:2, :2]`` read row by row.
        origin: (top, left) of the active area in the stored frame, which list 1 refers to.

    Returns:
        The same array if there is nothing to replace, or so much that the lists cannot be meant, else a copy.
    """
    lists = [o for o in opcodes if isinstance(o, FixBadPixelsConstant | FixBadPixelsList)]
    if not lists:
        return mosaic
    bad = _condemned(mosaic, lists, origin)
    rows, columns = np.nonzero(bad)
    if not 0 < len(rows) <= MOST_BAD_SHARE * mosaic.size:
        return mosaic
    good = np.pad(~bad, REACH, constant_values=False)
    counts = np.pad(mosaic, REACH)
    is_green = np.array([letter == "G" for letter in cfa])[rows % 2 * 2 + columns % 2]
    fixed = mosaic.copy()
    for sites, green in ((is_green, True), (~is_green, False)):
        r, c = rows[sites], columns[sites]
        fixed[r, c] = _mean_of_neighbours(counts, good, r + REACH, c + REACH, greens=green)
    return fixed


def _condemned(mosaic: np.ndarray, opcodes: Iterable[Opcode], origin: tuple[int, int]) -> np.ndarray:
    """Mark the photosites that the opcodes call bad."""
    bad = np.zeros(mosaic.shape, bool)
    size = np.array(mosaic.shape)
    for opcode in opcodes:
        if isinstance(opcode, FixBadPixelsConstant) and opcode.stage == 1:
            bad |= mosaic == opcode.constant
        if not isinstance(opcode, FixBadPixelsList) or opcode.stage > 2:
            continue
        shift = np.array(origin if opcode.stage == 1 else (0, 0), np.int64)
        points = opcode.points - shift
        points = points[((points >= 0) & (points < size)).all(axis=1)]
        bad[points[:, 0], points[:, 1]] = True
        bad |= _covered((opcode.rectangles - np.tile(shift, 2)), mosaic.shape)
    return bad


def _covered(rectangles: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Mark what rectangles (n, 4) cover, in a time that does not depend on how large and many they are."""
    if not len(rectangles):
        return np.zeros(shape, bool)
    top, left, bottom, right = np.clip(rectangles, 0, np.tile(shape, 2)).T
    sound = (top < bottom) & (left < right)
    steps = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)
    for r, c, step in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(steps, (r[sound], c[sound]), step)
    covered: np.ndarray = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0
    return covered


def _mean_of_neighbours(
    counts: np.ndarray, good: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, greens: bool
) -> np.ndarray:
    """Average the nearest good photosites of the same colour around each site; without any, keep its count."""
    means: np.ndarray = counts[rows, columns].astype(np.float32)
    left = np.arange(len(rows))
    for wanted in (2, 1):  # pairs on opposite sides first, single neighbours where no pair is good
        for ring in _rings(greens=greens):
            total, weight = np.zeros(len(left), np.float32), np.zeros(len(left), np.float32)
            r, c = rows[left], columns[left]
            for down, across in ring:
                one, other = (r + down, c + across), (r - down, c - across)
                one_good, other_good = good[one].astype(np.float32), good[other].astype(np.float32)
                usable = one_good + other_good >= wanted
                total += usable * (one_good * counts[one] + other_good * counts[other])
                weight += usable * (one_good + other_good)
            found = weight > 0
            means[left[found]] = np.rint(total[found] / weight[found])
            left = left[~found]
    return means


def _rings(*, greens: bool) -> list[list[tuple[int, int]]]:
    """List the steps to same-coloured neighbours on one side, ring by ring from near to far."""
    steps = range(-REACH, REACH + 1)
    same = [
        (y, x)
        for y in steps
        for x in steps
        if (y, x) > (0, 0) and ((y + x) % 2 == 0 if greens else y % 2 == x % 2 == 0)
    ]
    distances = sorted({y * y + x * x for y, x in same})
    return [[(y, x) for y, x in same if y * y + x * x == distance] for distance in distances]
