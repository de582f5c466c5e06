"""Recipes: overriding, schedules, keeping them in a file."""

from dataclasses import replace

import pytest

from crispnet.data.patches import Stage
from crispnet.errors import RunError
from crispnet.train.recipes import CELLS_PER_SCENE, PAPER, RECIPES, paper, read_recipe, write_recipe

RECIPE = RECIPES["crispnet"]


def test_the_recipes_there_are():
    baselines = {"awnet", "awnet-preprocess-wb", "awnet-ensemble", "csanet", "deepisp", "metaisp", "pynet", "pynet-ca"}
    assert set(RECIPES) == {*PAPER, *baselines, "phone"}
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_the_networks_of_the_paper_are_compared_under_one_recipe():
    assert {paper(name).model for name in PAPER} == set(PAPER)
    assert len({str(replace(RECIPES[name], name="", model="crispnet", slow=())) for name in PAPER}) == 1


def test_overrides_are_read_by_the_type_of_what_they_replace():
    recipe = RECIPE.set("steps=200", "learning_rate=1e-3", "objective=l1", "widths=8,16,32", "blocks=1", "steps=300")
    assert (recipe.steps, recipe.learning_rate, recipe.objective) == (300, 1e-3, "l1")
    assert recipe.options == {"widths": (8, 16, 32), "blocks": 1}
    assert RECIPE.options == {}


def test_what_is_either_so_or_not_is_said_in_words():
    assert RECIPE.set("frozen_statistics=true").frozen_statistics is True
    assert RECIPE.set("start_from=a", "frozen=eye.,head").frozen == ("eye.", "head")
    assert RECIPE.set("start_from=a", "frozen=eye.").set("frozen=").frozen == ()
    assert RECIPE.set("frozen_statistics=true", "frozen_statistics=False").frozen_statistics is False


def test_a_stage_may_learn_smaller_pictures():
    (stage, _), _ = RECIPE.set("stages=frames:64x96:8x1:0.5:3,patches:184x240:4x2:0.5").stages
    assert stage == Stage("frames", (64, 96), scenes=8, finest=3)


def test_stages_are_overridden_as_a_whole():
    recipe = RECIPE.set("stages=frames:46x60:16x1:0.5,patches:184x240:4x2:0.5")
    assert recipe.stages == (
        (Stage("frames", (46, 60), scenes=16, patches=1), 0.5),
        (Stage("patches", (184, 240), scenes=4, patches=2), 0.5),
    )


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("stepz=3", "no 'stepz'.*Choose among.*steps.*of the model crispnet: .*widths"),
        ("options=3", "no 'options'"),
        ("steps", "'steps' cannot be"),
        ("steps=many", "'many'.*A value like 2400"),
        ("steps=0", "at least 1"),
        ("average=1", "average from 0 to less than 1"),
        ("tolerance=-0.1", "tolerance from 0 to 1"),
        ("objective=beauty", "among mse, l1, charbonnier"),
        ("model=pix2pix", "among .*unet-residual"),
        ("frozen_statistics=yes", "'yes'.*A value like False"),
        ("precision=f16", "among bf16, f32"),
        ("widths=a,b", "'a'"),
        ("stages=frames:46x60:16x1:0.5", "add up to 1"),
        ("stages=squares:46x60:16x1:1", "view"),
        ("stages=frames:46:16x1:1", "cannot be"),
        ("stages=frames:46x60:0x1:1", "counts from 1"),
        ("learning_rate=nan", "learning rate"),
    ],
)
def test_an_override_that_cannot_be_is_refused_with_a_reason(override, complaint):
    with pytest.raises(RunError, match=complaint):
        RECIPE.set(override)


def test_a_recipe_survives_its_file(tmp_path):
    recipe = RECIPES["phone"].set("widths=8,16", "seed=7")
    write_recipe(recipe, tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"stages": 3, "options": {}}', b'{"stages": [], "name": "x"}']
)
def test_what_is_no_recipe_is_refused(tmp_path, content):
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(RunError, match=r"recipe\.json is no recipe"):
        read_recipe(tmp_path / "recipe.json")


def test_stages_follow_one_another_in_their_shares():
    recipe = RECIPE.set("steps=100")
    stages = [recipe.stage_at(step) for step in range(100)]
    assert stages == [0] * 40 + [1] * 40 + [2] * 20


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 4000])
def test_every_step_has_a_stage_and_a_rate(steps):
    recipe = RECIPE.set(f"steps={steps}")
    stages = [recipe.stage_at(step) for step in range(steps)]
    assert stages == sorted(stages)
    assert set(stages) <= {0, 1, 2}
    assert all(0 < recipe.rate_at(step) <= recipe.learning_rate for step in range(steps))


def test_the_rate_climbs_stays_and_falls_to_nothing():
    recipe = RECIPE.set("steps=1000", "warm_up=100", "constant=0.5", "learning_rate=1")
    rates = [recipe.rate_at(step) for step in range(1000)]
    assert rates[:100] == sorted(set(rates[:100]))
    assert set(rates[100:501]) == {1.0}
    assert rates[500:] == sorted(set(rates[500:]), reverse=True)
    assert rates[750] == pytest.approx(0.5)
    assert recipe.rate_at(1000) == 0


def test_a_rate_may_stay():
    assert RECIPE.set("constant=1", "warm_up=0").rate_at(RECIPE.steps - 1) == RECIPE.learning_rate


def test_work_is_counted_in_cells_and_scenes():
    recipe = RECIPE.set("steps=10", "stages=frames:4x5:3x1:0.3,patches:6x7:1x2:0.7")
    by_step = [3 * (CELLS_PER_SCENE + 20)] * 3 + [CELLS_PER_SCENE + 84] * 7
    for first in range(11):
        for last in range(first, 11):
            assert recipe.work(first, last) == sum(by_step[first:last])
