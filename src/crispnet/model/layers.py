"""What two or more of the networks share: companding, modulation, padding, and blocks of convolutions.

Notation: ``b`` photographs or patches, ``c`` feature channels, ``h`` x ``w`` packed pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

GAMMA = 1 / 2.2
TOE = 2.0**-12  # below it companding is a straight line; one count of a 12-bit raw


class Modulation(NamedTuple):
    """What one vector does to the channels of a feature map: multiply and, if wanted, add.

    Attributes:
        scale: (b, c).
        shift: (b, c), or None for nothing.
    """

    scale: Tensor
    shift: Tensor | None = None

    def of(self, features: Tensor) -> Tensor:
        """Modulate (b, c, h, w) features, in their own precision."""
        scaled = features * self.scale[:, :, None, None].to(features.dtype)
        return scaled if self.shift is None else scaled + self.shift[:, :, None, None].to(features.dtype)


class DoubleConvolution(nn.Sequential):
    """Apply two 3 x 3 convolutions, each with a ReLU."""

    def __init__(self, planes: int, channels: int):
        super().__init__(convolution(planes, channels), nn.ReLU(), convolution(channels, channels), nn.ReLU())


class Residual(nn.Module):
    """Add to features what two 3 x 3 convolutions make of them."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = convolution(channels, channels)
        # A full He gain would double the variance in every block: begin near the identity.
        self.second = convolution(channels, channels, gain=0.1)

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        return features + self.second(functional.relu(self.first(features)))


def convolution(planes: int, channels: int, *, gain: float = 2**0.5) -> nn.Conv2d:
    """Make a 3 x 3 convolution that keeps the size, He-initialised (default ``gain``: a ReLU follows)."""
    made = nn.Conv2d(planes, channels, 3, padding=1)
    nn.init.normal_(made.weight, std=gain / (9 * planes) ** 0.5)
    nn.init.zeros_(made.bias)  # type: ignore[arg-type]  # there is one
    return made


def compand(linear: Tensor) -> Tensor:
    """Raise linear values to 1 / 2.2, keeping their sign.

    Below ``TOE`` it is the straight line through 0 that meets the power there, so that its gradient stays finite.
    """
    return linear * linear.abs().clamp(min=TOE) ** (GAMMA - 1)


def haar(features: Tensor) -> Tensor:
    """Part (b, c, 2h, 2w) into (b, 4c, h, w): c means (twice), then c differences across, down and both."""
    a, b, c, d = (features[..., row::2, column::2] for row in (0, 1) for column in (0, 1))
    return torch.cat((a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d), dim=1) / 2


def inverse_haar(bands: Tensor) -> Tensor:
    """Undo ``haar``: (b, 4c, h, w) → (b, c, 2h, 2w)."""
    mean, across, down, both = bands.chunk(4, dim=1)
    quads = (mean + across + down + both, mean - across + down - both, mean + across - down - both)
    last = mean - across - down + both
    return functional.pixel_shuffle(torch.stack((*quads, last), dim=2).flatten(1, 2), 2) / 2


def pad_to(planes: Tensor, stride: int) -> Tensor:
    """Extend (b, c, h, w) at the bottom and the right to multiples of the stride, by reflection.

    Planes too small to be reflected so far repeat their last row and column instead.
    """
    height, width = planes.shape[-2:]
    bottom, right = -height % stride, -width % stride
    if bottom == right == 0:
        return planes
    mode = "reflect" if bottom < height and right < width else "replicate"
    return functional.pad(planes, (0, right, 0, bottom), mode=mode)
