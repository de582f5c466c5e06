"""What training makes small: functions of rendered pictures and their target, sRGB in [0, 1].

An objective takes the pictures that a network learns by (``ISP.pictures``: (b, 3, h, w), the largest first; most
networks give one) and the target, (b, 3, 2h, 2w). It returns a tensor without dimensions, 0 at the target. Results are
not clipped before: a value outside the range must be pulled back like any other error.

``mse``, ``l1``, ``charbonnier`` and ``delta_e`` judge the largest picture alone. Those of the baselines, below them,
are *comparisons* of one picture with the target shrunk to its size; their objective is the sum over all pictures. In
them as published, but for what their docstrings say:

- a mean, over every pixel and channel, wherever an error is taken; the constants that do not change a gradient left
  out; means of SSIM without the windows that reach over the edge, where others fill up with zeros;
- targets shrunk by area, as a camera would have seen them (AWNet takes single pixels: nearest neighbours);
- perceptual terms only where somebody brings their weights: "awnet+perceptual" and so on, see ``perceptual``.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from torch import Tensor
from torch.nn.functional import avg_pool2d, l1_loss, mse_loss

from crispnet.errors import RunError
from crispnet.train.colour import srgb_to_lab
from crispnet.train.perceptual import TERMS, Perceptual, read_features
from crispnet.train.similarity import ms_ssim, ssim

Objective = Callable[[Sequence[Tensor], Tensor], Tensor]
Comparison = Callable[[Tensor, Tensor], Tensor]  # of one picture and the target at its full size

CHARBONNIER_KNEE = 1e-3  # a quarter of an 8-bit step: below it an error counts by its square, above it by its size
CSANET_KNEE = 1e-6
DELTA_E_KNEE = 0.3
AWNET_WEIGHTS = (1.0, 0.25, 0.25)  # of the full size, its half and its quarter; smaller ones count 1
WHITE = 100  # L* of it
WITH_PERCEPTUAL = "+perceptual"


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
    return _rounded(pictures[0], target, knee=CHARBONNIER_KNEE)


def delta_e(pictures: Sequence[Tensor], target: Tensor) -> Tensor:
    """Average the ΔE76 of the largest picture's pixels (CIE 1976), rounded off at 0, in units of 100.

    What reports are judged by. The constant that the rounding adds is taken off.
    """
    squares = (srgb_to_lab(pictures[0]) - srgb_to_lab(shrunk(target, pictures[0]))).square().sum(dim=1)
    return ((squares + DELTA_E_KNEE**2).sqrt().mean() - DELTA_E_KNEE) / WHITE


def awnet(picture: Tensor, target: Tensor) -> Tensor:
    """Compare as AWNet does (Dai et al. 2020): Charbonnier, and at the full size 0.05 (1 - SSIM).

    The weights are those of its code: 1 at the full size, 0.25 at its half and quarter (where most was left to the
    perceptual term), 1 below. Of an ensemble, the average and both networks' pictures count alike.
    """
    level = halvings(target, picture)
    weight = AWNET_WEIGHTS[level] if level < len(AWNET_WEIGHTS) else 1.0
    error = weight * _rounded(picture, target, knee=CHARBONNIER_KNEE)
    return error if level else error + 0.05 * (1 - ssim(picture, target))


def pynet(picture: Tensor, target: Tensor) -> Tensor:
    """Compare as PyNET does (Ignatov et al. 2020): squared errors, and at level 0 also 0.4 (1 - MS-SSIM).

    As in its PyTorch code, but there levels 1 to 3 multiply squared errors by 10, next to the perceptual term: here
    that term has a tenth of its weight instead. The level is how many times the target is halved.
    """
    error = mse_loss(picture, shrunk(target, picture))
    return error if halvings(target, picture) else error + 0.4 * (1 - ms_ssim(picture, target))


def pynet_ca(picture: Tensor, target: Tensor) -> Tensor:
    """Compare as PyNET-CA does (Kim et al. 2020): squared errors, and at level 0 also 0.01 (1 - MS-SSIM).

    There errors are those of values from -1 to 1, twice as large, and so are they here; MS-SSIM is of [0, 1].
    """
    error = 2**2 * mse_loss(picture, shrunk(target, picture))
    return error if halvings(target, picture) else error + 0.01 * (1 - ms_ssim(picture, target))


def csanet(picture: Tensor, target: Tensor) -> Tensor:
    """Compare by Charbonnier and 0.1 (1 - MS-SSIM), the terms of the one public CSANet (not its authors').

    There the first is a *sum* over all values, next to which the others are nothing: a 448 x 448 picture has 602 112.
    Its knee is 1e-6. Here it is the mean, the other weights as they are, so that each term has a say.
    """
    target = shrunk(target, picture)
    return _rounded(picture, target, knee=CSANET_KNEE) + 0.1 * (1 - ms_ssim(picture, target))


def deepisp(picture: Tensor, target: Tensor) -> Tensor:
    """Compare as DeepISP does (Schwartz et al. 2019): 0.5 L1 in Lab + 0.5 (1 - MS-SSIM of L*).

    Lab has its own units, L* up to 100, so that L1 outweighs the other term, as published. The sum is divided by 100,
    so that a clipped gradient is clipped like everybody's. Lab is CIE's, as the paper says; the authors' code leaves
    sRGB encoded and clips it to [0, 1]. Its MS-SSIM, of two sizes and windows of 5 x 5, is the usual one here.
    """
    result, wanted = srgb_to_lab(picture), srgb_to_lab(shrunk(target, picture))
    lightness = ms_ssim(result[:, :1] / WHITE, wanted[:, :1] / WHITE)
    return (0.5 * l1_loss(result, wanted) + 0.5 * (1 - lightness)) / WHITE


def metaisp(picture: Tensor, target: Tensor) -> Tensor:
    """Compare as MetaISP does (Souza & Heidrich 2023), for one device: L1 + 0.15 (1 - SSIM), nothing masked."""
    target = shrunk(target, picture)
    return l1_loss(picture, target) + 0.15 * (1 - ssim(picture, target))


def shrunk(target: Tensor, picture: Tensor) -> Tensor:
    """Average a target over cells of 2^n x 2^n pixels to the size of a picture; one of that size stays as it is.

    Cells that the target's edge cuts are left out where the picture leaves them out, and otherwise averaged over what
    they have.
    """
    side = 2 ** halvings(target, picture)
    if side == 1:
        return target
    whole = picture.shape[-2:] == _halved(target, side)
    return avg_pool2d(target, side, ceil_mode=not whole)


def halvings(target: Tensor, picture: Tensor) -> int:
    """Count how often a target is halved, each side downwards or upwards, to have the size of a picture.

    Raises:
        ValueError: it never has.
    """
    for level in range(max(target.shape[-2:]).bit_length()):
        if picture.shape[-2:] in (_halved(target, 2**level), _halved(target, 2**level, spare=2**level - 1)):
            return level
    raise ValueError(f"expected a target {tuple(target.shape[-2:])} or halves of it, got {tuple(picture.shape[-2:])}")


def _halved(target: Tensor, side: int, *, spare: int = 0) -> tuple[int, int]:
    height, width = target.shape[-2:]
    return (height + spare) // side, (width + spare) // side


def _rounded(picture: Tensor, target: Tensor, *, knee: float) -> Tensor:
    return ((picture - shrunk(target, picture)).square() + knee**2).sqrt().mean() - knee


def summed(*comparisons: Comparison) -> Objective:
    """Make an objective of comparisons: the sum of all of them over all pictures."""

    def compare(pictures: Sequence[Tensor], target: Tensor) -> Tensor:
        first, *others = (compared(picture, target) for picture in pictures for compared in comparisons)
        return sum(others, start=first)

    return compare


COMPARISONS: Mapping[str, Comparison] = {
    "awnet": awnet,
    "pynet": pynet,
    "pynet-ca": pynet_ca,
    "csanet": csanet,
    "deepisp": deepisp,
    "metaisp": metaisp,
}
OBJECTIVES: Mapping[str, Objective] = {
    "mse": mse,
    "l1": l1,
    "charbonnier": charbonnier,
    "delta-e": delta_e,
    **{name: summed(comparison) for name, comparison in COMPARISONS.items()},
}
NAMES = (*OBJECTIVES, *(name + WITH_PERCEPTUAL for name in TERMS))


@cache
def objective(name: str, *, vgg: str = "") -> Objective:
    """Find an objective by its name, one of ``NAMES``; weights are read once.

    Args:
        name: with "+perceptual" at its end where the published perceptual term is wanted too.
        vgg: the file of weights that this term needs, see ``perceptual.read_features``; "" for no file.

    Raises:
        RunError: the file is missing, does not fit, or is given and not needed.
        ValueError: there is no objective of that name.
    """
    if name not in NAMES:
        raise ValueError(f"expected an objective among {', '.join(NAMES)}, got {name!r}")
    plain = name.removesuffix(WITH_PERCEPTUAL)
    if (plain != name) != bool(vgg):
        given = f"with the weights {vgg}" if vgg else "without weights"
        raise RunError(
            f"The objective {name} cannot be had {given} of VGG. A file of them was needed for objectives that end in "
            f"{WITH_PERCEPTUAL}, and for no others. Set vgg to torchvision's, or to nothing, or change the objective."
        )
    return summed(COMPARISONS[plain], _perceptual(plain, Path(vgg))) if vgg else OBJECTIVES[name]


def _perceptual(name: str, file: Path) -> Comparison:
    term = TERMS[name]
    perceptual = Perceptual(term, read_features(file, network=term.network))

    def compare(picture: Tensor, target: Tensor) -> Tensor:
        return perceptual(picture, shrunk(target, picture), level=halvings(target, picture))

    return compare
