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
from crispnet.model.canonical import Canonical

NETWORK = "network"  # the heading of a card under which a look says what it was made of
FIRST: Mapping[str, Any] = {"model": "canonical", "options": {}}  # of looks that do not say
UNREAD = "num_batches_tracked"


def start_from(look: LookFile, path: Path, *, thresholds: int) -> Mapping[str, Any]:
    """Write the network of a look as a checkpoint that a run can start from, told more of its scenes than before.

    Args:
        look: made by ``export`` of the network "canonical".
        path: of the checkpoint, usually ending in ``.safetensors``.
        thresholds: of brightness whose shares the network is to be told (see ``model.canonical.shares``), where it
            is told none yet. What is new to it does not change what it renders, until it learns.

    Returns:
        The options of the network in the checkpoint.

    Raises:
        LookError: the look holds another network.
        RunError: the checkpoint cannot be written.
    """
    model, options, weights = network_of(look)
    if model != "canonical":
        raise LookError(
            f"{look.origin} holds the network {model}, made for one camera. A look for any camera was needed to learn "
            "from there. Take the shipped one."
        )
    options = {**options, "thresholds": options.get("thresholds") or thresholds}
    checkpoint.save(model, options, _widened(weights, catalogue.build(model, **options)), path)
    return options


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


def _widened(weights: Mapping[str, Tensor], wider: torch.nn.Module) -> dict[str, Tensor]:
    """Give the weights of a network that reads more facts than the one they come from: those count nothing yet."""
    if not isinstance(wider, Canonical):
        raise TypeError(f"expected the network of a look for any camera, got {type(wider).__name__}")
    name = "hidden.weight"
    known, room = weights[name], torch.zeros_like(wider.hidden.weight.detach())
    room[:, : known.shape[1]] = known
    return {**weights, name: room}
