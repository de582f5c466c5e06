"""How sure a mean is: intervals by the bootstrap, over scenes.

Captures of one scene are not independent of each other, so scenes are drawn and not captures: each draw takes as many
scenes as there are, with replacement, and every capture of a scene that it takes. Intervals are percentiles of the
means of the draws (Efron and Tibshirani 1993, chapter 13).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DRAWS = 4000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and where it would lie, nineteen times in twenty, if other scenes of this kind had been photographed."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float], scenes: Sequence[str], *, seed: int = 0) -> Interval:
    """Give the mean of some values, each of a capture of one of the ``scenes``, and its 95 % interval.

    Each value weighs the same, so that the mean is that of the captures. A single scene says nothing of others:
    its interval is not a number. Raises ValueError where there are no values, or not a scene for each.
    """
    if len(values) == 0 or len(values) != len(scenes):
        raise ValueError(f"expected at least one value and a scene for each, got {len(values)} and {len(scenes)}")
    _, scene_of = np.unique(np.asarray(scenes), return_inverse=True)
    counts = np.bincount(scene_of)
    mean = float(np.mean(values))
    if len(counts) == 1 or not np.isfinite(mean):
        return Interval(mean, float("nan"), float("nan"))
    sums = np.bincount(scene_of, weights=np.asarray(values, np.float64))
    drawn = np.random.default_rng(seed).integers(len(counts), size=(DRAWS, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(mean, float(low), float(high))
