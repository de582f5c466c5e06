"""Recipes: everything that decides what a training run makes, as literal data; and those that make the paper.

A run is a function of its recipe and its frames. ``Recipe.set`` changes one from the command line, ``write_recipe``
and ``read_recipe`` keep it. Sizes are (rows, columns) of packed cells, rates are Adam's, and a *step* is one batch.
"""

import inspect
import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from crispnet.data.patches import Stage
from crispnet.errors import RunError
from crispnet.files import write_whole
from crispnet.model.catalogue import MODELS
from crispnet.train.objectives import NAMES

Stages = tuple[tuple[Stage, float], ...]  # each with its share of the steps

PRECISIONS = ("bf16", "f32")
MOST = 10**12  # of whatever is counted
CELLS_PER_SCENE = 12_000  # packed cells that are rendered in the time in which a thumbnail is seen

# Colour and tone are learned from small whole frames, forty times as many of them in an hour as of large ones;
# detail is learned from patches, last.
GROWING: Stages = (
    (Stage("frames", (46, 60), scenes=8, patches=1), 0.4),
    (Stage("frames", (92, 120), scenes=8, patches=1), 0.4),
    (Stage("patches", (184, 240), scenes=4, patches=1), 0.2),
)

# A network whose details go around its UNet learns from mosaics throughout, and on patches where they are noise.
WITH_DETAIL: Stages = (
    (Stage("mosaics", (48, 64), scenes=8), 0.25),
    (Stage("mosaics", (92, 120), scenes=8), 0.25),
    (Stage("patches", (96, 128), scenes=8), 0.4),
    (Stage("patches", (184, 240), scenes=4), 0.1),
)

# The same for networks that learn one size after another; sizes can be halved five times. A level of few pixels is
# learned from larger frames, since each step costs so little.
LEVELS: Stages = (
    (Stage("frames", (96, 128), scenes=8, finest=5), 0.08),
    (Stage("frames", (96, 128), scenes=8, finest=4), 0.10),
    (Stage("frames", (96, 128), scenes=8, finest=3), 0.12),
    (Stage("frames", (96, 128), scenes=8, finest=2), 0.15),
    (Stage("frames", (48, 64), scenes=8, finest=1), 0.15),
    (Stage("frames", (48, 64), scenes=8), 0.2),
    (Stage("patches", (176, 240), scenes=4), 0.2),
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is made.

    Attributes:
        name: of the recipe; the run and the look may be called otherwise.
        model: its name in ``model.catalogue``.
        options: of the model, those that are not left to the catalogue.
        objective: its name in ``objectives.NAMES``.
        vgg: a file of VGG's weights, for objectives with a perceptual term; "" for the others.
        start_from: a checkpoint of the same model, or the folder of a run, whose weights it begins with; or a look
            file for any camera, of which it takes what fits (``reopening.weights_for``); "" for fresh ones.
        frozen_statistics: whether normalisation layers keep the means and variances they begin with, as in fine-tuning
            on few scenes.
        frozen: beginnings of the names of weights that stay as they are, such as "eye.", in fine-tuning.
        stages: what batches are cut to, one after the other, with their shares of the steps.
        steps: batches in all.
        learning_rate: of Adam (0.9, 0.999), at its height.
        slow: beginnings of the names of weights whose rate is no higher than ``slow_rate``: those of transformers.
        warm_up: steps in which the rate climbs to it.
        constant: share of the steps after which the rate falls, linearly, to 0 at the end.
        clip: longest gradient; a longer one is shortened to it.
        average: decay of the running average of the weights, which is what a run results in; 0 for none.
        tolerance: by how much worse, as a share, later weights may do in validation than the stage's best and still be
            what a run results in; for validations of so few scenes that they cannot tell.
        precision: "bf16" where the processor multiplies, weights and losses staying f32; or "f32".
        seed: of the first weights and of every batch.
        log_every: steps from one line of the log to the next.
        validate_every: steps from one validation to the next.
        save_every: steps from one saved state to the next, at most.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "mse"
    vgg: str = ""
    start_from: str = ""
    frozen_statistics: bool = False
    frozen: tuple[str, ...] = ()
    stages: Stages = GROWING
    steps: int = 2400
    learning_rate: float = 6e-4
    slow: tuple[str, ...] = ()
    slow_rate: float = 1e-4
    warm_up: int = 100
    constant: float = 0.5
    clip: float = 0.2
    average: float = 0.999
    tolerance: float = 0.0
    precision: str = "bf16"
    seed: int = 0
    log_every: int = 20
    validate_every: int = 250
    save_every: int = 500

    def __post_init__(self) -> None:
        shares = sum(share for _, share in self.stages)
        counted = (self.steps, self.log_every, self.validate_every, self.save_every, self.warm_up, self.seed)
        expected = {
            f"whole numbers up to {MOST}": all(type(each) is int and each <= MOST for each in counted),
            f"a model among {', '.join(MODELS)}": self.model in MODELS,
            f"an objective among {', '.join(NAMES)}": self.objective in NAMES,
            f"a precision among {', '.join(PRECISIONS)}": self.precision in PRECISIONS,
            "shares of the stages above 0 that add up to 1": math.isclose(shares, 1) and self.shortest_share > 0,
            "steps, log_every, validate_every and save_every of at least 1": self.shortest_period >= 1,
            "a learning rate, a slow one and a clip above 0": self._can_learn,
            "warm_up and seed of at least 0": min(self.warm_up, self.seed) >= 0,
            "constant from 0 to 1": 0 <= self.constant <= 1,
            "average from 0 to less than 1": 0 <= self.average < 1,
            "tolerance from 0 to 1": 0 <= self.tolerance <= 1,
        }
        wrong = [what for what, holds in expected.items() if not holds]
        if wrong:
            raise ValueError(f"expected {'; '.join(wrong)}, got {self}")

    @property
    def _can_learn(self) -> bool:
        return all(math.isfinite(each) and each > 0 for each in (self.learning_rate, self.slow_rate, self.clip))

    @property
    def shortest_share(self) -> float:
        """The smallest share of the steps that a stage has."""
        return min((share for _, share in self.stages), default=0)

    @property
    def shortest_period(self) -> int:
        """The smallest of all that is counted in steps."""
        return min(self.steps, self.log_every, self.validate_every, self.save_every)

    @property
    def ends(self) -> tuple[int, ...]:
        """The step at which each stage is over."""
        passed = accumulate(share for _, share in self.stages)
        return tuple(round(share * self.steps) for share in passed)

    def stage_at(self, step: int) -> int:
        """Find which stage (0 for the first) the batch of a step (0 for the first) belongs to."""
        return min(bisect_right(self.ends, step), len(self.stages) - 1)

    def rate_at(self, step: int) -> float:
        """Find the learning rate of a step (0 for the first): a climb, a plateau, a straight way down to 0."""
        climb = min(1.0, (step + 1) / (self.warm_up + 1))
        slope = self.steps * (1 - self.constant)
        fall = min(1.0, (self.steps - step) / slope) if slope else 1.0
        return self.learning_rate * min(climb, fall)

    def work(self, first: int, last: int) -> int:
        """Weigh the batches of steps ``first`` to ``last``, the last one excluded, by their packed cells.

        Seeing a scene counts as many as it takes time for, measured with "phone" and "crispnet" on two cores.
        """
        work, begin = 0, 0
        for (stage, _), end in zip(self.stages, self.ends, strict=True):
            steps = max(0, min(end, last) - max(begin, first))
            cells = stage.scenes * (CELLS_PER_SCENE + stage.patches * math.prod(stage.size))
            work, begin = work + steps * cells, end
        return work

    def set(self, *overrides: str) -> "Recipe":
        """Change fields, or options of the model, each given as "name=value".

        Lists are separated by commas ("widths=8,16,32"), and stages are VIEW:ROWSxCOLUMNS:SCENESxPATCHES:SHARE
        ("stages=frames:46x60:16x1:0.5,patches:184x240:4x2:0.5"), with :FINEST after it where a network learns one size
        after another. A change of the model comes before its options.

        Raises:
            RunError: there is no field or option of that name, or it cannot have that value.
        """
        recipe = self
        for override in overrides:
            recipe = _overridden(recipe, override)
        return recipe


def _overridden(recipe: Recipe, override: str) -> Recipe:
    name, _, text = override.partition("=")
    ours = {each.name: getattr(recipe, each.name) for each in fields(recipe) if each.name != "options"}
    theirs = _options(recipe.model)
    if name not in ours | theirs:
        raise RunError(
            f"{override!r} changes nothing: the recipe {recipe.name} has no {name!r}. A name, = and a value were "
            f"needed. Choose among {', '.join(ours)}, and of the model {recipe.model}: {', '.join(theirs)}."
        )
    try:
        if name == "stages":
            return replace(recipe, stages=_stages(text))
        if name in ours:
            return replace(recipe, **{name: _value(text, ours[name])})
        return replace(recipe, options={**recipe.options, name: _value(text, theirs[name])})
    except (ValueError, KeyError) as error:
        raise RunError(
            f"{override!r} cannot be: {error}. A value like {ours.get(name, theirs.get(name))!r} was needed. Give "
            "another, or leave it to the recipe."
        ) from error


def _options(model: str) -> dict[str, Any]:
    """Find the options that the catalogue's function for a model takes, with their defaults."""
    return {name: option.default for name, option in inspect.signature(MODELS[model]).parameters.items()}


def _value(text: str, like: Any) -> Any:
    """Read a value of the type that the present one has."""
    if isinstance(like, bool):
        return {"true": True, "false": False}[text.lower()]
    if isinstance(like, tuple):
        return tuple(_value(part, like[0] if like else "") for part in text.split(",") if part)
    return type(like)(text)


def _stages(text: str) -> Stages:
    return tuple(_stage(*part.split(":")) for part in text.split(","))


def _stage(view: str = "", size: str = "", batch: str = "", share: str = "", finest: str = "0") -> tuple[Stage, float]:
    rows, columns = map(int, size.split("x"))
    scenes, patches = map(int, batch.split("x"))
    return Stage(view, (rows, columns), scenes=scenes, patches=patches, finest=int(finest)), float(share)


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe as JSON, in place of what was there."""
    text = json.dumps(asdict(recipe), indent=2) + "\n"
    write_whole(path, [text.encode()], raw=None, overwrite=True)


def read_recipe(path: Path) -> Recipe:
    """Read what ``write_recipe`` wrote.

    Raises:
        RunError: the file is missing or is no recipe.
    """
    try:
        card = json.loads(path.read_bytes())
        stages = tuple((Stage(**stage | {"size": tuple(stage["size"])}), share) for stage, share in card["stages"])
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in card["options"].items()}
        named = {name: tuple(card.get(name, ())) for name in ("frozen", "slow")}
        return Recipe(**card | {"stages": stages, "options": options} | named)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise RunError(
            f"{path} is no recipe: {error}. The recipe.json of a run was needed. Choose the folder of a run, or "
            "start one from a recipe by its name."
        ) from error


def paper(name: str) -> Recipe:
    """Give one of the paper's networks the same data, stages, steps, seed and objective as the others have.

    The paper trains at 1e-4 for 100 epochs, and at 5e-5 to fine-tune (its sections 4.2 and 4.3, and MetaISP's code).
    These runs are far shorter and averaged, and so have a higher rate.
    """
    return Recipe(name=name, model=name)


PAPER = (
    "unet-residual", "preprocess-wb", "wb-level-1", "wb-levels-1-3", "wb-levels-1-4", "wb-levels-1-5",
    "classification-cnn", "crispnet",
)  # fmt: skip

RECIPES: Mapping[str, Recipe] = {
    **{name: paper(name) for name in PAPER},
    "crispnet": replace(paper("crispnet"), slow=("semantics.",)),
    # The others with the losses they were published with, but for terms that need weights of somebody else's.
    "awnet": Recipe(name="awnet", model="awnet", objective="awnet"),
    "awnet-preprocess-wb": Recipe(name="awnet-preprocess-wb", model="awnet-preprocess-wb", objective="awnet"),
    "awnet-ensemble": Recipe(name="awnet-ensemble", model="awnet-ensemble", objective="awnet"),
    "csanet": Recipe(name="csanet", model="csanet", objective="csanet"),
    "deepisp": Recipe(name="deepisp", model="deepisp", objective="deepisp"),
    "metaisp": Recipe(name="metaisp", model="metaisp", objective="metaisp"),
    "pynet": Recipe(name="pynet", model="pynet", objective="pynet", stages=LEVELS),
    "pynet-ca": Recipe(name="pynet-ca", model="pynet-ca", objective="pynet-ca", stages=LEVELS),
    "phone": Recipe(
        name="phone",
        model="canonical",
        options={"thresholds": 10, "palette": 7, "camera": True},
        objective="delta-e",
        stages=WITH_DETAIL,
        steps=6000,
        learning_rate=8e-4,
        slow=("eye.",),
    ),
}
