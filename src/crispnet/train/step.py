"""One step: a batch is rendered, compared with its target, and the weights move a little.

A loss or a gradient that is not finite moves nothing: the step is skipped and counted, and what normalisation layers
saw of the batch is forgotten. Each time a run has gone back to a good state, it takes steps of half the length.
"""

import math

import torch
from torch import Tensor, nn

from crispnet.data.patches import Batch
from crispnet.model.canonical import Canonical
from crispnet.model.contract import ISP, Metadata
from crispnet.train.memory import Memory
from crispnet.train.objectives import objective
from crispnet.train.recipes import Recipe
from crispnet.train.state import State


def learn(state: State, batch: Batch, recipe: Recipe) -> float:
    """Do one step and count it; returns its loss, no finite number where the step was skipped.

    Of processes that learn together each gives its part of the batch; all find the same, and do the same.
    """
    kept = [(buffer, buffer.clone()) for buffer in state.model.buffers()]
    state.adam.zero_grad(set_to_none=True)
    loss = _loss(state, batch, recipe)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [each.grad for each in state.model.parameters() if each.grad is not None]
    state.company.average([loss.detach(), *gradients])
    length = nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip)
    value = float(loss.detach())
    finite = math.isfinite(value) and math.isfinite(float(length))
    if finite:
        for group in state.adam.param_groups:
            group["lr"] = group["share"] * recipe.rate_at(state.counts.step) / 2**state.counts.returns
        state.adam.step()
        _average(state, recipe.average)
    else:
        for buffer, before in kept:
            buffer.copy_(before)
    loss_of_step = value if finite else math.nan
    _count(state, loss_of_step)
    return loss_of_step


def render(isp: ISP, batch: Batch, *, precision: str) -> Tensor:
    """Render a batch: (b, 3, 2h, 2w) float32; the scene is seen once for all patches of a photograph."""
    with _precision(isp, precision):
        return isp.render(*_seen(isp, batch)).float()


def _loss(state: State, batch: Batch, recipe: Recipe) -> Tensor:
    stage, _ = recipe.stages[recipe.stage_at(state.counts.step)]
    with _precision(state.model, recipe.precision):
        pictures = state.model.pictures(*_seen(state.model, batch, state.memory), finest=stage.finest)
    codes = _there(batch.codes, pictures[0].device)
    target = codes.float() / (255 if codes.dtype == torch.uint8 else 1)
    return objective(recipe.objective, vgg=recipe.vgg)([picture.float() for picture in pictures], target)


def _seen(isp: ISP, batch: Batch, memory: Memory | None = None) -> tuple[Tensor, Tensor]:
    """Let the scenes of a batch be seen: its packed planes (b, 4, h, w) and the scene (b, n) of each."""
    device = next(isp.parameters()).device
    balance = _there(batch.white_balance, device)
    metadata = Metadata(balance, _there(batch.to_srgb, device), torch.zeros_like(balance[:, 0]))
    packed = _there(batch.packed, device).float().contiguous(memory_format=torch.channels_last)

    def shown(some: slice) -> tuple[Tensor, Metadata]:
        thumbnail = _there(batch.thumbnail[some], device).contiguous(memory_format=torch.channels_last)
        return thumbnail, Metadata(*(each[some] for each in metadata))

    if memory is not None and isinstance(isp, Canonical):
        scene = isp.grade(memory.seen(batch, lambda some: isp.see(*shown(some))), metadata)
    else:
        scene = isp.scene(*shown(slice(None)))
    return packed, scene[_there(batch.scene_of, device)]


def _precision(isp: ISP, precision: str) -> torch.autocast:
    device = next(isp.parameters()).device
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _there(values: object, device: torch.device) -> Tensor:
    return torch.as_tensor(values).to(device)


@torch.no_grad()
def _average(state: State, decay: float) -> None:
    """Let the average follow the weights, sooner while it is young; what normalisation layers count is averaged too.

    Their means and variances belong to the weights under which they were seen, so both are averaged alike.
    """
    decay = min(decay, (1 + state.counts.step) / (10 + state.counts.step))
    weights = state.model.state_dict()
    for name, tensor in state.average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(weights[name], 1 - decay)
        else:
            tensor.copy_(weights[name])


def _count(state: State, loss: float) -> None:
    counts = state.counts
    counts.step += 1
    if math.isfinite(loss):
        counts.losses, counts.lost, counts.skipped_in_a_row = counts.losses + loss, counts.lost + 1, 0
        return
    counts.skipped += 1
    counts.skipped_in_a_row += 1
