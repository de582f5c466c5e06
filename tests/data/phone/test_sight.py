from dataclasses import fields

import numpy as np
import pytest

from crispnet.data.phone.sight import SIGHT, see, window
from scenery import flat, meadow, shore, street

DAYLIGHT, CANDLES = 6500.0, 2400.0
WEIGHTS = ("sky", "foliage", "skin", "snow", "night", "sunset", "tungsten", "backlit")


def harbour():
    scene = meadow((120, 160))
    scene[48:] = (0.06, 0.08, 0.09)
    return scene


def dusk():
    scene = flat((0.02, 0.01, 0.01), (120, 160))
    scene[:70] = (0.9, 0.32, 0.05)
    return scene


def portrait():
    scene = flat(0.08, (120, 160))
    scene[20:110, 40:130] = (0.55, 0.33, 0.23)
    return scene


def window_seat():
    scene = flat(1.0, (120, 160))
    scene[40:, 35:125] = 0.05
    return scene


SCENES = {
    "sky": (harbour(), DAYLIGHT),
    "snow": (shore((120, 160)), DAYLIGHT),
    "night": (street((120, 160)), DAYLIGHT),
    "sunset": (dusk(), DAYLIGHT),
    "skin": (portrait(), DAYLIGHT),
    "foliage": (flat((0.07, 0.13, 0.03), (120, 160)), DAYLIGHT),
    "tungsten": (flat(0.2, (120, 160)), CANDLES),
    "backlit": (window_seat(), DAYLIGHT),
    "plain": (flat((0.10, 0.08, 0.12), (120, 160)), DAYLIGHT),
}


@pytest.mark.parametrize("kind", SCENES)
def test_scene_is_taken_for_what_it_is(kind):
    scene, kelvin = SCENES[kind]
    assert see(scene, kelvin).kind == kind


@pytest.mark.parametrize("kind", SCENES)
def test_weights_are_shares(kind):
    sight = see(*SCENES[kind])
    weights = [getattr(sight, name) for name in WEIGHTS]
    assert {field.name for field in fields(sight)} == {*WEIGHTS, "level", "highlight", "stops", "sky_map"}
    assert 0 <= min(weights) <= max(weights) <= 1
    assert sight.sky_map.shape == SIGHT
    assert 0 <= sight.sky_map.min() <= sight.sky_map.max() <= 1


@pytest.mark.parametrize("kind", SCENES)
def test_kind_of_scene_does_not_depend_on_exposure(kind):
    scene, kelvin = SCENES[kind]
    one, other = see(scene, kelvin), see(scene / 2, kelvin)
    assert other.level == pytest.approx(one.level - 1, abs=0.02)
    assert other.highlight == pytest.approx(one.highlight - 1, abs=0.02)
    for name in WEIGHTS:
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=0.02)


@pytest.mark.parametrize("kind", SCENES)
def test_size_of_the_picture_does_not_matter(kind):
    scene, kelvin = SCENES[kind]
    one, other = see(scene, kelvin), see(scene.repeat(2, axis=0).repeat(2, axis=1), kelvin)
    for name in WEIGHTS:
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=0.02)


def test_weights_change_smoothly():
    """A scene becomes another in 100 steps; no step turns the phone's mind by more than a little."""
    scene, kelvin = SCENES["sky"]
    small, other = scene[::4, ::4], SCENES["snow"][0][::4, ::4]
    sights = [see((1 - share) * small + share * other, kelvin) for share in np.linspace(0, 1, 101)]
    for name in WEIGHTS:
        steps = np.abs(np.diff([getattr(sight, name) for sight in sights]))
        assert steps.max() < 0.12, name


def test_levels_are_those_of_a_grey():
    sight = see(flat(0.25, (40, 60)), DAYLIGHT)
    assert (sight.level, sight.highlight, sight.stops) == pytest.approx((-2, -2, 0), abs=1e-3)


def test_middle_counts_more_than_corners():
    middle, corner = flat(0.1, (72, 96)), flat(0.1, (72, 96))
    middle[24:48, 32:64], corner[:24, :32] = 0.8, 0.8
    assert see(middle, DAYLIGHT).level > see(corner, DAYLIGHT).level + 0.1


def test_sky_map_is_where_the_sky_is():
    sky = see(*SCENES["sky"]).sky_map
    assert sky[:20].mean() > 0.8
    assert sky[40:].mean() < 0.05


def test_darkness_is_seen_without_complaint():
    sight = see(flat(0.0, (40, 60)) - 1e-3, DAYLIGHT)
    assert np.isfinite([sight.level, sight.highlight, sight.stops]).all()


def test_window_is_one_in_the_centre_and_half_at_its_width():
    assert window(np.float32([50, 40, 60, 200]), 50, 10) == pytest.approx([1, 0.5, 0.5, 0], abs=1e-3)
