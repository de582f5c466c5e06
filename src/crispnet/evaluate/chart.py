"""Finds a ColorChecker Classic (24 patches, also the small ones) in a picture, and measures its patches.

    uniform, nearly square regions → a lattice of them, neighbour by neighbour → a smooth map from lattice to picture
    → the one of all ways to lay 4 x 6 patches on it under which their colours are the chart's

Notation: a **cell** is (row, column) on the lattice of regions; ``patch`` k = 6 * row + column of the chart, from dark
skin to black. Places are (across, down) in pixels. The map is a polynomial, since lenses bend a chart's rows.
OpenCV has a detector too, but only from version 5 on, for charts that a homography can describe, and it does not find
the chart in the picture of an action camera whose black patch melts into the frame. This one does.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from crispnet.colour import decode_srgb, delta_e_76, delta_e_2000, encode_srgb, srgb_to_lab

NAMES = (
    *("dark skin", "light skin", "blue sky", "foliage", "blue flower", "bluish green"),
    *("orange", "purplish blue", "moderate red", "purple", "yellow green", "orange yellow"),
    *("blue", "green", "red", "yellow", "magenta", "cyan"),
    *("white", "neutral 8", "neutral 6.5", "neutral 5", "neutral 3.5", "black"),
)
# Lab relative to D50, of the charts made until November 2014, published by X-Rite; later ones differ little.
NOMINAL = np.array([
    (38.0, 13.6, 14.1), (65.7, 18.1, 17.8), (49.9, -4.9, -21.9), (43.1, -13.1, 21.9), (55.1, 8.8, -25.4),
    (70.7, -33.4, -0.2), (62.7, 36.1, 57.1), (40.0, 10.4, -46.0), (51.1, 48.2, 16.2), (30.3, 23.0, -21.6),
    (72.5, -23.7, 57.3), (71.9, 19.4, 67.9), (28.8, 14.2, -50.3), (55.3, -38.3, 31.4), (42.1, 53.4, 28.2),
    (81.7, 4.0, 79.8), (51.9, 50.0, -14.6), (51.0, -28.6, -28.6), (96.5, -0.4, 1.2), (81.3, -0.6, -0.3),
    (66.8, -0.7, -0.5), (50.9, -0.2, -0.3), (35.7, -0.4, -1.2), (20.5, -0.1, -1.0),
])  # fmt: skip
ROWS, COLUMNS = 4, 6
LONGEST = 800  # pixels along the longer side of the picture that is searched
STEPS = (3, 6, 12, 24)  # codes: the largest within a region, tried in turn
LEAST_SIDE, SQUARE, FULL = 8, 1.8, 0.75  # pixels; longer to shorter side; share of its rectangle that a region fills
LIKE, NEAR = 1.7, 0.3  # how many times as long a neighbour may be; how far from its place, in steps of the lattice
LEAST_CELLS = 12  # of the 24 that must be found as regions
CUBIC_FROM = 20  # cells; with fewer the map is quadratic
ALIKE, LEAST_ALIKE = 0.85, 0.6  # mean and least correlation of L*, a* and b* with the chart's
INNER = 0.25  # half the side of what is measured of a patch, in steps of the lattice


@dataclass(frozen=True, eq=False)
class Chart:
    """Where a chart lies.

    Attributes:
        corners: (24, 4, 2), across and down in pixels, of the middle of each patch, which is what is measured.
        alike: how its colours are correlated with the chart's, up to 1.
    """

    corners: np.ndarray
    alike: float


@dataclass(frozen=True)
class Patch:
    """A patch of a chart in two pictures: Lab of its mean light in both, and their differences."""

    number: int
    name: str
    result: tuple[float, float, float]
    reference: tuple[float, float, float]
    delta_e: float
    delta_e_2000: float


def find_chart(picture: np.ndarray) -> Chart | None:
    """Find the chart in a picture (h, w, 3) sRGB in [0, 1], any way up, or None."""
    scale = max(1.0, max(picture.shape[:2]) / LONGEST)
    size = [max(1, round(length / scale)) for length in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale > 1 else picture
    centres, sides = _regions(np.rint(255 * np.clip(small, 0, 1)).astype(np.uint8))
    best: Chart | None = None
    for cells in _lattices(centres, sides):
        found = _placed(cells, centres, small)
        if found is not None and (best is None or found.alike > best.alike):
            best = found
    if best is None:
        return None
    factors = np.array(picture.shape[1::-1]) / small.shape[1::-1]
    return Chart((best.corners + 0.5) * factors - 0.5, best.alike)


def compare_patches(chart: Chart, result: np.ndarray, reference: np.ndarray) -> list[Patch]:
    """Measure the patches of a chart in two pictures (h, w, 3) that lie alike."""
    ours, theirs = (measured(chart, picture) for picture in (result, reference))
    plain, perceived = delta_e_76(ours, theirs).tolist(), delta_e_2000(ours, theirs).tolist()
    facts = zip(NAMES, ours.tolist(), theirs.tolist(), plain, perceived, strict=True)
    return [
        Patch(number, name, tuple(one), tuple(other), *differences)
        for number, (name, one, other, *differences) in enumerate(facts, 1)
    ]


def measured(chart: Chart, picture: np.ndarray) -> np.ndarray:
    """Give Lab (24, 3) of the mean light of each patch's middle."""
    colours = []
    for corners in chart.corners:
        left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, None)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
        part = picture[top:bottom, left:right]
        inside = np.zeros(part.shape[:2], np.uint8)
        cv2.fillConvexPoly(inside, np.rint(corners - (left, top)).astype(np.int32), 1)
        colours.append(decode_srgb(part[inside > 0]).mean(axis=0, dtype=np.float64))
    return srgb_to_lab(encode_srgb(np.array(colours)))


def _regions(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the middles (n, 2) and sides (n,) of uniform, nearly square regions of (h, w, 3) codes."""
    smooth = cv2.medianBlur(codes, 5) if min(codes.shape[:2]) > 5 else codes
    steep = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(axis=2)
    found = [region for step in STEPS for region in _squares(steep <= step)]
    kept: list[tuple[float, float, float]] = []
    for across, down, side in sorted(found, key=lambda region: -region[2]):
        if all(max(abs(across - other[0]), abs(down - other[1])) > NEAR * side for other in kept):
            kept.append((across, down, side))
    table = np.array(kept).reshape(-1, 3)
    return table[:, :2], table[:, 2]


def _squares(uniform: np.ndarray) -> Iterator[tuple[float, float, float]]:
    """Give the middle and the side of each nearly square region of a mask."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(uniform.astype(np.uint8), connectivity=4)
    boxes = facts[:, 2] * facts[:, 3]
    likely = (facts[:, 4] >= LEAST_SIDE**2) & (facts[:, 4] >= 0.4 * boxes) & (boxes < uniform.size / 4)
    likely &= np.maximum(facts[:, 2], facts[:, 3]) <= SQUARE * np.minimum(facts[:, 2], facts[:, 3])
    likely[0] = False  # the edges themselves
    for number in np.flatnonzero(likely):
        left, top, wide, high, area = facts[number]
        region = (labels[top : top + high, left : left + wide] == number).astype(np.uint8)
        outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        middle, sides, _ = cv2.minAreaRect(outlines[0])
        longer, shorter = max(sides) + 1, min(sides) + 1
        if longer <= SQUARE * shorter and area >= FULL * longer * shorter:
            yield left + middle[0], top + middle[1], float(np.sqrt(longer * shorter))


Cells = dict[tuple[int, int], int]  # of a lattice: cell → number of its region


def _lattices(centres: np.ndarray, sides: np.ndarray) -> list[Cells]:
    """Give the lattices of regions that may be half a chart or more, the largest first."""
    taken: set[int] = set()
    lattices = []
    for seed in range(len(centres)):
        cells = {} if seed in taken else _grown(seed, centres, sides)
        if len(cells) >= LEAST_CELLS:
            taken |= set(cells.values())
            lattices.append(cells)
    return sorted(lattices, key=len, reverse=True)


def _grown(seed: int, centres: np.ndarray, sides: np.ndarray) -> Cells:
    """Grow a lattice from a region to its neighbours; each tells its own neighbours where to look."""
    steps = _first_steps(seed, centres, sides)
    if steps is None:
        return {}
    cells, queue = {(0, 0): seed}, deque([((0, 0), steps)])
    while queue:
        cell, steps = queue.popleft()
        here = cells[cell]
        for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
            there = (cell[0] + sign * axis, cell[1] + sign * (1 - axis))
            if there in cells or max(map(abs, there)) >= 2 * COLUMNS:
                continue
            near = _nearest(centres[here] + sign * steps[axis], here, centres, sides, NEAR * _length(steps[axis]))
            if near is not None and near not in cells.values():
                cells[there] = near
                moved = steps.copy()
                moved[axis] = sign * (centres[near] - centres[here])
                queue.append((there, moved))
    return cells


def _first_steps(seed: int, centres: np.ndarray, sides: np.ndarray) -> np.ndarray | None:
    """Find the steps (2, 2) from a region to its neighbours along a row and down a column."""
    away = centres - centres[seed]
    far = np.hypot(*away.T) / sides[seed]
    like = (np.maximum(sides, sides[seed]) <= LIKE * np.minimum(sides, sides[seed])) & (far > 0.9) & (far < 2)
    near = np.flatnonzero(like)[np.argsort(far[like])]
    if not len(near):
        return None
    along = away[near[0]]
    for each in near[1:]:
        sine = (along[0] * away[each][1] - along[1] * away[each][0]) / _length(along) / _length(away[each])
        if abs(sine) > 0.8 and far[each] < LIKE * far[near[0]]:
            # Right-handed, as rows and columns of a picture: a chart is never mirrored.
            return np.array([along, np.sign(sine) * away[each]])
    return None


def _nearest(place: np.ndarray, like: int, centres: np.ndarray, sides: np.ndarray, reach: float) -> int | None:
    distance = np.hypot(*(centres - place).T)
    distance[np.maximum(sides, sides[like]) > LIKE * np.minimum(sides, sides[like])] = np.inf
    near = int(distance.argmin())
    return near if distance[near] <= reach else None


def _length(step: np.ndarray) -> float:
    return float(np.hypot(*step))


def _placed(cells: Cells, centres: np.ndarray, picture: np.ndarray) -> Chart | None:
    """Lay the chart on a lattice in every way that fits, and keep the one with the right colours."""
    where = np.array(list(cells))
    low, high = where.min(axis=0), where.max(axis=0)
    degree = 3 if len(cells) >= CUBIC_FROM else 2
    if min(high - low) < degree - 1:
        return None
    places = centres[list(cells.values())]
    weights, *_ = np.linalg.lstsq(_powers(where, degree), places, rcond=None)
    best: Chart | None = None
    for patches, turn in _layings(low, high):
        spots = _powers(patches, degree) @ weights
        if (spots < 2).any() or (spots > np.array(picture.shape[1::-1]) - 3).any():
            continue
        alike = _resemblance(picture, spots)
        if alike >= ALIKE and (best is None or alike > best.alike):
            offsets = INNER * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) @ turn
            corners = [_powers(patches + offset, degree) @ weights for offset in offsets]
            best = Chart(np.stack(corners, axis=1), alike)
    return best


def _powers(cells: np.ndarray, degree: int) -> np.ndarray:
    row, column = cells[:, 0] / COLUMNS, cells[:, 1] / COLUMNS
    return np.stack([row**i * column**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=-1)


def _layings(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the cells (24, 2) of the patches in each way to lay them, and the quarter turn (2, 2) of it."""
    patches = np.array([(row, column) for row in range(ROWS) for column in range(COLUMNS)])
    quarter = np.array([(0, 1), (-1, 0)])
    for turns in range(4):
        turn = np.linalg.matrix_power(quarter, turns)
        turned = patches @ turn
        turned = turned - turned.min(axis=0)
        ends = low, high - turned.max(axis=0)
        first, last = np.minimum(*ends), np.maximum(*ends)
        for offset in np.ndindex(*(last - first + 1)):
            yield turned + first + offset, turn


def _resemblance(picture: np.ndarray, spots: np.ndarray) -> float:
    """Correlate the colours at 24 spots with the chart's: -1 where one of L*, a*, b* differs too much.

    A light that was not balanced, and another exposure, shift and stretch Lab, which a correlation forgives.
    """
    across, down = np.rint(spots).astype(int).T
    around = [picture[down + i, across + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    lab = srgb_to_lab(np.mean(around, axis=0))
    if (lab.std(axis=0) < 1).any():
        return -1.0
    each = [float(np.corrcoef(lab[:, axis], NOMINAL[:, axis])[0, 1]) for axis in range(3)]
    return sum(each) / 3 if min(each) >= LEAST_ALIKE else -1.0
