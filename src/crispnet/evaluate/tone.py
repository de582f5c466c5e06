"""A monotone curve from linear values to sRGB, fitted to scattered samples."""

from dataclasses import dataclass

import numpy as np

from crispnet.colour import encode_srgb

KNOTS = 64
BEND = 1e-4


@dataclass(frozen=True, eq=False)
class Tone:
    """A monotone curve from linear values to sRGB.

    Attributes:
        places: (k,) where it is known, sRGB-encoded, so that shadows are finely divided; rising.
        values: (k,) sRGB there; never falling.
    """

    places: np.ndarray
    values: np.ndarray

    def __call__(self, linear: np.ndarray) -> np.ndarray:
        """Bring linear values of any shape to sRGB; beyond its ends the curve is flat."""
        return np.interp(encode_srgb(linear), self.places, self.values)

    def slope(self, linear: np.ndarray) -> np.ndarray:
        """Give how much sRGB changes for a small change of the linear value."""
        step = 1e-3 * np.maximum(np.abs(linear), 1e-2)
        return (self(linear + step) - self(linear - step)) / (2 * step)


def fit_tone(linear: np.ndarray, target: np.ndarray, *, weights: np.ndarray, bend: float = BEND) -> Tone:
    """Fit a curve to samples (n,) by regularised least squares, and make it monotone.

    It spans [0, 1] at least; where no sample lies, it goes straight on.

    Args:
        linear: values.
        target: sRGB wanted there.
        weights: of the samples.
        bend: weight of one second difference of the curve's 64 values against the samples of an average one.
    """
    encoded = encode_srgb(linear)
    low = min(float(encoded.min()), 0.0)
    places = np.linspace(low, max(float(encoded.max()), 1.0), KNOTS)
    scaled = (encoded - low) / (places[-1] - low) * (KNOTS - 1)
    knot = np.minimum(scaled.astype(int), KNOTS - 2)
    share = scaled - knot
    share_of = ((knot, 1 - share), (knot + 1, share))
    matrix, wanted = np.zeros((KNOTS, KNOTS)), np.zeros(KNOTS)
    for here, mine in share_of:
        wanted += np.bincount(here, weights * mine * target, minlength=KNOTS)
        for there, other in share_of:
            met = np.bincount(here * KNOTS + there, weights * mine * other, minlength=KNOTS**2)
            matrix += met.reshape(KNOTS, KNOTS)
    bends = np.diff(np.eye(KNOTS), 2, axis=0)
    values = np.linalg.solve(matrix + bend * weights.sum() / KNOTS * (bends.T @ bends) + 1e-12 * np.eye(KNOTS), wanted)
    return Tone(places, _monotone(values, np.diag(matrix) + 1e-9))


def _monotone(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Find the never falling values that are nearest in weighted least squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, count = value, weight, 1
        while pools and pools[-1][0] > mean:
            before, weight_before, count_before = pools.pop()
            mean = (before * weight_before + mean * total) / (weight_before + total)
            total, count = total + weight_before, count + count_before
        pools.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
