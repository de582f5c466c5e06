"""The phone's exposure and tone: how bright the picture, how open the shadows, how steep the curve.

Linear sRGB in, linear sRGB of the display out. Levels are log2 of luminance.
"""

import cv2
import numpy as np

from crispnet.data.phone.noise import guided_line
from crispnet.data.phone.sight import LUMINANCE, Sight

GREY = 0.18
GAIN_STOPS = (-1.5, 5.0)
BASE_ROWS = 96  # rows of the picture in which local brightness is told from detail


def exposure_stops(sight: Sight) -> float:
    """Decide by how many stops to raise the raw: scene-referred, and less than an automatic light meter would."""
    key = np.log2(GREY) + 0.15
    key += 0.80 * sight.snow + 0.35 * sight.backlit + 0.25 * sight.skin
    key -= 1.40 * sight.night + 0.50 * sight.sunset + 0.30 * sight.tungsten + 0.15 * sight.sky
    stops = 0.92 * (key - sight.level)
    held = 0.1 - sight.highlight + 0.35 * sight.stops / 2  # highlights may burn a little, the more the wider the range
    stops -= 0.5 * max(stops - held, 0)
    return float(np.clip(stops, *GAIN_STOPS))


def map_tones(linear: np.ndarray, sight: Sight) -> np.ndarray:
    """Bring a scene to the display: exposure, local tone mapping, the curve; (h, w, 3) → (h, w, 3) in [0, 1]."""
    stops = exposure_stops(sight)
    exposed = np.maximum(linear, 0) * np.float32(2**stops)
    luminance = exposed @ LUMINANCE + np.float32(1e-5)
    gain = local_gain(np.log2(luminance), sight)
    return _curve(exposed * gain[..., None], sight, white=_white(sight.highlight + stops, sight))


def local_gain(levels: np.ndarray, sight: Sight) -> np.ndarray:
    """Find the factor for each place that opens shadows and holds highlights, but keeps detail (Durand 2002).

    What is bright and dark at large is told from detail by a guided filter at low resolution; how much of it is taken
    away follows the range of the scene.
    """
    rows = BASE_ROWS
    small = cv2.resize(levels, (max(levels.shape[1] * rows // levels.shape[0], 1), rows), interpolation=cv2.INTER_AREA)
    slope, intercept = guided_line(small, small, radius=rows // 10, epsilon=0.5)
    size = levels.shape[::-1]
    base = cv2.resize(slope, size) * levels + cv2.resize(intercept, size)
    offset = base - np.float32(np.log2(GREY))
    darker, brighter = np.minimum(offset, 0), np.maximum(offset, 0)
    # A shadow deeper than three stops is left to be black: opening it would show noise.
    lifted = -_shadows(sight) * np.tanh(darker / 3) * 3
    held = -_highlights(sight) * brighter
    crisp = (0.14 + 0.16 * _wide(sight)) * np.clip(levels - base, -2, 2)
    return np.exp2((lifted + held + crisp).astype(np.float32))


def _wide(sight: Sight) -> float:
    return float(np.clip((sight.stops - 3.0) / 5.0, 0, 1))


def _shadows(sight: Sight) -> float:
    """Decide which share of a shadow's depth is taken away."""
    return 0.10 + 0.44 * _wide(sight) + 0.15 * sight.backlit - 0.30 * sight.night - 0.05 * sight.snow


def _highlights(sight: Sight) -> float:
    """Decide which share of a highlight's height is taken away."""
    return 0.09 + 0.28 * _wide(sight) + 0.08 * sight.sky


def _white(highlight: float, sight: Sight) -> float:
    """Find the linear value that becomes white: a little above what 2 % of the mapped picture exceed."""
    above = max(highlight - np.log2(GREY), 0)
    reach = 2 ** (np.log2(GREY) + above * (1 - _highlights(sight)))
    return float(np.clip(1.35 * reach, 0.75, 6.0)) * (1 + 0.5 * sight.sunset + 0.6 * sight.night)


def _curve(linear: np.ndarray, sight: Sight, *, white: float) -> np.ndarray:
    """Apply the filmic curve, half on each colour (richer), half on the brightest (truer hues)."""
    contrast = 1.42 + 0.16 * sight.sky + 0.14 * sight.foliage + 0.20 * sight.sunset
    contrast += -0.14 * sight.skin - 0.14 * sight.backlit - 0.10 * sight.snow + 0.12 * sight.night
    each = _filmic(linear, contrast, white)
    brightest = linear.max(axis=2, keepdims=True) + np.float32(1e-6)
    together = linear * (_filmic(brightest, contrast, white) / brightest)
    return np.minimum(0.55 * each + 0.45 * together, 1)


def _filmic(linear: np.ndarray, contrast: float, white: float) -> np.ndarray:
    """Keep grey, compress shadows and highlights, bring ``white`` to 1 (Naka and Rushton 1966)."""
    grey, end = GREY**contrast, white**contrast
    knee = grey * (1 - GREY) / max(GREY - grey / end, 0.02)
    powered = np.power(linear, np.float32(contrast))
    return np.minimum(powered / (powered + np.float32(knee)) * np.float32((end + knee) / end), 1.2)
