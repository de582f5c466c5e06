"""A light as photographers set it: a temperature along the locus of black bodies and daylight, a tint across it.

Tint has the unit of other raw developers: 1/3000 of a distance in CIE 1960 uv. Above 0 the light is greener than the
locus, so the picture, which makes it neutral, turns towards magenta.
"""

from typing import NamedTuple

import numpy as np

from crispnet.colour import KELVIN_RANGE, kelvin_to_xy, xy_to_kelvin
from crispnet.raw.calibration import SRGB_CAMERA, Calibration, light_of, neutral_of

TINT_RANGE = (-100.0, 100.0)
TINTS = 3000.0  # in a distance of 1
STEP = 0.5  # mired, to tell the direction of the locus by
ROUNDS = 20


class Light(NamedTuple):
    """A light: kelvin, and tint."""

    kelvin: float
    tint: float = 0.0


def multipliers_for(calibrations: tuple[Calibration, ...], light: Light) -> np.ndarray:
    """Give the four multipliers R, G, B, G that make a light neutral; of tint 0, ``calibration.white_balance_at``."""
    neutral = neutral_of(calibrations or (SRGB_CAMERA,), light_xy(light))
    return (1 / neutral)[[0, 1, 2, 1]]


def light_for(calibrations: tuple[Calibration, ...], white_balance: np.ndarray) -> Light:
    """Give the light that a white balance makes neutral; what lies beyond the ranges is brought to their ends."""
    return light_at(light_of(calibrations or (SRGB_CAMERA,), 1 / white_balance[:3]))


def light_xy(light: Light) -> np.ndarray:
    """Find the chromaticity (2,) of a light.

    >>> light_xy(Light(6504, 0)).round(4), light_xy(Light(6504, 30)).round(4)
    (array([0.3127, 0.3291]), array([0.3101, 0.3467]))
    """
    place, _, across = _locus(1e6 / light.kelvin)
    return _xy(place + across * light.tint / TINTS)


def light_at(xy: np.ndarray) -> Light:
    """Find the light of a chromaticity (2,): the inverse of ``light_xy``.

    >>> [round(value, 2) for value in light_at(light_xy(Light(4300, -20)))]
    [4300.0, -20.0]
    """
    coolest, warmest = (1e6 / kelvin for kelvin in reversed(KELVIN_RANGE))
    wanted, mired, tint = _uv(np.asarray(xy)), 1e6 / float(xy_to_kelvin(xy)), 0.0
    for _ in range(ROUNDS):
        place, along, across = _locus(mired)
        tint = float((wanted - place) @ across) * TINTS
        mired = float(np.clip(mired + (wanted - place) @ along / (along @ along), coolest, warmest))
    return Light(1e6 / mired, float(np.clip(tint, *TINT_RANGE)))


def _locus(mired: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a place on the locus in uv, how it moves there per mired, and the direction across it, towards green."""
    coolest, warmest = (1e6 / kelvin for kelvin in reversed(KELVIN_RANGE))
    ends = np.clip([mired - STEP, mired + STEP], coolest, warmest)
    before, after = (_uv(kelvin_to_xy(1e6 / end)) for end in ends)
    along = (after - before) / (ends[1] - ends[0])
    return _uv(kelvin_to_xy(1e6 / mired)), along, np.array([-along[1], along[0]]) / np.hypot(*along)


def _uv(xy: np.ndarray) -> np.ndarray:
    return np.array([4 * xy[0], 6 * xy[1]]) / (3 - 2 * xy[0] + 12 * xy[1])


def _xy(uv: np.ndarray) -> np.ndarray:
    return np.array([3 * uv[0], 2 * uv[1]]) / (2 * uv[0] - 8 * uv[1] + 4)
