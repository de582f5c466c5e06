"""Whole frames averaged by area to one size, as planes or as a mosaic, and the memory of them."""

from functools import lru_cache
from threading import Lock
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from crispnet.data.frames import Frame
from crispnet.raw.bayer import PLANE_SITES, area_average, area_shares, shrink

MOST_BYTES = 1 << 30
View = tuple[np.ndarray, np.ndarray]  # packed and target


class Maker(Protocol):
    """What makes a view of a frame."""

    def __call__(self, frame: Frame, size: tuple[int, int]) -> View:
        """See a frame at a size, in cells."""


def view(frame: Frame, size: tuple[int, int]) -> View:
    """Average a whole frame by area to ``size`` cells: packed (4, h, w) and target (3, 2h, 2w) in [0, 1], float16.

    Each sample counts where its photosite lies, so that the four planes, unlike those of a mosaic, show the same place.
    Such planes can be mirrored as they are. The target is averaged in sRGB codes.
    """
    packed = frame.packed
    rows, columns = size
    planes = [
        _shares(packed.shape[1], rows, down) @ plane.astype(np.float32) @ _shares(packed.shape[2], columns, across).T
        for plane, (down, across) in zip(packed, PLANE_SITES, strict=True)
    ]
    return np.stack(planes).astype(np.float16), (_target(frame, size) / 255).astype(np.float16)


def mosaic(frame: Frame, size: tuple[int, int]) -> View:
    """Shrink a whole frame to ``size`` cells as if its sensor had larger photosites (``raw.bayer.shrink``).

    What can be learned of one photosite and the next can be learned here, too, on small frames.

    Returns:
        Packed (4, h, w) float16 and target (2h, 2w, 3) uint8, as a frame has them.

    Raises:
        ValueError: the frame is smaller than that.
    """
    packed = shrink(frame.packed.astype(np.float32), *size)
    target = np.rint(_target(frame, size)).astype(np.uint8)
    return packed.astype(np.float16), np.ascontiguousarray(target.transpose(1, 2, 0))


def _target(frame: Frame, size: tuple[int, int]) -> np.ndarray:
    """Average the target to two pixels a cell each way: (3, 2h, 2w) codes, not rounded."""
    rows, columns = size
    return np.stack(
        [area_average(colour.astype(np.float32), 2 * rows, 2 * columns) for colour in frame.target.transpose(2, 0, 1)]
    )


@lru_cache(maxsize=64)
def _shares(samples: int, count: int, site: int) -> np.ndarray:
    """Give the (count, samples) share that each sample of a plane has in each average.

    A sample covers the two photosites around its own, the first or second (``site`` 0 or 1) of a cell: a quarter of a
    cell before or behind where the cell lies. The outermost ones cover what is left of the frame.
    """
    return area_shares(samples, count, shift=0.25 if site == 0 else -0.25)


class Views:
    """Remembers frames averaged by area, for as long as the frames live, up to a number of bytes.

    Attributes:
        make: what makes a view.
        limit: most bytes to remember. Where it is reached, the views of other sizes are forgotten: a stage is over.
    """

    def __init__(self, limit: int, *, make: Maker = view) -> None:
        self.limit, self.make = limit, make
        self._kept: WeakKeyDictionary[Frame, dict[tuple[int, int], View]] = WeakKeyDictionary()
        self._lock = Lock()  # one thread makes the next batch while another validates

    def of(self, frame: Frame, size: tuple[int, int]) -> View:
        """Give ``make(frame, size)``, from memory where possible."""
        with self._lock:
            known = self._kept.get(frame, {}).get(size)
        if known is not None:
            return known
        made = self.make(frame, size)
        with self._lock:
            if self.bytes + _bytes(made) > self.limit:
                self._keep_only(size)
            if self.bytes + _bytes(made) <= self.limit:
                self._kept.setdefault(frame, {})[size] = made
        return made

    @property
    def bytes(self) -> int:
        """How much is remembered."""
        return sum(_bytes(view) for views in self._kept.values() for view in views.values())

    def _keep_only(self, size: tuple[int, int]) -> None:
        for views in self._kept.values():
            for other in views.keys() - {size}:
                del views[other]


def _bytes(seen: View) -> int:
    return seen[0].nbytes + seen[1].nbytes


VIEWS, MOSAICS = Views(MOST_BYTES), Views(MOST_BYTES, make=mosaic)
