"""The white-balance branch: four multipliers become scales of the first levels' channels (paper, section 3.2).

    W (b, 4) ── 1 x 1 ──┬── 1 x 1 ──┬── 1 x 1 ──┐
                        │           │           │
                     level 1     level 2     level 3      (b, C1), (b, C2), (b, C3)

The paper up-samples W by learned convolutions to the size of each level; a constant map up-sampled by 1 x 1
convolutions is a constant map, so one vector per level says the same, for a tile as for a whole frame. A 1 x 1
convolution of one pixel is a linear layer. Between them stands no activation.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class WhiteBalance(nn.Module):
    """The chain of linear layers.

    It begins as the identity: weights 0, biases 1. That blocks no gradient: each layer's output is itself a scale,
    so each layer learns from its own level at once.
    """

    def __init__(self, widths: Sequence[int]):
        super().__init__()
        layers = [nn.Linear(before, after) for before, after in pairwise((4, *widths))]
        for layer in layers:
            nn.init.zeros_(layer.weight)
            nn.init.ones_(layer.bias)
        self.layers = nn.ModuleList(layers)

    def forward(self, white_balance: Tensor) -> list[Tensor]:
        """Make the scales of each level, (b, C), from (b, 4) multipliers; green is 1."""
        scales = []
        for layer in self.layers:
            white_balance = layer(white_balance)
            scales.append(white_balance)
        return scales
