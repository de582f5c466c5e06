from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crispnet.data.frames import frame_of
from crispnet.data.phone.isp import render
from crispnet.data.rig.camera import Taken
from crispnet.data.rig.looking import Guess, look_at
from crispnet.data.rig.pairing import Place, misfit, pair_of
from crispnet.data.rig.plan import Plan, Step
from crispnet.data.target import LAID
from crispnet.raw.bayer import pack_linear
from crispnet.raw.orientation import upright
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from rigging import LAYOUT, SESSION, shot, write_photographs


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A capture of a photograph: its raw image, and the phone's picture of it."""
    folder = tmp_path_factory.mktemp("capture")
    step = Step(0, "photograph", str(write_photographs(folder, 1)[0]))
    taken, _, _ = shot(step, folder)
    raw = open_raw(taken.raw)
    return step, raw, render(raw).pixels


@pytest.fixture
def paired(tmp_path, capture):
    """Write the capture in another orientation, with another picture; look at it, and pair it."""
    step, raw, pixels = capture

    def pair(*, orientation=1, picture=None):
        taken = tmp_path / "a.dng"
        write_dng(replace(raw, orientation=orientation), taken)
        shown = np.ascontiguousarray(upright(pixels if picture is None else picture, orientation))
        Image.fromarray(shown).save(tmp_path / "a.png")
        plan = Plan(SESSION, 0.0, "", (step,))
        seen = look_at(Taken(taken, tmp_path / "a.png"), 0, plan, LAYOUT, guess=Guess())
        return seen, pair_of(seen, Place(tmp_path / "p.dng", tmp_path / "p.png"), scene="s", licence="CC0")

    return pair


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_raw_and_picture_are_cut_to_the_same_photosites(paired, capture, orientation):
    seen, pair = paired(orientation=orientation)
    _, raw, pixels = capture
    box = seen.box
    frame = frame_of(pair)
    part = np.s_[box.top : box.bottom, box.left : box.right]
    np.testing.assert_array_equal(open_raw(pair.raw).mosaic, raw.mosaic[part])
    # A row or column is given up where the mosaic does not begin with red.
    rows, columns = frame.target.shape[:2]
    assert box.height - rows <= 2
    tops = [(top, left) for top in (0, 1) for left in (0, 1)]
    assert any(
        np.array_equal(frame.target, pixels[part][top : top + rows, left : left + columns]) for top, left in tops
    )
    assert pair.tags["misfit"] < 0.5
    assert open_raw(pair.raw).orientation == orientation


def test_the_thumbnail_sees_no_marker(paired, capture):
    seen, pair = paired()
    box = seen.box
    whole = pack_linear(capture[1])
    inside = whole[:, box.top // 2 + 1 : box.bottom // 2 - 1, box.left // 2 + 1 : box.right // 2 - 1]
    assert frame_of(pair).thumbnail.mean() == pytest.approx(inside[[0, 1, 2]].mean(), rel=0.05)


def test_what_is_worth_knowing_stands_in_the_tags(paired):
    seen, pair = paired()
    assert {"camera", "photograph", "licence", "box", "blur", "iso", "frame"} <= pair.tags.keys()
    assert (pair.tags["licence"], pair.tags["photograph"], pair.scene) == ("CC0", "p0.png", "s")
    assert pair.tags["box"] == [seen.box.top, seen.box.left, seen.box.height, seen.box.width]


def test_a_smaller_picture_is_laid_over_its_photosites(paired, capture):
    pixels = capture[2]
    small = np.asarray(Image.fromarray(pixels).resize((320, 240), Image.Resampling.BOX))
    seen, pair = paired(picture=small)
    assert seen.fault == ""
    facts = pair.tags[LAID]
    assert facts["scale"] == pytest.approx(2, abs=0.1)
    assert facts["misfit"] < 1
    frame = frame_of(pair)
    assert frame.target.shape[0] == pytest.approx(seen.box.height / 2, abs=12)


def test_a_picture_that_lies_elsewhere_is_laid_too(paired, capture):
    moved = np.roll(capture[2], (6, -9), axis=(0, 1))
    _, pair = paired(picture=moved)
    assert LAID in pair.tags


def test_a_picture_of_something_else_is_left_out(paired, capture, tmp_path):
    other = np.random.default_rng(1).integers(0, 255, (*capture[2].shape[:2], 3), np.uint8)
    seen, pair = paired(picture=other)
    assert pair is None
    assert seen.fault == "misfit"
    assert not (tmp_path / "p.dng").exists()


@pytest.mark.parametrize("shift", [(0, 0), (2, 0), (0, -3), (2, 2)])
def test_misfit_is_how_far_views_are_off(capture, shift):
    light = capture[2].astype(np.float32).mean(axis=2) / 255
    assert misfit(light, np.roll(light, shift, axis=(0, 1))) == pytest.approx(np.hypot(*shift), abs=0.1)
    assert misfit(np.zeros((300, 300), np.float32), np.zeros((300, 300), np.float32)) is None
