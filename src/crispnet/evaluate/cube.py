"""The table of colours that comes nearest to a look: what of it depends neither on the scene nor on the place.

    plain renderings ─── exposures evened out ──┬─ matrix and curves ─→ the trend ─┐
    the look's own renderings of the same raws ─┴───────────────────→ a lattice drawn to the trend → the table

A look chooses an exposure for every scene, and no table can. So each plain rendering is first made as light as the look
makes it, but for what they are all lighter or darker by, which the table does. Else one brightness would stand for
another in every raw, and the table's greys would fold back on themselves. The trend says what becomes of colours that
none of the raws shows. What a table then cannot do is measured on raws that it was not fitted to (``measure``).

A table **folds** where more of a primary gives less of it, or where a lighter grey comes out darker. There it is drawn
to the trend, which does not fold, until it does not either.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from crispnet.colour import decode_srgb, delta_e_76, srgb_to_lab
from crispnet.evaluate.controls import MatrixCurve
from crispnet.evaluate.lattice import NormalEquations
from crispnet.evaluate.samples import Samples
from crispnet.evaluate.tone import KNOTS, fit_tone
from crispnet.look.trilinear import identity, interpolate, resampled

SIZE = 33
FINEST = 0.04  # the shortest length, in the cube, over which a table bends
REACH = 0.15  # how far from the nearest known colour the table is back at the trend
SOLVER_STEPS = 100
TREND_BEND = (0.03 * (KNOTS - 1)) ** 4  # for curves that bend over such a length
TREND_SAMPLES = 60_000  # a trend has few numbers
MOST_PARTS = 10  # that are held out in turn
TOLERATED = 1e-5  # by which a ramp may turn back: rounding
GREY_STEPS = 16  # within a cell, at which greys are looked at
ROUNDS, WIDTH = 24, 3  # of unfolding; nodes about a fold that are drawn to the trend
EXPOSURE_STEPS = (0.8, 0.4, 0.2, 0.1)  # EV, by which an exposure is sought
EXPOSURE_ROUNDS = 3  # of exposures and trend in turn
FEW_PIXELS = 10_000  # of each raw, where not all are needed


@dataclass(frozen=True, eq=False)
class Sitting:
    """One raw, rendered plainly and with a look, pixel by pixel.

    Attributes:
        look: (m, 3) sRGB in [0, 1].
        plain: renders the same pixels plainly, so many EV lighter: (m, 3) sRGB in [0, 1].
        exposure: EV at which the plain rendering is compared.
    """

    look: np.ndarray
    plain: Callable[[float], np.ndarray]
    exposure: float = 0.0


class Likeness(NamedTuple):
    """How near something comes to the look on one raw, in mean ΔE76.

    Attributes:
        plain: of the plain rendering as it is.
        table: of the table applied to it.
        exposed: of the table applied to the plain rendering at the exposure that suits it best.
        exposure: that exposure, in EV.
    """

    plain: float
    table: float
    exposed: float
    exposure: float


class _Part(NamedTuple):
    """Some colours of sittings, and what all of them say of a lattice."""

    plain: np.ndarray
    look: np.ndarray
    equations: NormalEquations


def fit_table(sittings: Sequence[Sitting], *, size: int = SIZE) -> np.ndarray:
    """Fit a table (size, size, size, 3) float32 in [0, 1] to sittings whose exposures were ``evened``."""
    return _fitted([_part(sittings, min(size, SIZE))], size)


def measure(sittings: Sequence[Sitting], table: np.ndarray) -> list[Likeness]:
    """Measure on each raw how near a table comes to the look."""
    return [_likeness(sitting, table) for sitting in sittings]


def measure_held_out(sittings: Sequence[Sitting], *, size: int = SIZE) -> list[Likeness]:
    """Measure on each raw how near a table comes that was fitted without it; nothing for a single raw.

    Up to ten raws are held out one by one; more in ten parts. The sittings' exposures were ``evened``.
    """
    count = min(len(sittings), MOST_PARTS)
    if count < 2:
        return []
    groups = [sittings[number::count] for number in range(count)]
    parts = [_part(group, min(size, SIZE)) for group in groups]
    tables = [_fitted(parts[:number] + parts[number + 1 :], size) for number in range(count)]
    found = [measure(group, table) for group, table in zip(groups, tables, strict=True)]
    return [found[number % count][number // count] for number in range(len(sittings))]


def explained(before: float, after: float) -> float | None:
    """Give the share of a distance that is gone; below 0 it has grown; None where there was hardly any.

    >>> explained(10.0, 2.5), explained(0.01, 0.0)
    (0.75, None)
    """
    return 1 - after / before if before > 0.05 else None


def evened(sittings: Sequence[Sitting]) -> list[Sitting]:
    """Make plain renderings as light as the look's, but for what they are all lighter or darker by."""
    sittings = [replace(sitting, exposure=0.0) for sitting in sittings]
    steps: Sequence[float] = EXPOSURE_STEPS
    for _ in range(EXPOSURE_ROUNDS if len(sittings) > 1 else 0):
        some = [_thinned(sitting.plain(sitting.exposure), sitting.look) for sitting in sittings]
        trend = _trend(*_joined(some), SIZE)
        found = [_best_exposure(sitting, trend, steps) for sitting in sittings]
        common = sum(found) / len(found)
        sittings = [replace(each, exposure=own - common) for each, own in zip(sittings, found, strict=True)]
        steps = EXPOSURE_STEPS[-2:]
    return sittings


def mean_delta_e(colours: np.ndarray, others: np.ndarray) -> float:
    """Give the mean ΔE76 of sRGB-encoded colours (..., 3)."""
    return float(np.mean(delta_e_76(srgb_to_lab(colours), srgb_to_lab(others))))


def folds(nodes: np.ndarray) -> np.ndarray:
    """Tell at which nodes (n, n, n) a table turns back: along a primary in that primary, or along the greys in any."""
    folded = np.zeros(nodes.shape[:3], bool)
    for axis in range(3):
        back = np.moveaxis(np.diff(nodes[..., axis], axis=axis) < -TOLERATED, axis, 0)
        along = np.moveaxis(folded, axis, 0)
        along[1:] |= back
        along[:-1] |= back
    # Between nodes, too: along the greys, a trilinear table depends on the coloured corners of its cells.
    ramp = interpolate(nodes, np.linspace(0, 1, GREY_STEPS * (len(nodes) - 1) + 1)[:, None] * np.ones(3))
    cells = (np.diff(ramp, axis=0) < -TOLERATED).reshape(len(nodes) - 1, -1).any(axis=1)
    for node in np.flatnonzero(cells):
        folded[node, node, node] = folded[node + 1, node + 1, node + 1] = True
    return folded


def _likeness(sitting: Sitting, table: np.ndarray) -> Likeness:
    plain, exposure = sitting.plain(0.0), _best_exposure(sitting, table, EXPOSURE_STEPS)
    left, exposed = (
        mean_delta_e(interpolate(table, colours), sitting.look) for colours in (plain, sitting.plain(exposure))
    )
    if left <= exposed:
        exposed, exposure = left, 0.0
    return Likeness(mean_delta_e(plain, sitting.look), left, exposed, exposure)


def _best_exposure(sitting: Sitting, table: np.ndarray, steps: Sequence[float]) -> float:
    """Find the exposure at which a table comes nearest to the look, by smaller and smaller steps."""
    known: dict[float, float] = {}

    def left(exposure: float) -> float:
        if exposure not in known:
            plain, look = _thinned(sitting.plain(exposure), sitting.look)
            known[exposure] = mean_delta_e(interpolate(table, plain), look)
        return known[exposure]

    best = sitting.exposure
    for step in steps:
        best = min((best, best - step, best + step), key=left)
    return best


def _part(sittings: Sequence[Sitting], size: int) -> _Part:
    equations = NormalEquations(size)
    some = []
    for sitting in sittings:
        plain = sitting.plain(sitting.exposure)
        equations.add(plain, sitting.look)
        some.append(_thinned(plain, sitting.look))
    return _Part(*_joined(some), equations)


def _thinned(plain: np.ndarray, look: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    every = max(1, len(look) // FEW_PIXELS)
    return plain[::every], look[::every]


def _joined(some: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([plain for plain, _ in some]), np.concatenate([look for _, look in some])


def _fitted(parts: Sequence[_Part], size: int) -> np.ndarray:
    equations = NormalEquations.joined(part.equations for part in parts)
    trend = _trend(*_joined([(part.plain, part.look) for part in parts]), equations.size)
    stiffness, drawn = (FINEST * (equations.size - 1)) ** 4, (FINEST / REACH) ** 4
    nodes = equations.solve(trend, stiffness=stiffness, drawn=drawn, steps=SOLVER_STEPS)
    return resampled(_unfolded(np.clip(nodes, 0, 1), trend), size)


def _unfolded(nodes: np.ndarray, trend: np.ndarray) -> np.ndarray:
    """Draw a table to its trend about its folds, a little more each time, until none is left."""
    kept = np.ones(nodes.shape[:3])
    for _ in range(ROUNDS):
        mixed = trend + kept[..., None] * (nodes - trend)
        folded = folds(mixed)
        if not folded.any():
            return mixed
        kept *= 1 - 0.5 * _widened(folded)
    return trend


def _widened(folded: np.ndarray) -> np.ndarray:
    """Turn marks (n, n, n) into weights in [0, 1] that are 1 about them and fall off smoothly."""
    weights = folded.astype(np.float64)
    for turn in range(2 * WIDTH):
        for axis in range(3):
            ahead, behind = (np.concatenate(parts, axis) for parts in _neighbours(weights, axis))
            mean = (ahead + 2 * weights + behind) / 4
            weights = np.maximum(np.maximum(ahead, behind), weights) if turn < WIDTH else mean
    return weights


def _neighbours(weights: np.ndarray, axis: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    first, rest = np.split(weights, [1], axis)
    others, last = np.split(weights, [-1], axis)
    return (rest, last), (first, others)


def _trend(plain: np.ndarray, look: np.ndarray, size: int) -> np.ndarray:
    """Fit matrix and curves, as a table; curves alone where that folds, as with raws that show hardly any colour."""
    some = slice(None, None, max(1, len(plain) // TREND_SAMPLES))
    samples = Samples(decode_srgb(plain[some].astype(np.float64)), look[some])
    places = decode_srgb(identity(size))
    nodes = MatrixCurve.fit_samples(samples, balanced=True, start=np.eye(3), bend=TREND_BEND).colours(places)
    if not folds(nodes).any():
        return nodes
    weights, channels = np.ones(len(samples.camera)), zip(samples.camera.T, samples.target.T, strict=True)
    tones = [fit_tone(own, wanted, weights=weights, bend=TREND_BEND) for own, wanted in channels]
    return np.stack([tone(places[..., channel]) for channel, tone in enumerate(tones)], axis=-1).clip(0, 1)
