from dataclasses import replace

import numpy as np
import pytest

from crispnet.data.phone.palette import from_oklab, preferred_white, tint, to_oklab
from crispnet.data.phone.sight import Sight
from scenery import flat

PLAIN = Sight(
    level=-3.0, highlight=-0.5, stops=5.0, sky=0.0, foliage=0.0, skin=0.0, snow=0.0, night=0.0, sunset=0.0,
    tungsten=0.0, backlit=0.0, sky_map=np.zeros((72, 96), np.float32),
)  # fmt: skip
SKIES = replace(PLAIN, sky=1.0, sky_map=np.ones((72, 96), np.float32))
BLUE, GREEN, FLESH = (0.25, 0.42, 0.75), (0.10, 0.22, 0.05), (0.50, 0.31, 0.22)


def tinted(colour, sight):
    """Lightness, chroma and hue in degrees, before and after."""
    before, after = to_oklab(np.float32(colour)), to_oklab(tint(flat(colour, (8, 8)), sight)[4, 4])
    return [(lab[0], np.hypot(lab[1], lab[2]), np.degrees(np.arctan2(lab[2], lab[1])) % 360) for lab in (before, after)]


def test_oklab_there_and_back():
    linear = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    assert from_oklab(to_oklab(linear)) == pytest.approx(linear, abs=1e-5)


@pytest.mark.parametrize(
    ("linear", "lab"),
    [
        ((1, 1, 1), (1, 0, 0)),
        ((1, 0, 0), (0.62795, 0.22483, 0.12579)),
        ((0, 1, 0), (0.86644, -0.23392, 0.17942)),
        ((0, 0, 1), (0.45201, -0.03243, -0.31164)),
        ((0.2, 0.4, 0.1), (0.68472, -0.08264, 0.08810)),
    ],
)
def test_oklab_agrees_with_colour_science(linear, lab):
    # colour.XYZ_to_Oklab, version 0.4.7.
    assert to_oklab(np.float32(linear)) == pytest.approx(lab, abs=2e-4)


def test_grey_is_left_grey():
    greys = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None].repeat(3, axis=2)
    for sight in (PLAIN, SKIES, replace(PLAIN, sunset=1.0), replace(PLAIN, night=1.0)):
        shown = tint(greys, sight)
        assert np.ptp(shown, axis=2).max() < 2e-3
        assert shown[:, 0, 1] == pytest.approx(greys[:, 0, 1], abs=2e-3)


def test_sky_grows_richer_and_darker_where_there_is_sky():
    before, after = tinted(BLUE, SKIES)
    _, elsewhere = tinted(BLUE, replace(SKIES, sky_map=PLAIN.sky_map))
    assert after[1] > 1.15 * before[1]
    assert after[1] > 1.1 * elsewhere[1]
    assert after[0] < before[0] - 0.03


def test_leaves_grow_richer_among_leaves():
    (_, before, _), (_, plain, _) = tinted(GREEN, PLAIN)
    _, (_, after, _) = tinted(GREEN, replace(PLAIN, foliage=1.0))
    assert before < plain < after


def test_skin_is_held_back_and_lightened():
    (lightness, _, _), (_, plain, _) = tinted(FLESH, PLAIN)
    _, (lighter, chroma, _) = tinted(FLESH, replace(PLAIN, skin=1.0))
    assert chroma < 0.9 * plain
    assert lighter > lightness


def test_memory_draws_hues_towards_itself():
    hues = []
    for red in (0.12, 0.20):  # leaves of two greens
        (_, _, before), (_, _, after) = tinted((red, 0.22, 0.03), replace(PLAIN, foliage=1.0))
        hues.append((before, after))
    assert np.ptp([after for _, after in hues]) < 0.9 * np.ptp([before for before, _ in hues])


def test_night_is_less_colourful():
    (_, before, _), (_, after, _) = tinted(BLUE, replace(PLAIN, night=1.0))
    assert after < before


def test_pale_colours_gain_more_than_strong_ones():
    (_, strong_before, _), (_, strong, _) = tinted((0.9, 0.02, 0.02), PLAIN)
    (_, pale_before, _), (_, pale, _) = tinted((0.5, 0.45, 0.45), PLAIN)
    assert pale / pale_before > 1.1
    assert strong / strong_before < 1.05


def test_highlights_lose_their_colour():
    (_, before, _), (_, after, _) = tinted((1.0, 0.97, 0.9), PLAIN)
    assert after < 0.7 * before


def test_colours_stay_on_the_display():
    shown = tint(np.random.default_rng(2).random((64, 64, 3), np.float32), SKIES)
    assert shown.dtype == np.float32
    assert 0 <= shown.min() <= shown.max() <= 1


def test_colours_change_smoothly():
    angles = np.linspace(0, 2 * np.pi, 2001)
    lab = np.stack([np.full_like(angles, 0.65), 0.1 * np.cos(angles), 0.1 * np.sin(angles)], axis=1)
    circle = np.clip(from_oklab(lab), 0, 1).astype(np.float32)[None]
    everything = replace(SKIES, foliage=1.0, skin=1.0, sunset=1.0)
    assert np.abs(np.diff(tint(circle, everything), axis=1)).max() < 0.01


@pytest.mark.parametrize("kelvin", [2000.0, 2850.0, 6500.0, 12000.0])
def test_white_stays_white_but_for_its_colour(kelvin):
    red, green, blue = preferred_white(kelvin, PLAIN) @ np.ones(3)
    assert np.array([0.2126, 0.7152, 0.0722]) @ [red, green, blue] == pytest.approx(1, abs=1e-3)
    assert (red > blue) == (kelvin < 10000)


def test_candles_stay_warm_but_most_is_made_up_for():
    warmth = [preferred_white(kelvin, PLAIN) @ np.ones(3) for kelvin in (6500.0, 4000.0, 2400.0)]
    ratios = [red / blue for red, _, blue in warmth]
    assert ratios == sorted(ratios)
    assert 1.1 < ratios[-1] / ratios[0] < 2.5


@pytest.mark.parametrize(("kind", "warmer"), [("sunset", True), ("snow", False), ("sky", False), ("skin", True)])
def test_taste_in_white_follows_the_scene(kind, warmer):
    plain, other = (preferred_white(6500.0, sight) @ np.ones(3) for sight in (PLAIN, replace(PLAIN, **{kind: 1.0})))
    assert (other[0] / other[2] > plain[0] / plain[2]) == warmer
