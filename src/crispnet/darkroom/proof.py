"""A proof of a photograph: rendered small, to see what a look does to its colours at a fraction of the cost.

The look sees the whole scene, as it does when it develops; only what it renders is a frame of larger photosites. So
colours are those of the photograph, but for what depends on detail and noise. Lines stay as the lens bent them.
"""

from dataclasses import dataclass, replace

import numpy as np

from crispnet.darkroom.rendering import in_cells, render
from crispnet.look.contract import Look, Metadata
from crispnet.raw.bayer import pack_linear, shrink, thumbnail
from crispnet.raw.image import Box, RawImage

LONGEST = 512  # pixels along the longer side


@dataclass(frozen=True, eq=False)
class Proof:
    """A raw image made small, to be developed with one look after another.

    Attributes:
        packed: (4, h, w) float32, linear: the whole active area.
        thumbnail: (3, 368, 480) of the full frame.
        metadata: what looks may know beside pixels.
        region: the maker's crop, in photosites of ``packed``.
    """

    packed: np.ndarray
    thumbnail: np.ndarray
    metadata: Metadata
    region: Box

    @classmethod
    def of(
        cls,
        raw: RawImage,
        *,
        longest: int = LONGEST,
        white_balance: np.ndarray | None = None,
    ) -> "Proof":
        """Shrink a raw image so that its longer side has ``longest`` pixels; a smaller one keeps its size.

        ``white_balance`` is that of ``darkroom.photo.develop``.
        """
        packed = pack_linear(raw)
        metadata = Metadata.of(raw, white_balance=white_balance)
        return cls(packed, thumbnail(packed), metadata, in_cells(raw.crop, raw.cfa)).smaller(longest)

    def smaller(self, longest: int) -> "Proof":
        """Shrink it further, so that its longer side has ``longest`` pixels; a smaller one keeps its size."""
        cells = self.packed.shape[1:]
        scale = max(1.0, 2 * max(cells) / longest)
        height, width = (max(1, round(length / scale)) for length in cells)
        region = _shrunk(self.region, height / cells[0], width / cells[1])
        return replace(self, packed=shrink(self.packed, height, width), region=region)

    def develop(self, look: Look, *, exposure: float = 0.0) -> np.ndarray:
        """Develop it: (h, w, 3) float32 sRGB, nominally in [0, 1], not clipped, in sensor orientation.

        ``exposure`` is that of ``darkroom.photo.develop``.
        """
        metadata = replace(self.metadata, exposure=self.metadata.exposure + exposure)
        scene = look.scene(self.thumbnail[None], metadata)
        return render(self.packed, look, scene, self.region)


def _shrunk(region: Box, down: float, across: float) -> Box:
    """Give the whole photosites within a region of a frame that was shrunk by these factors."""
    top, left = -int(-region.top * down // 1), -int(-region.left * across // 1)
    bottom, right = int(region.bottom * down), int(region.right * across)
    return Box(top, left, max(bottom - top, 1), max(right - left, 1))
