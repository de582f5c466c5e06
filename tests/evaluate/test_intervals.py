"""Intervals cover what they should, and treat the captures of one scene as one."""

import numpy as np
import pytest

from crispnet.evaluate.intervals import interval


def test_they_cover_the_truth_about_nineteen_times_in_twenty():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(150):
        of_scene = random.normal(5, 2, 40)
        values = np.repeat(of_scene, 3) + random.normal(0, 0.5, 120)
        found = interval(values, np.repeat(np.arange(40), 3).astype(str))
        covered += found.low <= 5 <= found.high
    assert 0.87 < covered / 150 <= 0.99


def test_captures_of_one_scene_are_not_independent():
    values = np.random.default_rng(1).normal(0, 1, 30)
    once = interval(values, [str(n) for n in range(30)])
    often = interval(np.repeat(values, 9), np.repeat(np.arange(30), 9).astype(str))
    assert often.mean == pytest.approx(once.mean)
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=0.1)


def test_it_is_that_of_the_normal_distribution_where_there_are_many():
    values = np.random.default_rng(2).normal(3, 1, 400)
    found = interval(values, [str(n) for n in range(400)])
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.mean == pytest.approx(1.96 * values.std() / 20, rel=0.08)
    assert found == interval(values, [str(n) for n in range(400)])


def test_a_single_scene_says_nothing_of_others():
    found = interval([1.0, 2.0], ["a", "a"])
    assert found.mean == 1.5
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(("values", "scenes"), [([], []), ([1.0], ["a", "b"])])
def test_values_and_scenes_go_together(values, scenes):
    with pytest.raises(ValueError, match="expected"):
        interval(values, scenes)
