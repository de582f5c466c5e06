"""Perceptual terms: how far pictures are apart in the eyes of VGG, for those who have its weights.

VGG (Simonyan & Zisserman 2015), up to its last convolution and what follows it here:

    picture (b, 3, h, w) ─ 2 x 64 ─ ↓ ─ 2 x 128 ─ ↓ ─ n x 256 ─ ↓ ─ n x 512 ─ ↓ ─ n x 512 (─ ↓) ─ features

Numbers are channels of 3 x 3 convolutions, each with a ReLU; ↓ are maxima of 2 x 2; n is 3 in VGG16, which keeps the
last ↓, and 4 in VGG19, which does not. Its weights, trained on ImageNet, are not ours to ship, and nothing is
downloaded: a recipe names a file. What the published objectives make of the features is in ``TERMS``.

Nothing is left of a picture that is smaller than what the maxima make one feature of, 32 pixels (VGG16) or 16 (VGG19):
there, and at sizes whose published objective has none, the term is 0.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, l1_loss, mse_loss

from crispnet.errors import RunError

POOL = 0  # in place of channels
NETWORKS: Mapping[str, tuple[int, ...]] = {
    "vgg16": (64, 64, POOL, 128, 128, POOL, *3 * [256], POOL, *3 * [512], POOL, *3 * [512], POOL),
    "vgg19": (64, 64, POOL, 128, 128, POOL, *4 * [256], POOL, *4 * [512], POOL, *4 * [512]),
}
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of R, G and B in ImageNet
NAMED = 3  # tensors that a message names at most


@dataclass(frozen=True, kw_only=True)
class Term:
    """What an objective makes of features.

    Attributes:
        network: whose, "vgg16" or "vgg19".
        weights: of the term for the full size, its half, its quarter and so on; none below.
        distance: between features.
        standardised: whether pictures are brought to ImageNet's mean and spread, as the network was trained.
        cell: side of the squares of pixels that are averaged before.
    """

    network: str = "vgg19"
    weights: tuple[float, ...]
    distance: Callable[[Tensor, Tensor], Tensor] = mse_loss
    standardised: bool = True
    cell: int = 1


TERMS: Mapping[str, Term] = {
    "awnet": Term(network="vgg16", weights=(0.25 / 3, 1 / 3, 1 / 3), standardised=False),
    "pynet": Term(weights=(1.0, 0.1, 0.1, 0.1)),
    # As described. In the authors' code it has no gradient, so that their network was trained without.
    "pynet-ca": Term(weights=(0.01, 0.01, 0.01, 0.01)),
    "csanet": Term(weights=(0.001,)),
    "metaisp": Term(weights=(1.0,), distance=l1_loss, cell=2),
}


class Perceptual:
    """The perceptual term of an objective.

    Args:
        term: what it is.
        features: those of ``read_features``; they follow the pictures to their device.
    """

    def __init__(self, term: Term, features: nn.Module):
        self.term = term
        self.features = features

    def __call__(self, picture: Tensor, target: Tensor, *, level: int) -> Tensor:
        """Compare two pictures (b, 3, h, w), whose size the full one's is ``level`` times halved; a scalar."""
        least = self.term.cell * 2 ** NETWORKS[self.term.network].count(POOL)
        if level >= len(self.term.weights) or min(picture.shape[-2:]) < least:
            return picture.new_zeros(())
        self.features.to(picture.device)
        with torch.no_grad():
            wanted = self.features(self._prepared(target))
        distance = self.term.distance(self.features(self._prepared(picture)), wanted)
        return self.term.weights[level] * distance

    def _prepared(self, picture: Tensor) -> Tensor:
        smaller = avg_pool2d(picture, self.term.cell)
        if not self.term.standardised:
            return smaller
        mean, spread = (picture.new_tensor(values).view(3, 1, 1) for values in (MEAN, SPREAD))
        return (smaller - mean) / spread


def read_features(path: Path, *, network: str) -> nn.Sequential:
    """Build VGG's convolutions with the weights of a file: frozen, float32, torchvision's names kept.

    Args:
        path: a state dict with torchvision's names ("features.0.weight" and so on; "classifier. ..." is passed over),
            as safetensors. What torch itself writes is a pickle, which may run whatever is in it, and is not read.
        network: "vgg16" or "vgg19", without batch normalisation.

    Raises:
        RunError: there is no such file, it cannot be read, or has not exactly the tensors that the network needs.
    """
    with torch.device("meta"):  # weights that are replaced need no place, and no random numbers
        features = nn.Sequential(OrderedDict(features=_stack(network)))
    read = {name: tensor for name, tensor in _read(path, network).items() if not name.startswith("classifier.")}
    _check(read, features.state_dict(), path, network)
    features.load_state_dict({name: tensor.float() for name, tensor in read.items()}, assign=True)
    return features.requires_grad_(False).eval()


def _stack(network: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    planes = 3
    for channels in NETWORKS[network]:
        if channels == POOL:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(planes, channels, 3, padding=1), nn.ReLU(inplace=True)]
            planes = channels
    return nn.Sequential(*layers)


def _read(path: Path, network: str) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unusable(path, f"cannot be read as safetensors: {error}", network) from error


def _check(tensors: Mapping[str, Tensor], needed: Mapping[str, Tensor], path: Path, network: str) -> None:
    shared = sorted(tensors.keys() & needed.keys())
    faults = {
        "lacks": sorted(needed.keys() - tensors.keys()),
        f"has, beside {network}'s,": sorted(tensors.keys() - needed.keys()),
        "has in another shape": [name for name in shared if tensors[name].shape != needed[name].shape],
        "has values that are no finite numbers in": [name for name in shared if not tensors[name].isfinite().all()],
    }
    for fault, names in faults.items():
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            raise _unusable(path, f"{fault} {', '.join(names[:NAMED])}{more}", network)


def _unusable(path: Path, what: str, network: str) -> RunError:
    return RunError(
        f"The weights {path} {what}. The state dict of torchvision's {network}, as safetensors, was needed. Save it "
        "anew: `safetensors.torch.save_file(torch.load(FILE, weights_only=True), NEW)`, or choose an objective "
        "without +perceptual."
    )
