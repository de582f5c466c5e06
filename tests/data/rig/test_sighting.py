from dataclasses import replace

import cv2
import numpy as np
import pytest

from crispnet.data.rig.marks import Identity, Layout
from crispnet.data.rig.plan import Step
from crispnet.data.rig.sighting import Sighting, cut_for, sighted, view_of, view_of_picture
from crispnet.data.rig.virtual import Fault
from crispnet.raw.image import CFAS, Box
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import picture_file
from making import mosaiced, raw_image
from rigging import CHART, LAYOUT, SESSION, marked, shot, write_photographs

IDENTITY = Identity(3, SESSION)


def field_of(layout):
    field = layout.field
    across, down = np.meshgrid(np.linspace(field.left, field.right, 9), np.linspace(field.top, field.bottom, 9))
    return np.dstack([across, down]).reshape(-1, 2)


def off(sighting, truth, layout=LAYOUT):
    """How far places of the field are found from where they are."""
    places = field_of(layout)
    return np.linalg.norm(sighting.places(places) - cv2.perspectiveTransform(places[:, None], truth)[:, 0], axis=1)


@pytest.mark.parametrize("lean", [0.0, 0.02, 0.08])
def test_the_screen_is_found_to_a_small_part_of_a_photosite(tmp_path, lean):
    taken, _, truth = shot(CHART, tmp_path, lean=lean)
    sighting = sighted(view_of(open_raw(taken.raw)), LAYOUT)
    assert (sighting.identity.number, sighting.identity.session, sighting.markers) == (0, SESSION, 8)
    assert off(sighting, truth).mean() < 0.1
    assert off(sighting, truth).max() < 0.3


@pytest.mark.parametrize(("ev", "iso"), [(-3.0, 50), (0.0, 1600), (1.5, 50)])
def test_exposure_and_noise_do_not_hide_it(tmp_path, ev, iso):
    photograph = write_photographs(tmp_path, 1)[0]
    taken, _, truth = shot(Step(9, "photograph", str(photograph), ev=ev, iso=iso), tmp_path)
    sighting = sighted(view_of(open_raw(taken.raw)), LAYOUT)
    assert sighting.identity.number == 9
    assert off(sighting, truth).mean() < 0.3


def test_it_is_found_in_the_picture_where_it_is_in_the_raw(tmp_path):
    taken, _, truth = shot(CHART, tmp_path, layout=Layout(600, 960), sensor=(720, 960), with_picture=True)
    sighting = sighted(view_of_picture(picture_file(taken.picture).pixels), Layout(600, 960))
    assert off(sighting, truth, Layout(600, 960)).max() < 0.5


def test_nothing_is_found_where_nothing_is():
    noise = np.random.default_rng(1).random((480, 640), np.float32)
    assert sighted(noise, LAYOUT) is None
    assert sighted(np.zeros((480, 640), np.float32), LAYOUT) is None


def test_covered_markers_are_done_without(tmp_path):
    taken, _, truth = shot(CHART, tmp_path)
    view = view_of(open_raw(taken.raw))
    for box in LAYOUT.squares()[1:4]:
        x, y = cv2.perspectiveTransform(np.array([[[box.left + 20.0, box.top + 20.0]]]), truth)[0, 0].astype(int)
        view[y - 25 : y + 25, x - 25 : x + 25] = 0
    sighting = sighted(view, LAYOUT)
    assert sighting.markers == 5
    assert off(sighting, truth).mean() < 0.2


@pytest.mark.parametrize("cfa", CFAS)
def test_a_view_does_not_show_the_mosaic_and_shifts_nothing(cfa):
    frame = marked(IDENTITY).astype(float)[..., :1] / 255
    raw = raw_image(height=480, width=640, cfa=cfa, white_balance=np.ones(4))
    counts = mosaiced(np.repeat(frame, 3, axis=2), cfa=cfa, black=raw.black, white=raw.white)
    view = view_of(replace(raw, mosaic=counts))
    even = frame[..., 0].astype(np.float32)
    kernel = np.array([1, 2, 1], np.float32) / 4
    np.testing.assert_allclose(view, cv2.sepFilter2D(even, -1, kernel, kernel), atol=1e-3)


def test_what_is_cut_shows_nothing_but_the_field_and_nearly_all_of_it(tmp_path):
    taken, frame, truth = shot(CHART, tmp_path, Fault(moved=(3.0, -2.0)), lean=0.05)
    raw = open_raw(taken.raw)
    box = cut_for(sighted(view_of(raw), LAYOUT), frame.box, raw.crop)
    assert not any(side % 2 for side in (box.top, box.left, box.height, box.width))
    corners = np.array([(x, y) for x in (box.left, box.right - 1) for y in (box.top, box.bottom - 1)], float)
    on_screen = cv2.perspectiveTransform(corners[:, None], np.linalg.inv(truth))[:, 0]
    field = frame.box
    assert (on_screen >= (field.left, field.top)).all()
    assert (on_screen <= (field.right - 1, field.bottom - 1)).all()
    shown = abs(np.linalg.det(truth[:2, :2])) * field.height * field.width
    assert box.height * box.width > 0.8 * shown


def test_of_a_screen_that_is_turned_or_outside_nothing_is_cut():
    turned = Sighting(IDENTITY, np.array([(0.0, -1, 600), (1, 0, 0), (0, 0, 1)]), 8, 0.0)
    assert cut_for(turned, LAYOUT.field, Box(0, 0, 480, 640)).height == 0
    outside = Sighting(IDENTITY, np.array([(1.0, 0, 5000), (0, 1, 0), (0, 0, 1)]), 8, 0.0)
    assert cut_for(outside, LAYOUT.field, Box(0, 0, 480, 640)).height == 0


def test_a_phone_that_is_upside_down_is_no_fault():
    turned = Sighting(IDENTITY, np.array([(-1.0, 0, 639), (0, -1, 479), (0, 0, 1)]), 8, 0.0)
    straight = Sighting(IDENTITY, np.eye(3), 8, 0.0)
    boxes = [cut_for(each, LAYOUT.field, Box(0, 0, 480, 640)) for each in (turned, straight)]
    assert abs(boxes[0].height - boxes[1].height) <= 2
    assert boxes[0].height > 0.9 * LAYOUT.field.height
