"""A table recovers what a table can be, keeps ramps straight where raws say nothing, and owns to what it cannot do."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from crispnet.colour import decode_srgb, encode_srgb
from crispnet.evaluate.cube import (
    Sitting,
    evened,
    explained,
    fit_table,
    folds,
    mean_delta_e,
    measure,
    measure_held_out,
)
from crispnet.evaluate.lattice import NormalEquations
from crispnet.look.trilinear import identity, interpolate

SIZE = 17
RAMP = np.linspace(0, 1, 2001)[:, None] * np.ones(3)
MATRIX = np.array([[1.3, -0.2, -0.1], [-0.1, 1.25, -0.15], [0.0, -0.2, 1.2]])


def rendition(plain):
    """More saturated in linear light, with more contrast."""
    return np.clip(encode_srgb(np.clip(decode_srgb(plain) @ MATRIX.T, 0, 1)) ** 1.15, 0, 1)


def colours(seed, count=3000, spread=0.25):
    """Soft colours about greys from dark to light: nothing saturated, as in many photographs."""
    random = np.random.default_rng(seed)
    return np.clip(random.uniform(0.05, 0.9, (count, 1)) + random.uniform(-spread, spread, (count, 3)), 0, 1)


def sitting(seed=0, *, render=rendition, spread=0.25, offset=0.0, count=3000):
    """A raw whose look is ``render`` at an exposure of the scene's own, ``offset`` EV lighter."""
    light = decode_srgb(colours(seed, count, spread))

    def plain(exposure):
        return encode_srgb(np.clip(light * 2**exposure, 0, 1))

    return Sitting(render(plain(offset)), plain)


def test_a_curve_and_a_matrix_are_recovered():
    sittings = [sitting(seed) for seed in range(2)]
    table = fit_table(sittings, size=SIZE)
    seen, unseen = colours(9, spread=0.2), np.random.default_rng(3).random((2000, 3))
    assert mean_delta_e(seen, rendition(seen)) > 8
    assert mean_delta_e(interpolate(table, seen), rendition(seen)) < 0.7
    assert mean_delta_e(unseen, rendition(unseen)) > 8
    assert mean_delta_e(interpolate(table, unseen), rendition(unseen)) < 3


def test_a_mapping_that_is_no_matrix_and_curve_is_recovered_where_it_is_seen():
    def local(plain):  # as memory colours are: blues turn, and nothing else does
        blue = np.clip(plain[..., 2:] - plain[..., :2].max(axis=-1, keepdims=True), 0, 1)
        return np.clip(plain + blue * np.array([0.5, 0.0, -0.3]), 0, 1)

    table = fit_table([sitting(render=local)], size=33)
    seen = colours(9)
    assert mean_delta_e(interpolate(table, seen), local(seen)) < 0.4 * mean_delta_e(seen, local(seen))


def test_greys_alone_say_how_light_colours_become_and_leave_their_hues():
    table = fit_table([sitting(spread=0.0, render=lambda plain: plain**0.8)], size=SIZE)
    unseen = np.random.default_rng(3).random((500, 3))
    assert mean_delta_e(interpolate(table, RAMP[100:1800]), RAMP[100:1800] ** 0.8) < 0.5
    chroma, before = np.ptp(interpolate(table, unseen), axis=-1), np.ptp(unseen, axis=-1)
    assert (chroma > 0.6 * before).all()


def scattered(plain):
    """A look that does something else at every place."""
    return np.clip(plain + np.random.default_rng(7).normal(0, 0.15, plain.shape), 0, 1)


def backwards(plain):
    """A look that turns greys about between middle and light."""
    return np.clip(plain - 0.6 * np.exp(-(((plain.mean(axis=-1, keepdims=True) - 0.65) / 0.08) ** 2)), 0, 1)


@pytest.mark.parametrize("render", [rendition, scattered, backwards])
@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_no_ramp_turns_back_and_all_values_are_colours(render, spread):
    table = fit_table([sitting(render=render, spread=spread)], size=SIZE)
    assert (table.shape, table.dtype) == ((SIZE, SIZE, SIZE, 3), np.float32)
    assert 0 <= table.min() <= table.max() <= 1
    assert not folds(table).any()
    assert np.diff(interpolate(table, RAMP), axis=0).min() > -1e-5
    for axis, others in itertools.product(range(3), ([0.0, 0.0], [0.4, 0.9], [1.0, 0.2])):
        ramp = np.insert(np.broadcast_to(others, (2001, 2)), axis, RAMP[:, 0], axis=-1)
        assert np.diff(interpolate(table, ramp)[:, axis]).min() > -2e-6


def test_a_fine_grey_ramp_has_no_bands():
    """Its slope changes little from step to step, and nowhere is it flat."""
    table = fit_table([sitting(seed) for seed in range(2)])
    slopes = np.diff(interpolate(table, RAMP[100:1900])[::20], axis=0) / 0.01
    assert slopes.min() > 0.3
    assert np.abs(np.diff(slopes, axis=0)).max() < 0.12


def test_folds_are_found_in_a_primary_and_along_the_greys():
    assert not folds(identity(5)).any()
    for axis in range(3):
        turned = identity(5)
        turned[1, 2, 3, axis] += 0.3
        assert folds(turned)[1, 2, 3]
    grey = identity(5) * 0.5  # green that falls as all three rise, but rises with green
    grey[..., 1] -= 0.4 * (identity(5)[..., 0] + identity(5)[..., 2])
    assert folds(grey)[np.arange(5), np.arange(5), np.arange(5)].all()
    assert folds(grey).sum() == 5
    between = identity(5)  # the greys' own nodes rise, and what is mixed in between them falls
    between[2, 1, 1, 1] = between[1, 1, 2, 1] = 0
    assert folds(between)[1, 1, 1]


# Exposures


def test_exposures_are_evened_but_for_what_they_have_in_common():
    offsets = np.array([-0.6, 0.0, 0.9])
    sittings = evened([sitting(seed, offset=offset) for seed, offset in enumerate(offsets)])
    np.testing.assert_allclose([each.exposure for each in sittings], offsets - offsets.mean(), atol=0.1)
    assert evened([sitting(offset=0.5)])[0].exposure == 0


def test_what_exposure_explains_is_told_from_what_the_table_does():
    sittings = evened([sitting(seed, offset=offset) for seed, offset in enumerate((-0.7, 0.0, 0.7))])
    likenesses = measure_held_out(sittings, size=SIZE)
    for likeness, each in zip(likenesses, sittings, strict=True):
        assert likeness.exposed < 1.5
        assert likeness.exposed <= likeness.table
        assert abs(likeness.exposure - each.exposure) < 0.15
    assert likenesses[0].table > 5 * likenesses[0].exposed


# What is lost


def test_a_raw_is_measured_with_a_table_of_the_others():
    odd = replace(sitting(2), look=1 - sitting(2).look)
    sittings = [sitting(0), sitting(1), odd]
    held_out, fitted = measure_held_out(sittings, size=9), measure(sittings, fit_table(sittings, size=9))
    assert len(held_out) == len(fitted) == 3
    assert held_out[0].plain == fitted[0].plain == mean_delta_e(sittings[0].plain(0), sittings[0].look)
    assert held_out[0].table > 3 * fitted[0].table
    other = fit_table(sittings[:2], size=9)
    assert held_out[2].table == pytest.approx(mean_delta_e(interpolate(other, odd.plain(0)), odd.look), rel=1e-4)


def test_one_raw_cannot_be_held_out_and_many_are_in_ten_parts():
    assert measure_held_out([sitting()], size=5) == []
    many = [sitting(seed, count=300) for seed in range(12)]
    likenesses = measure_held_out(many, size=5)
    assert [each.plain for each in likenesses] == [mean_delta_e(each.plain(0), each.look) for each in many]


def test_the_share_that_is_explained_may_be_negative_and_is_none_of_nothing():
    assert (explained(8, 2), explained(2, 3), explained(0, 0)) == (0.75, -0.5, None)


# The lattice


def test_joined_equations_are_those_of_all_samples():
    places, wanted = np.random.default_rng(0).random((2, 400, 3))
    whole, halves = NormalEquations(5), [NormalEquations(5), NormalEquations(5)]
    whole.add(places, wanted)
    for half, part in zip(halves, (slice(200), slice(200, None)), strict=True):
        half.add(places[part], wanted[part])
    joined = NormalEquations.joined(halves)
    assert joined.count == 400
    np.testing.assert_allclose(
        joined.solve(identity(5), stiffness=0.1), whole.solve(identity(5), stiffness=0.1), atol=1e-9
    )
    halves[0].add(places, wanted)
    assert joined.count == 400


def test_a_drawn_lattice_is_its_prior_far_from_samples_and_the_samples_near_them():
    prior = np.sqrt(identity(9))
    equations = NormalEquations(9)
    places = np.random.default_rng(0).uniform(0, 0.25, (3000, 3))
    equations.add(places, np.sqrt(places) + 0.1)
    nodes = equations.solve(prior, stiffness=0.01, drawn=0.01)
    np.testing.assert_allclose(nodes[-1, -1, -1], prior[-1, -1, -1], atol=0.002)
    np.testing.assert_allclose(nodes[1, 1, 1], prior[1, 1, 1] + 0.1, atol=0.02)
