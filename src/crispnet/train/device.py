"""What a network can run on here."""

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
