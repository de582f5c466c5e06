"""The paper's network and its parts: three branches, of which each may be absent.

    I     mosaic, packed as I_RGBG: patch or tile (b, 4, h, w) ── reconstruction branch ── I_RGB (b, 3, 2h, 2w), sRGB
                                                                      ×           ×
                                                                 levels 1-3   bottleneck
                                                                      │           │
    W     white-balance multipliers (b, 4) ── white-balance branch ───┘           │
    I_D   thumbnail of the whole frame (b, 3, 368, 480) ── semantics branch ── F (b, 512)

``scene`` runs the last two branches and gives their vectors side by side; ``render`` runs the first. Networks without
a branch have nothing in its place: a scene of the bare UNet is (b, 0). Pixels are raised to 1 / 2.2 first.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crispnet.model.contract import ISP, Metadata
from crispnet.model.layers import Modulation, compand
from crispnet.model.reconstruction import BLOCKS, WIDTHS, Reconstruction
from crispnet.model.semantics import CNN_FEATURES, Semantics, XCiT
from crispnet.model.semantics import classification_cnn as plain_eye
from crispnet.model.white_balance import WhiteBalance


class CRISPnet(ISP):
    """The branches joined.

    Attributes:
        reconstruction: the UNet.
        white_balance: makes the scales of its first levels; None for no such branch.
        semantics: makes F; None for no such branch.
    """

    def __init__(
        self,
        reconstruction: Reconstruction,
        *,
        white_balance: WhiteBalance | None = None,
        semantics: nn.Module | None = None,
    ):
        super().__init__()
        self.reconstruction = reconstruction
        self.white_balance = white_balance
        self.semantics = semantics
        self.stride, self.halo = reconstruction.stride, reconstruction.halo
        levels = 0 if white_balance is None else len(white_balance.layers)
        self._sizes = [*reconstruction.widths[:levels], 0 if semantics is None else reconstruction.widths[-1]]
        self.reads = () if white_balance is None else ("white_balance",)

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """Run the branches that see the whole photograph: (b, widths of the scaled levels, then F)."""
        scales = [] if self.white_balance is None else self.white_balance(metadata.white_balance)
        features = [] if self.semantics is None else [self.semantics(compand(thumbnail))]
        return torch.cat([thumbnail.new_zeros(len(thumbnail), 0), *scales, *features], dim=1)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Run the reconstruction branch, modulated by what a scene holds."""
        *scales, features = scene.split_with_sizes(self._sizes, dim=1)
        decoder = () if self.semantics is None else (Modulation(features),)
        return self.reconstruction(compand(packed), encoder=[Modulation(scale) for scale in scales], decoder=decoder)


def unet_residual(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make the bare backbone, "UNet + Residual Bottleneck" of Tables 1 and 2."""
    return CRISPnet(Reconstruction(widths=widths, blocks=blocks))


def wb_branch(*, levels: int = 3, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make the backbone with a white-balance branch into its first levels (Table 3); 0 levels are no branch."""
    if not 0 <= levels <= len(widths):
        raise ValueError(f"expected 0 to {len(widths)} levels, got {levels}")
    branch = WhiteBalance(widths[:levels]) if levels else None
    return CRISPnet(Reconstruction(widths=widths, blocks=blocks), white_balance=branch)


def wb_level_1(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make "Branch level 1" of Table 3."""
    return wb_branch(levels=1, widths=widths, blocks=blocks)


def wb_levels_1_3(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make "Branch level 1, 2 and 3" of Table 3, "WB branch" of Tables 1 and 2."""
    return wb_branch(levels=3, widths=widths, blocks=blocks)


def wb_levels_1_4(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make "Branch level 1, 2, 3 and 4" of Table 3."""
    return wb_branch(levels=4, widths=widths, blocks=blocks)


def wb_levels_1_5(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make "Branch level 1, 2, 3, 4 and 5" of Table 3."""
    return wb_branch(levels=5, widths=widths, blocks=blocks)


def classification_cnn(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> CRISPnet:
    """Make the network whose semantics are a plain CNN's ("Classification CNN" of Table 5)."""
    return CRISPnet(
        Reconstruction(widths=widths, blocks=blocks),
        white_balance=WhiteBalance(widths[:3]),
        semantics=Semantics(plain_eye(), dim=CNN_FEATURES, features=widths[-1]),
    )


def crispnet(*, widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS, dim: int = 192, depth: int = 4) -> CRISPnet:
    """Make CRISPnet: the backbone, the white-balance branch at levels 1 to 3, and XCiT-tiny of depth 4."""
    return CRISPnet(
        Reconstruction(widths=widths, blocks=blocks),
        white_balance=WhiteBalance(widths[:3]),
        semantics=Semantics(XCiT(dim=dim, depth=depth), dim=dim, features=widths[-1]),
    )
