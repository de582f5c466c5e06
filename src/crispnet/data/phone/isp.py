"""From a raw image to the phone's picture: the order of the steps."""

from dataclasses import dataclass

import cv2
import numpy as np

from crispnet.colour import XYZ_TO_SRGB, encode_srgb
from crispnet.data.phone.noise import denoise
from crispnet.data.phone.palette import preferred_white, tint
from crispnet.data.phone.sight import LUMINANCE, Sight, see
from crispnet.data.phone.tone import map_tones
from crispnet.look.demosaic import MARGIN, demosaic
from crispnet.look.highlights import recover_highlights
from crispnet.raw.bayer import PLANE_SITES, pack_linear, red_offset
from crispnet.raw.calibration import kelvin_of
from crispnet.raw.image import RawImage
from crispnet.raw.orientation import upright


@dataclass(frozen=True, eq=False)
class Rendering:
    """The phone's picture.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB, upright, of the raw's crop.
        sight: what the phone took the scene for.
    """

    pixels: np.ndarray
    sight: Sight


def render(raw: RawImage) -> Rendering:
    """Develop a raw image as the virtual phone does."""
    balanced = _demosaiced(raw)
    clean, sigma = denoise(balanced, raw.noise_profile, raw.white_balance)
    to_srgb = XYZ_TO_SRGB @ raw.balanced_to_xyz()
    linear = upright(clean, raw.orientation) @ to_srgb.T.astype(np.float32)
    kelvin = float(np.clip(kelvin_of(raw.calibrations, raw.white_balance), 2000, 12000))
    sight = see(linear, kelvin)
    linear = np.ascontiguousarray(linear) @ preferred_white(kelvin, sight).T.astype(np.float32)
    shown = encode_srgb(tint(map_tones(linear, sight), sight))
    return Rendering(np.round(_sharpened(shown, sigma) * 255).astype(np.uint8), sight)


def _demosaiced(raw: RawImage) -> np.ndarray:
    """Balance and demosaic: (h, w, 3) of the crop, in sensor orientation."""
    packed = pack_linear(raw)
    gains = raw.white_balance.astype(np.float32)
    balanced = packed * gains[:, None, None]
    recover_highlights(balanced, gains)
    colours = demosaic(np.pad(balanced, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="edge"))
    rgb = np.empty((2 * packed.shape[1], 2 * packed.shape[2], 3), np.float32)
    for (row, column), values in zip(PLANE_SITES, colours.swapaxes(0, 1), strict=True):
        rgb[row::2, column::2] = values.transpose(1, 2, 0)
    top, left = red_offset(raw.cfa)
    return rgb[raw.crop.top + top : raw.crop.bottom + top, raw.crop.left + left : raw.crop.right + left]


def _sharpened(encoded: np.ndarray, sigma: float) -> np.ndarray:
    """Sharpen the luma of an encoded picture, less where there is noise, and not beyond the range around."""
    luma = encoded @ LUMINANCE
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 1.1)
    amount = np.float32(0.75 / (1 + (sigma / 0.02) ** 2))
    return np.clip(encoded + (amount * np.clip(detail, -0.12, 0.12))[..., None], 0, 1)
