"""What kind of scene is it? The phone's rough look at the whole photograph, before it decides anything.

Hand-made features, as phones had them before networks: shares of the picture in the hues of sky, leaves and skin, how
far the light reaches, whether the middle lies in the shade. Each is a weight from 0 to 1 that changes smoothly.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from crispnet.colour import encode_srgb, srgb_to_lab

SIGHT = (72, 96)  # rows, columns of what it looks at
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB
DARKEST = 1e-5


@dataclass(frozen=True, eq=False)
class Sight:
    """What the phone sees.

    Attributes:
        level: log2 of the centre-weighted geometric mean luminance; 0 = what just clips.
        highlight: log2 of the luminance that 2 % of the picture exceed.
        stops: range of light, between the luminances that 2 % and 95 % of the picture exceed, in stops.
        sky, foliage, skin, snow, night, sunset, tungsten, backlit: how surely it is such a scene, 0 to 1.
        sky_map: (72, 96) how surely each place is sky.
    """

    level: float
    highlight: float
    stops: float
    sky: float
    foliage: float
    skin: float
    snow: float
    night: float
    sunset: float
    tungsten: float
    backlit: float
    sky_map: np.ndarray

    @property
    def kind(self) -> str:
        """The scene type in a word, for reports: the surest of them, or "plain"."""
        names = ("night", "sunset", "tungsten", "backlit", "snow", "skin", "sky", "foliage")
        surest = max(names, key=lambda name: getattr(self, name))
        return surest if getattr(self, surest) > 0.5 else "plain"


def see(linear: np.ndarray, kelvin: float) -> Sight:
    """Look at an upright photograph, (h, w, 3) linear sRGB of any size, taken in light of ``kelvin``."""
    small = np.maximum(cv2.resize(linear, SIGHT[::-1], interpolation=cv2.INTER_AREA), 0)
    luminance = small @ LUMINANCE + np.float32(DARKEST)
    logs = np.log2(luminance)
    level = float((logs * _centre_weights()).sum())
    dark, highlight = np.percentile(logs, (5, 98))
    # Seen as the eye would: exposed so that the mean is a middle grey.
    lab = srgb_to_lab(np.clip(encode_srgb(small * 0.2 / 2**level), 0, 1))
    sky_map, leaves, flesh, white = _sky(lab), _foliage(lab), _skin(lab), _snow(lab)
    stops = float(highlight - dark)
    low_key = level - highlight
    return Sight(
        level=level,
        highlight=float(highlight),
        stops=stops,
        sky=_surely(sky_map.mean(), 0.06, 0.30),
        foliage=_surely(leaves.mean(), 0.08, 0.35),
        skin=_surely(flesh.mean(), 0.10, 0.40),
        snow=_surely(white.mean(), 0.15, 0.50),
        night=_surely(-low_key, 4.0, 6.5),
        sunset=_surely(_sunset(lab).mean(), 0.05, 0.25),
        tungsten=_surely(-kelvin, -4200, -2900),
        backlit=_surely(_border(logs) - _middle(logs), 0.8, 2.5),
        sky_map=sky_map.astype(np.float32),
    )


def _surely(value: float, none: float, full: float) -> float:
    """Rise smoothly from 0 at ``none`` to 1 at ``full``."""
    share = float(np.clip((value - none) / (full - none), 0, 1))
    return share * share * (3 - 2 * share)


def window(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Weigh values by how near they are to a centre: 1 there, 1/2 at ``width``, smoothly to 0."""
    return np.float32(1) / (np.float32(1) + ((values - np.float32(centre)) / np.float32(width)) ** 4)


def _hue_and_chroma(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360, np.hypot(lab[..., 1], lab[..., 2])


def _over(values: np.ndarray, middle: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(values - middle) / width))


def _sky(lab: np.ndarray) -> np.ndarray:
    hue, chroma = _hue_and_chroma(lab)
    blue = window(hue, 262, 34) * _over(chroma, 10, 3) * _over(lab[..., 0], 42, 6)
    detail = cv2.blur(np.abs(cv2.Laplacian(lab[..., 0], cv2.CV_64F)), (5, 5))
    height = np.linspace(1, 0, SIGHT[0])[:, None]
    return cv2.GaussianBlur(blue * _over(-detail, -6, 2) * _over(height, 0.35, 0.12), (0, 0), 1.5)


def _foliage(lab: np.ndarray) -> np.ndarray:
    hue, chroma = _hue_and_chroma(lab)
    return window(hue, 122, 28) * _over(chroma, 14, 4)


def _skin(lab: np.ndarray) -> np.ndarray:
    hue, chroma = _hue_and_chroma(lab)
    return window(hue, 52, 18) * window(chroma, 26, 16) * window(lab[..., 0], 62, 24)


def _snow(lab: np.ndarray) -> np.ndarray:
    _, chroma = _hue_and_chroma(lab)
    return _over(-chroma, -9, 2) * _over(lab[..., 0], 62, 5)


def _sunset(lab: np.ndarray) -> np.ndarray:
    hue, chroma = _hue_and_chroma(lab)
    return window(hue, 55, 25) * _over(chroma, 45, 6) * _over(lab[..., 0], 50, 8)


def _centre_weights() -> np.ndarray:
    rows, columns = (np.linspace(-1, 1, length) for length in SIGHT)
    weights = 0.35 + np.exp(-2 * (rows[:, None] ** 2 + columns**2))
    return weights / weights.sum()


def _middle(logs: np.ndarray) -> float:
    rows, columns = SIGHT
    return float(logs[rows // 3 : -rows // 6, columns // 4 : -columns // 4].mean())


def _border(logs: np.ndarray) -> float:
    rows, columns = SIGHT
    top = logs[: rows // 4].ravel()
    sides = logs[rows // 4 : rows * 3 // 4, np.r_[: columns // 6, columns - columns // 6 : columns]].ravel()
    return float(np.concatenate([top, sides]).mean())
