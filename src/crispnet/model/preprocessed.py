"""The naive use of white balance: multiply first, then show the network the result ("Preprocess WB" of Table 3).

    packed (b, 4, h, w) ── × W ── any network ── (b, 3, 2h, 2w)
    thumbnail (b, 3, 368, 480) ── × W ──┘

The paper compares it with the learned branch, and tries it on AWNet, too. Nothing is clipped after the multiplication,
so a clipped highlight has the colour of the inverted light, as in the paper's text.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from crispnet.model import awnet as awnet_module
from crispnet.model.contract import ISP, Metadata
from crispnet.model.crispnet import unet_residual
from crispnet.model.reconstruction import BLOCKS, WIDTHS

BALANCE = 4  # numbers in front of the wrapped network's own scene


class Preprocessed(ISP):
    """A network that sees white-balanced values only.

    Attributes:
        isp: the network.
    """

    def __init__(self, isp: ISP):
        super().__init__()
        self.isp = isp
        self.stride, self.halo = isp.stride, isp.halo
        self.reads = tuple(dict.fromkeys(("white_balance", *isp.reads)))

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """Give the multipliers, then what the network sees in the balanced thumbnail: (b, 4 + n)."""
        light = metadata.white_balance
        return torch.cat((light, self.isp.scene(thumbnail * light[:, :3, None, None], metadata)), dim=1)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Balance, then render."""
        return self.isp.render(*_balanced(packed, scene))

    def pictures(self, packed: Tensor, scene: Tensor, *, finest: int = 0) -> Sequence[Tensor]:
        """Balance, then render whatever the network learns by."""
        return self.isp.pictures(*_balanced(packed, scene), finest=finest)


def preprocess_wb(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> Preprocessed:
    """Make the bare backbone behind a white balance ("Preprocess WB" of Table 3)."""
    return Preprocessed(unet_residual(widths=widths, blocks=blocks))


def awnet_preprocess_wb(
    *, width: int = awnet_module.WIDTH, blocks: Sequence[int] = awnet_module.BLOCKS, growth: int = awnet_module.GROWTH
) -> Preprocessed:
    """Make AWNet behind a white balance ("AWNet Preprocess WB" of Table 3)."""
    return Preprocessed(awnet_module.awnet(width=width, blocks=blocks, growth=growth))


def _balanced(packed: Tensor, scene: Tensor) -> tuple[Tensor, Tensor]:
    return packed * scene[:, :BALANCE, None, None], scene[:, BALANCE:]
