"""What networks cost."""

import pytest

from crispnet.model.catalogue import build
from crispnet.train.effort import THUMBNAIL, effort, of_a_run
from crispnet.train.recipes import RECIPES


def test_a_bare_network_costs_its_convolutions():
    cost = effort("unet-residual", {"widths": (2,), "blocks": 0}, size=(4, 6))
    convolutions = 9 * 4 * 2 + 9 * 2 * 2 + 2 * 12  # two of 3 x 3, the head
    assert cost == (
        sum(p.numel() for p in build("unet-residual", widths=(2,), blocks=0).parameters()),
        0,
        24 * convolutions,
    )


def test_the_scene_costs_the_same_whatever_the_patch():
    small, large = (
        effort("crispnet", {"widths": (4, 8), "dim": 16, "depth": 1}, size=size) for size in ((8, 8), (16, 8))
    )
    assert small.scene == large.scene > THUMBNAIL[0] * THUMBNAIL[1]
    assert large.render == pytest.approx(2 * small.render)


def test_coarse_levels_cost_less():
    costs = [effort("pynet-ca", {"width": 1}, size=(32, 32), finest=finest).render for finest in (0, 3, 5)]
    assert costs == sorted(costs, reverse=True)


def test_a_run_costs_its_stages():
    recipe = RECIPES["unet-residual"].set(
        "widths=2", "blocks=0", "steps=10", "stages=frames:4x6:3x1:0.3,patches:8x12:1x2:0.7"
    )
    per_cell = effort("unet-residual", recipe.options, size=(1, 1)).render
    assert of_a_run(recipe) == per_cell * (3 * 3 * 24 + 7 * 2 * 96)
