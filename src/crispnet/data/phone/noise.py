"""The phone's denoiser: by the file's own noise profile, colour more than brightness.

The noise of a sensor grows with the signal. A square root makes it equally strong everywhere (Anscombe 1948), so that
one strength fits all; guided filters (He, Sun and Tang 2013) smooth what does not stand out of it.
"""

import cv2
import numpy as np

USUAL_NOISE = np.array([[2e-4, 1e-7]] * 4)  # where a file does not say
LEAST_SCALE = 1e-6  # far below any sensor: a file that states no shot noise at all must not divide by 0


def denoise(rgb: np.ndarray, noise_profile: np.ndarray | None, white_balance: np.ndarray) -> tuple[np.ndarray, float]:
    """Denoise a demosaiced picture.

    Args:
        rgb: (h, w, 3) float32 balanced linear camera values.
        noise_profile: (4, 2) scale and offset per plane R, G, B, G of the unbalanced values, or None.
        white_balance: (4,) multipliers that have been applied.

    Returns:
        The picture denoised, and how strong the noise was: its standard deviation at middle grey, in stabilised units.
    """
    profile = USUAL_NOISE if noise_profile is None else np.asarray(noise_profile)
    scale = np.float32(max(np.mean(profile[:3, 0] * white_balance[:3]), LEAST_SCALE))
    offset = np.float32(np.mean(profile[:3, 1] * white_balance[:3] ** 2))
    floor = offset / scale
    stable = np.sqrt(np.maximum(rgb + floor, 0))
    sigma = float(np.sqrt(scale)) / 2
    luma = stable @ np.array([0.25, 0.5, 0.25], np.float32)
    smooth = guided(luma, luma, radius=3, epsilon=(1.1 * sigma) ** 2)
    broad = guided(luma, luma, radius=7, epsilon=(0.8 * sigma) ** 2)
    calm = 0.55 * smooth + 0.45 * broad
    clean = 0.85 * calm + 0.15 * luma  # some grain is left, or surfaces look like wax
    for colour in range(3):
        chroma = stable[..., colour] - luma
        stable[..., colour] = clean + guided(calm, chroma, radius=8, epsilon=(1.5 * sigma) ** 2)
    return np.square(np.maximum(stable, 0)) - floor, sigma


def guided(guide: np.ndarray, values: np.ndarray, *, radius: int, epsilon: float) -> np.ndarray:
    """Smooth (h, w) values where the guide is smooth: He, Sun and Tang 2013, by box means at half resolution."""
    small_guide, small_values = (_half(plane) for plane in (guide, values))
    slope, intercept = guided_line(small_guide, small_values, radius=max(radius // 2, 1), epsilon=epsilon)
    size = guide.shape[::-1]
    return cv2.resize(slope, size) * guide + cv2.resize(intercept, size)


def guided_line(guide: np.ndarray, values: np.ndarray, *, radius: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit, around every place, values ≈ slope x guide + intercept; both are (h, w)."""
    window = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_values = _box(guide, window), _box(values, window)
    variance = _box(guide * guide, window) - mean_guide * mean_guide
    covariance = _box(guide * values, window) - mean_guide * mean_values
    slope = covariance / (np.maximum(variance, 0) + np.float32(epsilon))
    return _box(slope, window), _box(mean_values - slope * mean_guide, window)


def _box(plane: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    return cv2.blur(plane, window, borderType=cv2.BORDER_REFLECT_101)


def _half(plane: np.ndarray) -> np.ndarray:
    size = (max(plane.shape[1] // 2, 1), max(plane.shape[0] // 2, 1))
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
