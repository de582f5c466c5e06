"""Evens out what the lens darkened and tinted, as the maker asks (DNG GainMap and FixVignetteRadial)."""

from collections.abc import Iterable

import numpy as np

from crispnet.raw.opcodes import FixVignetteRadial, GainMap, Opcode, polynomial

VIGNETTE_GAINS = (0.1, 100.0)


def gain(
    opcode: GainMap, rows: np.ndarray, columns: np.ndarray, *, frame: tuple[int, int], map_plane: int = 0
) -> np.ndarray:
    """Interpolate a gain map at photosites: float32 (len(rows), len(columns)), 1 where it does not reach.

    ``rows`` and ``columns`` are integers in the active area, ``frame`` is its (height, width). The value of a
    photosite depends on its position alone, bit for bit, so that windows agree with the whole.
    """
    reached = _reached(opcode, rows, columns)
    gains = np.ones((len(rows), len(columns)), np.float32)
    gains[np.ix_(*reached)] = _interpolate(opcode, rows[reached[0]], columns[reached[1]], frame, map_plane)
    return gains


def vignette_gain(
    opcode: FixVignetteRadial, rows: np.ndarray, columns: np.ndarray, *, frame: tuple[int, int]
) -> np.ndarray:
    """Evaluate a radial vignette at photosites, as ``gain`` does; the result stays within 0.1 to 100."""
    x, y = opcode.centre
    corner = np.hypot(max(x, 1 - x) * frame[1], max(y, 1 - y) * frame[0])
    across = (((columns + 0.5 - x * frame[1]) / corner) ** 2).astype(np.float32)
    down = (((rows + 0.5 - y * frame[0]) / corner) ** 2).astype(np.float32)
    gains = np.empty((len(rows), len(columns)), np.float32)
    for start in range(0, len(rows), 32):  # strips that stay in the processor's cache
        radius_squared = down[start : start + 32, None] + across
        gains[start : start + 32] = polynomial(radius_squared, np.array([1.0, *opcode.k])).clip(*VIGNETTE_GAINS)
    return gains


def apply_gains(
    plane: np.ndarray,
    opcodes: Iterable[Opcode],
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    frame: tuple[int, int],
    colour: int | None = None,
    rgb: bool = False,
) -> None:
    """Multiply a packed plane, in place, by every gain map and vignette that reaches it, in their order.

    Args:
        plane: float32 (len(rows), len(columns)), linear, 0 = black level.
        opcodes: any opcodes; those that are no gains are left to others.
        rows: the rows of the frame that the plane was sampled at, integers.
        columns: likewise.
        frame: (height, width) that the opcodes refer to: the stored frame for list 1, else the active area.
        colour: 0, 1 or 2 for R, G or B, to which the maps of list 3 apply; None: leave those maps out.
        rgb: the file held RGB pixels, so that the maps of lists 1 and 2 are per colour too.
    """
    for opcode in opcodes:
        if isinstance(opcode, FixVignetteRadial):
            plane *= vignette_gain(opcode, rows, columns, frame=frame)
        if not isinstance(opcode, GainMap):
            continue
        # Before demosaicing there is but plane 0, whatever the colour of the photosite.
        image_plane = colour if rgb or opcode.stage == 3 else 0
        if image_plane is None or not opcode.plane <= image_plane < opcode.plane + opcode.planes:
            continue
        map_plane = min(image_plane - opcode.plane, opcode.gains.shape[2] - 1)
        in_rows, in_columns = _reached(opcode, rows, columns)
        if in_rows.all() and in_columns.all():
            plane *= _interpolate(opcode, rows, columns, frame, map_plane)
        elif in_rows.any() and in_columns.any():
            gains = _interpolate(opcode, rows[in_rows], columns[in_columns], frame, map_plane)
            plane[np.ix_(in_rows, in_columns)] *= gains


def _reached(opcode: GainMap, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say which rows and which columns a gain map applies to."""
    if opcode.top >= opcode.bottom or opcode.left >= opcode.right:
        return np.ones(len(rows), bool), np.ones(len(columns), bool)
    in_rows = (rows >= opcode.top) & (rows < opcode.bottom) & ((rows - opcode.top) % opcode.row_pitch == 0)
    in_columns = (columns >= opcode.left) & (columns < opcode.right)
    return in_rows, in_columns & ((columns - opcode.left) % opcode.column_pitch == 0)


def _interpolate(
    opcode: GainMap, rows: np.ndarray, columns: np.ndarray, frame: tuple[int, int], map_plane: int
) -> np.ndarray:
    """Interpolate the map bilinearly, first the few rows of the map along the columns, then whole rows.

    A matrix product would be as fast, but sums in another order for another shape, and windows would differ.
    """
    (v, h, _), gains = opcode.gains.shape, opcode.gains[:, :, map_plane]
    column, between_columns = _place(columns, frame[1], opcode.origin[1], opcode.spacing[1], h)
    row, between_rows = _place(rows, frame[0], opcode.origin[0], opcode.spacing[0], v)
    to_next = np.diff(gains, axis=1, append=gains[:, -1:])
    wide = gains[:, column] + to_next[:, column] * between_columns
    fine: np.ndarray = np.diff(wide, axis=0, append=wide[-1:])[row]
    fine *= between_rows[:, None]
    fine += wide[row]
    return fine


def _place(sites: np.ndarray, length: int, origin: float, spacing: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the map point before each site and how far, 0 to 1, the site lies towards the next."""
    place = (((sites + 0.5) / length - origin) / spacing).clip(0, points - 1)
    before = place.astype(np.intp)
    return before, (place - before).astype(np.float32)
