"""What a run is at a step: weights, their running average, Adam's moments and the counts; kept in one file.

The file is safetensors, so that nothing is unpickled. Its tensors are ``weights/NAME``, ``average/NAME`` and
``adam/MOMENT/NAME``, NAME being that of the model's parameter or buffer; its header has the counts. A run that goes on
from it goes on bit for bit.
"""

import copy
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from crispnet.errors import RunError
from crispnet.files import whole_file
from crispnet.look.file import LookFile
from crispnet.look.shelf import ENDING
from crispnet.model import catalogue, checkpoint
from crispnet.model.contract import ISP
from crispnet.train.memory import Memory, memory
from crispnet.train.recipes import Recipe
from crispnet.train.reopening import weights_for
from crispnet.train.together import ALONE, Company, share_statistics

SCHEMA = "crispnet-run-1"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what Adam keeps of each parameter


@dataclass
class Counts:
    """How far a run is.

    Attributes:
        step: steps done, those skipped among them.
        skipped: steps whose loss or gradient was not finite.
        skipped_in_a_row: how many of them came last, without a good one between.
        returns: how often the run went back to a good state.
        best: the lowest mean ΔE76 of the validations in the latest stage; None before the first.
        best_stage: the stage (0 for the first) that it is of.
        seconds: spent so far, over all sittings.
        losses: sum of the losses since the last line of the log.
        lost: how many losses are in that sum.
    """

    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    returns: int = 0
    best: float | None = None
    best_stage: int = 0
    seconds: float = 0.0
    losses: float = 0.0
    lost: int = 0


@dataclass(eq=False)
class State:
    """Everything that the next step depends on, beside the recipe and the frames.

    Attributes:
        model: the weights that learn.
        average: their running average.
        adam: its moments.
        counts: see there.
        memory: of what the model's eye has seen, where it may be remembered; it saves time, and is not kept.
        company: the processes that learn together; each has this state.
    """

    model: ISP
    average: ISP
    adam: torch.optim.Adam
    counts: Counts
    memory: Memory | None = None
    company: Company = ALONE


def first_state(recipe: Recipe, *, device: torch.device, company: Company = ALONE) -> State:
    """Make the state before the first step; fresh weights depend on the seed alone.

    Raises:
        RunError: the recipe starts from something that is no checkpoint of its model.
    """
    torch.manual_seed(recipe.seed)
    model = catalogue.build(recipe.model, **recipe.options)
    if recipe.start_from:
        model.load_state_dict(_weights(recipe))
    model = model.to(device).train()
    share_statistics(model, company)
    if recipe.frozen_statistics:
        freeze_statistics(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(recipe.frozen))
    average = copy.deepcopy(model).eval().requires_grad_(False)
    # Fused, a step costs a quarter; it is elementwise, so the order of threads does not show.
    adam = torch.optim.Adam(_by_rate(model, recipe), lr=recipe.learning_rate, betas=(0.9, 0.999), fused=True)
    return State(model, average, adam, Counts(), memory(model, recipe), company)


def _by_rate(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Part what learns by the share of the rate that it has."""
    learning = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    share = min(1.0, recipe.slow_rate / recipe.learning_rate)
    parts = (
        {"params": [parameter for name, parameter in learning if name.startswith(recipe.slow) == slow], "share": rate}
        for slow, rate in ((False, 1.0), (True, share))
    )
    return [part for part in parts if part["params"]]


def freeze_statistics(model: nn.Module) -> None:
    """Let normalisation layers use the means and variances they have, and take no more in."""
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.eval()


def _weights(recipe: Recipe) -> dict[str, Tensor]:
    path = Path(recipe.start_from)
    if path.suffix == ENDING:
        return weights_for(LookFile.open(path), recipe.options)
    isp, facts = checkpoint.load(path / "best.safetensors" if path.is_dir() else path)
    made = {"model": facts["model"], **facts["options"]}
    if made != json.loads(json.dumps({"model": recipe.model, **recipe.options})):
        raise RunError(
            f"{recipe.start_from} is the network {made}. One of {recipe.model} with {dict(recipe.options)} was needed "
            "to start from. Choose another checkpoint, or the recipe and the options that it was made with."
        )
    return isp.state_dict()


def save_state(state: State, path: Path) -> None:
    """Write a state, whole or not at all, in place of an older one.

    Raises:
        OutputError: it cannot be written; an older one is left as it was.
    """
    # Copies: what is laid out channels last is not in the order that the file needs.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _tensors(state).items()}
    with whole_file(path, overwrite=True) as hidden:
        save_file(tensors, hidden, metadata={"schema": SCHEMA, "counts": json.dumps(asdict(state.counts))})


def is_finite(state: State) -> bool:
    """Tell whether every weight and moment is a finite number."""
    return all(bool(tensor.isfinite().all()) for tensor in _tensors(state).values())


def keep_state(path: Path, good: Path) -> None:
    """Keep a state that was written under another name, too, in place of an older one; both share their bytes.

    Raises:
        OutputError: it cannot be kept.
    """
    with whole_file(good, overwrite=True) as hidden:
        try:
            os.link(path, hidden)
        except OSError:  # a disk without hard links
            shutil.copyfile(path, hidden)


def restore_state(state: State, path: Path) -> None:
    """Bring a state to what ``save_state`` wrote.

    Raises:
        RunError: the file is damaged, or is of another model. The state is then not to be used.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("schema") != SCHEMA:
                raise ValueError(f"its schema is {header.get('schema')!r}, and not {SCHEMA!r}")
            state.adam.state.clear()
            _take_moments(state, {name for name in file.keys() if name.startswith("adam/")})  # noqa: SIM118
            _fill(_tensors(state), {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            state.counts = Counts(**json.loads(header["counts"]))
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{path} cannot be continued from: {error}. The state of a run of the same model was needed. Start the "
            "run anew in another folder."
        ) from error


def _tensors(state: State) -> dict[str, Tensor]:
    """Name every tensor of a state; they are the state's own, not copies."""
    tensors = {f"weights/{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in state.average.state_dict().items()}
    for name, parameter in state.model.named_parameters():
        tensors |= {f"adam/{moment}/{name}": kept for moment, kept in state.adam.state.get(parameter, {}).items()}
    return tensors


def _take_moments(state: State, names: set[str]) -> None:
    """Make room for Adam's moments, which it has none of before its first step, each laid out as its parameter is."""
    for name, parameter in state.model.named_parameters():
        if f"adam/step/{name}" in names:
            step = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state.adam.state[parameter] = {
                "step": step, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)
            }  # fmt: skip


def _fill(tensors: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    strangers = sorted(tensors.keys() ^ values.keys())
    if strangers:
        raise ValueError(f"{len(strangers)} tensors are in only one of file and model, {strangers[0]} among them")
    with torch.no_grad():
        for name, tensor in tensors.items():
            if tensor.shape != values[name].shape:
                raise ValueError(f"{name} is {tuple(values[name].shape)}, and not {tuple(tensor.shape)}")
            tensor.copy_(values[name])
