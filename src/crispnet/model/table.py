"""A 3-D table as an ISP: what one table makes of every pixel, wherever it lies and whatever the scene.

    packed ── bilinear demosaic ── white-balanced ── / top, clipped ── companded ── table, trilinear ── sRGB

It does not learn: ``evaluate.controls`` fits tables in closed form, and where one of them serves better than a network
that learned from the same few pairs, this makes it a look.
"""

from itertools import product

import numpy as np
import torch
from torch import Tensor

from crispnet.model.contract import ISP, Metadata
from crispnet.model.demosaic import bilinear

COLOURS = 3


class Table(ISP):
    """A table.

    Attributes:
        nodes: (n, n, n, 3) sRGB, over companded R, G, B.
        top: (3,) balanced camera values of the last nodes.
    """

    stride, halo = 2, 2
    reads = ("white_balance", "exposure")
    nodes: Tensor
    top: Tensor

    def __init__(self, nodes: np.ndarray, top: np.ndarray):
        super().__init__()
        if nodes.ndim != 4 or len({*nodes.shape[:3]}) > 1 or nodes.shape[3] != COLOURS or len(nodes) < 2:
            raise ValueError(f"expected nodes (n, n, n, 3), got {nodes.shape}")
        self.register_buffer("nodes", torch.tensor(nodes, dtype=torch.float32))
        self.register_buffer("top", torch.tensor(top, dtype=torch.float32))

    def scene(self, thumbnail: Tensor, metadata: Metadata) -> Tensor:  # noqa: ARG002
        """See nothing but the light: multipliers of R, G and B, the user's exposure in them (b, 3)."""
        return metadata.white_balance[:, :COLOURS] * 2.0 ** metadata.exposure[:, None]

    def render(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Look up every pixel."""
        balanced = bilinear(packed) * (scene / self.top)[:, :, None, None]
        return self._looked_up(companded(balanced.clamp(0, 1)))

    def _looked_up(self, places: Tensor) -> Tensor:
        """Interpolate the nodes at (b, 3, h, w) places from 0 to 1."""
        sides = len(self.nodes)
        at = places * (sides - 1)
        first = at.floor().clamp(max=sides - 2)
        after = at - first
        red, green, blue = first.long().unbind(1)
        corner, nodes = (red * sides + green) * sides + blue, self.nodes.flatten(0, 2)
        found = torch.zeros_like(places)
        for ahead in product((0, 1), repeat=COLOURS):
            shares = [after[:, axis] if step else 1 - after[:, axis] for axis, step in enumerate(ahead)]
            node = nodes[corner + (ahead[0] * sides + ahead[1]) * sides + ahead[2]]
            found = found + (shares[0] * shares[1] * shares[2])[:, None] * node.permute(0, 3, 1, 2)
        return found


def companded(linear: Tensor) -> Tensor:
    """Encode linear values from 0 to 1 as sRGB does (IEC 61966-2-1)."""
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curve)
