"""PyNET: a pyramid that is trained level by level, from the coarsest picture to the finest.

Ignatov, Van Gool and Timofte: Replacing Mobile Camera ISP with a Single Deep Learning Model. CVPR Workshops 2020.

    level    first   on the way up (none is computed for the picture of a coarser level)     gives
      1        3     s↑ 5 ── s 7 9 9+ 9+ 9+ 7 ── s 5 ── s↑ 3       (b, 2n, h, w)             ── ↑ n ── 3, level 0
      2        3     s↑ 5 ── s 7+ 7+ 7+ 7 ── s 5 ── ↑ 3            (b, 4n, h/2, w/2)
      3        3     s↑ 5 5+ 5+ 5+ ── s↑ 3                         (b, 8n, h/4, w/4)
      4        3     s↑ 3 3+ 3+ 3 ── ↑ 3                           (b, 16n, h/8, w/8)
      5        3     3 3 3                                         (b, 32n, h/16, w/16)

A digit k is a multi-convolution: side by side, for every odd window from 3 x 3 to k x k, two convolutions of 2^level n
channels, each with a leaky ReLU; k+ adds its input to its result. ``first`` reads the packed planes (b, 4, h, w) at
level 1, below it 2 x 2 maxima of the ``first`` above, and is kept as the skip s. ↑ is what level + 1 gives, doubled
bilinearly and convolved, anew at each arrow; s and ↑ are put side by side with what lies to their left. From every
level a 3 x 3 convolution and a sigmoid make a picture of its own size; that of level 0 has (b, 3, 2h, 2w) pixels.

All convolutions pad by reflection, and all but those that make pictures, those of ↑, and the first and last
multi-convolution of level 1 are normalised per photograph and channel. Pixels are linear, as they come.

The authors' own code doubles by transposed convolutions; this is the later bilinear form, of 47.555 M parameters
(n = 16). Of those, 13 696 are biases that a normalisation takes away again: they are left out. Inferred: residuals and
the two multi-convolutions without normalisation are where PyNET-CA has them, sigmoids also at levels 1 to 5, a leaky
ReLU after ↑, and torch's initial weights.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.contract import ISP, Metadata
from crispnet.model.layers import Modulation, pad_to
from crispnet.model.reconstruction import COLOURS

COARSEST = 5
STRIDE = 2 ** (COARSEST - 1)
SLOPE = 0.2  # of the leaky ReLUs, below 0
EPSILON = 1e-5  # added to variances

Convolution = Callable[[int, int, int], nn.Module]  # planes, channels, size of the window
Block = Callable[[int, int, int], nn.Module]  # planes, channels of each branch, size of the largest window


class PyNET(ISP):
    """A pyramid, and for each level what makes a picture of its features.

    Attributes:
        pyramid: gives the features of levels 5 to 1.
        heads: one per level, 0 first; that of level 0 reads the features of level 1.
    """

    stride, halo = STRIDE, None

    def __init__(self, pyramid: "Pyramid", heads: Iterable[nn.Module]):
        super().__init__()
        self.pyramid = pyramid
        self.heads = nn.ModuleList(heads)

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:  # noqa: ARG002
        """See nothing: (b, 0)."""
        return thumbnail.new_zeros(len(thumbnail), 0)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Make the finest picture: (b, 4, h, w) → (b, 3, 2h, 2w)."""
        return self.pictures(packed, scene)[0]

    def pictures(self, packed: Tensor, scene: Tensor, *, finest: int = 0) -> list[Tensor]:  # noqa: ARG002
        """Make the picture of one level, with nothing computed that only finer levels need.

        Args:
            packed: (b, 4, h, w).
            scene: (b, 0).
            finest: the level, 0 to 5.

        Returns:
            One picture, (b, 3, 2h // 2^level, 2w // 2^level): of whole cells only, so that it shows what a target
            shows whose cells of 2^level x 2^level pixels are averaged.
        """
        return [torch.sigmoid(self.drawn(packed, level=finest))]

    def drawn(self, packed: Tensor, *, level: int) -> Tensor:
        """Draw the picture of one level in values that no activation has bounded yet."""
        if not 0 <= level <= COARSEST:
            raise ValueError(f"expected a level from 0 to {COARSEST}, got {level}")
        height, width = (2 * length // 2**level for length in packed.shape[-2:])
        picture = self.heads[level](self.pyramid(padded(packed), finest=level))
        return picture[..., :height, :width].float()


class Pyramid(nn.Module):
    """Levels 1 to 5.

    Attributes:
        first: the multi-convolutions on the way down, level 1 first.
        deepest: the others of level 5.
        upward: levels 4 to 1, in this order.
    """

    def __init__(self, width: int, *, block: Block, plain: Block):
        """Make the levels of ``block``, but with ``plain`` at the very beginning and the very end."""
        super().__init__()
        one, two, three, four, five = widths_of(width)
        self.first = nn.ModuleList(
            [plain(4, one, 3), block(one, two, 3), block(two, three, 3), block(three, four, 3), block(four, five, 3)]
        )
        self.deepest = nn.Sequential(*(block(five, five, 3) for _ in range(3)))
        self.upward = nn.ModuleList(
            [level_4(four, block), level_3(three, block), level_2(two, block), level_1(one, block, plain)]
        )

    def forward(self, planes: Tensor, *, finest: int) -> Tensor:
        """Make the features of the finest level that is wanted, (b, c, h, w) at its size; of level 1 for level 0."""
        skips: list[Tensor] = []
        for first in self.first:
            skips.append(first(functional.max_pool2d(skips[-1], 2) if skips else planes))
        features = self.deepest(skips.pop())
        for level in self.upward[: COARSEST - max(finest, 1)]:
            features = level(features, skips.pop())
        return features


class Level(nn.Module):
    """One level on the way up.

    Attributes:
        stages: what stands, in the diagram, between one s and the next; each is joined by the skip.
        last: the multi-convolution that what comes from below joins once more.
        skip_joins: whether the skip joins there too.
    """

    def __init__(self, width: int, stages: Iterable[nn.Module], *, last: nn.Module, skip_joins: bool):
        super().__init__()
        self.ups = nn.ModuleList(doubling(2 * width, width) for _ in range(2))
        self.stages = nn.ModuleList(stages)
        self.last = last
        self.skip_joins = skip_joins

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Join what the level below gives, (b, 2c, h/2, w/2), with the skip, (b, c, h, w), to (b, c, h, w)."""
        features, again = (up(below) for up in self.ups)
        for stage in self.stages:
            features = stage(torch.cat((features, skip), dim=1))
        joined = (features, skip, again) if self.skip_joins else (features, again)
        return self.last(torch.cat(joined, dim=1))


class Reflecting(nn.Conv2d):
    """A convolution that keeps the size and sees the picture mirrored beyond its edges.

    It is PyTorch's own, but for one thing: under autocast that one pads in 32 bits, which took a fifth of a step.
    """

    def __init__(self, planes: int, channels: int, window: int, *, bias: bool = True):
        super().__init__(planes, channels, window, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve (b, planes, h, w) to (b, channels, h, w)."""
        with torch.autocast(features.device.type, enabled=False):
            mirrored = functional.pad(features, (self.kernel_size[0] // 2,) * 4, mode="reflect")
        return functional.conv2d(mirrored, self.weight, self.bias)


class Evened(nn.Module):
    """Normalise every channel over the pixels of a photograph, then scale and shift it.

    It is PyTorch's InstanceNorm2d, which forgets that channels lie last; then every layer after it puts them back.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (b, c, h, w) features; moments are summed up in 32 bits."""
        wide = features.to(torch.promote_types(features.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, dim=(2, 3), correction=0)
        scale = (variance + EPSILON).rsqrt() * self.weight
        return Modulation(scale, self.bias - mean * scale).of(features)


class MultiConvolution(nn.Module):
    """Look at features through windows of several sizes side by side: 3 x 3, 5 x 5 and so on, two times each."""

    def __init__(self, planes: int, channels: int, largest: int, *, layers: tuple[Convolution, Convolution]):
        super().__init__()
        enter, stay = layers
        self.branches = nn.ModuleList(
            nn.Sequential(enter(planes, channels, window), stay(channels, channels, window))
            for window in range(3, largest + 1, 2)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Convolve (b, planes, h, w) to (b, branches x channels, h, w)."""
        return torch.cat([branch(features) for branch in self.branches], dim=1)


class Added(nn.Module):
    """Add to features what a block makes of them."""

    def __init__(self, block: nn.Module):
        super().__init__()
        self.block = block

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        return features + self.block(features)


def pynet(*, width: int = 16) -> PyNET:
    """Make PyNET; its levels have 2, 4, 8, 16 and 32 times ``width`` channels."""
    pyramid = Pyramid(width, block=normalised, plain=plain)
    finest = nn.Sequential(doubling(2 * width, width), Reflecting(width, COLOURS, 3))
    return PyNET(pyramid, [finest, *(Reflecting(channels, COLOURS, 3) for channels in widths_of(width))])


def widths_of(width: int) -> list[int]:
    """List the channels of levels 1 to 5.

    >>> widths_of(16)
    [32, 64, 128, 256, 512]
    """
    return [width * 2**level for level in range(1, COARSEST + 1)]


def padded(packed: Tensor) -> Tensor:
    """Pad (b, 4, h, w) to the stride, and to two of it where there is one: level 5 has 2 x 2 pixels at least.

    A single pixel can neither be reflected nor compared with the mean.
    """
    return pad_to(packed, STRIDE if min(packed.shape[-2:]) > STRIDE else 2 * STRIDE)


def level_4(width: int, block: Block) -> Level:
    """Make level 4 of blocks of ``width`` channels."""
    body = nn.Sequential(
        block(2 * width, width, 3), *(Added(block(width, width, 3)) for _ in range(2)), block(width, width, 3)
    )
    return Level(width, [body], last=block(2 * width, width, 3), skip_joins=False)


def level_3(width: int, block: Block) -> Level:
    """Make level 3."""
    body = nn.Sequential(block(2 * width, width, 5), *(Added(block(2 * width, width, 5)) for _ in range(3)))
    return Level(width, [body], last=block(4 * width, width, 3), skip_joins=True)


def level_2(width: int, block: Block) -> Level:
    """Make level 2."""
    body = nn.Sequential(*(Added(block(3 * width, width, 7)) for _ in range(3)), block(3 * width, width, 7))
    stages = [block(2 * width, width, 5), body, block(4 * width, width, 5)]
    return Level(width, stages, last=block(3 * width, width, 3), skip_joins=False)


def level_1(width: int, block: Block, plain: Block) -> Level:
    """Make level 1, which ends in a block of its own kind."""
    body = nn.Sequential(
        block(3 * width, width, 7),
        block(3 * width, width, 9),
        *(Added(block(4 * width, width, 9)) for _ in range(3)),
        block(4 * width, width, 7),
    )
    stages = [block(2 * width, width, 5), body, block(4 * width, width, 5)]
    return Level(width, stages, last=plain(4 * width, width, 3), skip_joins=True)


def plain(planes: int, channels: int, largest: int) -> MultiConvolution:
    """Make a multi-convolution without normalisation."""
    return MultiConvolution(planes, channels, largest, layers=(activated, activated))


def normalised(planes: int, channels: int, largest: int) -> MultiConvolution:
    """Make a multi-convolution that normalises after every convolution."""
    return MultiConvolution(planes, channels, largest, layers=(activated_evenly, activated_evenly))


def activated(planes: int, channels: int, window: int) -> nn.Sequential:
    """Make a convolution and a leaky ReLU."""
    return nn.Sequential(Reflecting(planes, channels, window), nn.LeakyReLU(SLOPE))


def activated_evenly(planes: int, channels: int, window: int) -> nn.Sequential:
    """Make a convolution, a normalisation over the pixels of each channel, and a leaky ReLU."""
    convolution = Reflecting(planes, channels, window, bias=False)
    return nn.Sequential(convolution, Evened(channels), nn.LeakyReLU(SLOPE))


def doubling(planes: int, channels: int) -> nn.Sequential:
    """Make what doubles height and width bilinearly, and convolves."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), activated(planes, channels, 3)
    )
