"""How far a rendition is from the camera's own picture: definitions that hide nothing.

Notation, in every function here:

- **result** and **target** are (h, w, 3) sRGB-encoded; the result is clipped to [0, 1] and *not* quantised, the target
  is what the camera wrote, 8-bit codes divided by 255;
- a **mask** is (h, w) bool, True where a pixel counts; the others leave the sum *and* the denominator;
- every figure is of one picture; averaging over pictures is ``measure.summary``'s work.

Definitions of these names differ by more than papers gain, so: PSNR is over all three channels at once; SSIM is
Wang et al. 2004 with a Gaussian window (11 x 11, sigma 1.5), on R, G and B, averaged; ΔE76 is the distance in CIELAB
relative to D65, per pixel, for which both the mean and the root mean square of the picture are given.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from crispnet.colour import JND, decode_srgb, delta_e_76, delta_e_2000, encode_srgb, srgb_to_lab
from crispnet.strips import for_each, strips

LOW_PASS = 8  # pixels along the squares that low-pass ΔE averages
WINDOW, SIGMA = 11, 1.5  # of SSIM
LUMINANCE_FLOOR, CONTRAST_FLOOR = 0.01**2, 0.03**2  # C1 and C2 of SSIM, for a data range of 1
HIGHER_IS_BETTER = ("psnr", "ssim", "below_jnd")
METRICS = (*("psnr", "ssim", "delta_e", "delta_e_rms", "delta_e_p95", "below_jnd", "delta_e_2000", "low_pass_delta_e"),)
_ROWS = 64


class Differences(NamedTuple):
    """How the colours of two pictures differ.

    Attributes:
        delta_e_76: of each pixel that counts, (n,) float32.
        delta_e_2000: of every second one along both axes, (m,) float32: it costs five times as much.
    """

    delta_e_76: np.ndarray
    delta_e_2000: np.ndarray


def compare(result: np.ndarray, target: np.ndarray, *, mask: np.ndarray | None = None) -> dict[str, float]:
    """Measure everything about one picture.

    Returns:
        ``psnr`` in dB; ``ssim``; ``delta_e``, ``delta_e_rms``, ``delta_e_p95``: mean, root mean square and 95th
        percentile of ΔE76; ``below_jnd``: share of pixels with ΔE76 < 2.3; ``delta_e_2000``: mean of CIEDE2000 over
        every second pixel along both axes; ``low_pass_delta_e``: mean ΔE76 of squares of 8 x 8 pixels, averaged in
        linear light: colour without noise, detail or registration.

    Raises:
        ValueError: shapes differ, no pixel counts, or the picture is smaller than SSIM's window.
    """
    result, target, mask = _checked(result, target, mask)
    differences = colour_differences(result, target, mask=mask)
    delta_e = differences.delta_e_76
    return {
        "psnr": psnr(result, target, mask=mask),
        "ssim": ssim(result, target, mask=mask),
        "delta_e": float(np.mean(delta_e, dtype=np.float64)),
        "delta_e_rms": math.sqrt(np.mean(np.square(delta_e, dtype=np.float64))),
        "delta_e_p95": float(np.percentile(delta_e, 95)),
        "below_jnd": float(np.mean(delta_e < JND)),
        "delta_e_2000": float(np.mean(differences.delta_e_2000, dtype=np.float64)),
        "low_pass_delta_e": low_pass_delta_e(result, target, mask=mask),
    }


def psnr(result: np.ndarray, target: np.ndarray, *, mask: np.ndarray | None = None) -> float:
    """Measure the peak signal-to-noise ratio in dB, over R, G and B at once; infinite where they are equal."""
    result, target, mask = _checked(result, target, mask)
    squares = np.square(result - target).mean(axis=-1, dtype=np.float64)
    error = float(np.mean(squares if mask is None else squares[mask]))
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(result: np.ndarray, target: np.ndarray, *, mask: np.ndarray | None = None) -> float:
    """Measure structural similarity (Wang et al. 2004), averaged over R, G and B.

    Windows that reach over the edge are left out, as in the authors' code; so are those whose middle is masked.
    """
    result, target, mask = _checked(result, target, mask)
    rim = WINDOW // 2
    if min(result.shape[:2]) < WINDOW:
        raise ValueError(f"expected at least {WINDOW} x {WINDOW} pixels, got {result.shape[:2]}")
    inner = (slice(rim, -rim), slice(rim, -rim))
    counts = np.ones(result.shape[:2], bool)[inner] if mask is None else mask[inner]
    sums: list[float] = []

    def add(rows: slice) -> None:
        around = slice(rows.start, rows.stop + 2 * rim)
        similar = _similarity(result[around], target[around])[inner].mean(axis=-1)
        sums.append(float(np.sum(similar[counts[rows]], dtype=np.float64)))

    for_each(strips(len(counts), 4 * _ROWS), add)
    return math.fsum(sums) / _at_least_one(int(counts.sum()))


def _similarity(result: np.ndarray, target: np.ndarray) -> np.ndarray:
    mean_result, mean_target = _blur(result), _blur(target)
    product = mean_result * mean_target
    squares = np.square(mean_result) + np.square(mean_target)
    spread = _blur(np.square(result) + np.square(target)) - squares  # the two variances, together
    covariance = _blur(result * target) - product
    similar = (2 * product + LUMINANCE_FLOOR) * (2 * covariance + CONTRAST_FLOOR)
    return similar / ((squares + LUMINANCE_FLOOR) * (spread + CONTRAST_FLOOR))


def _blur(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT)


def colour_differences(result: np.ndarray, target: np.ndarray, *, mask: np.ndarray | None = None) -> Differences:
    """Measure ΔE76 and ΔE2000 pixel by pixel, in no particular order beyond the picture's own."""
    result, target, mask = _checked(result, target, mask)
    plain = np.empty(result.shape[:2], np.float32)
    perceived = np.empty(result[::2, ::2].shape[:2], np.float32)

    def fill(rows: slice) -> None:
        lab_result, lab_target = srgb_to_lab(result[rows]), srgb_to_lab(target[rows])
        plain[rows] = delta_e_76(lab_result, lab_target)
        half = slice(rows.start // 2, (rows.stop + 1) // 2)
        perceived[half] = delta_e_2000(lab_result[::2, ::2], lab_target[::2, ::2])

    for_each(strips(len(result), _ROWS), fill)  # an even number of rows: the second pixels stay in step
    if mask is None:
        return Differences(plain.ravel(), perceived.ravel())
    seen = perceived[mask[::2, ::2]]
    return Differences(plain[mask], seen if seen.size else np.full(1, np.nan, np.float32))


def low_pass_delta_e(result: np.ndarray, target: np.ndarray, *, mask: np.ndarray | None = None) -> float:
    """Measure the mean ΔE76 of squares of 8 x 8 pixels, each averaged in linear light over the pixels that count.

    Squares that are cut by the right and the lower edge of the picture, or have no pixel that counts, are left out.
    """
    result, target, mask = _checked(result, target, mask)
    if min(result.shape[:2]) < LOW_PASS:
        raise ValueError(f"expected at least {LOW_PASS} x {LOW_PASS} pixels, got {result.shape[:2]}")
    sizes = [size // LOW_PASS for size in result.shape[:2]]
    counting = np.ones(sizes) if mask is None else _squares(mask[..., None].astype(np.float32))[..., 0]
    labs = [srgb_to_lab(_low_passed(picture, mask, counting)) for picture in (result, target)]
    differences = delta_e_76(*labs)[counting > 0]
    _at_least_one(differences.size)
    return float(np.mean(differences))


def _low_passed(picture: np.ndarray, mask: np.ndarray | None, counting: np.ndarray) -> np.ndarray:
    small = np.empty((*counting.shape, 3), np.float32)

    def fill(rows: slice) -> None:
        pixels = slice(rows.start * LOW_PASS, rows.stop * LOW_PASS)
        light = decode_srgb(picture[pixels])
        small[rows] = _squares(light if mask is None else light * mask[pixels, :, None])

    for_each(strips(len(small), _ROWS // LOW_PASS), fill)
    return encode_srgb(small / np.maximum(counting, 1e-6)[..., None])


def _squares(values: np.ndarray) -> np.ndarray:
    height, width = (size // LOW_PASS for size in values.shape[:2])
    inside = values[: height * LOW_PASS, : width * LOW_PASS]
    return cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)


def _checked(
    result: np.ndarray, target: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Bring both to float32 and the result into its range; refuse what cannot be compared."""
    if result.shape != target.shape or result.ndim != 3 or result.shape[2] != 3:
        raise ValueError(f"expected two (h, w, 3) pictures of one size, got {result.shape} and {target.shape}")
    if not all(np.issubdtype(picture.dtype, np.floating) for picture in (result, target)):
        raise ValueError(f"expected floats in [0, 1], got {result.dtype} and {target.dtype}")
    if mask is not None:
        if mask.shape != result.shape[:2] or mask.dtype != bool:
            raise ValueError(f"expected a mask of bools, {result.shape[:2]}, got {mask.dtype}, {mask.shape}")
        _at_least_one(int(mask.sum()))
    clipped = np.clip(result, 0, 1).astype(np.float32, copy=False)
    return clipped, target.astype(np.float32, copy=False), mask


def _at_least_one(count: int) -> int:
    if count == 0:
        raise ValueError("expected pixels that count, got none")
    return count
