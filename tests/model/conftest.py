"""Networks small enough to test, and photographs for them to see."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from crispnet.model import catalogue
from crispnet.model.contract import ISP, Metadata

TINY = {"widths": (6, 8, 10, 12, 16), "blocks": 1}
TINY_AWNET = {"width": 8, "blocks": (1, 1, 1, 1, 1), "growth": 4}
TINY_OTHERS = {
    "crispnet": TINY | {"dim": 16, "depth": 2},
    "canonical": TINY | {"dim": 16, "depth": 2},
    "awnet": TINY_AWNET,
    "awnet-demosaiced": TINY_AWNET,
    "awnet-ensemble": TINY_AWNET,
    "awnet-preprocess-wb": TINY_AWNET,
    "pynet": {"width": 2},
    "pynet-ca": {"width": 2},
    "csanet": {"width": 4, "blocks": 1},
    "deepisp": {"width": 8, "blocks": 2, "depth": 1},
    "metaisp": {"widths": (8, 12), "dim": 16, "depth": 1},
}
SEES_ONE_SIZE_ONLY = "classification-cnn"


@pytest.fixture
def tiny() -> Callable[..., ISP]:
    """Builds any network by name, with few channels and weights from a seed."""

    def build(name: str, **options: object) -> ISP:
        torch.manual_seed(0)
        return catalogue.build(name, **TINY_OTHERS.get(name, TINY) | options)

    return build


@pytest.fixture
def photographs() -> Callable[..., tuple[Tensor, Tensor, Metadata]]:
    """Makes packed patches, thumbnails and metadata of b photographs, all from a seed."""

    def make(name: str, *, count: int = 2, size: tuple[int, int] = (32, 48)) -> tuple[Tensor, Tensor, Metadata]:
        chance = torch.Generator().manual_seed(1)
        rows, columns = (368, 480) if name == SEES_ONE_SIZE_ONLY else (32, 48)
        packed = torch.rand(count, 4, *size, generator=chance) * 0.5
        thumbnail = torch.rand(count, 3, rows, columns, generator=chance) * 0.5
        light = torch.ones(count, 4)
        light[:, 0::2] += torch.rand(count, 2, generator=chance)
        to_srgb = torch.eye(3) + 0.2 * torch.rand(count, 3, 3, generator=chance) - 0.1
        return packed, thumbnail, Metadata(light, to_srgb, torch.zeros(count))

    return make
