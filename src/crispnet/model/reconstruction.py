"""The reconstruction branch: a UNet with residual blocks at its bottleneck (paper, sections 3 and 3.1).

It reads packed planes at half the size of the picture and gives maps from which pixels are shuffled. Vectors made
elsewhere modulate its channels: ``encoder[l]`` those of level l + 1, before they are pooled and kept for the skip;
``decoder[0]`` those of the bottleneck after the residual blocks, ``decoder[i]`` those of the i-th level on the way up.

    planes ─ 1 × encoder[0] ───────────────────── skip ───────────────────── 1 × decoder[4] ─ head ─ (b, 3, 2h, 2w)
             └─ 2 × encoder[1] ────────────────── skip ────────────────── 2 × decoder[3] ─┘
                └─ 3 × encoder[2] ─────────────── skip ─────────────── 3 × decoder[2] ─┘
                   └─ 4 × encoder[3] ──────────── skip ──────────── 4 × decoder[1] ─┘
                      └─ 5 × encoder[4] ── residual blocks ── × decoder[0] ─┘

Digits are pairs of 3 x 3 convolutions with ReLU; down is a 2 x 2 maximum, up a 2 x 2 transposed convolution, the head
a 1 x 1 convolution to 12 maps and a pixel shuffle. Nothing is normalised, so a patch and a whole frame are computed
alike. Widths, the number of blocks, up-sampling and head are our choice, where the paper says nothing.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.layers import DoubleConvolution, Modulation, Residual, pad_to

WIDTHS = (32, 64, 128, 256, 512)  # of the paper's network: F has 512 numbers, Table 3 names five levels
BLOCKS = 4
COLOURS = 3
MIDDLE = 0.45  # sRGB-encoded mean of photographs, about


class Reconstruction(nn.Module):
    """The UNet with residual bottleneck.

    Attributes:
        widths: channels of each level, the finest first.
        folded: how many cells each way the finest level sees as one: their planes become its channels. Processors
            multiply matrices faster the more channels they have, and the finest levels have the fewest.
        weights: the head of further maps, where there are to be some.
        stride: what it pads heights and widths to multiples of.
        reach: packed pixels beyond which nothing can influence a pixel of the result.
        halo: ``reach``, rounded up to whole strides.
    """

    def __init__(
        self,
        *,
        planes: int = 4,
        widths: Sequence[int] = WIDTHS,
        blocks: int = BLOCKS,
        folded: int = 1,
        weights: int = 0,
    ):
        super().__init__()
        self.widths, self.folded = tuple(widths), folded
        self.encoder = nn.ModuleList(DoubleConvolution(a, b) for a, b in pairwise((folded**2 * planes, *widths)))
        self.blocks = nn.Sequential(*(Residual(widths[-1]) for _ in range(blocks)))
        upward = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, shallow, 2, stride=2) for deep, shallow in upward)
        self.decoder = nn.ModuleList(DoubleConvolution(2 * shallow, shallow) for _, shallow in upward)
        self.head = nn.Conv2d(widths[0], folded**2 * 4 * COLOURS, 1)
        self.weights = nn.Conv2d(widths[0], folded**2 * weights, 1) if weights else None
        # A first picture of middle grey: Adam moves a bias by no more than its rate, and would need hundreds of steps.
        nn.init.constant_(self.head.bias, MIDDLE)  # type: ignore[arg-type]  # there is one
        self.stride = folded * 2 ** (len(widths) - 1)
        self.reach = reach(levels=len(widths), blocks=blocks, folded=folded)
        self.halo = -(-self.reach // self.stride) * self.stride

    def forward(
        self, planes: Tensor, *, encoder: Sequence[Modulation] = (), decoder: Sequence[Modulation] = ()
    ) -> Tensor:
        """Reconstruct (b, 3, 2h, 2w) from (b, planes, h, w); modulations as in the diagram, the last ones optional."""
        pixels, _ = self.maps(planes, encoder=encoder, decoder=decoder)
        return functional.pixel_shuffle(pixels, 2)

    def maps(
        self, planes: Tensor, *, encoder: Sequence[Modulation] = (), decoder: Sequence[Modulation] = ()
    ) -> tuple[Tensor, Tensor | None]:
        """Give what is said of each cell: the maps that pixels are shuffled from, (b, 12, h, w), and weights if any."""
        size = planes.shape[-2:]
        skips = self._down(functional.pixel_unshuffle(pad_to(planes, self.stride), self.folded), encoder)
        features = _modulated(self.blocks(skips.pop()), decoder, 0)
        for level, (up, convolve) in enumerate(zip(self.up, self.decoder, strict=True), start=1):
            features = convolve(torch.cat((skips.pop(), up(features)), dim=1))
            features = _modulated(features, decoder, level)
        weights = self._of_cells(self.weights(features), size) if self.weights else None
        return self._of_cells(self.head(features), size), weights

    def _of_cells(self, maps: Tensor, size: torch.Size) -> Tensor:
        height, width = size
        return functional.pixel_shuffle(maps, self.folded)[..., :height, :width].float()

    def _down(self, planes: Tensor, modulations: Sequence[Modulation]) -> list[Tensor]:
        features = planes.contiguous(memory_format=torch.channels_last)
        levels = []
        for level, convolve in enumerate(self.encoder):
            features = _modulated(convolve(features), modulations, level)
            levels.append(features)
            if level < len(self.encoder) - 1:
                features = functional.max_pool2d(features, 2)
        return levels


def _modulated(features: Tensor, modulations: Sequence[Modulation], level: int) -> Tensor:
    return modulations[level].of(features) if level < len(modulations) else features


def reach(*, levels: int, blocks: int, folded: int = 1) -> int:
    """Count the packed pixels to each side that a pixel of the result can depend on, where cells fall worst.

    Every 3 x 3 convolution reaches one pixel of its level: two on the way down and two on the way up at each level,
    at the deepest two and two more per residual block. Pooling and its inverse see whole cells of 2 x 2, at most
    ``stride - 1`` pixels more in all; so does folding.

    >>> reach(levels=1, blocks=0), reach(levels=2, blocks=0), reach(levels=5, blocks=4)
    (2, 9, 235)
    >>> reach(levels=4, blocks=4, folded=2)
    231
    """
    stride = folded * 2 ** (levels - 1)
    return 4 * (stride - folded) + (2 + 2 * blocks) * stride + stride - 1
