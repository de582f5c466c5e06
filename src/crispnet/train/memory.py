"""What an eye that learns no more has seen before: each photograph is looked at once.

To look at a thumbnail, and to count how bright it is, takes as long as to learn from a small frame. Where the eye keeps
its weights, and its normalisation layers keep their statistics, it sees the same in the same thumbnail every time.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from crispnet.data.patches import Batch
from crispnet.model.canonical import Canonical
from crispnet.model.contract import ISP
from crispnet.train.recipes import Recipe

EYE = "eye."  # of its weights' names


class Memory:
    """What has been seen of each scene, by what was shown of it."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Tensor] = {}

    def seen(self, batch: Batch, look: Callable[[slice], Tensor]) -> Tensor:
        """Give what is seen of each scene of a batch, (s, n).

        Each is looked at alone, so what is remembered does not depend on what it was first shown with, and a run that
        goes on with nothing remembered is the one that was never stopped.

        Args:
            batch: what is shown.
            look: sees some of its scenes, (1, n) of one; asked for those that were never seen.
        """
        digests = [_digest(*scene) for scene in zip(batch.thumbnail, batch.white_balance, batch.to_srgb, strict=True)]
        for place, digest in enumerate(digests):
            if digest not in self._seen:
                with torch.no_grad():
                    self._seen[digest] = look(slice(place, place + 1))
        return torch.cat([self._seen[digest] for digest in digests])


def _digest(*shown: np.ndarray) -> bytes:
    digest = hashlib.sha256()
    for values in shown:
        digest.update(np.ascontiguousarray(values).data)
    return digest.digest()


def memory(isp: ISP, recipe: Recipe) -> Memory | None:
    """Make a memory for a run whose network can use one; None for the others."""
    keeps_its_eye = EYE in recipe.frozen and recipe.frozen_statistics
    return Memory() if isinstance(isp, Canonical) and keeps_its_eye else None
