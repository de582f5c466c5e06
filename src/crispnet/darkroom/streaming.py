"""Renders a packed frame with a look that has fine and coarse levels, in three passes over it.

    packed ── descend, window by window ── features ── deepen, in few large pieces ── context
       └───────────────────────── ascend, window by window ───────────────────────────┴── sRGB

Windows of the fine levels need a rim of a few packed pixels. With windows of the whole network the rim was as wide as
its coarsest levels see, and took longer than the windows.

The frame is the mosaic mirrored by ``MARGIN`` strides on each side. What lies beyond is 0 to every level, as beyond the
frames and patches that networks learn from; windows never show it, so the result does not depend on them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from crispnet.darkroom.quantise import quantise_into
from crispnet.darkroom.tiling import overlap, with_halo
from crispnet.look.contract import DeepLook, Depths
from crispnet.raw.image import Box

MARGIN = 2  # in strides
LEAST_CELLS, LEAST_SIDE = 1 << 14, 64  # of a piece worth rendering
COARSE_CELLS = 1 << 19  # of a piece; whole frames of up to 33 megapixels


class Piece(NamedTuple):
    """What is made at a time, and what is seen for it: a window, and that with its rim."""

    made: Box
    seen: Box

    def coarse(self, scale: int) -> "Piece":
        """Count in coarse cells."""
        return Piece(*(Box(*(length // scale for length in (b.top, b.left, b.height, b.width))) for b in self))

    def inner(self, values: np.ndarray) -> np.ndarray:
        """Cut what is made out of (h, w, c) values of what was seen."""
        top, left = self.made.top - self.seen.top, self.made.left - self.seen.left
        return values[top : top + self.made.height, left : left + self.made.width]


@dataclass(frozen=True)
class Frame:
    """A packed frame with its margin; its cells are counted from the corner of the margin.

    Attributes:
        packed: (4, h, w).
        stride: of the look.
        depths: of the look.
    """

    packed: np.ndarray
    stride: int
    depths: Depths

    @property
    def margin(self) -> int:
        """Cells at each side."""
        return MARGIN * self.stride

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of cells, margin included; multiples of the stride."""
        height, width = self.packed.shape[1:]
        return (
            _rounded(height + 2 * self.margin, self.stride),
            _rounded(width + 2 * self.margin, self.stride),
        )

    @property
    def coarse_size(self) -> tuple[int, int]:
        """Rows and columns of coarse cells."""
        height, width = self.size
        return height // self.depths.scale, width // self.depths.scale

    def cut(self, window: Box) -> np.ndarray:
        """Cut out a window: (1, 4, h, w)."""
        on_mosaic = Box(window.top - self.margin, window.left - self.margin, window.height, window.width)
        return with_halo(self.packed, on_mosaic, halo=0)[None]


def render_in_depths(
    packed: np.ndarray,
    look: DeepLook,
    scene: Any,
    region: Box,
    pixels: np.ndarray,
    *,
    depths: Depths,
    free: int,
) -> None:
    """Render a region of a packed frame.

    Args:
        packed: (4, h, w) linear.
        look: whose rendering it is.
        scene: what ``look.scene`` made of the whole photograph.
        region: which photosites of the packed frame to render.
        pixels: (height, width, 3) of the region, to write to; floats, or codes of 8 or 16 bits.
        depths: of the look.
        free: bytes to stay within, as far as the frame allows.
    """
    frame = Frame(packed, look.stride, depths)
    features = _descended(frame, look, scene, free=free)
    context = _deepened(features, frame, look, scene, free=free - 2 * features.nbytes)
    del features
    wanted = Box(region.top + 2 * frame.margin, region.left + 2 * frame.margin, region.height, region.width)
    for piece in _fine(frame, look, free=free - context.nbytes):
        part = overlap(piece.made, wanted)
        if part is None:
            continue
        around = _cut(context, piece.coarse(depths.scale).seen)
        rendered = look.ascend(frame.cut(piece.seen), around, scene)[0].transpose(1, 2, 0)
        at = Piece(part, Box(2 * piece.seen.top, 2 * piece.seen.left, *rendered.shape[:2]))
        target = pixels[part.top - wanted.top :, part.left - wanted.left :]
        quantise_into(target[: part.height, : part.width], at.inner(rendered))


def expect(size: tuple[int, int], look: DeepLook, *, depths: Depths, free: int) -> None:
    """Let a look make ready for a packed frame of some size, as far as can be told before it is there."""
    frame = Frame(np.broadcast_to(np.float32(0), (4, *size)), look.stride, depths)
    fine, coarse = (next(pieces).seen for pieces in (_fine(frame, look, free=free), _coarse(frame, free=free)))
    look.expect((fine.height, fine.width), (coarse.height, coarse.width))


def _descended(frame: Frame, look: DeepLook, scene: Any, *, free: int) -> np.ndarray:
    """See the fine levels of the whole frame: features, (h, w, c) of coarse cells."""
    pieces = _fine(frame, look, free=free)
    made = ((piece.coarse(frame.depths.scale), look.descend(frame.cut(piece.seen), scene)[0]) for piece in pieces)
    return _joined(made, frame.coarse_size)


def _deepened(features: np.ndarray, frame: Frame, look: DeepLook, scene: Any, *, free: int) -> np.ndarray:
    """See the coarse levels of the whole frame: features → context, (h, w, c) of coarse cells."""
    pieces = _coarse(frame, free=free)
    return _joined(((piece, look.deepen(_cut(features, piece.seen), scene)[0]) for piece in pieces), frame.coarse_size)


def _fine(frame: Frame, look: DeepLook, *, free: int) -> Iterator[Piece]:
    depths, room = frame.depths, free // look.bytes_per_cell
    return _pieces(frame.size, cells=look.cells_at_once, room=room, halo=depths.halo, stride=depths.scale)


def _coarse(frame: Frame, *, free: int) -> Iterator[Piece]:
    depths = frame.depths
    room = free // depths.bytes_per_coarse_cell
    return _pieces(frame.coarse_size, cells=COARSE_CELLS, room=room, halo=depths.coarse_halo, stride=depths.stride)


def _pieces(size: tuple[int, int], *, cells: int, room: int, halo: int, stride: int) -> Iterator[Piece]:
    """Cut a frame into windows; what is seen around each has the same size, and ends where the frame does."""
    sides = _sides(size, cells=cells, room=max(room, LEAST_CELLS), halo=halo, stride=stride)
    for corner in product(*(range(0, whole, side) for whole, side in zip(size, sides, strict=True))):
        (top, rows, above, height), (left, columns, before, width) = (
            (start, min(side, whole - start), *_around(start, usual=side, halo=halo, whole=whole))
            for start, side, whole in zip(corner, sides, size, strict=True)
        )
        yield Piece(Box(top, left, rows, columns), Box(above, before, height, width))


def _sides(size: tuple[int, int], *, cells: int, room: int, halo: int, stride: int) -> tuple[int, int]:
    """Find how high and how wide pieces are best: of all that are small enough, those of which least is seen twice.

    Where none is small enough, the smallest.

    >>> _sides((1568, 2064), cells=1 << 18, room=1 << 20, halo=16, stride=4)
    (392, 516)
    """
    height, width = size
    best: tuple[int, int, int, int] | None = None
    for down in range(1, -(-height // LEAST_SIDE) + 1):
        rows = _rounded(-(-height // down), stride)
        most = min(cells // rows, room // (rows + 2 * halo) - 2 * halo) // stride * stride
        across = -(-width // max(most, LEAST_SIDE))
        columns = _rounded(-(-width // across), stride)
        seen = min(rows + 2 * halo, height) * min(columns + 2 * halo, width)
        found = (max(seen - room, 0), down * across * seen, rows, columns)
        best = min(best or found, found)
    assert best is not None
    return best[2:]


def _rounded(length: int, stride: int) -> int:
    return -(-length // stride) * stride


def _around(start: int, *, usual: int, halo: int, whole: int) -> tuple[int, int]:
    """Find where to begin, and how far to go, to see ``usual`` cells from a start on, and ``halo`` more at each side.

    >>> [_around(start, usual=100, halo=16, whole=320) for start in (0, 100, 300)]
    [(0, 132), (84, 132), (188, 132)]
    """
    length = min(usual + 2 * halo, whole)
    return min(max(start - halo, 0), whole - length), length


def _joined(parts: Iterable[tuple[Piece, np.ndarray]], size: tuple[int, int]) -> np.ndarray:
    """Join what was made of pieces to (h, w, c) of the whole frame."""
    whole: np.ndarray | None = None
    for piece, values in parts:
        whole = np.empty((*size, values.shape[2]), values.dtype) if whole is None else whole
        whole[piece.made.rows, piece.made.columns] = piece.inner(values)
    if whole is None:
        raise ValueError(f"expected a frame of some cells, got one of {size}")
    return whole


def _cut(values: np.ndarray, box: Box) -> np.ndarray:
    return values[None, box.rows, box.columns]
