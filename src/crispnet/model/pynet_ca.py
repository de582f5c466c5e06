"""PyNET-CA: PyNET's pyramid, its channels weighed by what the whole picture shows, its pixels shuffled.

Kim, Song, Ye and Baek: PyNET-CA: Enhanced PyNET with Channel Attention for End-to-End Mobile Image Signal Processing.
ECCV Workshops 2020.

    packed (b, 4, h, w) ─ 2x - 1 ─ levels 5 to 1, as ``pynet`` draws them ─ (b, 2n, h, w) ─ 9 ─ 1 x 1 ─ shuffled ── 0
                                             └─ one 3 x 3 convolution per level ── pictures of levels 5 to 1

    multi-convolution k:   (b, c, h, w) ─┬─ 3 x 3 ─┬─ × ─
                                         ├─  ...   ┤  │
                                         └─ k x k ─┘  │
                                              └─ mean ─ 1 x 1, a-th part of the channels ─ ReLU ─ 1 x 1 ─ sigmoid

What differs from PyNET: channel attention ends every multi-convolution (a is the number of its branches); only the
second convolution of a branch is normalised; level 0 is a multi-convolution at the size of level 1, a 1 x 1 convolution
to 12 maps and a pixel shuffle; the network computes in [-1, 1] and pictures leave by a hyperbolic tangent, which
(y + 1) / 2 brings to [0, 1] here. The number of parameters, 51.304 M (n = 16), is that of the authors' code; that
their normalised convolutions have no biases is inferred from it. torch's initial weights are inferred too.
"""

import torch
from torch import Tensor, nn

from crispnet.model.pynet import (
    MultiConvolution,
    PyNET,
    Pyramid,
    Reflecting,
    activated,
    activated_evenly,
    plain,
    widths_of,
)
from crispnet.model.reconstruction import COLOURS


class PyNETCA(PyNET):
    """A pyramid with channel attention, between values from -1 to 1."""

    def pictures(self, packed: Tensor, scene: Tensor, *, finest: int = 0) -> list[Tensor]:  # noqa: ARG002
        """Make the picture of one level, as ``PyNET`` does: (b, 3, 2h // 2^level, 2w // 2^level)."""
        return [(torch.tanh(self.drawn(2 * packed - 1, level=finest)) + 1) / 2]


class ChannelAttention(nn.Module):
    """Weigh the channels of a picture by the means of all of them."""

    def __init__(self, channels: int, *, hidden: int):
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Scale (b, c, h, w) by (b, c, 1, 1) weights from 0 to 1."""
        return features * self.weigh(features)


def pynet_ca(*, width: int = 16) -> PyNETCA:
    """Make PyNET-CA; its levels have 2, 4, 8, 16 and 32 times ``width`` channels."""
    pyramid = Pyramid(width, block=attentive, plain=attentive_plain)
    channels = 2 * width
    finest = nn.Sequential(
        attentive_plain(channels, channels, 9), nn.Conv2d(4 * channels, 4 * COLOURS, 1), nn.PixelShuffle(2)
    )
    return PyNETCA(pyramid, [finest, *(Reflecting(channels, COLOURS, 3) for channels in widths_of(width))])


def attentive(planes: int, channels: int, largest: int) -> nn.Sequential:
    """Make a multi-convolution with attention that normalises what its branches give."""
    convolutions = MultiConvolution(planes, channels, largest, layers=(activated, activated_evenly))
    return nn.Sequential(convolutions, attention(convolutions, channels))


def attentive_plain(planes: int, channels: int, largest: int) -> nn.Sequential:
    """Make a multi-convolution with attention, without normalisation."""
    convolutions = plain(planes, channels, largest)
    return nn.Sequential(convolutions, attention(convolutions, channels))


def attention(convolutions: MultiConvolution, channels: int) -> ChannelAttention:
    """Make the attention to a multi-convolution that has so many channels in each branch."""
    return ChannelAttention(len(convolutions.branches) * channels, hidden=channels)
