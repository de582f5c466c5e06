"""CSANet-style: few layers at the packed size, refined by modules of channel and spatial attention.

After Hsyu, Liu, Chen, Chen and Tsai: CSANet: High Speed Channel Spatial Attention Network for Mobile ISP. CVPR
Workshops 2021. Only its abstract was read, and its authors published no code. Hence "CSANet-style":

    packed (b, 4, h, w) ─ 5 ─ first (b, n, h, w) ─ 5 ─ attend ─ attend ─ 3 ─ 2n ─ joined ─ 3' ─ 2n ─ 3 ─ 12 ─ shuffled
                                  └──────────────────── skip ───────────────────────┘                             │
                                                                    (b, 3, 2h, 2w) ─ sigmoid ─ leaky ReLU ─ 3 ────┘

    attend:  x ─ 3 ─ tanh ─ 1 ─ sigmoid ─┬─ × sigmoid(m(mean) + m(maximum)) ───────────── joined ─ 1 ─ + x
                                         └─ × sigmoid(1(ReLU(5 x 5 depth-wise, dilated by 2))) ──┘

A digit k is a k x k convolution, 3' a transposed one of stride 1; n = 32; m is a 1 x 1 convolution to n / 2, ReLU,
and back. The two convolutions 5 pad by reflection, are normalised per patch and channel and end in a leaky ReLU, as do,
without normalisation, the first 3 and 3'.

- From the abstract: attention to channels and to places in one module, the second by a light, dilated, depth-wise
  convolution; few computations.
- From LAN, whose author derived it from CSANet: two such modules with residuals, a long skip that is joined after
  them, a transposed convolution, the shuffle, and a convolution after it. LAN halves the packed size; this does not.
- From the only public re-implementation (0.140 M parameters): every size, norm and activation, and no stride.
- Put right: that one takes the sigmoid of spatial attention twice, so that no weight is below a half, and multiplies
  the two halves of channel attention before its sigmoid, so that two that say no make a yes. What cannot turn things
  off, or does so by accident, is not the attention of the abstract. Here are one sigmoid and a sum, as in CBAM (Woo et
  al., ECCV 2018), from which channel attention of this form stems.
- Left as it is, since the abstract says nothing of it: the sigmoid of features before attention, and the leaky ReLU
  before the last sigmoid.
- Our guesses: the skip is from the first convolution, 0.2 is the slope of all leaky ReLUs, nothing stands between the
  last 3 to 12 maps and the shuffle; torch's initial weights.

140 416 parameters: the 64 biases that normalisation would take away again are left out. It also takes away the
patch's exposure: a patch and a brighter one of the same contrast give the same picture.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.contract import ISP, Metadata
from crispnet.model.reconstruction import COLOURS

SLOPE = 0.2  # of the leaky ReLUs, below 0
LEAST = 3  # rows and columns that a 5 x 5 convolution needs to reflect two


class CSANet(ISP):
    """The network of the diagram.

    Attributes:
        first: what the skip takes.
        deep: from there to the join.
        last: from the join to what is shuffled.
        finish: a convolution at the size of the picture.
    """

    stride = 1
    halo = None

    def __init__(self, *, width: int, blocks: int):
        super().__init__()
        self.first = _normalised(4, width)
        self.deep = nn.Sequential(
            _normalised(width, width),
            *(DoubleAttention(width) for _ in range(blocks)),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        self.last = nn.Sequential(
            nn.ConvTranspose2d(3 * width, 2 * width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 4 * COLOURS, 3, padding=1),
        )
        self.finish = nn.Conv2d(COLOURS, COLOURS, 3, padding=1)

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:  # noqa: ARG002  # it sees neither
        """See nothing: (b, 0)."""
        return thumbnail.new_zeros(len(thumbnail), 0)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:  # noqa: ARG002  # it holds nothing
        """Render a window as if it were the whole: (b, 3, 2h, 2w) in [0, 1]."""
        height, width = packed.shape[-2:]
        bottom, right = (max(0, LEAST - size) for size in (height, width))
        first = self.first(functional.pad(packed, (0, right, 0, bottom), mode="replicate"))
        joined = torch.cat((self.deep(first), first), dim=1)
        pixels = self.finish(functional.pixel_shuffle(self.last(joined), 2))
        rendered = torch.sigmoid(functional.leaky_relu(pixels.float(), SLOPE))
        return rendered[..., : 2 * height, : 2 * width]


class DoubleAttention(nn.Module):
    """Add to features what attention to their channels and to their places leaves of them."""

    def __init__(self, channels: int):
        super().__init__()
        self.prepare = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.Tanh(),
            nn.Conv2d(channels, channels, 1),
            nn.Sigmoid(),
        )
        self.channels = ChannelAttention(channels)
        self.places = spatial_attention(channels)
        self.join = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        prepared = self.prepare(features)
        attended = (prepared * self.channels(prepared), prepared * self.places(prepared))
        return features + self.join(torch.cat(attended, dim=1))


class ChannelAttention(nn.Module):
    """Weigh channels by their means and their maxima over all pixels."""

    def __init__(self, channels: int):
        super().__init__()
        hidden = max(1, channels // 2)
        self.shared = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Give weights from 0 to 1: (b, c, h, w) → (b, c, 1, 1)."""
        mean, maximum = features.mean(dim=(2, 3), keepdim=True), features.amax(dim=(2, 3), keepdim=True)
        return torch.sigmoid(self.shared(mean) + self.shared(maximum))


def csanet(*, width: int = 32, blocks: int = 2) -> CSANet:
    """Make a network in the style of CSANet with ``blocks`` modules of attention; its layers have n = ``width``."""
    return CSANet(width=width, blocks=blocks)


def spatial_attention(channels: int) -> nn.Sequential:
    """Make what weighs each place of each channel from 0 to 1, by every other pixel up to four to each side."""
    return nn.Sequential(
        Dilated(channels, channels, 5, padding=4, dilation=2, groups=channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 1),
        nn.Sigmoid(),
    )


class Dilated(nn.Conv2d):
    """A convolution in 32 bits.

    In 16, with the channels of a pixel side by side, torch 2.13 on a CPU (oneDNN) computes a wrong gradient of a
    dilated depthwise convolution's weights, and writes beyond its memory.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Convolve (b, c, h, w) features."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.to(self.weight.dtype))


def _normalised(planes: int, channels: int) -> nn.Sequential:
    """Make a 5 x 5 convolution, normalised per patch and channel."""
    return nn.Sequential(
        nn.Conv2d(planes, channels, 5, padding=2, padding_mode="reflect", bias=False),
        nn.InstanceNorm2d(channels, affine=True),
        nn.LeakyReLU(SLOPE),
    )
