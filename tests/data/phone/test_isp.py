import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crispnet.colour import srgb_to_lab
from crispnet.data.phone.isp import render
from crispnet.data.spectra import Light
from crispnet.raw.image import CFAS, Box
from crispnet.raw.orientation import upright
from scenery import CANDLES, PLAIN, flat, meadow, shore, shot_of, street

SMALL = (184, 240)
RED, GREY = np.s_[80:104, 68:92], np.s_[80:104, 148:172]  # within the patches of a small scene
NO_NOISE = replace(PLAIN, iso=1e-3)
GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
GOLDEN_SHOTS = {
    "meadow": (meadow, PLAIN, 1),
    "shore, dim, other mosaic": (shore, replace(PLAIN, cfa="GBRG", iso=800.0, ev=-1.0), 1),
    "meadow on a monitor, candles, upright": (meadow, replace(PLAIN, light=CANDLES, kind="display", iso=1600.0), 6),
    "street": (street, replace(PLAIN, light=Light("FL11"), iso=400.0, bits=10, black=64), 1),
}


def shown(scene, shot=PLAIN, *, orientation=1):
    """The phone's picture, as numbers that may be subtracted."""
    return render(shot_of(scene, shot, orientation=orientation)).pixels.astype(np.float32)


def distance(one, other):
    return float(np.abs(one.astype(np.float32) - other).mean())


@pytest.mark.parametrize("name", GOLDEN_SHOTS)
def test_pictures_are_those_that_the_benchmarks_were_made_with(name):
    scene, shot, orientation = GOLDEN_SHOTS[name]
    rendering = render(shot_of(scene(SMALL), shot, orientation=orientation))
    sample = rendering.pixels[3::23, 3::23].astype(int)
    expected = np.frombuffer(bytes.fromhex(GOLDEN[name]["sample"]), np.uint8).reshape(sample.shape)
    assert np.abs(sample - expected).max() <= 1
    assert rendering.pixels.mean(axis=(0, 1)) == pytest.approx(GOLDEN[name]["mean"], abs=0.05)
    assert rendering.sight.kind == GOLDEN[name]["kind"]


def test_same_raw_gives_the_same_picture():
    raw = shot_of(meadow(SMALL))
    before = raw.mosaic.copy()
    assert np.array_equal(render(raw).pixels, render(raw).pixels)
    assert np.array_equal(raw.mosaic, before)


def test_picture_is_of_the_crop():
    raw = shot_of(meadow(SMALL))
    cropped = replace(raw, crop=Box(5, 9, 171, 221))
    whole, part = render(raw).pixels, render(cropped).pixels
    assert part.shape == (171, 221, 3)
    assert distance(part, whole[5:176, 9:230]) < 1  # not 0: what it sees of the scene is a little less
    assert distance(part, whole[4:175, 9:230]) > 3


@pytest.mark.parametrize("scene", [meadow, shore])
@pytest.mark.parametrize("ev", [-0.01, 0.01])
def test_a_little_more_light_changes_the_picture_little(scene, ev):
    one, other = shown(scene(SMALL)), shown(scene(SMALL), replace(PLAIN, ev=ev))
    assert 0 < distance(one, other) < 0.3
    assert np.abs(one - other).max() <= 4


def test_one_count_more_changes_the_picture_little():
    raw = shot_of(meadow(SMALL))
    more = replace(raw, mosaic=np.minimum(raw.mosaic + 1, raw.white).astype(np.uint16))
    one, other = render(raw).pixels, render(more).pixels
    assert 0 < distance(one, other) < 0.8


def test_same_patch_looks_different_in_other_surroundings():
    # The point of all this: no window of the mosaic says by itself what becomes of it.
    outdoors, snow = shot_of(meadow(SMALL)), shot_of(shore(SMALL))
    assert np.array_equal(outdoors.white_balance, snow.white_balance)
    mosaic, window = snow.mosaic.copy(), np.s_[68:116, 56:184]
    mosaic[window] = outdoors.mosaic[window]
    one, other = render(outdoors).pixels, render(replace(snow, mosaic=mosaic)).pixels
    for patch in (RED, GREY):
        assert np.abs(one[patch].mean(axis=(0, 1)) - other[patch].mean(axis=(0, 1))).min() > 10


@pytest.mark.parametrize("scene", [meadow, shore])
@pytest.mark.parametrize("ev", [-1.0, 1.0])
def test_exposure_of_the_raw_is_nearly_made_up_for(scene, ev):
    assert distance(shown(scene(SMALL)), shown(scene(SMALL), replace(PLAIN, ev=ev))) < 4


def test_grey_in_daylight_stays_nearly_neutral():
    _, a, b = srgb_to_lab(shown(flat(0.3, SMALL)).mean(axis=(0, 1)) / 255)
    assert np.hypot(a, b) < 2


def test_warm_light_leaves_warmth():
    daylight, candles = (shown(flat(0.3, SMALL), replace(PLAIN, light=light)) for light in (PLAIN.light, CANDLES))
    b_daylight, b_candles = (srgb_to_lab(picture.mean(axis=(0, 1)) / 255)[2] for picture in (daylight, candles))
    assert b_daylight + 8 < b_candles < 25  # it is made up for for the greater part


def test_night_stays_darker_than_snow():
    night, snow = render(shot_of(street(SMALL))), render(shot_of(shore(SMALL)))
    assert (night.sight.kind, snow.sight.kind) == ("night", "snow")
    assert night.pixels.mean() < 0.6 * snow.pixels.mean()


@pytest.mark.parametrize(("orientation", "quarters"), [(6, 1), (3, 2), (8, 3)])
def test_picture_stands_upright_however_the_camera_was_held(orientation, quarters):
    scene = shore(SMALL)
    turned = np.ascontiguousarray(np.rot90(scene, quarters))
    assert np.array_equal(upright(turned, orientation), scene)
    picture = shown(turned, NO_NOISE, orientation=orientation)
    assert picture.shape == (*SMALL, 3)
    assert distance(picture, shown(scene, NO_NOISE)) < 0.5  # the mosaic's sites differ


def test_sky_is_looked_for_above():
    above, below = (render(shot_of(meadow(SMALL), orientation=turn)).sight for turn in (1, 3))
    assert above.sky > 0.9
    assert below.sky < 0.1


@pytest.mark.parametrize("cfa", CFAS)
def test_order_of_the_mosaic_hardly_matters(cfa):
    scene = shore(SMALL)
    assert distance(shown(scene, replace(NO_NOISE, cfa=cfa)), shown(scene, NO_NOISE)) < 0.5


def test_noise_profile_need_not_be_stated():
    raw = shot_of(shore(SMALL), replace(PLAIN, iso=83))  # the usual noise is that of ISO 83
    assert distance(render(raw).pixels, render(replace(raw, noise_profile=None)).pixels) < 0.5


def test_black_and_saturated_raws_give_pictures():
    raw = shot_of(shore(SMALL))
    black, white = (replace(raw, mosaic=np.full_like(raw.mosaic, count)) for count in (0, raw.white))
    assert render(black).pixels.max() < 30
    assert render(white).pixels.min() > 150
