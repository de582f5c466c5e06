"""What an eye that learns no more has seen before: each photograph is looked at once.

To look at a thumbnail, and to count how bright it is, takes as long as to learn from a small frame. Where the eye keeps
its weights, and its normalisation layers keep their statistics, it sees the same in the same thumbnail every time.
"""

import hashlib

import torch
from torch import Tensor

from crispnet.data.patches import Batch
from crispnet.model.canonical import Canonical
from crispnet.model.contract import ISP, Metadata
from crispnet.train.recipes import Recipe

EYE = "eye."  # of its weights' names


class Memory:
    """What has been seen, by what was shown."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Tensor] = {}

    def seen(self, isp: Canonical, batch: Batch, thumbnail: Tensor, metadata: Metadata) -> Tensor:
        """Give what ``isp.see`` sees of each scene of a batch, (s, n).

        Each is looked at alone, so what is remembered does not depend on what it was first shown with, and a run that
        goes on with nothing remembered is the one that was never stopped.

        Args:
            isp: whose eye learns no more.
            batch: what is shown.
            thumbnail: its thumbnails, where the network is.
            metadata: the same of what is known.
        """
        shown = zip(batch.thumbnail, batch.white_balance, batch.to_srgb, strict=True)
        digests = [hashlib.sha256(b"".join(part.tobytes() for part in scene)).digest() for scene in shown]
        for place, digest in enumerate(digests):
            if digest not in self._seen:
                alone = slice(place, place + 1)
                with torch.no_grad():
                    self._seen[digest] = isp.see(thumbnail[alone], Metadata(*(each[alone] for each in metadata)))
        return torch.cat([self._seen[digest] for digest in digests])


def memory(isp: ISP, recipe: Recipe) -> Memory | None:
    """Make a memory for a run whose network can use one; None for the others."""
    keeps_its_eye = EYE in recipe.frozen and recipe.frozen_statistics
    return Memory() if isinstance(isp, Canonical) and keeps_its_eye else None
