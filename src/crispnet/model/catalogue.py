"""Every network by the name that recipes, checkpoints and tables call it."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from crispnet.errors import RunError
from crispnet.model.awnet import awnet, awnet_demosaiced, awnet_ensemble
from crispnet.model.canonical import canonical
from crispnet.model.contract import ISP
from crispnet.model.crispnet import (
    classification_cnn,
    crispnet,
    unet_residual,
    wb_branch,
    wb_level_1,
    wb_levels_1_3,
    wb_levels_1_4,
    wb_levels_1_5,
)
from crispnet.model.csanet import csanet
from crispnet.model.deepisp import deepisp
from crispnet.model.metaisp import metaisp
from crispnet.model.preprocessed import awnet_preprocess_wb, preprocess_wb
from crispnet.model.pynet import pynet
from crispnet.model.pynet_ca import pynet_ca

MODELS: Mapping[str, Callable[..., ISP]] = {
    "unet-residual": unet_residual,
    "preprocess-wb": preprocess_wb,
    "wb-branch": wb_branch,
    "wb-level-1": wb_level_1,
    "wb-levels-1-3": wb_levels_1_3,
    "wb-levels-1-4": wb_levels_1_4,
    "wb-levels-1-5": wb_levels_1_5,
    "classification-cnn": classification_cnn,
    "crispnet": crispnet,
    "canonical": canonical,
    "awnet": awnet,
    "awnet-preprocess-wb": awnet_preprocess_wb,
    "awnet-demosaiced": awnet_demosaiced,
    "awnet-ensemble": awnet_ensemble,
    "pynet": pynet,
    "pynet-ca": pynet_ca,
    "csanet": csanet,
    "deepisp": deepisp,
    "metaisp": metaisp,
}


def build(name: str, **options: Any) -> ISP:
    """Make a network by its name, with fresh weights; ``options`` are those of its function, as JSON gives them.

    Raises:
        RunError: there is no network of this name, or it has no such option.
    """
    if name not in MODELS:
        raise RunError(
            f"No network is called {name!r}. One of {', '.join(MODELS)} was needed. Correct the name, or install the "
            "version of crispnet that knows it."
        )
    try:
        made = MODELS[name](**options)
    except (TypeError, ValueError) as error:
        raise RunError(
            f"The network {name!r} cannot be made with {options}: {error}. Options that it has, in values that it "
            "takes, were needed. Correct them, or leave them out."
        ) from error
    # Convolutions of 8 to 512 channels run faster where the channels of a pixel lie together.
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
