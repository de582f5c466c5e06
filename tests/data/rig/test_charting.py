import numpy as np
import pytest

from crispnet.data.rig.charting import drift, read_chart
from crispnet.data.rig.sighting import sighted, view_of
from crispnet.data.rig.sorting import Limits
from crispnet.data.rig.virtual import Fault
from crispnet.raw.reader import open_raw
from rigging import CHART, FINE, LAYOUT, shot


def read(folder, fault=FINE, **changes):
    raw = open_raw(shot(CHART, folder, fault, **changes)[0].raw)
    return read_chart(raw, sighted(view_of(raw), LAYOUT), LAYOUT)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return read(tmp_path_factory.mktemp("first"))


def test_greys_rise_and_colours_are_those_of_the_screen(first):
    green = first.greys[np.isfinite(first.greys[:, 1]), 1]
    assert len(green) >= 8
    assert (np.diff(green) > 0).all()
    red, green_patch, blue = first.colours[:3]
    assert (red.argmax(), green_patch.argmax(), blue.argmax()) == (0, 1, 2)


def test_the_same_screen_did_not_drift(tmp_path, first):
    limits = Limits()
    off = drift(first, read(tmp_path, Fault(moved=(4.0, 2.0), blur=0.6)))
    assert abs(off.light) < limits.light / 2
    assert off.tone < limits.tone / 2
    assert off.colour < limits.colour / 2


@pytest.mark.parametrize("blue", [0.9, 1.1])
def test_a_screen_that_grew_warmer_or_colder_did(tmp_path, first, blue):
    off = drift(first, read(tmp_path, Fault(tint=(1.0, 1.0, blue))))
    assert off.colour > Limits().colour
    assert off.tone < Limits().tone


def test_light_is_compared_only_where_exposures_are_known(tmp_path, first):
    assert drift(first, read(tmp_path, Fault(ev=-1.0))).light == pytest.approx(0, abs=0.02)  # the file says so
    dimmer = type(first)(first.greys / 2, first.colours / 2, known=True, moire=0.0)
    assert drift(first, dimmer).light == pytest.approx(-1)
    unknown = type(first)(first.greys / 2, first.colours / 2, known=False, moire=0.0)
    assert drift(first, unknown).light == 0


def test_charts_with_too_little_in_common_are_not_compared(first):
    nothing = type(first)(np.full((12, 3), np.nan), np.full((12, 3), np.nan), known=True, moire=0.0)
    assert drift(first, nothing) is None


def test_a_grid_that_shows_is_measured_and_noise_is_none(tmp_path, first):
    assert first.moire < Limits().moire / 2
    assert read(tmp_path, Fault(grid=0.1)).moire > 2 * Limits().moire
    assert read(tmp_path, Fault(ev=-2.0)).moire < Limits().moire / 2
