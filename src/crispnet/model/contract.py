"""What every trainable ISP is: the two calls of every look (``look.contract``), on tensors.

    scene  = isp.scene(thumbnail, metadata)      once per photograph: everything that depends on the whole of it
    pixels = isp.render(packed, scene)           once per patch or tile: everything that depends on the neighbourhood

- ``thumbnail``: (b, 3, 368, 480), linear R, (G + G) / 2, B, of the whole frame, not white-balanced;
- ``packed``: (b, 4, h, w), linear, 0 = black level, 1 = white level, planes R, G, B, G, not white-balanced;
- ``scene``: (b, n): one vector per photograph, whatever it holds, so that a look file can be cut at one tensor;
- result: (b, 3, 2h, 2w), sRGB-encoded, nominally in [0, 1], not clipped.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn


class Metadata(NamedTuple):
    """What an ISP may know of b photographs beside their pixels.

    Attributes:
        white_balance: (b, 4) multipliers for R, G, B, G; green is 1 (DNG AsShotNeutral, inverted).
        to_srgb: (b, 3, 3) from balanced camera values to linear sRGB (the file's own colour matrix).
        exposure: (b,) EV that the user adds to what the ISP finds right; 0 in training.
    """

    white_balance: Tensor
    to_srgb: Tensor
    exposure: Tensor


class ISP(nn.Module, ABC):
    """A trainable ISP.

    Attributes:
        stride: heights and widths of ``packed`` must be multiples of it where results are to be exact; ``render``
            itself takes any size, and pads by reflection inside.
        halo: packed pixels at each edge of a window whose result depends on what lies beyond the window; None where
            only whole frames are exact.
        reads: the fields of ``Metadata`` that it uses.
    """

    stride: int
    halo: int | None
    reads: tuple[str, ...] = ()

    @abstractmethod
    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """See the whole photograph: (b, 3, 368, 480) → (b, n)."""

    @abstractmethod
    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Render a window of it: (b, 4, h, w), (b, n) → (b, 3, 2h, 2w)."""

    def pictures(self, packed: Tensor, scene: Tensor, *, finest: int = 0) -> Sequence[Tensor]:
        """Render what training compares with the target: one picture, unless the network learns at several sizes.

        Args:
            packed: (b, 4, h, w).
            scene: (b, n).
            finest: how many times the first picture is halved, for networks that learn one size after another.

        Returns:
            (b, 3, 2h, 2w) and smaller ones, the largest first; with ``finest`` 0 the first is that of ``render``.

        Raises:
            ValueError: the network has no pictures of that size.
        """
        if finest:
            raise ValueError(f"expected finest 0 from a network that learns at one size, got {finest}")
        return [self.render(packed, scene)]

    def forward(self, packed: Tensor, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """Do both: see, then render."""
        return self.render(packed, self.scene(thumbnail, metadata))
