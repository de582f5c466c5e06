from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crispnet.data.rig.judging import blur_of, clipped_share, level_of, resemblance
from crispnet.data.rig.plan import Step
from crispnet.data.rig.sighting import cut_for, sighted, view_of
from crispnet.data.rig.stage import drawn
from crispnet.data.rig.virtual import Fault
from crispnet.raw.reader import open_raw
from rigging import CHART, FINE, LAYOUT, SESSION, shot, write_photographs


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> list[Path]:
    return write_photographs(tmp_path_factory.mktemp("photographs"), 2)


def measured(step, folder, fault=FINE):
    taken, frame, _ = shot(step, folder, fault)
    raw = open_raw(taken.raw)
    view = view_of(raw)
    sighting = sighted(view, LAYOUT)
    return raw, view, sighting, frame, cut_for(sighting, frame.box, raw.crop)


def test_edges_are_spread_as_far_as_the_lens_spreads_them(tmp_path):
    found = []
    for blur in (0.0, 0.4, 0.8):
        _, view, sighting, *_ = measured(CHART, tmp_path, Fault(blur=blur))
        found.append(blur_of(view, sighting, LAYOUT))
    np.testing.assert_allclose(found, np.hypot([0.0, 0.4, 0.8], 0.72), rtol=0.3)  # 0.72: the lens and the photosites
    assert found == sorted(found)


def test_sharpness_does_not_depend_on_the_photograph_or_the_noise(tmp_path, photographs):
    steps = [CHART, Step(1, "photograph", str(photographs[0])), Step(2, "photograph", str(photographs[1]), iso=1600)]
    found = []
    for step in steps:
        _, view, sighting, *_ = measured(step, tmp_path)
        found.append(blur_of(view, sighting, LAYOUT))
    assert np.ptp(found) < 0.15


def test_saturated_markers_say_nothing_of_sharpness(tmp_path):
    _, view, sighting, *_ = measured(CHART, tmp_path)
    assert blur_of(np.minimum(20 * view, 1), sighting, LAYOUT) is None
    assert blur_of(view / 1000, sighting, LAYOUT) is None


def test_light_and_clipping_follow_the_exposure(tmp_path, photographs):
    step = Step(1, "photograph", str(photographs[0]))
    found = {}
    for ev in (-4.0, 0.0, 3.0):
        raw, _, sighting, frame, box = measured(step, tmp_path, Fault(ev=ev))
        found[ev] = clipped_share(raw, sighting, frame), level_of(raw, box)
    assert found[-4.0][0] == 0
    assert found[-4.0][1] == pytest.approx(found[0.0][1] / 16, rel=0.05)
    assert found[0.0][0] < 0.1 < 0.5 < found[3.0][0]


def test_a_capture_is_like_what_was_shown_and_not_like_another(tmp_path, photographs):
    steps = [Step(number, "photograph", str(path)) for number, path in enumerate(photographs)]
    _, view, sighting, frame, _ = measured(steps[0], tmp_path)
    other = drawn(steps[1], LAYOUT, SESSION)
    assert resemblance(view, sighting, frame) > 0.85
    assert resemblance(view, sighting, other) < 0.5


def test_what_is_plain_is_compared_with_nothing(tmp_path):
    _, view, sighting, frame, _ = measured(CHART, tmp_path)
    grey = replace(frame, pixels=np.full_like(frame.pixels, 99))
    assert resemblance(view, sighting, grey) is None
