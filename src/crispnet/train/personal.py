"""A look of one's own: a look for any camera, gone on with on few pairs.

Twenty scenes cannot teach an eye to tell scenes apart, so the network's eye stays as it is; what learns is what follows
from what it sees, and from how bright the scene is. Colour and tone come from small whole frames, which is all that a
small picture of the camera's can teach; detail from patches, where pictures have the raw's full size. Of so few scenes
none is given up: those that were held out to judge by are learned from at last.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crispnet.data.patches import Stage
from crispnet.train.memory import EYE
from crispnet.train.recipes import Recipe, Stages

NAME = "personal"
TOLD: Mapping[str, int] = {
    "thresholds": 10,
    "tails": 19,
    "casts": 3,
}  # of brightness, see ``model.metering``: every EV, every half, and nearly all, the brighter part and the brightest
STEPS = 6000  # as `crispnet fit --help` says
PATCH = (96, 128)  # packed cells
FRAMES: Stages = (
    (Stage("frames", (46, 60), scenes=8), 0.6),
    (Stage("frames", (92, 120), scenes=4), 0.4),
)
WITH_DETAIL: Stages = (
    (Stage("mosaics", (48, 64), scenes=8), 0.4),
    (Stage("mosaics", (92, 120), scenes=4), 0.25),
    (Stage("patches", PATCH, scenes=4), 0.35),
)
# What they have told is told by a few more, when those have judged.
FRAMES_AT_LAST: Stages = ((Stage("frames", (92, 120), scenes=4), 1.0),)
WITH_DETAIL_AT_LAST: Stages = (
    (Stage("mosaics", (92, 120), scenes=4), 0.5),
    (Stage("patches", PATCH, scenes=4), 0.5),
)
AT_LAST = 0.25  # share of the steps
LOOKS_BACK = 12  # validations in a run


def personal(start: Path, options: Mapping[str, Any], *, detail: bool, steps: int = STEPS, seed: int = 0) -> Recipe:
    """Give the recipe of a look that is judged by scenes it has not seen.

    Args:
        start: the checkpoint of the look to begin with (``reopening.start_from``).
        options: of its network.
        detail: whether pictures have the raw's full size, so that patches of them teach detail.
        steps: in all, those of ``at_last`` among them.
        seed: of the batches.
    """
    steps = max(1, steps - _last(steps))
    period = max(1, steps // LOOKS_BACK)
    return Recipe(
        name=NAME,
        model="canonical",
        options=dict(options),
        objective="delta-e",
        start_from=str(start),
        frozen=(EYE,),
        frozen_statistics=True,
        stages=WITH_DETAIL if detail else FRAMES,
        steps=steps,
        learning_rate=6e-4,
        warm_up=min(40, steps - 1),
        constant=0.3,
        average=0.99,
        tolerance=0.1,  # of 20 scenes two validate, and the later weights were nearer to all others
        seed=seed,
        log_every=max(1, steps // 60),
        validate_every=period,
        save_every=period,
    )


def at_last(recipe: Recipe, judged: Path, *, steps: int = STEPS) -> Recipe:
    """Give the recipe by which a look goes on, once it is judged, with all scenes: those that judged it, too.

    With none left to choose weights by, the last ones are the result, unless they have fallen apart.

    Args:
        recipe: by which it has learned.
        judged: the folder of that run.
        steps: in all, those of ``recipe`` among them.
    """
    patches = recipe.stages == WITH_DETAIL
    last = _last(steps)
    return replace(
        recipe,
        start_from=str(judged),
        stages=WITH_DETAIL_AT_LAST if patches else FRAMES_AT_LAST,
        steps=last,
        learning_rate=recipe.learning_rate / 2,
        warm_up=min(recipe.warm_up, last - 1),
        constant=0.0,
        tolerance=1.0,
        log_every=max(1, last // 15),
        validate_every=max(1, last // 3),
        save_every=max(1, last // 3),
    )


def _last(steps: int) -> int:
    return max(1, round(AT_LAST * steps))
