"""What training makes small: functions of rendered pictures and their target, sRGB in [0, 1].

An objective takes the pictures that a network learns by (``ISP.pictures``: (b, 3, h, w), the largest first; most
networks give one) and the target, (b, 3, 2h, 2w). It returns a tensor without dimensions, a mean over every pixel and
channel. Results are not clipped before: a value outside the range must be pulled back like any other error.
"""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, l1_loss, mse_loss

Objective = Callable[[Sequence[Tensor], Tensor], Tensor]

CHARBONNIER_KNEE = 1e-3  # a quarter of an 8-bit step: below it an error counts by its square, above it by its size


def mse(pictures: Sequence[Tensor], target: Tensor) -> Tensor:
    """Average the squared errors of the largest picture (paper, section 4.3)."""
    return mse_loss(pictures[0], shrunk(target, pictures[0]))


def l1(pictures: Sequence[Tensor], target: Tensor) -> Tensor:
    """Average the sizes of the errors of the largest picture."""
    return l1_loss(pictures[0], shrunk(target, pictures[0]))


def charbonnier(pictures: Sequence[Tensor], target: Tensor) -> Tensor:
    """Average the sizes of the errors of the largest picture, rounded off at 0 (Charbonnier et al. 1994).

    The constant that the rounding adds is taken off, so that no error is 0.
    """
    knee = CHARBONNIER_KNEE
    return ((pictures[0] - shrunk(target, pictures[0])).square() + knee**2).sqrt().mean() - knee


def shrunk(target: Tensor, picture: Tensor) -> Tensor:
    """Average a target by area to the size of a picture; one of that size stays as it is."""
    size = picture.shape[-2:]
    return target if target.shape[-2:] == size else adaptive_avg_pool2d(target, size)


OBJECTIVES: Mapping[str, Objective] = {"mse": mse, "l1": l1, "charbonnier": charbonnier}
