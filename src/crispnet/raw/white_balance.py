"""The light of the photograph, where the file does not say or cannot be right.

Four multipliers for R, G, B, G make a neutral grey; green is 1 and both greens are equal.
"""

import numpy as np

from crispnet.raw.calibration import Calibration, white_balance_at

LIKELIEST = np.array([2.0, 1.0, 1.6, 1.0])  # daylight on a typical sensor: for a frame that shows nothing
BEYOND_BELIEF = 20.0  # no sensor needs one colour multiplied this much more than another
FEWEST_LIT = 100  # values of a thumbnail that are neither black nor clipped, to tell a light from
KELVINS = 1e6 / np.linspace(1e6 / 2500, 1e6 / 10000, 61)  # lights under which people photograph


def green_one(red: float, green: float, blue: float) -> np.ndarray | None:
    """Normalise multipliers to green = 1, green copied to the second green; None if they cannot be right.

    LibRaw reports -1 or 0 for what a file does not hold, and scales as each maker does.
    """
    values = np.array([red, green, blue, green], np.float64)
    if not np.isfinite(values).all() or values.min() <= 0 or values.max() > BEYOND_BELIEF * values.min():
        return None
    return values / green


def from_neutral(neutral: np.ndarray) -> np.ndarray | None:
    """Turn the camera's R, G, B of a neutral (DNG AsShotNeutral) into multipliers; None if they cannot be right."""
    with np.errstate(divide="ignore", over="ignore"):
        return green_one(*(1 / neutral))


def estimate(thumbnail: np.ndarray, calibrations: tuple[Calibration, ...]) -> tuple[np.ndarray, str]:
    """Guess the multipliers from the photograph itself, and say in words how.

    Takes the Minkowski mean of order 6 of what is neither black nor clipped ("shades of grey", Finlayson and Trezzi
    2004) for a neutral, and, where the camera's colour is known, the light between 2500 and 10000 K that comes
    nearest to it, so that a green lawn does not turn grey.

    Args:
        thumbnail: (3, h, w) linear, unbalanced, 1 = white level.
        calibrations: the camera's colour, or nothing.
    """
    lit = (thumbnail.max(axis=0) < 0.95) & (thumbnail.min(axis=0) > 0.002)
    if lit.sum() < FEWEST_LIT:
        daylight = white_balance_at(calibrations, 5500) if calibrations else LIKELIEST
        return daylight, "taken for daylight, because the photograph is all black or all white"
    red, green, blue = (np.mean(thumbnail[:, lit].astype(np.float64) ** 6, axis=1)) ** (1 / 6)
    grey = np.array([green / red, 1, green / blue, 1])
    if calibrations:
        lights = np.array([white_balance_at(calibrations, kelvin) for kelvin in KELVINS])
        return lights[np.abs(np.log(lights / grey)).sum(axis=1).argmin()], "estimated from the photograph"
    return np.clip(grey, 0.5, 4), "estimated from the photograph"
