"""Many processes learn one network: each finds the gradient of its part of every batch, and all take the same step.

Whoever starts them (``torchrun``) says in the environment how many they are and which each is. Frames and the folder of
the run are on a disk that all of them see; the first process alone writes there. What comes out is what one process
would have made of the same batches, but for the order in which numbers are added, so a run can go on with another
number of processes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from crispnet.errors import RunError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Company:
    """The processes that learn together.

    Attributes:
        rank: which of them this one is, from 0.
        size: how many they are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def part_of(self, scenes: int) -> slice:
        """Give this process's part of the scenes of a batch.

        Raises:
            RunError: they cannot be shared out evenly.
        """
        each, left = divmod(scenes, self.size)
        if left:
            raise RunError(
                f"Batches of {scenes} scenes cannot be shared out among {self.size} processes. A number of processes "
                f"that divides {scenes} was needed. Start fewer, or set other stages."
            )
        return slice(self.rank * each, (self.rank + 1) * each)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Let each of these tensors become its mean over all processes."""
        if self.size > 1:
            joined = torch.cat([tensor.flatten() for tensor in tensors])
            distributed.all_reduce(joined)
            means = torch.split(joined / self.size, [tensor.numel() for tensor in tensors])
            for tensor, mean in zip(tensors, means, strict=True):
                tensor.copy_(mean.view_as(tensor))

    def agree(self, *, wish: bool, device: torch.device) -> bool:
        """Tell whether any process wishes for something; all are told the same."""
        if self.size == 1:
            return wish
        wishes = torch.tensor(float(wish), device=device)
        distributed.all_reduce(wishes)
        return bool(wishes > 0)

    def in_turn(self, make: Callable[[], Made]) -> Made:
        """Let the first process do something alone, and then the others, who find done what it wrote."""
        if self.is_first:
            made = make()
            self.wait()
            return made
        self.wait()
        return make()

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Company()


@contextmanager
def company(device: torch.device) -> Iterator[Company]:
    """Meet the other processes that were started to learn the same; without any, a process is alone.

    Raises:
        RunError: there are others, but it is not said where they meet.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield ALONE
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if missing:
        raise RunError(
            f"WORLD_SIZE says that {os.environ['WORLD_SIZE']} processes learn together, but {', '.join(missing)} "
            "is not set. All that torchrun sets was needed. Start it with torchrun, or unset WORLD_SIZE to learn alone."
        )
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Company(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def share_statistics(model: nn.Module, company: Company) -> None:
    """Let batch normalisation see the batches of all processes as the one batch that they are parts of."""
    if company.size > 1:
        for module in model.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = SharedBatchNorm


class SharedBatchNorm(nn.BatchNorm2d):
    """``BatchNorm2d`` over the batches of all processes; PyTorch's own knows graphics cards alone.

    Each process has as many values as any other, so that the mean of means is the mean of all.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Normalise (b, c, h, w)."""
        if not self.training:
            return super().forward(values)
        from torch.distributed.nn.functional import all_reduce  # which not every build of PyTorch has

        def over_all(means: Tensor) -> Tensor:
            return all_reduce(means) / distributed.get_world_size()  # type: ignore[no-untyped-call]

        wide = values.float()
        mean = over_all(wide.mean((0, 2, 3)))
        centred = wide - mean.view(-1, 1, 1)
        variance = over_all(centred.square().mean((0, 2, 3)))
        self._follow(mean, variance, count=distributed.get_world_size() * values.numel() // values.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(values.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, *, count: int) -> None:
        assert isinstance(self.momentum, float)
        for followed, seen in ((self.running_mean, mean), (self.running_var, variance * count / (count - 1))):
            assert followed is not None
            followed.lerp_(seen, self.momentum)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
