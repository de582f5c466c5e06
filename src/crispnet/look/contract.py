"""What every look is: two calls.

    scene  = look.scene(thumbnail, metadata)      once per photograph: everything that depends on the whole of it
    pixels = look.render(packed, scene)           once per window: everything that depends on the neighbourhood

Because the scene is made once, two windows of one photograph cannot disagree about its colour. Shapes are those of the
house (see ``docs/conventions.md``):

- ``thumbnail``: (b, 3, 368, 480) float32, linear R, (G + G) / 2, B, of the whole frame, not white-balanced;
- ``packed``: (b, 4, h, w) float32, linear, 0 = black level, 1 = white level, planes R, G, B, G, not white-balanced;
- result: (b, 3, 2h, 2w) float32, sRGB-encoded, nominally in [0, 1], not clipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from crispnet.raw.image import RawImage


@dataclass(frozen=True, eq=False)
class Metadata:
    """What a look may know of b photographs beside their pixels.

    Attributes:
        white_balance: (b, 4) multipliers for R, G, B, G; green is 1.
        balanced_to_xyz: (b, 3, 3) from balanced camera values to XYZ relative to D65.
        baseline: (b,) EV that the maker adds to every exposure of this camera (DNG BaselineExposure).
        exposure: (b,) EV that the user adds to what the look finds right.
    """

    white_balance: np.ndarray
    balanced_to_xyz: np.ndarray
    baseline: np.ndarray
    exposure: np.ndarray

    @classmethod
    def of(cls, raw: RawImage, *, white_balance: np.ndarray | None = None, exposure: float = 0.0) -> "Metadata":
        """Take one photograph's metadata (b = 1) from its raw image; another white balance means another light."""
        balance = raw.white_balance if white_balance is None else white_balance
        baseline = raw.exif.get("baseline_exposure", 0.0)
        return cls(balance[None], raw.balanced_to_xyz(balance)[None], np.array([baseline]), np.array([exposure]))


class Look(Protocol):
    """A trained look, or the classic one.

    Attributes:
        name: what users call it.
        version: of its numbers, not of the software.
        card: what a user should know: a ``summary``, what it learned from, its licence, its figures.
        stride: heights and widths of ``packed`` must be multiples of it.
        halo: packed pixels at each edge of a window whose result depends on what lies beyond the window; None where
            only whole photographs are exact. Such a look can be measured, but neither developed with nor exported.
        cells_at_once: packed pixels of the window it renders most efficiently.
        bytes_per_cell: memory that ``render`` needs for each packed pixel of a window, result included.
    """

    name: str
    version: str
    card: Mapping[str, str]
    stride: int
    bytes_per_cell: int
    cells_at_once: int

    @property
    def halo(self) -> int | None:
        """Give the halo; most looks have a number, once and for all."""

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> Any:
        """See the whole photograph."""

    def render(self, packed: np.ndarray, scene: Any) -> np.ndarray:
        """Render a window of it."""


@dataclass(frozen=True)
class Depths:
    """How the levels of a look are parted into fine ones and coarse ones.

    Attributes:
        scale: packed pixels along a side of a coarse one.
        halo: packed pixels at each edge of a window that fine levels see beyond what they render.
        stride: heights and widths of what ``deepen`` gets must be multiples of it.
        coarse_halo: coarse pixels at each edge that coarse levels see beyond.
        bytes_per_coarse_cell: memory that ``deepen`` needs for each coarse pixel.
    """

    scale: int
    halo: int
    stride: int
    coarse_halo: int
    bytes_per_coarse_cell: int


class DeepLook(Look, Protocol):
    """A look that renders in three calls, of which the middle one is cheap enough for whole photographs.

    ``render`` is ``ascend`` after ``deepen`` after ``descend``, where all three get the same window; but for the
    rounding of features and context to float16.
    """

    @property
    def depths(self) -> Depths | None:
        """Say how its levels are parted; None where they are not."""

    def descend(self, packed: np.ndarray, scene: Any) -> np.ndarray:
        """See the fine levels of a window: (b, 4, h, w) → features (b, h / scale, w / scale, c)."""

    def deepen(self, features: np.ndarray, scene: Any) -> np.ndarray:
        """See the coarse ones: features → context, (b, h / scale, w / scale, c)."""

    def ascend(self, packed: np.ndarray, context: np.ndarray, scene: Any) -> np.ndarray:
        """Render a window with its context: (b, 4, h, w), (b, h / scale, w / scale, c) → (b, 3, 2h, 2w)."""

    def expect(self, fine: tuple[int, int], coarse: tuple[int, int]) -> None:
        """Make ready for windows of ``fine`` packed pixels and pieces of ``coarse`` ones; others may come all the same.

        Whoever makes something else ready meanwhile may call it in another thread.
        """


def in_depths(look: Look) -> tuple[DeepLook, Depths] | None:
    """Take a look as one that renders in three calls, if it does."""
    depths = getattr(look, "depths", None)
    return (cast(DeepLook, look), depths) if depths else None
