"""The network of the shipped look: any camera, seen through its own white balance and colour matrix.

    scene:   thumbnail ── balanced, canonical, of common brightness, halved ── XCiT ────┬── MLP ── matrix, curve, film
                              gain and light, as logarithms; shares of the picture that are bright ─────────┘

    render:  packed ── balanced ── matrix ── companded ── curve ── enlarged twice ─────────────┬── + ── sRGB,
                └────────┼───────────────────────┴── 8 planes ── UNet under film ── shuffled ──┤     white where all
                         └── what single photosites differ by ───────── weighed by the UNet ───┘     is clipped

Values that leave by the upper way meet only operations on single values: runtimes keep those in 32 bits where they
compute convolutions in 16, so smooth skies stay smooth; the UNet adds detail and what a curve cannot say. Every layer
that makes something of the above begins with weights 0, so the untrained network is a plain rendering: the camera's
own colour matrix, exposed for the mean of the scene, under the curve of ``tone``.

Where the UNet is folded, its finest level sees 4 x 4 photosites as one and cannot carry each of them. What photosites
differ by from their surroundings (``details``) then goes around it, and it says how much of that the picture gets.

Notation: b photographs; ``balanced`` = packed or thumbnail values times their white balance, clipped at 1 where colours
are to be true; ``canonical`` = linear sRGB; ``graded`` = canonical after gain and the scene's own matrix.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from crispnet.model.contract import ISP, Metadata
from crispnet.model.layers import Modulation, compand
from crispnet.model.metering import casts, exposed, palette, shares, tails
from crispnet.model.pointwise import DETAILS, KNOTS, curved, details, mixed, phases, product, weighed, whitened
from crispnet.model.reconstruction import COLOURS, Reconstruction
from crispnet.model.semantics import XCiT

WIDTHS = (32, 64, 128, 256)
PLANES = 4 + COLOURS + 1  # balanced, graded, clipped
CLIPPING = 0.9  # from here to 1 the clip plane goes from 0 to 1
SHOULDER = 0.3  # linear value from which the untrained curve bends towards 1
HIDDEN = 128
TYPICAL = ((1.9, -0.9, 0.0), (-0.2, 1.6, -0.4), (0.1, -0.8, 1.7))  # matrix to sRGB: the mean of 66 cameras, rounded
UNLIKE = 0.5  # by how much numbers of a matrix differ, where a camera is unlike most
KEPT = (0.5, 0.25, 0.25)  # how much of each the untrained network adds to every colour


Layer = TypeVar("Layer", bound=nn.Module)


class Graded(NamedTuple):
    """What a scene vector holds, in order.

    Attributes:
        white_balance: (b, 4) multipliers of the packed planes.
        gain: (b, 1) exposure, the user's included.
        matrix: (b, 9) rows of the matrix from balanced to graded.
        curve: (b, knots) slopes that the curve gains at each knot.
        film: (b, n) scales and shifts of the UNet.
    """

    white_balance: Tensor
    gain: Tensor
    matrix: Tensor
    curve: Tensor
    film: Tensor


class Canonical(ISP):
    """The network of the shipped look."""

    reads = ("white_balance", "to_srgb", "exposure")
    start: Tensor

    def __init__(
        self,
        *,
        widths: Sequence[int],
        blocks: int,
        dim: int,
        depth: int,
        thresholds: int,
        folded: int,
        tails: int,
        casts: int,
        palette: int,
        camera: bool,
    ):
        super().__init__()
        weights = DETAILS * COLOURS if folded > 1 else 0
        self.reconstruction = Reconstruction(
            planes=PLANES, widths=widths, blocks=blocks, folded=folded, weights=weights
        )
        zeroed(self.reconstruction.head)
        if self.reconstruction.weights:
            kept = torch.tensor(KEPT).repeat_interleave(COLOURS * folded**2)
            zeroed(self.reconstruction.weights).bias.data[:] = kept  # type: ignore[union-attr]  # there is one
        self.stride, self.halo = self.reconstruction.stride, self.reconstruction.halo
        self.eye = XCiT(dim=dim, depth=depth)
        self.modulated = (widths[-1], *reversed(widths[:-1]))  # channels: the bottleneck, then on the way up
        start = torch.cat((torch.eye(3).flatten(), tone(), ones_and_zeros(self.modulated)))
        self.register_buffer("start", start)
        self.thresholds, self.tails, self.casts = thresholds, tails, casts
        self.palette, self.camera = palette, camera
        told = 2 * (thresholds + palette**2 + tails + casts) + 9 * camera
        self.hidden = nn.Linear(dim + 3 + told, HIDDEN)
        self.head = zeroed(nn.Linear(HIDDEN, len(start)))

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """See how the photograph is to be graded: the fields of ``Graded`` side by side.

        The user's exposure is added to what the network finds right, so the network does not see it.
        """
        return self.grade(self.see(thumbnail, metadata), metadata)

    def see(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """See all that needs the pixels of the thumbnail: (b, 1 + n), the gain and then n facts.

        Of all weights only the eye's take part, so an eye that learns no more sees the same for ever.
        """
        light = metadata.white_balance
        balanced = (thumbnail * light[:, :COLOURS, None, None]).clamp(max=1)
        canonical = mixed(metadata.to_srgb, balanced)
        gain = exposed(canonical)
        common = gain[:, :, None, None] * canonical
        seen = self.eye(functional.avg_pool2d(compand(common), 2))
        told = shares(common, self.thresholds) + palette(common, self.palette)
        told += [camera_facts(metadata.to_srgb)] if self.camera else []
        told += tails(common, self.tails) + casts(common, self.casts)
        return torch.cat((gain, seen.to(gain.dtype), gain.log2(), light[:, 0::2].log(), *told), dim=1)

    def grade(self, seen: Tensor, metadata: Metadata) -> Tensor:
        """Decide by what ``see`` saw: what ``scene`` gives."""
        gain, facts = seen[:, :1], seen[:, 1:]
        # Only differences pass through layers that may run in 16 bits.
        found = self.start + self.head(functional.gelu(self.hidden(facts)))
        own, rest = found[:, :9].reshape(-1, 3, 3), found[:, 9:]
        gain = gain * 2.0 ** metadata.exposure[:, None]
        matrix = gain * product(own, metadata.to_srgb).flatten(1)
        return torch.cat((metadata.white_balance, gain, matrix, rest), dim=1)

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Grade every pixel alike, and let the UNet add the rest."""
        graded = self._parts(scene)
        balanced = packed * graded.white_balance[:, :, None, None]
        red, green, blue, other_green = balanced.unbind(1)
        colours = torch.stack((red, (green + other_green) / 2, blue), dim=1).clamp(max=1)
        companded = compand(mixed(graded.matrix.reshape(-1, 3, 3), colours))
        plain = curved(companded, graded.curve)
        clipped = (packed.amax(dim=1, keepdim=True) - CLIPPING).relu() / (1 - CLIPPING)
        exposed_planes = compand(balanced * graded.gain[:, :, None, None])
        planes = torch.cat((exposed_planes, companded, clipped), dim=1)
        maps, weights = self.reconstruction.maps(planes, decoder=self._modulations(graded.film))
        if weights is not None:
            unclipped = exposed_planes.minimum(compand(graded.gain)[:, :, None, None])
            maps = maps + weighed(details(unclipped), weights)
        return functional.pixel_shuffle(whitened(phases(plain) + maps, packed), 2)

    def _parts(self, scene: Tensor) -> Graded:
        sizes = (4, 1, 9, len(KNOTS), 2 * sum(self.modulated))
        return Graded(*scene.split_with_sizes(sizes, dim=1))

    def _modulations(self, film: Tensor) -> list[Modulation]:
        parts = film.split_with_sizes(2 * self.modulated, dim=1)
        return [Modulation(*pair) for pair in zip(parts[: len(parts) // 2], parts[len(parts) // 2 :], strict=True)]


def canonical(
    *,
    widths: Sequence[int] = WIDTHS,
    blocks: int = 2,
    dim: int = 128,
    depth: int = 4,
    thresholds: int = 0,
    folded: int = 2,
    tails: int = 0,
    casts: int = 0,
    palette: int = 0,
    camera: bool = False,
) -> Canonical:
    """Make the network of the shipped look.

    Args:
        widths: of the UNet's levels.
        blocks: residual ones at its bottleneck.
        dim: of the eye.
        depth: of the eye.
        thresholds: of brightness at which it is told the shares of the picture beyond.
        folded: cells each way that the UNet's finest level sees as one.
        tails: of brightness at which it is told how little of the picture is beyond.
        casts: of brightness at which it is told the colour of what is beyond.
        palette: places each way in a plane of colours at which it is told how much of the picture is there.
        camera: whether it is told the camera's matrix: without it, what light a white balance stands for is a guess.

    Raises:
        ValueError: a plane of colours has no single place.
    """
    if palette == 1 or palette < 0:
        raise ValueError(f"expected a palette of 2 places each way or more, or 0 for none, got {palette}")
    told = {"thresholds": thresholds, "tails": tails, "casts": casts, "palette": palette}
    return Canonical(widths=tuple(widths), blocks=blocks, dim=dim, depth=depth, folded=folded, camera=camera, **told)


def zeroed(layer: Layer) -> Layer:
    """Let a layer begin with nothing to say: weights and biases of 0."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def camera_facts(to_srgb: Tensor) -> Tensor:
    """Tell how a camera's (b, 3, 3) matrices differ from most cameras': (b, 9), held between -1 and 1.

    What light a white balance stands for depends on the camera. No matrix is far from all that were learned from.
    """
    typical = torch.tensor(TYPICAL, device=to_srgb.device)
    return ((to_srgb - typical) / UNLIKE).tanh().flatten(1)


def tone() -> Tensor:
    """Fit the slopes of the untrained curve: sRGB's encoding of linear values with a mild shoulder.

    From ``SHOULDER`` on linear values approach 1 exponentially: 0.18 stays, 1 becomes 0.74, 5.7 becomes 1.
    """
    companded = torch.linspace(0, 4, 2001, dtype=torch.float64)  # beyond the knots: there the curve stays flat
    linear = companded**2.2
    above = (linear - SHOULDER).relu() / (1 - SHOULDER)
    held = linear.clamp(max=SHOULDER) + (1 - SHOULDER) * (1 - torch.exp(-above))
    encoded = torch.where(held <= 0.0031308, 12.92 * held, 1.055 * held ** (1 / 2.4) - 0.055)
    hinges = (companded[:, None] - torch.tensor(KNOTS, dtype=torch.float64)).relu()
    return torch.linalg.lstsq(hinges, encoded[:, None]).solution[:, 0].float()


def ones_and_zeros(channels: Sequence[int]) -> Tensor:
    """Make the modulations that change nothing: a scale of 1 for every channel, then a shift of 0 for every one."""
    return torch.cat((torch.ones(sum(channels)), torch.zeros(sum(channels))))
