"""What a lens and a sensor do to light on its way to counts.

Notation: ``seen`` is (h, w, 3) float32, linear camera R, G and B, 1 where the sensor saturates.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from crispnet.colour import D50_XY, kelvin_to_xy, xy_to_xyz
from crispnet.data.spectra import ILLUMINANT_A, ILLUMINANT_D65, blackbody, daylight, reflectances, xyz_weights
from crispnet.raw.calibration import Calibration

MIDDLE = 0.12  # of white: where the meter puts the mean of log luminance
MOST_CLIPPED = 0.02  # share of the picture that the meter lets saturate
LUMINANCE = np.array([0.25, 0.5, 0.25], np.float32)  # of balanced values, as a mosaic weighs them
DARKEST = 1e-3  # of mean luminance: what counts as black to the meter
SHOT_NOISE_PER_ISO = 2.4e-6  # of a phone; the same light on larger photosites is less noisy
LARGER_PHOTOSITES = 6
WHITE_WEIGHT = 100.0  # of white against one of the 190 surfaces


def through_lens(
    seen: np.ndarray, *, blur: float, vignetting: float, aberration: Sequence[float] = (0.0, 0.0)
) -> np.ndarray:
    """Blur, darken towards the corners, and shift red and blue against green.

    Args:
        seen: the light that reaches the lens.
        blur: standard deviation of a Gaussian, in photosites.
        vignetting: what the corners lose, in EV; it grows with the square of the distance from the centre.
        aberration: how far red and blue lie off green in the corners, in photosites, outwards above 0.
    """
    height, width = seen.shape[:2]
    half_diagonal = np.hypot(height, width) / 2
    blurred = cv2.GaussianBlur(seen, (0, 0), blur, borderType=cv2.BORDER_REFLECT_101) if blur > 0 else seen.copy()
    for colour, shift in zip((0, 2), aberration, strict=True):
        if shift:
            blurred[..., colour] = _magnified(blurred[..., colour], 1 + shift / half_diagonal)
    y, x = (np.arange(length, dtype=np.float32) - (length - 1) / 2 for length in (height, width))
    distance = (y[:, None] ** 2 + x**2) / np.float32(half_diagonal**2)
    blurred *= np.exp2(np.float32(-vignetting) * distance)[..., None]
    return blurred


def _magnified(plane: np.ndarray, factor: float) -> np.ndarray:
    centre = (np.array(plane.shape[::-1]) - 1) / 2
    backwards = np.array([[1 / factor, 0, 0], [0, 1 / factor, 0]])
    backwards[:, 2] = centre * (1 - 1 / factor)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        np.ascontiguousarray(plane), backwards, plane.shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )


def metered_gain(seen: np.ndarray, neutral: np.ndarray) -> float:
    """Find the gain that exposes a picture well.

    It brings the mean of log luminance of the balanced values to ``MIDDLE``, unless that would saturate more than
    ``MOST_CLIPPED`` of the picture; a black picture is left as it is.
    """
    sample = seen[::3, ::3]
    luminance = sample @ (LUMINANCE / neutral).astype(np.float32)
    mean = float(luminance.mean())
    if mean <= 0:
        return 1.0
    logarithms = np.log(np.maximum(luminance, DARKEST * mean))
    brightest = float(np.quantile(sample.max(axis=2), 1 - MOST_CLIPPED))
    return min(MIDDLE / float(np.exp(logarithms.mean())), 1 / brightest if brightest > 0 else np.inf)


def noise_profile(iso: float, kind: str) -> tuple[float, float]:
    """Give (scale, offset) of the noise of a phone or a camera at a sensitivity: variance = scale * x + offset.

    Shot noise is what phones' DNGs state (2.4e-4 at ISO 100); read noise follows from it as in Brooks et al.,
    "Unprocessing Images for Learned Raw Denoising" (2019), equation 11: log offset = 2.18 log scale + 1.20.
    """
    scale = SHOT_NOISE_PER_ISO * iso / (1 if kind == "phone" else LARGER_PHOTOSITES)
    return scale, float(np.exp(2.18 * np.log(scale) + 1.20))


def counted(
    seen: np.ndarray, *, cfa: str, black: int, white: int, noise: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Count the light at each photosite: one colour each, with noise, clipped, in whole numbers.

    Photons and read-out are drawn together, as a Gaussian of the variance that ``noise`` (scale, offset) gives.
    Returns (h, w) uint16 between 0 and ``white``.
    """
    mosaic = np.empty(seen.shape[:2], np.float32)
    for site, letter in enumerate(cfa):
        row, column = divmod(site, 2)
        mosaic[row::2, column::2] = seen[row::2, column::2, "RGB".index(letter)]
    scale, offset = (np.float32(value) for value in noise)
    spread = np.sqrt(scale * np.maximum(mosaic, 0) + offset)
    mosaic += spread * rng.standard_normal(mosaic.shape, np.float32)
    mosaic *= white - black
    mosaic += black
    return np.rint(mosaic.clip(0, white, out=mosaic), out=mosaic).astype(np.uint16)


def fitted_calibrations(sensitivities: np.ndarray) -> tuple[Calibration, Calibration]:
    """Fit a camera's matrices from XYZ under light A and D65 to 190 surfaces, as DNG ColorMatrix wants them.

    White is all but exact. Both are scaled so that the largest value of a D50 neutral is 1.
    """
    lights = ((17, blackbody(ILLUMINANT_A)), (21, daylight(ILLUMINANT_D65)))
    return tuple(Calibration(code, _fitted(sensitivities, light, code)) for code, light in lights)  # type: ignore[return-value]


def _fitted(sensitivities: np.ndarray, light: np.ndarray, code: int) -> np.ndarray:
    surfaces = np.vstack([reflectances(), np.full(reflectances().shape[1], WHITE_WEIGHT)])
    weights = xyz_weights(light)
    white = xy_to_xyz(kelvin_to_xy(Calibration(code, np.eye(3)).kelvin))  # what a reader takes the light to be
    weights *= (white / weights.sum(axis=1))[:, None]
    matrix = np.linalg.lstsq(surfaces @ weights.T, surfaces @ (sensitivities * light).T, rcond=None)[0].T
    return matrix / (matrix @ xy_to_xyz(D50_XY)).max()
