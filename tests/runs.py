"""Training runs of a second: frames, recipes, and what two runs have in common."""

import threading
from dataclasses import replace

import numpy as np
import torch
from safetensors import safe_open

from crispnet.data import patches
from crispnet.data.frames import Frame
from crispnet.train import loop
from crispnet.train.log import read_log
from crispnet.train.recipes import RECIPES, Recipe

TINY = {
    "stages": "frames:8x12:2x1:0.5,patches:8x8:2x2:0.5",
    "widths": "4,8", "blocks": "1", "precision": "f32", "warm_up": "0", "average": "0.9",
    "steps": "10", "log_every": "3", "validate_every": "4", "save_every": "1000",
}  # fmt: skip


def tiny(name: str = "wb-levels-1-3", **changes: object) -> Recipe:
    theirs = {"wb-levels-1-3": {"widths": "4,4,8"}, "crispnet": {"dim": "16", "depth": "1"}}.get(name, {})
    return RECIPES[name].set(*(f"{key}={value}" for key, value in (TINY | theirs | changes).items()))


def frame(seed: int) -> Frame:
    """A picture in a warm light, blurred enough that a tiny network can render it."""
    random = np.random.default_rng(seed)
    rgb = np.kron(random.uniform(0.05, 0.9, (3, 5, 4)), np.ones((4, 6))).astype(np.float32)
    packed = rgb[[0, 1, 2, 1]] * np.array([0.5, 1, 0.7, 1], np.float32)[:, None, None]
    target = np.kron(np.moveaxis(rgb, 0, -1) ** (1 / 2.2), np.ones((2, 2, 1)))
    return Frame(
        name=f"frame {seed}",
        scene=f"scene {seed}",
        packed=packed.astype(np.float16),
        target=np.rint(255 * target).astype(np.uint8),
        thumbnail=np.full((3, 368, 480), packed.mean(), np.float32),
        white_balance=np.array([2, 1, 1 / 0.7, 1], np.float32),
        to_srgb=np.eye(3, dtype=np.float32),
        tags={},
    )


SIZE = (10, 12)  # of validations
FRAMES, VALIDATION = [frame(seed) for seed in range(3)], [frame(seed) for seed in range(10, 12)]
SEEN = [  # even thumbnails would leave normalisation nothing but rounding to enlarge
    replace(each, thumbnail=np.random.default_rng(seed).uniform(0.01, 0.9, (3, 368, 480)).astype(np.float32))
    for seed, each in enumerate(FRAMES)
]
BROKEN = replace(FRAMES[0], packed=np.full_like(FRAMES[0].packed, np.nan))


def fit(recipe: Recipe, folder, *, frames=FRAMES, **options) -> loop.Run:
    return loop.fit(recipe, frames, VALIDATION, folder, **{"device": "cpu", "threads": 1} | options)


def tensors(path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def same(first, second, name: str = "last.safetensors") -> bool:
    ours, theirs = tensors(first / name), tensors(second / name)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def what_was_logged(folder) -> list[dict[str, float]]:
    """The log without its clocks."""
    clocks = {"seconds", "steps_per_second"}
    return [{key: value for key, value in line.items() if key not in clocks} for line in read_log(folder)]


def stopper(at: int):
    stop = threading.Event()

    def on_step(progress: loop.Progress) -> None:
        if progress.step == at:
            stop.set()

    return {"stop": stop, "on_step": on_step}


def spoiled(*steps: int):
    """Batches as they are, but for these steps (0 for the first), whose pixels are no numbers."""

    def batch(frames, stage, *, seed, step, part):
        made = patches.batch(frames, stage, seed=seed, step=step, part=part)
        return replace(made, packed=np.full_like(made.packed, np.nan)) if step in steps else made

    return batch
