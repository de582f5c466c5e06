"""From a mosaic to the four planes that every look reads, and back.

A **packed** image holds planes R, G (red row), B, G (blue row), one value of each per 2 x 2 photosites, whatever
the CFA: where the mosaic does not begin with a red photosite, or ends half-way through a 2 x 2 cell, it is first
extended by mirroring (the mirror image of a Bayer mosaic about a photosite is a Bayer mosaic of the same phase), so
no photosite is lost and no colour is displaced.
"""

import numpy as np

from crispnet.raw.bad_pixels import fix_bad_pixels
from crispnet.raw.image import RawImage
from crispnet.raw.shading import apply_gains
from crispnet.strips import for_each, strips

PLANES = ("R", "G on the red row", "B", "G on the blue row")
PLANE_SITES = ((0, 0), (0, 1), (1, 1), (1, 0))  # (row, column) of each plane in an R G / G B cell
PLANE_COLOURS = (0, 1, 2, 1)  # R, G or B of each plane
THUMBNAIL = (368, 480)  # rows, columns (paper, section 3.2)


def red_offset(cfa: str) -> tuple[int, int]:
    """Count the rows and columns to add before a mosaic so that it begins with a red photosite.

    >>> [red_offset(cfa) for cfa in ("RGGB", "GRBG", "GBRG", "BGGR")]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return divmod(cfa.index("R"), 2)


def packed_size(height: int, width: int, cfa: str) -> tuple[int, int]:
    """Give the rows and columns of each packed plane of a mosaic of this size."""
    top, left = red_offset(cfa)
    return (height + top + 1) // 2, (width + left + 1) // 2


def aligned(mosaic: np.ndarray, cfa: str) -> np.ndarray:
    """Extend a mosaic by mirroring so that it begins with red and holds whole 2 x 2 cells.

    The mosaic itself comes back where nothing is to be added.
    """
    top, left = red_offset(cfa)
    height, width = mosaic.shape
    bottom, right = (height + top) % 2, (width + left) % 2
    if not any((top, left, bottom, right)):
        return mosaic
    return np.pad(mosaic, ((top, bottom), (left, right)), mode="reflect")


def pack(mosaic: np.ndarray, cfa: str) -> np.ndarray:
    """Split a mosaic into (4, h, w) planes R, G, B, G, of the mosaic's own type.

    >>> pack(np.array([[1, 2], [3, 4]]), "GRBG")[:, 0].tolist()
    [[2, 2], [1, 1], [3, 3], [4, 4]]
    """
    whole = aligned(mosaic, cfa)
    return np.stack([whole[row::2, column::2] for row, column in PLANE_SITES])


def unpack(packed: np.ndarray, cfa: str, height: int, width: int) -> np.ndarray:
    """Put packed planes back into a mosaic of the given size: the inverse of ``pack``."""
    whole = np.empty((2 * packed.shape[1], 2 * packed.shape[2]), packed.dtype)
    for plane, (row, column) in zip(packed, PLANE_SITES, strict=True):
        whole[row::2, column::2] = plane
    top, left = red_offset(cfa)
    return whole[top : top + height, left : left + width]


def remosaic(rgb: np.ndarray) -> np.ndarray:
    """Sample an (h, w, 3) image as an RGGB mosaic would have: one of the three values at each place."""
    mosaic = np.empty(rgb.shape[:2], rgb.dtype)
    for (row, column), colour in zip(PLANE_SITES, PLANE_COLOURS, strict=True):
        mosaic[row::2, column::2] = rgb[row::2, column::2, colour]
    return mosaic


def pack_linear(raw: RawImage) -> np.ndarray:
    """Pack a raw image into (4, h, w) float32, linear: 0 is the black level, 1 the white level.

    What the maker asks for is done: dead photosites are replaced, lens shading is evened out (DNG FixBadPixels,
    GainMap, FixVignetteRadial). Nothing is clipped: noise goes below 0, and gains lift above 1.
    """
    whole = aligned(_without_bad_pixels(raw), raw.cfa)
    height, width = raw.mosaic.shape
    packed = np.empty((4, *packed_size(height, width, raw.cfa)), np.float32)
    sites = zip(raw.mosaic.shape, red_offset(raw.cfa), whole.shape, strict=True)
    rows, columns = (mirrored(length, before, total) for length, before, total in sites)
    black = aligned_black(raw)
    first = [opcode for opcode in raw.opcodes if opcode.stage == 1]  # list 1 refers to the stored frame
    later = [opcode for opcode in raw.opcodes if opcode.stage > 1]

    def fill(strip: slice) -> None:
        for plane, (row, column), colour in zip(packed, PLANE_SITES, PLANE_COLOURS, strict=True):
            lines, at_rows, at_columns = plane[strip], rows[row::2][strip], columns[column::2]
            scale = 1 / (raw.white - black[row, column])
            np.multiply(whole[row::2, column::2][strip], np.float32(scale), out=lines)
            lines -= np.float32(black[row, column] * scale)
            if raw.black_rows is not None:
                lines -= (raw.black_rows[at_rows] * scale).astype(np.float32)[:, None]
            if raw.black_columns is not None:
                lines -= (raw.black_columns[at_columns] * scale).astype(np.float32)
            rgb = raw.demosaiced_before
            stored_rows, stored_columns = at_rows + raw.active_area.top, at_columns + raw.active_area.left
            apply_gains(lines, first, stored_rows, stored_columns, frame=raw.stored_size, colour=colour, rgb=rgb)
            apply_gains(lines, later, at_rows, at_columns, frame=raw.mosaic.shape, colour=colour, rgb=rgb)

    for_each(strips(packed.shape[1], 64), fill)
    return packed


def _without_bad_pixels(raw: RawImage) -> np.ndarray:
    if raw.demosaiced_before:  # the maker has replaced them, and positions no longer hold
        return raw.mosaic
    return fix_bad_pixels(raw.mosaic, raw.opcodes, raw.cfa, origin=(raw.active_area.top, raw.active_area.left))


def aligned_black(raw: RawImage) -> np.ndarray:
    """Give the (2, 2) black levels at the sites of an R G / G B cell."""
    top, left = red_offset(raw.cfa)
    return np.roll(raw.black, (top, left), (0, 1))


def mirrored(length: int, before: int, total: int) -> np.ndarray:
    """Give, for each of ``total`` places of an axis extended by ``before`` in front, the place it mirrors.

    >>> mirrored(4, 1, 6).tolist()
    [1, 0, 1, 2, 3, 2]
    """
    places = np.abs(np.arange(-before, total - before))
    return np.where(places < length, places, 2 * (length - 1) - places)


def thumbnail(packed: np.ndarray) -> np.ndarray:
    """Shrink a whole packed frame to (3, 368, 480): linear R, (G + G) / 2, B, averaged by area.

    The aspect is not kept: the whole frame fills the thumbnail (paper, section 3.2).
    """
    red, green, blue, other_green = packed
    height, width = THUMBNAIL
    small = [area_average(plane, height, width) for plane in (red, green, other_green, blue)]
    return np.stack([small[0], (small[1] + small[2]) / 2, small[3]])


def shrink(packed: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink a packed frame (4, h, w) to (4, height, width) as if its sensor had larger photosites.

    Each value averages the area of a whole cell about its photosite, so the planes stay those of a mosaic: what
    demosaics the frame demosaics the small one. Nothing is enlarged.
    """
    rows, columns = packed.shape[1:]
    if not (0 < height <= rows and 0 < width <= columns):
        raise ValueError(f"expected at most {rows} x {columns} cells, got {height} x {width}")
    planes = []
    for plane, (down, across) in zip(packed, PLANE_SITES, strict=True):
        # In samples of its own plane, a site of a larger cell lies further off, by more the larger the cell is.
        upper, left = (
            (samples / count - 1) * (site / 2 - 0.25)
            for samples, count, site in zip((rows, columns), (height, width), (down, across), strict=True)
        )
        lines = area_shares(rows, height, shift=upper) @ plane
        planes.append(lines @ area_shares(columns, width, shift=left).T)
    return np.stack(planes)


def area_shares(samples: int, count: int, *, shift: float = 0.0) -> np.ndarray:
    """Give the (count, samples) float32 share that each sample of an axis has in each of ``count`` averages by area.

    The averaged parts are ``shift`` samples further on than equal parts of the axis; the outermost samples stand for
    what lies beyond it.

    >>> area_shares(4, 2, shift=0.5).tolist()
    [[0.25, 0.5, 0.25, 0.0], [0.0, 0.0, 0.25, 0.75]]
    """
    edges = np.linspace(0, samples, count + 1) + shift
    ends = np.arange(samples + 1.0)
    ends[0], ends[-1] = -samples, 2 * samples
    covered = np.minimum(edges[1:, None], ends[1:]) - np.maximum(edges[:-1, None], ends[:-1])
    return (covered.clip(0) * (count / samples)).astype(np.float32)


def area_average(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample an (h, w) plane to (height, width): each value is the mean of the area it covers, to the fraction."""
    return _average_rows(_average_rows(plane, height).T, width).T


def _average_rows(plane: np.ndarray, count: int) -> np.ndarray:
    """Average rows by small matrix products, each over just the rows that a few results cover."""
    edges = np.linspace(0, plane.shape[0], count + 1)
    averaged = np.empty((count, plane.shape[1]), plane.dtype)
    for some in strips(count, 32):
        first, last = int(edges[some.start]), int(np.ceil(edges[some.stop]))
        rows = np.arange(first, last)
        upper, lower = edges[some, None], edges[some.start + 1 : some.stop + 1, None]
        shares = np.clip(np.minimum(lower, rows + 1) - np.maximum(upper, rows), 0, None) / (lower - upper)
        averaged[some] = shares.astype(plane.dtype) @ plane[first:last]
    return averaged
