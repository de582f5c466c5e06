"""What a network costs, counted without computing anything: multiplications and parameters."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from crispnet.model import catalogue
from crispnet.model.contract import ISP, Metadata
from crispnet.train.recipes import Recipe

THUMBNAIL = (368, 480)
PATCH = (184, 240)  # packed cells of the paper's 368 x 480 patch


class Effort(NamedTuple):
    """What a network costs.

    Attributes:
        parameters: how many there are.
        scene: multiplications to see a photograph.
        render: multiplications to render the pictures that it learns by, of one patch.
    """

    parameters: int
    scene: int
    render: int


def effort(model: str, options: Mapping[str, Any], *, size: tuple[int, int] = PATCH, finest: int = 0) -> Effort:
    """Count what a network costs.

    Args:
        model: its name in the catalogue.
        options: those it is built with.
        size: rows and columns of packed cells.
        finest: see ``ISP.pictures``.
    """
    isp = catalogue.build(model, **options).eval()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        seen: list[torch.Tensor] = []
        scene = _counted(lambda: seen.append(_see(isp)))
        render = _counted(lambda: isp.pictures(torch.empty(1, 4, *size), seen[0], finest=finest))
        return Effort(sum(parameter.numel() for parameter in isp.parameters()), scene, render)


def of_a_run(recipe: Recipe) -> float:
    """Count the multiplications of all the forward passes of a run."""
    total, begin = 0.0, 0
    for (stage, _), end in zip(recipe.stages, recipe.ends, strict=True):
        cost = effort(recipe.model, recipe.options, size=stage.size, finest=stage.finest)
        total += (end - begin) * stage.scenes * (cost.scene + stage.patches * cost.render)
        begin = end
    return total


def _see(isp: ISP) -> torch.Tensor:
    light = torch.empty(1, 4)
    return isp.scene(torch.empty(1, 3, *THUMBNAIL), Metadata(light, torch.empty(1, 3, 3), light[:, 0]))


def _counted(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops()) // 2  # it counts additions, too
