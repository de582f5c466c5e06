"""The paper's experiments as data: 21 runs, and the profiles in which they can be made.

A run has a key, SET/NAME (``evaluate.tables.KEYS``). ``monitor`` is the large set of monitor captures, from which all
begin; ``real`` fine-tunes what was trained there on few captures of real scenes (paper, sections 4.2 and 5);
``scratch`` trains on those alone (Table 4). A profile says how large every network is, how long it is trained and on
what patches; it changes all of them alike, so what a table compares has had the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from crispnet.data.patches import Stage
from crispnet.train.recipes import LEVELS, PAPER, RECIPES, Recipe, Stages

SETS = {"monitor": "monitor-v1", "real": "real-v1", "scratch": "real-v1"}  # names of the frozen captures
LEVEL_BY_LEVEL = ("pynet", "pynet-ca")  # learn one size after another, the smallest first


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What all runs of a study have in common.

    Attributes:
        name: of the profile.
        options: of each network, by the recipe's name.
        steps: of a run on monitor captures.
        fine_tuning: of its steps, how many a run on real captures has; one from scratch has ``steps``.
        rate: the learning rate; half of it, and of a transformer's, fine-tunes, as in MetaISP's code, by the same
            authors.
        stages: of a run from fresh weights.
        levels: the same for networks that learn one size after another.
        refining: stages of a run that fine-tunes.
        average: decay of the running average of the weights.
    """

    name: str
    options: Mapping[str, Mapping[str, Any]]
    steps: int
    fine_tuning: int
    rate: float
    stages: Stages
    levels: Stages
    refining: Stages
    average: float = 0.999

    def recipe(self, key: str, *, start_from: str = "") -> Recipe:
        """Give the recipe of a run.

        Args:
            key: SET/NAME, of ``evaluate.tables.KEYS`` or of another recipe.
            start_from: the run on monitor captures, for what fine-tunes it.
        """
        kind, name = key.split("/")
        level_by_level = name in LEVEL_BY_LEVEL
        recipe = replace(
            RECIPES[name],
            options=dict(self.options.get(name, {})),
            steps=self.steps,
            learning_rate=self.rate,
            stages=self.levels if level_by_level else self.stages,
            average=self.average,
        )
        if kind != "real":
            return recipe
        return replace(
            recipe,
            start_from=start_from,
            frozen_statistics=True,
            steps=self.fine_tuning,
            learning_rate=self.rate / 2,
            slow_rate=recipe.slow_rate / 2,
            stages=self.refining,
        )


def starts_from(key: str) -> str:
    """Give the key of the run that a run fine-tunes; "" for one that begins with fresh weights."""
    kind, name = key.split("/")
    return f"monitor/{name}" if kind == "real" else ""


# Every network with half its published widths, what sees the thumbnail as well, and so a quarter of its
# multiplications (``effort`` counts them); depths stay.
HALF_UNET = {"widths": (16, 32, 64, 128, 256)}
HALF_AWNET = {"width": 32, "growth": 8}
HALVED: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(PAPER, HALF_UNET),
    "crispnet": HALF_UNET | {"dim": 96},
    **dict.fromkeys(("awnet", "awnet-preprocess-wb", "awnet-ensemble"), HALF_AWNET),
    "pynet": {"width": 8},
    "pynet-ca": {"width": 8},
    "csanet": {"width": 16},
    "deepisp": {"width": 32},
    "metaisp": {"widths": (32, 64), "dim": 64},
}
# Patches of 368 x 480 in batches of 32 (paper, section 4.2; MetaISP's code). Our frames hold one to six patches and
# not 64, so 100 epochs over the captures are fewer steps than the paper's.
PATCHES: Stages = ((Stage("patches", (184, 240), scenes=8, patches=4), 1.0),)
# Such a patch is a 64th of the paper's frames, and shows nothing of the scene. So do 48 x 64 cells of ours. Few of each
# scene in many steps cost what many in few steps would, and an eye sees more scenes.
GLIMPSES: Stages = ((Stage("patches", (48, 64), scenes=8, patches=2), 1.0),)
# Levels of few pixels learn from many patches, as PyNET's own schedule has it.
GLIMPSES_BY_LEVEL: Stages = (
    (Stage("patches", (64, 64), scenes=8, patches=2, finest=5), 0.08),
    (Stage("patches", (64, 64), scenes=8, patches=2, finest=4), 0.10),
    (Stage("patches", (64, 64), scenes=8, patches=2, finest=3), 0.12),
    (Stage("patches", (64, 64), scenes=8, patches=2, finest=2), 0.20),
    (Stage("patches", (64, 64), scenes=8, patches=1, finest=1), 0.25),
    (Stage("patches", (64, 64), scenes=4, patches=1), 0.25),
)
PROFILES: Mapping[str, Profile] = {
    "paper": Profile(
        name="paper",
        options={},
        steps=8200,
        fine_tuning=2000,
        rate=1e-4,
        stages=PATCHES,
        levels=LEVELS,
        refining=PATCHES,
    ),
    "laptop": Profile(
        name="laptop",
        options=HALVED,
        steps=4800,
        fine_tuning=1200,
        rate=6e-4,
        stages=GLIMPSES,
        levels=GLIMPSES_BY_LEVEL,
        refining=GLIMPSES,
    ),
}
