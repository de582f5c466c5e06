"""Brings rendered pixels to the 8 or 16 bits that files hold."""

from typing import Any

import numpy as np

from crispnet.strips import for_each, strips

QUANTISED = {8: np.uint8, 16: np.uint16, None: np.float32}  # bits per channel; None: as it was rendered
ROWS = 64  # of a strip: its temporaries stay in the cache


def quantise(pixels: np.ndarray, *, depth: int) -> np.ndarray:
    """Clip (h, w, 3) pixels to [0, 1] and round them to 8 or 16 bits, half up; a NaN becomes black.

    Pixels that are quantised already are brought to that depth. The result is contiguous, whatever view came in.
    """
    if pixels.dtype == QUANTISED[depth] and pixels.flags.c_contiguous:
        return pixels
    whole = np.empty(pixels.shape, QUANTISED[depth])
    quantise_into(whole, pixels)
    return whole


def quantise_into(target: np.ndarray, pixels: np.ndarray) -> None:
    """Write (h, w, 3) pixels into an array of uint8 or uint16, or of their own type, as ``quantise`` does."""
    if pixels.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise ValueError(f"expected pixels of float32, uint8 or uint16, got {pixels.dtype}")
    # Moved as one value of 3 or 6 bytes, pixels turn twice as fast as they do channel by channel.
    triplet = np.dtype(f"V{3 * target.itemsize}")

    def fill(rows: slice) -> None:
        strip = _quantised(pixels[rows], target.dtype)
        if strip.strides[2] == target.strides[2] == target.itemsize:
            target[rows].view(triplet)[...] = strip.view(triplet)
        else:
            target[rows] = strip

    for_each(strips(pixels.shape[0], ROWS), fill)


def _quantised(strip: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    """Quantise a strip, in its own order in memory."""
    if strip.dtype == kind:
        return strip
    if strip.dtype == np.uint8:
        return strip.astype(np.uint16) * np.uint16(257)
    if strip.dtype == np.uint16:
        return ((strip.astype(np.uint32) + 128) // 257).astype(np.uint8)
    values: np.ndarray = np.fmax(strip, 0)
    np.fmin(values, 1, out=values)
    values *= np.iinfo(kind).max
    values += 0.5
    return values.astype(kind)
