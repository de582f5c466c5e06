"""Where a sensor really stops counting, which is not always where the file's maker, or LibRaw's table, says it does.

A white level that is too high leaves clipped greens below 1: they are then taken for a colour, and clouds turn magenta.
"""

import numpy as np

LEAST_SHARE = 5e-4  # of the photosites that have to pile up; fewer are reflections, or the top of a slope
HOT_SHARE = 2e-4  # of the photosites that may lie above the pile: hot ones
NARROW = 0.0025  # the half-width of a pile, as a share of its count; light of itself is never so even, for shot noise


def piled_up(mosaic: np.ndarray, white: float) -> float | None:
    """Find the count at which a photograph's brightest photosites pile up below the white level.

    Args:
        mosaic: (h, w) uint16 counts.
        white: the white level that is said to hold.

    Returns:
        The count, or None where nothing piles up more than 2 % below ``white``.
    """
    seen = np.bincount(mosaic[::3].ravel(), minlength=1 << 16)  # every third row: all colours, a third of the time
    at_or_above = np.cumsum(seen[::-1])[::-1]
    size = at_or_above[0]
    top = int(np.flatnonzero(at_or_above > HOT_SHARE * size)[-1])
    if not 0.5 * white < top < 0.98 * white:
        return None
    foot = int(0.985 * top)
    pile = seen[foot:].sum()
    middle = foot + int(np.searchsorted(np.cumsum(seen[foot:]), pile / 2))
    core = seen[int(middle * (1 - NARROW)) : int(middle * (1 + NARROW)) + 1].sum()
    slope = seen[int(0.955 * top) : int(0.97 * top)].sum()
    return float(middle) if core > 0.8 * pile > 0.8 * max(LEAST_SHARE * size, 4 * slope) else None
