"""The phone's palette: the colours that people like to remember.

White-balance preference before the curve, on linear sRGB; saturation and memory colours after it, in Oklab
(Ottosson 2020), where lightness, chroma and hue can be turned one by one.
"""

import cv2
import numpy as np

from crispnet.colour import D65_XY, SRGB_TO_XYZ, XYZ_TO_SRGB, adaptation, kelvin_to_xy, xy_to_xyz
from crispnet.data.phone.sight import Sight, window

DAYLIGHT_MIREDS = 1e6 / 6500
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
FROM_CONES, FROM_OKLAB = np.linalg.inv(TO_CONES), np.linalg.inv(TO_OKLAB)


def preferred_white(kelvin: float, sight: Sight) -> np.ndarray:
    """Make the 3x3, on linear sRGB, by which the phone leaves some of the light's colour in the picture.

    Candles stay warm, shade is warmed a little, sunsets more, snow keeps a breath of blue.
    """
    mireds = 1e6 / kelvin - DAYLIGHT_MIREDS
    kept = 0.20 * max(mireds, 0) + 0.05 * min(mireds, 0)
    warmth = kept + 3 + 22 * sight.sunset + 7 * sight.skin - 9 * sight.snow + 10 * sight.night - 5 * sight.sky
    target = xy_to_xyz(kelvin_to_xy(1e6 / (DAYLIGHT_MIREDS + warmth)))
    return XYZ_TO_SRGB @ adaptation(xy_to_xyz(np.array(D65_XY)), target) @ SRGB_TO_XYZ


def tint(shown: np.ndarray, sight: Sight) -> np.ndarray:
    """Give a displayed picture, (h, w, 3) linear sRGB in [0, 1], upright, the phone's colours."""
    lab = to_oklab(shown)
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma = np.sqrt(a * a + b * b) + np.float32(1e-6)
    hue = cv2.phase(a, b, angleInDegrees=True)
    richer, turned, lighter = _memory_colours(hue, chroma, lightness, sight)
    richer += _saturation(chroma, lightness, sight)
    angle = np.radians(turned)
    cosine, sine = np.cos(angle), np.sin(angle)
    factor = np.maximum(1 + richer, 0) * _fading(lightness)
    reach = np.float32(0.30)  # beyond, chroma is held back, or flowers would turn into flat blots
    factor *= 1 / np.sqrt(1 + np.square(np.maximum(factor * chroma - np.float32(0.18), 0) / reach))
    out = np.stack([lightness + lighter, factor * (a * cosine - b * sine), factor * (a * sine + b * cosine)], axis=2)
    return np.clip(from_oklab(out), 0, 1)


def _saturation(chroma: np.ndarray, lightness: np.ndarray, sight: Sight) -> np.ndarray:
    """Decide how much richer every colour becomes: pale ones more than strong ones, by the kind of scene."""
    richness = 0.13 + 0.16 * sight.sky + 0.12 * sight.foliage + 0.22 * sight.sunset
    richness -= 0.16 * sight.skin + 0.24 * sight.night + 0.12 * sight.snow + 0.10 * sight.tungsten
    paleness = np.exp(-chroma / np.float32(0.12))
    noisy = np.exp(-lightness / np.float32(0.16))  # dark colours are mostly noise
    return np.float32(richness) * (0.5 + paleness) - np.float32(0.45) * noisy


def _memory_colours(
    hue: np.ndarray, chroma: np.ndarray, lightness: np.ndarray, sight: Sight
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move sky, leaves, skin and warm lights to where memory has them: richer by, turned by degrees, lighter by."""
    strong = np.minimum(chroma / np.float32(0.05), 1)
    size = hue.shape[::-1]
    heaven = cv2.resize(sight.sky_map, size) * window(hue, 250, 40) * strong
    leaves = window(hue, 128, 26) * strong * np.float32(0.35 + 0.65 * sight.foliage)
    flesh = window(hue, 55, 20) * strong * window(lightness, 0.68, 0.25) * np.float32(0.25 + 0.75 * sight.skin)
    embers = window(hue, 62, 24) * strong * np.float32(sight.sunset)
    water = window(hue, 215, 22) * strong * (1 - heaven)
    richer = 0.38 * heaven + 0.22 * leaves - 0.14 * flesh + 0.22 * embers + 0.10 * water
    turned = (
        7.0 * heaven - np.clip(hue - 118, -9, 9) * leaves * np.float32(0.7) - np.clip(hue - 54, -8, 8) * flesh * 0.6
    )
    lighter = -0.055 * heaven - 0.016 * leaves + 0.028 * flesh - 0.020 * embers
    return richer.astype(np.float32), turned.astype(np.float32), lighter.astype(np.float32)


def _fading(lightness: np.ndarray) -> np.ndarray:
    """Let the brightest places lose their colour, as film does."""
    share = np.clip((lightness - np.float32(0.90)) / np.float32(0.12), 0, 1)
    return 1 - np.float32(0.75) * share * share * (3 - 2 * share)


def to_oklab(linear: np.ndarray) -> np.ndarray:
    """Convert (..., 3) linear sRGB, not below 0, to Oklab."""
    return np.cbrt(np.maximum(linear, 0) @ TO_CONES.T) @ TO_OKLAB.T


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """Convert (..., 3) Oklab to linear sRGB."""
    roots = lab @ FROM_OKLAB.T
    return (roots * roots * roots) @ FROM_CONES.T
