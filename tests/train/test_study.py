"""The paper's runs: that there is a recipe for each, and that it is fair."""

from dataclasses import replace

import pytest

from crispnet.data.setfile import shipped_sets
from crispnet.evaluate.tables import KEYS
from crispnet.train.effort import effort
from crispnet.train.recipes import RECIPES
from crispnet.train.study import HALVED, LEVEL_BY_LEVEL, PROFILES, SETS, starts_from


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("key", KEYS)
def test_every_run_has_a_recipe(profile, key):
    kind, name = key.split("/")
    recipe = profile.recipe(key, start_from=starts_from(key))
    assert recipe.name == name
    assert recipe.objective == RECIPES[name].objective
    assert (recipe.start_from == f"monitor/{name}") == (kind == "real")
    assert SETS[kind] in shipped_sets()


def test_what_fine_tunes_starts_from_a_run_of_the_study():
    assert {starts_from(key) for key in KEYS} - {""} <= set(KEYS)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_fine_tuning_halves_both_rates(profile):
    first, fine = (profile.recipe(f"{kind}/crispnet") for kind in ("monitor", "real"))
    assert (fine.learning_rate, fine.slow_rate) == (first.learning_rate / 2, first.slow_rate / 2)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("kind", SETS)
def test_all_runs_on_a_set_have_the_same_but_network_loss_and_what_is_slow(profile, kind):
    recipes = [profile.recipe(key) for key in KEYS if key.startswith(kind)]
    same = {
        str(replace(recipe, name="", model="crispnet", options={}, objective="mse", slow=()))
        for recipe in recipes
        if recipe.name not in LEVEL_BY_LEVEL
    }
    assert len(same) == 1
    assert len({(recipe.steps, recipe.learning_rate) for recipe in recipes}) == 1


@pytest.mark.parametrize("name", ["crispnet", "awnet", "pynet-ca", "csanet", "metaisp"])
def test_halved_networks_multiply_about_a_quarter(name):
    model, size = RECIPES[name].model, (32, 48)
    whole, half = (effort(model, options, size=size) for options in ({}, HALVED[name]))
    assert 0.2 < (half.scene + half.render) / (whole.scene + whole.render) < 0.3
