"""From a look file back to the network that was exported, so that somebody's own pictures can teach it more.

``train.export`` lets weights keep their names; so the file's are the network's, but for what no picture depends on
(how many batches a normalisation has counted) and for the rounding of large ones to 16 bits.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from crispnet.errors import LookError, RunError
from crispnet.look.file import LookFile, unusable
from crispnet.model import catalogue, checkpoint
from crispnet.model.pointwise import KNOTS

CANONICAL = "canonical"
NETWORK = "network"  # the heading of a card under which a look says what it was made of
FIRST: Mapping[str, Any] = {  # of looks that do not say
    "model": CANONICAL,
    "options": {"widths": (24, 48, 96, 192, 320), "folded": 1},
}
UNREAD = "num_batches_tracked"
UNET = "reconstruction."
GRADING = 9 + len(KNOTS)  # numbers that say how a scene is graded before those of the UNet's film


def start_from(look: LookFile, path: Path, *, told: Mapping[str, int]) -> Mapping[str, Any]:
    """Write the network of a look as a checkpoint that a run can start from, told more of its scenes than before.

    Args:
        look: made by ``export`` of the network "canonical".
        path: of the checkpoint, usually ending in ``.safetensors``.
        told: of how many ``thresholds``, ``tails`` and ``casts`` the network is to be told (see
            ``model.canonical.canonical``), where it is told none yet. What is new to it does not change what it
            renders, until it learns.

    Returns:
        The options of the network in the checkpoint.

    Raises:
        LookError: the look holds another network.
        RunError: the checkpoint cannot be written.
    """
    _, known, _ = network_of(look)
    options = {**known, **{fact: known.get(fact) or count for fact, count in told.items()}}
    checkpoint.save(CANONICAL, options, weights_for(look, options), path)
    return options


def weights_for(look: LookFile, options: Mapping[str, Any]) -> dict[str, Tensor]:
    """Give a network for any camera what a look knows, though the network be of another shape.

    What the shapes have in common is the look's: its eye, the matrix and the curve that follow from what it sees, and
    the UNet with its film where that is the same. Facts that the look was not told count nothing yet; a UNet of
    another shape begins anew.

    Args:
        look: made by ``export`` of the network "canonical".
        options: of the network to give weights to; its eye has to be the look's.

    Raises:
        LookError: the look holds another network, or another eye.
    """
    model, _, known = network_of(look)
    if model != CANONICAL:
        raise LookError(
            f"{look.origin} holds the network {model}, made for one camera. A look for any camera was needed to learn "
            "from there. Take the shipped one."
        )
    isp = catalogue.build(CANONICAL, **options)
    weights = isp.state_dict()
    alike = {name for name, tensor in weights.items() if name in known and known[name].shape == tensor.shape}
    if not alike.issuperset(name for name in weights if name.startswith("eye.")):
        raise LookError(
            f"{look.origin} has an eye of another shape than {dict(options)}. The same was needed, which is what a "
            "look hands on. Leave dim and depth as they are there."
        )
    if not alike.issuperset(name for name in weights if name.startswith(UNET)):
        alike = {name for name in alike if not name.startswith(UNET)}
    for name in weights.keys() & known.keys():
        weights[name] = known[name] if name in alike else _widened(known[name], weights[name], name)
    return weights


def network_of(look: LookFile) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Find the model of a look, its options and its weights in float32.

    Raises:
        LookError: its weights are not those of the network that it names.
    """
    said = json.loads(look.card[NETWORK]) if NETWORK in look.card else FIRST
    model, options = said["model"], dict(said["options"])
    try:
        wanted = catalogue.build(model, **options).state_dict()
        found = {
            weight.name: torch.from_numpy(numpy_helper.to_array(weight).astype(np.float32))
            for weight in onnx.load_from_string(look.content).graph.initializer
        }
    except (RunError, ValueError, TypeError, KeyError) as error:
        raise unusable(look.origin, f"its network {said} is not one of ours ({error})") from error
    shapes = {name: tensor.shape for name, tensor in wanted.items() if not name.endswith(UNREAD)}
    if {name: found[name].shape for name in shapes if name in found} != shapes:
        raise unusable(look.origin, f"its weights are not those of the network {said}, and it cannot go on learning")
    return model, options, {name: found.get(name, tensor) for name, tensor in wanted.items()}


def _widened(known: Tensor, fresh: Tensor, name: str) -> Tensor:
    """Put what is known of a weight into one of another size: facts come last, and so do channels of the UNet."""
    if name == "hidden.weight":
        room = torch.zeros_like(fresh)
        room[:, : known.shape[1]] = known
        return room
    if name.startswith(UNET):
        return fresh
    return torch.cat((known[:GRADING], fresh[GRADING:]))
