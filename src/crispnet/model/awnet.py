"""AWNet: a U-Net that keeps wavelets for its way up and weighs channels by what the whole picture holds.

Source: Dai, Liu, Li & Chen, "AWNet: Attentive Wavelet Network for Image ISP", ECCV workshops (AIM) 2020. Two networks,
whose pictures were averaged: one reads the packed planes, one their bilinear demosaic at the full size. The packed one
as published (in the other, levels are twice as high and the tail enlarges nothing: its P0 is the picture of level 1):

    packed ── convolution ── level 1 (64, h) ───────── skip ────────── + ─ P1 ─ tail ── P0 (3, 2h, 2w), sRGB
                              ├ halving      └──── wavelets ──── doubling
                              └ level 2 (128, h/2) ─── skip ────────── + ─ P2
                                 ├ halving       └ wavelets ──── doubling
                                 ⋮ levels 3 (256, h/4) and 4 (512, h/8)
                                 └ level 5 (1024, h/16) ────────────┴─ P5

    level:    squeeze-excite, then 3, 3, 3, 4, 4 blocks: x + GC(1 x 1(x and 6 times 16 channels made of all before))
    halving:  [convolution of stride 2, PReLU, convolution, PReLU] beside 1 x 1(LL of Haar's bands): 2C from C
    doubling: (packed) [1 x 1, pixel shuffle, 2 x (convolution, PReLU)] beside wavelets, 1 x 1
              (demosaiced) [bilinear, 2 convolutions, PReLU] beside wavelets, each a half of the channels
    wavelets: 1 x 1(inverse Haar(1 x 1(Haar)))          skip: 2 x (convolution, ReLU), squeeze-excite
    tail:     (packed) pixel shuffle, convolution, beside it pyramid pooling, convolution, squeeze-excite, convolution
              (demosaiced) pyramid pooling, convolution

Convolutions are 3 x 3 where nothing is said; every picture ends in one and a sigmoid. Squeeze-excite, GC and pyramid
pooling ask all pixels: halo is None. Blocks normalise what they add by batch: in training by the batch, later by
running statistics. The published training never left evaluation mode, so its statistics stayed 0 and 1 and this a
scale and a shift; recipes with ``frozen_statistics`` do the same. Eight flipped views were averaged there; here not.

Parameters: published are 52.205 M (packed) and 50.130 M (demosaiced). Each of the four halvings there registers one
more convolution of stride 2 that nothing reads, 9 C² + C: 3 134 400 in all. Nor do we build a bias under a softmax,
which takes it away again, one in each of the 17 blocks. So 52 205 436 - 3 134 417 = 49 071 019 are left, and
50 129 645 - 3 134 417 = 46 995 228.

Inferred, where our facts are silent (counts and multiplications agree to the last published digit): squeeze-excite
pools its own input; pyramid pooling is PSPNet's, without biases on its grids and with a ReLU at its end; bilinear steps
do not align corners; weights begin as PyTorch's. Ours: linear values from black to white (there 1/1020 of the raw,
before the demosaic 8 bits of 1/765, so that highlights clipped), and padding by reflection.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.contract import ISP, Metadata
from crispnet.model.demosaic import bilinear
from crispnet.model.layers import Modulation, haar, inverse_haar, pad_to

WIDTH, BLOCKS, GROWTH = 64, (3, 3, 3, 4, 4), 16  # of level 1; of each level; of each step in a block
STEPS, GRIDS = 6, (1, 2, 3, 6)  # of dense convolution in a block; cells to a side in pyramid pooling
FEWEST = 8  # numbers that a picture is told in: narrower networks than the published would lose it to a shut ReLU
PLANES, COLOURS = 4, 3

convolution = partial(nn.Conv2d, kernel_size=3, padding=1)
point = partial(nn.Conv2d, kernel_size=1)


class Scaled(ISP):
    """A network that learns at several sizes, sees no scene, and whose result is the largest of its pictures."""

    halo = None

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:  # noqa: ARG002
        """See nothing: (b, 0)."""
        return thumbnail.new_zeros(len(thumbnail), 0)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Render the largest picture, and the others in passing: they cost a five-hundredth."""
        return self.pictures(packed, scene)[0]


class AWNet(Scaled):
    """One of the two networks.

    Attributes:
        view: makes what it reads of packed planes.
        levels: of the way down, the largest first, with ``halvings`` between them.
        doublings: of the way up, the smallest first.
        heads: make the pictures beside P0, the smallest first; ``tail`` makes that.
    """

    def __init__(
        self, view: Callable[[Tensor], Tensor], stem: nn.Conv2d, *, tail: nn.Module, blocks: Sequence[int], growth: int
    ):
        super().__init__()
        packed = stem.in_channels == PLANES
        double = shuffled if packed else interpolated
        widths = [stem.out_channels * 2**level for level in range(len(blocks))]
        if not widths or widths[0] % 8:
            raise ValueError(f"expected a width in multiples of 8 and blocks of levels, got {widths[:1]} and {blocks}")
        self.view, self.stem, self.tail = view, stem, tail
        self.levels = nn.ModuleList(
            nn.Sequential(SqueezeExcite(c), *(Block(c, growth) for _ in range(n)))
            for c, n in zip(widths, blocks, strict=True)
        )
        self.halvings = nn.ModuleList(halving(channels) for channels in widths[:-1])
        self.doublings = nn.ModuleList(double(channels) for channels in widths[-2::-1])
        pictured = widths if packed else widths[1:]  # a demosaic has the size of the largest picture
        self.heads = nn.ModuleList(convolution(channels, COLOURS) for channels in reversed(pictured))
        self.stride = max(1, 2 ** (len(pictured) - 1))

    def pictures(self, packed: Tensor, scene: Tensor, *, finest: int = 0) -> list[Tensor]:  # noqa: ARG002
        """Render P0, P1 and so on, or those from ``finest`` on; odd sides are halved upwards."""
        if not 0 <= finest <= len(self.heads):
            raise ValueError(f"expected finest 0 to {len(self.heads)}, got {finest}")
        decoded = list(islice(self._decoded(packed), len(self.heads) + 1 - finest))
        made = [head(features) for head, features in zip(self.heads, decoded, strict=False)]
        if finest == 0:
            made.append(self.tail(decoded[-1]))
        sizes = ([-(-2 * side // 2**n) for side in packed.shape[-2:]] for n in range(finest, finest + len(made)))
        # Where convolutions run in 16 bits, a sigmoid among them would leave pictures fewer than 8.
        return [picture[..., :h, :w].float().sigmoid() for picture, (h, w) in zip(reversed(made), sizes, strict=True)]

    def _decoded(self, packed: Tensor) -> Iterator[Tensor]:
        """Give the features of every size on the way up, the smallest first, none before it is asked for."""
        planes = pad_to(self.view(packed), 2 ** len(self.halvings))
        features = self.stem(planes.contiguous(memory_format=torch.channels_last))
        kept = []
        for level, halve in zip(self.levels, self.halvings, strict=False):
            kept.append(level(features))
            features = halve(kept[-1])
        yield (features := self.levels[-1](features))
        for double in self.doublings:
            yield (features := double(features, kept.pop()))


class Ensemble(Scaled):
    """Both networks; the result is the average of their pictures."""

    def __init__(self, packed: AWNet, demosaiced: AWNet):
        super().__init__()
        self.packed, self.demosaiced, self.stride = packed, demosaiced, packed.stride

    def pictures(self, packed: Tensor, scene: Tensor, *, finest: int = 0) -> list[Tensor]:
        """Render the average, then size by size the picture of the packed and that of the demosaiced network.

        As published: average, P0, P0 demosaiced, P1, P1 demosaiced ... P4, P4 demosaiced, P5. A ``finest`` above 0
        leaves out the average and whatever is larger. The published networks were trained apart: on all but the first.
        """
        ours = self.packed.pictures(packed, scene, finest=finest)
        shared = finest <= len(self.demosaiced.heads)
        theirs = self.demosaiced.pictures(packed, scene, finest=finest) if shared else []
        pictures = [picture for pair in zip_longest(ours, theirs) for picture in pair if picture is not None]
        return pictures if finest else [(ours[0] + theirs[0]) / 2, *pictures]


def awnet(*, width: int = WIDTH, blocks: Sequence[int] = BLOCKS, growth: int = GROWTH) -> AWNet:
    """Make the network that reads packed planes; ``width`` is level 1's and doubles from each level to the next."""
    few, more = width // 4, width // 2
    enlarge = nn.PixelShuffle(2), convolution(few, few), Beside(PyramidPooling(few), nn.Identity())
    tail = nn.Sequential(*enlarge, convolution(more, more), SqueezeExcite(more), convolution(more, COLOURS))
    return AWNet(nn.Identity(), convolution(PLANES, width), tail=tail, blocks=blocks, growth=growth)


def awnet_demosaiced(*, width: int = WIDTH, blocks: Sequence[int] = BLOCKS, growth: int = GROWTH) -> AWNet:
    """Make the network that reads a bilinear demosaic; options are those of ``awnet``."""
    tail = nn.Sequential(PyramidPooling(width), convolution(width, COLOURS))
    return AWNet(bilinear, convolution(COLOURS, width), tail=tail, blocks=blocks, growth=growth)


def awnet_ensemble(*, width: int = WIDTH, blocks: Sequence[int] = BLOCKS, growth: int = GROWTH) -> Ensemble:
    """Make both in one; options are those of ``awnet``."""
    packed = awnet(width=width, blocks=blocks, growth=growth)
    return Ensemble(packed, awnet_demosaiced(width=width, blocks=blocks, growth=growth))


class Beside(nn.Module):
    """Set beside each other what several modules make of the same features."""

    def __init__(self, *makers: nn.Module):
        super().__init__()
        self.makers = nn.ModuleList(makers)

    def forward(self, features: Tensor) -> Tensor:
        """Join (b, c, h, w) results along their channels."""
        return torch.cat([make(features) for make in self.makers], dim=1)


class SqueezeExcite(nn.Module):
    """Convolve by 1 x 1, and scale every channel as the average of the input asks for."""

    def __init__(self, channels: int):
        super().__init__()
        few = max(FEWEST, channels // 4)
        layers = nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, few), nn.ReLU(), nn.Linear(few, channels)
        self.mix, self.ask = point(channels, channels), nn.Sequential(*layers, nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """Weigh (b, c, h, w) features."""
        return Modulation(self.ask(features.mean(dim=(2, 3)))).of(self.mix(features))


class GlobalContext(nn.Module):
    """Add to every pixel what a weighted average of all pixels says (Cao et al., "GCNet", 2019)."""

    def __init__(self, channels: int):
        super().__init__()
        few = max(FEWEST, channels // 4)
        self.weight = point(channels, 1, bias=False)
        self.say = nn.Sequential(nn.Linear(channels, few), nn.LayerNorm(few), nn.PReLU(), nn.Linear(few, channels))

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        weights = self.weight(features).flatten(2).softmax(dim=2)
        average = features.flatten(2) @ weights.transpose(1, 2)
        return features + self.say(average[:, :, 0])[:, :, None, None]


class Block(nn.Module):
    """Add to features what densely joined convolutions and the global context make of them.

    Step n convolves the features beside what the n - 1 steps before it made. Convolutions are sums, so each part is
    convolved once for all steps that read it: few wide convolutions, and nothing is set side by side six times.

    Attributes:
        steps: convolutions of (channels, channels + growth, channels + 2 growth ...) planes to ``growth``.
        finish: what each step does with what was convolved.
        change: makes of the features and all steps what is added.
    """

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.planes = [channels] + [growth] * STEPS  # of the features, and of each step
        self.steps = nn.ModuleList(convolution(channels + step * growth, growth) for step in range(STEPS))
        self.finish = nn.ModuleList(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(growth)) for _ in range(STEPS))
        self.change = nn.Sequential(point(sum(self.planes), channels), GlobalContext(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        steps = [cast(nn.Conv2d, step) for step in self.steps]
        weights = [torch.split(step.weight, self.planes[: place + 1], dim=1) for place, step in enumerate(steps)]
        biases = torch.cat([step.bias for step in steps if step.bias is not None])
        made, convolved = features, None
        parts = [features]
        for place, finish in enumerate(self.finish):
            readers = torch.cat([each[place] for each in weights[place:]])
            part = functional.conv2d(made, readers, None if place else biases, padding=1)
            convolved = part if convolved is None else convolved[:, self.planes[place] :] + part
            made = finish(convolved[:, : self.planes[place + 1]])
            parts.append(made)
        return features + self.change(torch.cat(parts, dim=1))


class Doubling(nn.Module):
    """Double the size: enlarged features beside the wavelets of the level above, fused, and that level added."""

    def __init__(self, enlarge: nn.Module, fuse: nn.Module, *, channels: int, wavelets: int):
        super().__init__()
        self.enlarge, self.fuse = enlarge, fuse
        self.mix, self.fit = point(4 * channels, 4 * channels), point(channels, wavelets)
        convolutions = convolution(channels, channels), nn.ReLU(), convolution(channels, channels), nn.ReLU()
        self.skip = nn.Sequential(*convolutions, SqueezeExcite(channels))

    def forward(self, features: Tensor, above: Tensor) -> Tensor:
        """Make (b, c, 2h, 2w) from (b, 2c, h, w) and the level above, (b, c, 2h, 2w)."""
        wavelets = self.fit(inverse_haar(self.mix(haar(above))))
        return self.fuse(torch.cat((self.enlarge(features), wavelets), dim=1)) + self.skip(above)


class PyramidPooling(nn.Module):
    """Join features with their averages over coarse grids (Zhao et al., "PSPNet", 2017)."""

    def __init__(self, channels: int):
        super().__init__()
        self.mixes = nn.ModuleList(point(channels, channels, bias=False) for _ in GRIDS)
        self.fuse = point((len(GRIDS) + 1) * channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        size = features.shape[-2:]
        grids = [mix(functional.adaptive_avg_pool2d(features, n)) for n, mix in zip(GRIDS, self.mixes, strict=True)]
        spread = [functional.interpolate(grid, size, mode="bilinear") for grid in grids]
        return functional.relu(self.fuse(torch.cat((*spread, features), dim=1)))


def halving(channels: int) -> Beside:
    """Make what halves the size and doubles the channels; an average of 2 x 2 times 2 is Haar's LL."""
    convolutions = convolution(channels, channels, stride=2), nn.PReLU(), convolution(channels, channels), nn.PReLU()
    low = nn.Sequential(nn.AvgPool2d(2, divisor_override=2), point(channels, channels))
    return Beside(nn.Sequential(*convolutions), low)


def shuffled(channels: int) -> Doubling:
    """Make a doubling of the packed network, by a pixel shuffle, to so many channels."""
    refine = convolution(channels, channels), nn.PReLU(), convolution(channels, channels), nn.PReLU()
    enlarge = nn.Sequential(point(2 * channels, 4 * channels), nn.PixelShuffle(2), *refine)
    return Doubling(enlarge, point(2 * channels, channels), channels=channels, wavelets=channels)


def interpolated(channels: int) -> Doubling:
    """Make a doubling of the demosaiced network, bilinear, to so many channels."""
    half = channels // 2
    refine = convolution(2 * channels, channels), convolution(channels, half), nn.PReLU()
    enlarge = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), *refine)
    return Doubling(enlarge, nn.Identity(), channels=channels, wavelets=half)
