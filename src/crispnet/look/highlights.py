"""What to make of places that are too bright for the sensor, and of their edges."""

import numpy as np

NEARLY, SURELY = 0.85, 0.98  # shares of the clipping value between which a value comes to count as clipped
REACH = 2  # packed pixels around a clipped place that its light spills over


def recover_highlights(balanced: np.ndarray, clipping: np.ndarray) -> np.ndarray | None:
    """Rebuild clipped colours from the ones that are not, in place, so that bright neutrals stay neutral.

    White balance makes the colours clip at different values, green first: left alone, white would turn magenta. A
    clipped colour rises to the mean of the other two; where two clip, the third shows how bright the place is, and it
    becomes neutral unless the third says that it had a colour of its own. This happens before demosaicing, which takes
    it that the colours change together.

    Args:
        balanced: (4, h, w) planes R, G, B, G, white-balanced.
        clipping: (4,) the values at which they clip.

    Returns:
        (h, w), 0 to 1, how surely each cell is clipped; None if none is.
    """
    ratios = balanced / clipping[:, None, None]
    if ratios.max() < NEARLY:
        return None
    clipped = np.clip((ratios - NEARLY) / (SURELY - NEARLY), 0, 1)
    red, green, blue, lower_green = balanced
    mean_green, mean_others = (green + lower_green) / 2, (red + blue) / 2
    others = np.stack([(mean_green + blue) / 2, mean_others, (red + mean_green) / 2, mean_others])
    balanced += clipped * np.maximum(others - balanced, 0)
    bright = np.clip(ratios.min(axis=0) / 0.25 - 1, 0, 1)  # how surely even the darkest colour is bright
    all_but_one = np.sort(clipped, axis=0)[1]
    balanced += all_but_one * bright * (balanced.max(axis=0) - balanced)
    return clipped.max(axis=0)


def remove_fringes(colours: np.ndarray, clipped: np.ndarray) -> None:
    """Take the purple out of the edges of clipped places, in place.

    A lens spills red and blue light over such an edge, and a clipped green hides that it belongs to white. Only what is
    purple (more red *and* more blue than green) becomes neutral: blue sky beside a cloud stays blue.

    Args:
        colours: (3, 4, h, w) balanced red, green and blue at the four sites of each cell.
        clipped: (h + 2m, w + 2m) how surely each cell is clipped, with a margin m of at least ``REACH``.
    """
    margin = (clipped.shape[0] - colours.shape[2]) // 2
    near = _spread(clipped[margin - REACH : clipped.shape[0] - margin + REACH], axis=0)
    near = _spread(near[:, margin - REACH : clipped.shape[1] - margin + REACH], axis=1)
    red, green, blue = colours
    red_excess, blue_excess = red - green, blue - green
    low, high = np.minimum(red_excess, blue_excess), np.maximum(red_excess, blue_excess)
    purple = np.clip(2 * low / np.maximum(high, np.float32(1e-6)), 0, 1) * near
    red -= purple * red_excess
    blue -= purple * blue_excess


def _spread(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Give each place the greatest value within ``REACH`` of it along an axis; the ends are used up."""
    length = values.shape[axis] - 2 * REACH
    shifted = [values.take(range(start, start + length), axis) for start in range(2 * REACH + 1)]
    return np.maximum.reduce(shifted)
