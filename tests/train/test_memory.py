"""An eye that learns no more looks at each photograph once, and nothing but time depends on it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crispnet.data.patches import Stage, batch
from crispnet.train.memory import EYE, memory
from crispnet.train.state import first_state
from crispnet.train.step import learn
from runs import SEEN, fit, same, stopper, tiny

CPU = torch.device("cpu")
STAGE = Stage("frames", (8, 12), scenes=3)


def keeping(**changes):
    """A recipe whose eye keeps its weights and its statistics."""
    recipe = tiny("phone", dim="16", depth="1", thresholds="3", folded="1", **changes)
    return replace(recipe, frozen=(EYE,), frozen_statistics=True)


def counted(module):
    """Count how many thumbnails a module sees."""
    shown = []
    module.register_forward_pre_hook(lambda _, given: shown.append(len(given[0])))
    return shown


def test_steps_are_those_of_an_eye_that_looks_every_time():
    recipe = keeping()
    remembering, looking = (first_state(recipe, device=CPU) for _ in range(2))
    looking.memory = None
    for step in range(4):
        shown = batch(SEEN, STAGE, seed=1, step=step)
        assert learn(remembering, shown, recipe) == pytest.approx(learn(looking, shown, recipe), rel=1e-5)
    ours, theirs = remembering.model.state_dict(), looking.model.state_dict()
    assert any(
        (ours[name] != tensor).any() for name, tensor in first_state(recipe, device=CPU).model.state_dict().items()
    )
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, atol=1e-4, rtol=1e-3)


def test_each_photograph_is_looked_at_once_however_it_is_mirrored():
    recipe = keeping()
    state = first_state(recipe, device=CPU)
    shown = counted(state.model.eye)
    for step in range(40):
        learn(state, batch(SEEN, STAGE, seed=1, step=step), recipe)
    assert sum(shown) <= 4 * len(SEEN)
    assert set(shown) == {1}


def test_what_is_seen_does_not_depend_on_what_else_is_shown():
    recipe = keeping(precision="bf16")
    state = first_state(recipe, device=CPU)
    learn(state, batch(SEEN, STAGE, seed=1, step=0), recipe)
    known = dict(state.memory._seen)
    alone = first_state(recipe, device=CPU)
    for step in range(6):
        learn(alone, batch(SEEN, replace(STAGE, scenes=1), seed=1, step=step), recipe)
    both = known.keys() & alone.memory._seen.keys()
    assert both
    assert all(torch.equal(known[digest], alone.memory._seen[digest]) for digest in both)


def test_another_light_is_another_photograph():
    recipe = keeping()
    state = first_state(recipe, device=CPU)
    shown = counted(state.model.eye)
    first = batch(SEEN, STAGE, seed=1, step=0)
    learn(state, first, recipe)
    learn(state, replace(first, white_balance=first.white_balance * np.float32([1.1, 1, 1, 1])), recipe)
    assert sum(shown) == 2 * len(SEEN)


def test_a_run_goes_on_without_what_it_remembered(tmp_path):
    whole = fit(keeping(), tmp_path / "whole", frames=SEEN)
    fit(keeping(), tmp_path / "stopped", frames=SEEN, **stopper(3))
    fit(keeping(), tmp_path / "stopped", frames=SEEN)
    assert same(whole.folder, tmp_path / "stopped")


@pytest.mark.parametrize(
    "recipe",
    [tiny("crispnet"), tiny("phone"), replace(keeping(), frozen=()), replace(keeping(), frozen_statistics=False)],
    ids=["another network", "an eye that learns", "weights that learn", "statistics that learn"],
)
def test_what_may_change_is_not_remembered(recipe):
    assert memory(first_state(recipe, device=CPU).model, recipe) is None
