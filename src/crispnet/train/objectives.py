"""What training makes small: functions of a rendered batch and its target, both (b, 3, 2h, 2w), sRGB in [0, 1].

Results are not clipped before: a value outside the range must be pulled back like any other error. Each function
returns the mean over every pixel and channel, a tensor without dimensions.
"""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

Objective = Callable[[Tensor, Tensor], Tensor]

CHARBONNIER_KNEE = 1e-3  # a quarter of an 8-bit step: below it an error counts by its square, above it by its size


def mse(result: Tensor, target: Tensor) -> Tensor:
    """Average the squared errors (paper, section 4.3)."""
    return mse_loss(result, target)


def l1(result: Tensor, target: Tensor) -> Tensor:
    """Average the sizes of the errors."""
    return l1_loss(result, target)


def charbonnier(result: Tensor, target: Tensor) -> Tensor:
    """Average the sizes of the errors, rounded off at 0 (Charbonnier et al. 1994), less the constant that adds."""
    knee = CHARBONNIER_KNEE
    return ((result - target).square() + knee**2).sqrt().mean() - knee


OBJECTIVES: Mapping[str, Objective] = {"mse": mse, "l1": l1, "charbonnier": charbonnier}
