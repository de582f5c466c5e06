"""Turns what lies as the sensor does the way it should be looked at."""

import numpy as np


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (h, w, ...) pixels as EXIF Orientation (tag 274), 1 to 8, says; the result is a view.

    >>> upright(np.array([[1, 2], [3, 4]]), 6).tolist()  # a quarter turn clockwise
    [[3, 1], [4, 2]]
    """
    if orientation not in range(1, 9):
        raise ValueError(f"expected an EXIF orientation of 1 to 8, got {orientation}")
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    turned = turned[::-1] if orientation in (3, 4, 7, 8) else turned
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned
