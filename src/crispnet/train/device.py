"""What a network can run on here."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from crispnet.errors import RunError


def devices() -> tuple[str, ...]:
    """Name the kinds of device that are there, the fastest first; the last is always "cpu"."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(kind for kind, is_there in there.items() if is_there)


def find_device(name: str = "auto") -> torch.device:
    """Find a device by its kind; "auto" is the fastest that is there.

    Raises:
        RunError: there is none of this kind.
    """
    there = devices()
    if name not in ("auto", *there):
        raise RunError(
            f"There is no {name} here. One of auto, {', '.join(there)} was needed. Leave the device to `auto`, or "
            "install PyTorch for it."
        )
    return torch.device(there[0] if name == "auto" else name)


@contextmanager
def torch_prepared(threads: int | None) -> Iterator[None]:
    """Set what torch keeps for the whole process, and set it back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    # Gradients of dark pixels become denormal numbers, with which processors compute a hundred times slower.
    torch.set_flush_denormal(True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
