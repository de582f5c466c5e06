"""Cuts a part out of a raw image, with all that is said of places in it: corrections and black levels move along."""

from dataclasses import replace

import numpy as np

from crispnet.raw.image import EVERYTHING, Box, RawImage
from crispnet.raw.opcodes import FixBadPixelsConstant, FixBadPixelsList, FixVignetteRadial, GainMap, Opcode


def cut_out(raw: RawImage, box: Box) -> RawImage:
    """Cut out a part whose corner is even, so that the filters keep their order.

    Gains and lists of bad pixels are those of the part. What is to be straightened stays as it is: a part does not know
    where the middle of the lens was, so no warp is kept.

    Args:
        raw: the image.
        box: the part, in photosites of the mosaic; odd sides lose their last row or column.
    """
    if box.top % 2 or box.left % 2:
        raise ValueError(f"expected an even corner, got {box}")
    part = Box(box.top, box.left, box.height & ~1, box.width & ~1)
    return replace(
        raw,
        mosaic=np.ascontiguousarray(raw.mosaic[part.rows, part.columns]),
        crop=EVERYTHING,
        active_area=EVERYTHING,
        stored_size=(0, 0),
        black_rows=None if raw.black_rows is None else raw.black_rows[part.rows],
        black_columns=None if raw.black_columns is None else raw.black_columns[part.columns],
        opcodes=tuple(moved for opcode in raw.opcodes if (moved := _moved(opcode, raw, part)) is not None),
        path=None,
    )


def _moved(opcode: Opcode, raw: RawImage, part: Box) -> Opcode | None:
    """Say a correction of a part; None where a part cannot be corrected so."""
    frame, place = (raw.rows, raw.columns), part
    if opcode.stage == 1:  # counts from the stored frame
        frame, area = raw.stored_size, raw.active_area
        place = Box(part.top + area.top, part.left + area.left, part.height, part.width)
    if isinstance(opcode, GainMap):
        return _gain_map(opcode, frame, place)
    if isinstance(opcode, FixVignetteRadial):
        return _vignette(opcode, frame, place)
    if isinstance(opcode, FixBadPixelsList):
        return _bad_pixels(opcode, place)
    return opcode if isinstance(opcode, FixBadPixelsConstant) else None


def _gain_map(opcode: GainMap, frame: tuple[int, int], place: Box) -> GainMap:
    height, width = place.height, place.width
    everywhere = opcode.top >= opcode.bottom or opcode.left >= opcode.right
    top, left = (
        begin - corner if begin >= corner else (begin - corner) % pitch
        for begin, corner, pitch in (
            (opcode.top, place.top, opcode.row_pitch),
            (opcode.left, place.left, opcode.column_pitch),
        )
    )
    return replace(
        opcode,
        top=0 if everywhere else top,
        left=0 if everywhere else left,
        bottom=0 if everywhere else max(top, min(opcode.bottom - place.top, height)),
        right=0 if everywhere else max(left, min(opcode.right - place.left, width)),
        spacing=(opcode.spacing[0] * frame[0] / height, opcode.spacing[1] * frame[1] / width),
        origin=(
            (opcode.origin[0] * frame[0] - place.top) / height,
            (opcode.origin[1] * frame[1] - place.left) / width,
        ),
    )


def _vignette(opcode: FixVignetteRadial, frame: tuple[int, int], place: Box) -> FixVignetteRadial:
    x, y = opcode.centre
    centre = (x * frame[1] - place.left) / place.width, (y * frame[0] - place.top) / place.height
    before = np.hypot(max(x, 1 - x) * frame[1], max(y, 1 - y) * frame[0])
    after = np.hypot(max(centre[0], 1 - centre[0]) * place.width, max(centre[1], 1 - centre[1]) * place.height)
    k0, k1, k2, k3, k4 = (k * float(after / before) ** (2 * power) for power, k in enumerate(opcode.k, 1))
    return replace(opcode, k=(k0, k1, k2, k3, k4), centre=centre)


def _bad_pixels(opcode: FixBadPixelsList, place: Box) -> FixBadPixelsList:
    corner = np.array([place.top, place.left])
    points = opcode.points - corner
    rectangles = opcode.rectangles - np.tile(corner, 2)
    size = np.array([place.height, place.width])
    inside = ((points >= 0) & (points < size)).all(axis=1)
    clipped = np.hstack([rectangles[:, :2].clip(0), np.minimum(rectangles[:, 2:], size)])
    kept = (clipped[:, :2] < clipped[:, 2:]).all(axis=1)
    return replace(opcode, points=points[inside].astype(np.int32), rectangles=clipped[kept].astype(np.int32))
