"""Straightens what the lens bent, as the maker asks (DNG WarpRectilinear, specification chapter 7).

Positions are continuous: the frame is the rectangle from (0, 0) to (height, width), a pixel's centre lies half a
pixel from its corner. Radii are measured from the optical axis, 1 at the corner of the frame farthest from it.
"""

from collections.abc import Iterable

import numpy as np

from crispnet.raw.opcodes import Opcode, WarpRectilinear
from crispnet.strips import for_each, strips

STRIP = 8  # rows; their temporaries stay in the processor's cache
TAPS = 4  # pixels along each axis that a bicubic value is made of


def straighten(
    pixels: np.ndarray,
    opcodes: Iterable[Opcode],
    *,
    frame: tuple[int, int] | None = None,
    offset: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """Undo lens distortion and lateral colour fringes in a whole picture (opcodes 1 and 14 of OpcodeList3).

    Args:
        pixels: (h, w, 3) float32, in sensor orientation, not turned yet.
        opcodes: any opcodes; only the warps of list 3 count.
        frame: (height, width) of the active area that the warps refer to; default: the picture is all of it.
        offset: (top, left) of the picture within the frame.

    Returns:
        The same array if there is nothing to straighten, else a new one of the same size. Where the lens saw less
        than the picture shows, the picture's edge goes on.
    """
    frame = frame or (pixels.shape[0], pixels.shape[1])
    for opcode in opcodes:
        if isinstance(opcode, WarpRectilinear) and opcode.stage == 3 and not _changes_nothing(opcode):
            pixels = _warp(pixels, opcode, frame, offset)
    return pixels


def source_shift(
    opcode: WarpRectilinear, plane: int, rows: np.ndarray, columns: np.ndarray, *, frame: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Give how far down and to the right of each straight pixel its light fell on the sensor, in pixels.

    ``rows`` and ``columns`` are indices in the frame; both results have shape (len(rows), len(columns)) and the
    type float32: kept as a difference, a position stays accurate to 0.0001 pixel in the largest picture.
    """
    (height, width), (x, y) = frame, opcode.centre
    corner = np.hypot(max(x, 1 - x) * width, max(y, 1 - y) * height)
    across = ((columns + 0.5 - x * width) / corner).astype(np.float32)
    down = ((rows + 0.5 - y * height) / corner).astype(np.float32)[:, None]
    radius_squared = np.minimum(down * down + across * across, np.float32(1))
    shift = opcode.stretch(radius_squared, plane)
    shift -= 1
    shift_down, shift_across = shift * down, shift * across
    kt0, kt1 = opcode.tangential(plane)
    if kt0 or kt1:
        both = down * across * 2
        shift_down += kt0 * (radius_squared + 2 * down * down) + kt1 * both
        shift_across += kt1 * (radius_squared + 2 * across * across) + kt0 * both
    shift_down *= np.float32(corner)
    shift_across *= np.float32(corner)
    return shift_down, shift_across


def _changes_nothing(opcode: WarpRectilinear) -> bool:
    radii = np.linspace(0, 1, 17)
    return all(
        (opcode.stretch(radii * radii, plane) == 1).all() and opcode.tangential(plane) == (0, 0)
        for plane in range(len(opcode.coefficients))
    )


def _warp(pixels: np.ndarray, opcode: WarpRectilinear, frame: tuple[int, int], offset: tuple[int, int]) -> np.ndarray:
    """Sample every straight pixel from where its light fell."""
    straight = np.empty_like(pixels)
    # One pixel before and two behind, so that a bicubic value at the very edge has its four neighbours.
    bordered = [np.pad(pixels[:, :, colour], (1, 2), mode="edge") for colour in range(3)]
    columns = np.arange(pixels.shape[1]) + offset[1]

    def fill(strip: slice) -> None:
        rows = np.arange(strip.start, strip.stop) + offset[0]
        for colour in range(3):
            if colour < len(opcode.coefficients):  # a single set of coefficients serves all three colours
                shift = source_shift(opcode, colour, rows, columns, frame=frame)
                places, down, across = _taps(*shift, strip, pixels.shape[:2])
            straight[strip, :, colour] = _bicubic(bordered[colour], places, down, across)

    for_each(strips(pixels.shape[0], STRIP), fill)
    return straight


def _taps(
    shift_down: np.ndarray, shift_across: np.ndarray, strip: slice, size: tuple[int, ...]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Find the first of the 4 x 4 pixels around each source position, and their weights down and across."""
    height, width = size
    row, down = _split(shift_down, np.arange(strip.start, strip.stop)[:, None], height)
    column, across = _split(shift_across, np.arange(width), width)
    row *= width + TAPS - 1
    row += column
    return row, _weights(down), _weights(across)


def _split(shift: np.ndarray, index: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Split index + shift, held within the picture, into the pixel before it and the rest, 0 to 1."""
    np.clip(shift, (-index).astype(np.float32), (length - 1 - index).astype(np.float32), out=shift)
    whole = np.floor(shift)
    before = whole.astype(np.intp)
    before += index
    shift -= whole
    return before, shift


def _weights(t: np.ndarray) -> list[np.ndarray]:
    """Weigh four neighbours by cubic convolution (Keys 1981, a = -1/2), exact for quadratics."""
    rest = 1 - t
    outer = np.float32(-0.5) * t * rest
    first, last = outer * rest, outer * t
    # The inner two follow from a constant and a ramp having to come out as they are.
    return [first, rest - 2 * first + last, t + first - 2 * last, last]


def _bicubic(bordered: np.ndarray, places: np.ndarray, down: list[np.ndarray], across: list[np.ndarray]) -> np.ndarray:
    """Sum the weighted 4 x 4 pixels; a step of one pixel is a step in the flat array, so one index serves all."""
    flat = bordered.ravel()
    total = np.zeros(places.shape, np.float32)
    line, tap = np.empty_like(total), np.empty_like(total)
    for i in range(TAPS):
        for j in range(TAPS):
            # Positions are held within the picture, so nothing is clipped; "clip" spares numpy a buffer.
            np.take(flat[i * bordered.shape[1] + j :], places, out=tap, mode="clip")
            tap *= across[j]
            if j:
                line += tap
            else:
                line, tap = tap, line
        line *= down[i]
        total += line
    return total
