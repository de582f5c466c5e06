from dataclasses import replace

import numpy as np
import pytest

from crispnet.data.phone.sight import Sight, see
from crispnet.data.phone.tone import GAIN_STOPS, exposure_stops, local_gain, map_tones
from scenery import flat, meadow, shore

DAYLIGHT = 6500.0
LUMINANCE = (0.2126, 0.7152, 0.0722)
PLAIN = Sight(
    level=-3.0, highlight=-0.5, stops=5.0, sky=0.0, foliage=0.0, skin=0.0, snow=0.0, night=0.0, sunset=0.0,
    tungsten=0.0, backlit=0.0, sky_map=np.zeros((72, 96), np.float32),
)  # fmt: skip


def ramp(sight=PLAIN):
    """What becomes of greys from black to twice white, a flat picture of each so that nothing is local."""
    greys = np.linspace(0, 2, 60)
    return greys, np.array([map_tones(flat(grey, (16, 16)), sight)[8, 8, 1] for grey in greys])


@pytest.mark.parametrize("kind", ["snow", "night", "sky", "backlit", "sunset"])
def test_more_light_is_never_shown_darker(kind):
    _, shown = ramp(replace(PLAIN, **{kind: 1.0}))
    assert (np.diff(shown) >= -1e-6).all()
    assert shown[0] == pytest.approx(0, abs=1e-3)
    assert 0.8 < shown[-1] <= 1


def test_range_of_the_display_is_kept():
    scene = 5 * meadow((96, 128)) - 0.02
    shown = map_tones(scene.astype(np.float32), see(scene.astype(np.float32), DAYLIGHT))
    assert shown.shape == scene.shape
    assert 0 <= shown.min() <= shown.max() <= 1


def test_grey_stays_grey():
    shown = map_tones(flat(0.1, (32, 32)), PLAIN)
    assert np.ptp(shown, axis=2).max() < 1e-6


def test_middle_of_a_plain_scene_is_shown_as_a_middle_grey():
    sight = replace(PLAIN, highlight=-1.0, stops=3.0)
    shown = map_tones(flat(2.0**sight.level, (32, 32)), sight)
    assert 0.14 < shown.mean() < 0.30


def test_darker_raw_is_raised_more():
    darker = replace(PLAIN, level=PLAIN.level - 1, highlight=PLAIN.highlight - 1)
    assert 0.8 < exposure_stops(darker) - exposure_stops(PLAIN) <= 1


@pytest.mark.parametrize(("kind", "sign"), [("snow", 1), ("backlit", 1), ("skin", 1), ("night", -1), ("sunset", -1)])
def test_exposure_follows_the_kind_of_scene(kind, sign):
    assert sign * (exposure_stops(replace(PLAIN, **{kind: 1.0})) - exposure_stops(PLAIN)) > 0.1


def test_exposure_stays_within_reason():
    dark, bright = replace(PLAIN, level=-16.0, highlight=-15.0), replace(PLAIN, level=2.0, highlight=4.0)
    assert (exposure_stops(bright), exposure_stops(dark)) == GAIN_STOPS


def test_shadows_are_opened_and_highlights_held():
    levels = np.full((96, 128), -7.0, np.float32)
    levels[:, 64:] = 1.0
    gain = local_gain(levels, replace(PLAIN, stops=9.0))
    assert gain[:, :40].min() > 1.5
    assert gain[:, 90:].max() < 0.8


def test_wide_range_of_light_is_narrowed_more():
    levels = np.full((96, 128), -6.0, np.float32)
    levels[:, 64:] = 0.0
    narrow, wide = (local_gain(levels, replace(PLAIN, stops=stops)) for stops in (3.0, 9.0))
    assert wide[:, :40].mean() > 1.3 * narrow[:, :40].mean()


def test_detail_is_kept_where_the_large_is_narrowed():
    y, x = np.mgrid[:96, :128]
    detail = 0.2 * np.sin(2.5 * x) * np.sin(2.5 * y)
    levels = (np.where(x < 64, -6.0, 0.0) + detail).astype(np.float32)
    mapped = levels + np.log2(local_gain(levels, replace(PLAIN, stops=9.0)))
    inside = np.s_[20:76, 10:40]
    assert mapped[inside].std() > 0.95 * levels[inside].std()
    assert np.ptp(mapped.mean(axis=0)[[20, 108]]) < 0.75 * 6


def test_tones_change_smoothly_with_the_scene():
    scene = shore((96, 128))
    one, other = (map_tones(picture, see(picture, DAYLIGHT)) for picture in (scene, scene * np.float32(1.007)))
    assert np.abs(one - other).max() < 0.01


def test_brightness_of_the_picture_follows_luminance():
    scene = meadow((96, 128))
    shown = map_tones(scene, see(scene, DAYLIGHT))
    grass, sky = np.s_[80:], np.s_[:30]
    assert (scene[sky] @ LUMINANCE).mean() > (scene[grass] @ LUMINANCE).mean()
    assert (shown[sky] @ LUMINANCE).mean() > (shown[grass] @ LUMINANCE).mean()
