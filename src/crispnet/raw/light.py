"""A light as photographers set it: a temperature, and a tint that leaves the temperature as it is.

Tint goes along lines of one correlated colour temperature, from where the house's locus of lights (``colour``) crosses
them, and has the unit of other raw developers: 1/3000 of a distance in CIE 1960 uv. Above 0 the light is greener than
the locus, so the picture, which makes it neutral, turns towards magenta.
"""

from typing import NamedTuple

import numpy as np

from crispnet.colour import kelvin_to_xy, xy_to_kelvin
from crispnet.raw.calibration import SRGB_CAMERA, Calibration, light_of, neutral_of

TINT_RANGE = (-100.0, 100.0)
TINTS = 3000.0  # in a distance of 1
STEP = 1e-5  # of uv, to tell where temperature changes
TOLD_APART = (1700.0, 24000.0)  # kelvin; beyond, all lights are said to have the last one


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
    (array([0.3127, 0.3291]), array([0.3102, 0.3469]))
    """
    place, across = _locus(light.kelvin)
    return _xy(place + across * light.tint / TINTS)


def light_at(xy: np.ndarray) -> Light:
    """Find the light of a chromaticity (2,): the inverse of ``light_xy``.

    >>> [round(value, 1) for value in light_at(light_xy(Light(6504, -20)))]
    [6502.0, -20.0]
    """
    kelvin = float(xy_to_kelvin(xy))
    place, across = _locus(kelvin)
    return Light(kelvin, float(np.clip((_uv(xy) - place) @ across * TINTS, *TINT_RANGE)))


def _locus(kelvin: float) -> tuple[np.ndarray, np.ndarray]:
    """Give a place on the locus in uv, and the direction, towards green, in which the temperature stays the same."""
    near = _uv(kelvin_to_xy(np.clip(kelvin, *TOLD_APART)))
    mired = [[1e6 / float(xy_to_kelvin(_xy(near + STEP * sign * axis))) for sign in (-1, 1)] for axis in np.eye(2)]
    warmer = np.array([after - before for before, after in mired])
    across = np.array([-warmer[1], warmer[0]]) / np.hypot(*warmer)
    return _uv(kelvin_to_xy(kelvin)), across if across[1] > 0 else -across


def _uv(xy: np.ndarray) -> np.ndarray:
    return np.array([4 * xy[0], 6 * xy[1]]) / (3 - 2 * xy[0] + 12 * xy[1])


def _xy(uv: np.ndarray) -> np.ndarray:
    return np.array([3 * uv[0], 2 * uv[1]]) / (2 * uv[0] - 8 * uv[1] + 4)
