"""Runs a trainable ISP as a look, in PyTorch: on a GPU, and as the reference that other runtimes are tested against.

The ISP is whatever has the two calls of ``model.contract.ISP``; this file knows tensors, not networks.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from crispnet.look.contract import Metadata
from crispnet.look.file import metadata_inputs

CELLS_AT_ONCE = 1 << 19
BYTES_PER_CELL = 1024  # a network of widths 32 to 512 in float32, nothing of it in place; an estimate


class MetadataTensors(NamedTuple):
    """What an ISP may know of b photographs beside their pixels; the fields are those of ``model.contract``."""

    white_balance: Tensor
    to_srgb: Tensor
    exposure: Tensor


class TorchLook:
    """An ISP as a look: arrays in, arrays out."""

    def __init__(
        self,
        isp: Any,
        *,
        name: str,
        version: str = "0",
        card: Mapping[str, str] | None = None,
        bytes_per_cell: int = BYTES_PER_CELL,
    ) -> None:
        """Take an ISP as it is, on the device that it is on, and set it to evaluation.

        Args:
            isp: a module with ``scene``, ``render``, ``stride`` and ``halo``, which may be None (see ``Look``).
            name: what users call the look.
            version: of its numbers.
            card: what a user should know of it.
            bytes_per_cell: memory that ``render`` needs for each packed pixel.
        """
        self.name, self.version, self.card = name, version, card or {}
        self.stride = int(isp.stride)
        self.halo = None if isp.halo is None else int(isp.halo)
        self.bytes_per_cell, self.cells_at_once = bytes_per_cell, CELLS_AT_ONCE
        self._isp = isp.eval()
        self._device = next((weight.device for weight in isp.parameters()), torch.device("cpu"))

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> Tensor:
        """See b photographs: (b, 3, 368, 480) → (b, n), on the device of the ISP."""
        known = {name: self._tensor(values) for name, values in metadata_inputs(metadata).items()}
        with torch.inference_mode():
            return self._isp.scene(self._tensor(thumbnail), MetadataTensors(**known))

    def render(self, packed: np.ndarray, scene: Tensor) -> np.ndarray:
        """Render a window, (b, 4, h, w) → (b, 3, 2h, 2w)."""
        with torch.inference_mode():
            return self._isp.render(self._tensor(packed), scene).float().cpu().numpy()

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.tensor(np.asarray(values, np.float32), device=self._device)
