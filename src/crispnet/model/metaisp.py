"""MetaISP for one camera: a wavelet U-Net under white balance, attention and the same XCiT as CRISPnet's.

Source: Souza & Heidrich, "MetaISP – Exploiting Global Scene Structure for Accurate Multi-Device Color Rendition", VMV
2023; its variant that reads white balance but neither ISO nor exposure. With the published widths, C = 64 and D = 128:

    scene:   W (b, 4) ── linear ── (b, 4) ── linear ── (b, C)       thumbnail (b, 3, 368, 480) ── XCiT ── F (b, 4D)

    render:  packed (b, 4, h, w), to the power of 1 / 2.2, × (b, 4)
         └─ head, × (b, C) ─── skip (C, h, w) ───────────────────────────────────────────── + ── tail ── (b, 3, 2h, 2w)
            └─ with coordinates, down 1 ─── skip (4C, h/2, w/2) ──────────────── + ── up 1 ─┘
               └─ down 2 ─── skip (4C, h/4, w/4) ──────────────────── + ── up 2 ─┘
                  └─ down 3 ── (4D, h/8, w/8) ── middle, × F ── up 3 ─┘

    down 1: convolution, group, convolution to C, Haar         up 3: inverse Haar to D, plain group, convolution to 4C
    down 2: convolution to C, group, Haar                      up 2: inverse Haar to C, group, convolution to 4C
    down 3: convolution to D, plain group, Haar                up 1: inverse Haar to C, group, convolution to C
    middle: x + convolution to 4D of two plain groups of convolution(x) to D
    tail:   convolution to 4C, pixel shuffle, convolution to sRGB; nothing bounds the result
    group:  x + convolution(y), y = x + gate(convolution(ReLU(convolution(x)))); a plain one has no gate

All convolutions are 3 x 3. A gate lets one learnt query ask all pixels, so only whole windows are exact: halo is None.

What is left out: the embedding of three devices (128 numbers each). It would multiply F, through a linear layer to 4D,
and the queries in up 1 and up 2, through linear layers to C: 66 048 + 2 · 8 256 + 384 = 82 944 parameters. Of the
published 6.257 M, 6.174 M should remain; here are 6.150 M, 0.4 % fewer. The facts that we hold do not say where the
other 24 k stand; little is computed there, since 184 x 240 packed pixels and a thumbnail of 448 x 448 take 39.26 · 10⁹
multiplications here, of 39.30.

Coordinates: tiles are not told where in the frame they lie, so those of this file run from -1 to 1 over the window that
it is given. So they did in the published training; there, whole frames were then rendered with the frame's.

Inferred: in the gate what is multiplied (normalised pixels, positions included), its activation (GELU), its positions
(those of XCiT) and the heads on the way up (those of the same size on the way down); where the skip of the head begins
(behind the white balance). Ours: the thumbnail (368 x 480, not 448 x 448), and how weights begin: white balance and F
as ones, residuals near nothing.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.contract import ISP, Metadata
from crispnet.model.layers import Modulation, compand, convolution, haar, inverse_haar, pad_to
from crispnet.model.semantics import Positions, Semantics, XCiT, mlp
from crispnet.model.white_balance import WhiteBalance

WIDTHS = (64, 128)  # C, D
PLANES, COLOURS, COORDINATES = 4, 3, 2
HEADS = (2, 4)  # of the gates at the full packed size and at half of it


class MetaISP(ISP):
    """The network of one device.

    Attributes:
        white_balance: makes the scales of the packed planes and of the head's channels.
        semantics: makes F.
    """

    stride = 8
    halo = None
    reads = ("white_balance",)

    def __init__(self, *, widths: Sequence[int], dim: int, depth: int):
        super().__init__()
        shallow, deep = widths
        self.white_balance = WhiteBalance((PLANES, shallow))
        self.semantics = Semantics(XCiT(dim=dim, depth=depth), dim=dim, features=4 * deep)
        self.head = linear(PLANES, shallow)
        self.down = nn.ModuleList(encoder(shallow, deep))
        self.middle = nn.Sequential(linear(4 * deep, deep), Group(deep), Group(deep), linear(deep, 4 * deep))
        self.up = nn.ModuleList(decoder(shallow, deep))
        self.tail = nn.Sequential(linear(shallow, 4 * shallow), nn.PixelShuffle(2), linear(shallow, COLOURS))
        self._sizes = (PLANES, shallow, 4 * deep)

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """Run the branches that see the whole photograph: (b, 4 + C + 4D), two scales and F."""
        return torch.cat((*self.white_balance(metadata.white_balance), self.semantics(thumbnail)), dim=1)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Run the U-Net, modulated by what a scene holds."""
        height, width = packed.shape[-2:]
        balance, tint, semantics = (Modulation(part) for part in scene.split_with_sizes(self._sizes, dim=1))
        planes = pad_to(compand(packed), self.stride).contiguous(memory_format=torch.channels_last)
        skips = [tint.of(self.head(balance.of(planes)))]
        features = located(skips[0])
        for down in self.down:
            features = haar(down(features))
            skips.append(features)
        features = semantics.of(self.middle(features) + skips.pop())
        for up in self.up:
            features = up(inverse_haar(features)) + skips.pop()
        return self.tail(features)[..., : 2 * height, : 2 * width].float()


def metaisp(*, widths: Sequence[int] = WIDTHS, dim: int = 128, depth: int = 4) -> MetaISP:
    """Make MetaISP for one device.

    Args:
        widths: C, a multiple of 4 since four heads share it, and D.
        dim: channels of XCiT, a multiple of 8.
        depth: its layers.
    """
    if len(widths) != 2 or widths[0] % max(HEADS):
        raise ValueError(f"expected two widths, the first a multiple of {max(HEADS)}, got {tuple(widths)}")
    return MetaISP(widths=tuple(widths), dim=dim, depth=depth)


class Group(nn.Module):
    """Refine features by two residuals, one within the other; the inner one may pass a gate."""

    def __init__(self, channels: int, gate: nn.Module | None = None):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels, gain=0.1)
        self.gate = nn.Identity() if gate is None else gate
        self.last = convolution(channels, channels, gain=0.1)

    def forward(self, features: Tensor) -> Tensor:
        """Refine (b, c, h, w) features."""
        inner = features + self.gate(self.second(functional.relu(self.first(features))))
        return features + self.last(inner)


class Gate(nn.Module):
    """Multiply features by what they are together with what one learnt query finds among all of them."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.positions = Positions(channels)
        self.norm, self.mlp_norm, self.gate_norm = (nn.LayerNorm(channels) for _ in range(3))
        self.query = nn.Parameter(torch.randn(channels))
        self.ask = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)
        self.mlp = mlp(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Gate (b, c, h, w) features."""
        grid = features.shape[-2:]
        tokens = self.norm((features + self.positions(*grid)).flatten(2).transpose(1, 2))
        gate = tokens * self.found(tokens)
        gate = gate + self.gate_norm(self.mlp(self.mlp_norm(gate)))
        return features * gate.transpose(1, 2).unflatten(2, grid).to(features.dtype)

    def found(self, tokens: Tensor) -> Tensor:
        """Ask (b, n, c) tokens: (b, 1, c)."""
        query = self.ask(self.query).unflatten(0, (self.heads, 1, -1)).expand(len(tokens), -1, -1, -1)
        key, value = self.key_value(tokens).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()
        answer = functional.scaled_dot_product_attention(query, key, value)  # (b, heads, 1, c / heads)
        return self.project(answer.transpose(1, 2).flatten(2))


def encoder(shallow: int, deep: int) -> tuple[nn.Sequential, ...]:
    """Make what stands before each Haar transform, the full packed size first."""
    first = shallow + COORDINATES
    return (
        nn.Sequential(linear(first, first), Group(first, Gate(first, HEADS[0])), linear(first, shallow)),
        nn.Sequential(linear(4 * shallow, shallow), Group(shallow, Gate(shallow, HEADS[1]))),
        nn.Sequential(linear(4 * shallow, deep), Group(deep)),
    )


def decoder(shallow: int, deep: int) -> tuple[nn.Sequential, ...]:
    """Make what stands behind each inverse Haar transform, a quarter of the packed size first."""
    return (
        nn.Sequential(Group(deep), linear(deep, 4 * shallow)),
        nn.Sequential(Group(shallow, Gate(shallow, HEADS[1])), linear(shallow, 4 * shallow)),
        nn.Sequential(Group(shallow, Gate(shallow, HEADS[0])), linear(shallow, shallow)),
    )


def linear(planes: int, channels: int) -> nn.Conv2d:
    """Make a 3 x 3 convolution that no ReLU follows."""
    return convolution(planes, channels, gain=1)


def located(features: Tensor) -> Tensor:
    """Join to (b, c, h, w) features where each pixel lies in the window, from -1 to 1: down, then across."""
    count, _, rows, columns = features.shape
    down, across = (torch.linspace(-1, 1, n, dtype=features.dtype, device=features.device) for n in (rows, columns))
    coordinates = torch.stack(torch.meshgrid(down, across, indexing="ij"))
    return torch.cat((features, coordinates.expand(count, -1, -1, -1)), dim=1)
