"""Looks at what a model makes of frames it does not learn from, in the view in which it learns, unflipped.

While it learns from whole frames it is shown whole frames, small, of one size whatever their aspect; while it learns
from patches, the middle of each frame: noise and detail are in nothing smaller. ΔE76 is averaged over the pixels of a
frame and then over frames, PSNR over frames; results are clipped to [0, 1] first, as they would be in a picture.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.data.frames import Frame
from crispnet.data.patches import Batch, Stage, middles, mosaics, whole
from crispnet.files import whole_file
from crispnet.model.contract import ISP
from crispnet.train.step import render

SIZE = (92, 120)  # packed cells of whole frames
AT_ONCE = 8  # frames
SHOWN = 6  # frames in a picture
LEAST_ERROR = 1e-10  # of a PSNR, so that one perfect frame (100 dB) does not make a mean infinite


@torch.inference_mode()
def validate(isp: ISP, frames: Sequence[Frame], stage: Stage, *, precision: str, strip: Path) -> dict[str, float]:
    """Measure mean ΔE76 and PSNR, and write a PNG of the first results, each above its target.

    Args:
        isp: in ``eval`` mode, so that seeing these frames changes nothing about it.
        frames: at least one.
        stage: of training, whose view of the frames is taken.
        precision: as of a recipe.
        strip: the PNG to write, in a folder that exists; an older one is replaced.

    Raises:
        ValueError: the model is in ``train`` mode.
        OutputError: the PNG cannot be written.
    """
    if isp.training:
        raise ValueError("expected a model in eval mode, got one in train mode")
    differences, ratios, pictures = [], [], []
    for first in range(0, len(frames), AT_ONCE):
        batch = _seen(frames[first : first + AT_ONCE], stage)
        results = render(isp, batch, precision=precision).clamp(0, 1).cpu().numpy()
        for result, target in zip(_pictures(results), _pictures(batch.target), strict=True):
            differences.append(float(delta_e_76(srgb_to_lab(result), srgb_to_lab(target)).mean()))
            ratios.append(-10 * np.log10(max(np.mean((result - target) ** 2), LEAST_ERROR)))
            pictures.append(np.vstack([result, target]))
            del pictures[SHOWN:]
    _write_strip(np.hstack(pictures), strip)
    return {"validation_delta_e": float(np.mean(differences)), "validation_psnr": float(np.mean(ratios))}


def _seen(frames: Sequence[Frame], stage: Stage) -> Batch:
    seen = {"frames": whole, "mosaics": mosaics, "patches": middles}[stage.view]
    return seen(frames, stage.size if stage.view == "patches" else SIZE)


def _pictures(planes: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.asarray(planes), 1, -1)


def _write_strip(picture: np.ndarray, path: Path) -> None:
    codes = np.rint(np.nan_to_num(picture) * 255).astype(np.uint8)
    with whole_file(path, overwrite=True, ending=".png") as hidden:
        Image.fromarray(codes).save(hidden)
