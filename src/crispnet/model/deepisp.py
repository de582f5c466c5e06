"""DeepISP: a picture amended block by block, then one quadratic transform of its colours.

Schwartz, Giryes and Bronstein: DeepISP: Toward Learning an End-to-End Image Processing Pipeline. IEEE Transactions on
Image Processing 28, 2019.

    packed (b, 4, h, w) ─ bilinear demosaicking ─ - 0.5 ─ image (b, 3, 2h, 2w)

    image ────┬────────────────────── + ─── image ─┬── ... ── image ──────────── W ── (b, 3, 2h, 2w)
              │           tanh / 10 ──┘            │                             │
              └─ 3 x 3 ─┬─ 3 maps                  │                       (b, 10, 3)
                        └─ n - 3 maps ─ ReLU ── joined ─ 3 x 3 ─ ...             │
                                             features of the last block ─ 3 x (3 x 3, stride 2 ─ ReLU ─ 2 x 2 maximum)
                                                                           ─ mean of all pixels ─ dense

There are 15 low-level blocks of n = 64 maps; every one but the first reads the features before it and the image as
amended so far. W holds, for each colour of the result, a weight for r, g, b, rr, rg, rb, gg, gb, bb and 1. It comes
from the features of the patch that is rendered: as published, nothing sees the thumbnail, and pictures rendered in
tiles may differ from tile to tile.

Inferred: the first of the 15 convolutions reads the image alone, the high-level part the last features without the
image, the pool is a mean, and W gives values in [0, 1]. So counted, the network has 629 790 parameters and takes 93.1 G
multiplications for 368 x 480 pixels, as the known re-implementation (0.630 M, 93.1 G); were the authors' first
convolution one before the 15, it would be 0.668 M. The authors add to W the median of the transforms that fit their
pairs best; lacking theirs, ``usual`` stands in its place: for each colour alike, the quadratic that is nearest to
sRGB's encoding. A training may write another there. He's initial weights are our choice, and W begins near ``usual``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.contract import ISP, Metadata
from crispnet.model.demosaic import bilinear
from crispnet.model.reconstruction import COLOURS

TERMS = 10
MIDDLE = 0.5  # of linear values: images are computed about 0
STEP = 0.1  # the most by which one block changes a value
USUAL = (0.7702, -0.6569, 0.7445)  # value, square and 1: least squares of sRGB's encoding on [0, 1], about the middle


class DeepISP(ISP):
    """Low-level blocks, and the transform that a high-level part finds.

    Attributes:
        blocks: the low-level ones.
        eye: makes a small map of the features of the last block.
        dense: makes of its mean what is added to ``usual``.
        usual: (10, 3), the transform of no picture in particular; a buffer.
    """

    stride = 1
    halo = None
    usual: Tensor

    def __init__(self, *, width: int, blocks: int, depth: int):
        super().__init__()
        self.blocks = nn.ModuleList(_amending(width if before else COLOURS, width) for before in range(blocks))
        self.eye = nn.Sequential(*(_quartering(width if before else width - COLOURS, width) for before in range(depth)))
        self.dense = nn.Linear(width, TERMS * COLOURS)
        nn.init.normal_(self.dense.weight, std=0.01)
        nn.init.zeros_(self.dense.bias)
        self.register_buffer("usual", usual())

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:  # noqa: ARG002  # as published, it sees neither
        """See nothing: (b, 0)."""
        return thumbnail.new_zeros(len(thumbnail), 0)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:  # noqa: ARG002  # it holds nothing
        """Amend the demosaicked picture, and transform its colours."""
        image, features = self.amended(bilinear(packed) - MIDDLE)
        return transformed(quadratic(image), self.transform(features))

    def amended(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Run the low-level blocks: (b, 3, h, w) about 0, and the (b, n - 3, h, w) features of the last of them."""
        joined = features = image
        for block in self.blocks:
            maps = block(joined)
            image = image + STEP * torch.tanh(maps[:, :COLOURS].to(image.dtype))
            features = functional.relu(maps[:, COLOURS:])
            joined = torch.cat((features, image.to(features.dtype)), dim=1)
        return image, features

    def transform(self, features: Tensor) -> Tensor:
        """Find the transform of a picture from its (b, n - 3, h, w) features: (b, 10, 3)."""
        rows, columns = (max(0, least(len(self.eye)) - size) for size in features.shape[-2:])
        seen = self.eye(functional.pad(features, (0, columns, 0, rows), mode="replicate"))
        with torch.autocast(features.device.type, enabled=False):
            return self.usual + self.dense(seen.to(self.usual.dtype).mean(dim=(2, 3))).unflatten(1, (TERMS, COLOURS))


def deepisp(*, width: int = 64, blocks: int = 15, depth: int = 3) -> DeepISP:
    """Make DeepISP of ``blocks`` low-level and ``depth`` high-level layers of ``width`` maps."""
    if width <= COLOURS or blocks < 1 or depth < 1:
        raise ValueError(f"expected a width above {COLOURS}, blocks and depth, got {width}, {blocks} and {depth}")
    return DeepISP(width=width, blocks=blocks, depth=depth)


def quadratic(image: Tensor) -> Tensor:
    """Give what is weighed of each pixel: (b, 3, h, w) → (b, 10, h, w), r, g, b, rr, rg, rb, gg, gb, bb, 1."""
    red, green, blue = image.unbind(1)
    squares = (red * red, red * green, red * blue, green * green, green * blue, blue * blue)
    return torch.stack((red, green, blue, *squares, torch.ones_like(red)), dim=1)


def transformed(terms: Tensor, matrix: Tensor) -> Tensor:
    """Weigh (b, 10, h, w) terms by (b, 10, 3) transforms: (b, 3, h, w)."""
    with torch.autocast(terms.device.type, enabled=False):
        return torch.einsum("btyx,btc->bcyx", terms, matrix.to(terms.dtype))


def usual() -> Tensor:
    """Give the transform that encodes each colour by itself, nearly as sRGB does: (10, 3)."""
    matrix = torch.zeros(TERMS, COLOURS)
    for colour, (itself, squared) in enumerate(((0, 3), (1, 6), (2, 8))):
        matrix[[itself, squared, -1], colour] = torch.tensor(USUAL)
    return matrix


def least(depth: int) -> int:
    """Count the pixels to each side that so many high-level layers need to make one.

    >>> [least(depth) for depth in range(4)]
    [1, 5, 21, 85]
    """
    return 1 if depth == 0 else 4 * least(depth - 1) + 1


def _amending(planes: int, maps: int) -> nn.Conv2d:
    """Make the 3 x 3 convolution of a low-level block, edges by reflection."""
    return _begun(nn.Conv2d(planes, maps, 3, padding=1, padding_mode="reflect"))


def _quartering(planes: int, maps: int) -> nn.Sequential:
    """Make a high-level layer: without padding, (h, w) → about (h / 4, w / 4)."""
    return nn.Sequential(_begun(nn.Conv2d(planes, maps, 3, stride=2)), nn.ReLU(), nn.MaxPool2d(2))


def _begun(convolution: nn.Conv2d) -> nn.Conv2d:
    """Initialise it by He's rule, which keeps features alive through fifteen layers."""
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # there is one
    return convolution
