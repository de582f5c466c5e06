import numpy as np
import pytest

from crispnet.look.highlights import REACH, recover_highlights, remove_fringes

CLIPPING = np.array([1.9, 1.0, 1.7, 1.0], np.float32)


def cell(red, green, blue):
    return np.array([red, green, blue, green], np.float32).reshape(4, 1, 1)


def test_what_does_not_clip_is_left_alone():
    planes = np.random.default_rng(0).uniform(0, 0.84, (4, 6, 7)).astype(np.float32) * CLIPPING[:, None, None]
    before = planes.copy()
    assert recover_highlights(planes, CLIPPING) is None
    np.testing.assert_array_equal(planes, before)


def test_no_value_falls():
    planes = np.random.default_rng(0).uniform(0, 1, (4, 60, 70)).astype(np.float32) * CLIPPING[:, None, None]
    before = planes.copy()
    recover_highlights(planes, CLIPPING)
    assert (planes >= before).all()


def test_a_clipped_green_rises_to_its_neighbours():
    planes = cell(1.3, 1.0, 1.2)
    clipped = recover_highlights(planes, CLIPPING)
    assert planes.ravel() == pytest.approx([1.3, 1.25, 1.2, 1.25])
    assert clipped.item() == 1


@pytest.mark.parametrize("light", np.linspace(0.1, 4, 40))
def test_a_neutral_stays_neutral_however_bright(light):
    planes = np.minimum(cell(light, light, light), CLIPPING[:, None, None])
    recover_highlights(planes, CLIPPING)
    assert np.ptp(planes) < 0.06 * planes.max()


def test_a_bright_coloured_light_keeps_its_colour():
    amber = cell(1.9, 1.0, 0.1)
    recover_highlights(amber, CLIPPING)
    assert amber[2].item() < 0.5 * amber[0].item()


def edge(colour, *, at):
    """A picture of one colour with a single clipped cell: (3, 4, 9, 9), and the clipped cells with a margin."""
    colours = np.broadcast_to(np.float32(colour).reshape(3, 1, 1, 1), (3, 4, 9, 9)).copy()
    clipped = np.zeros((9 + 6, 9 + 6), np.float32)
    clipped[at[0] + 3, at[1] + 3] = 1
    return colours, clipped


def test_purple_goes_within_reach_of_a_clipped_place_and_stays_beyond():
    colours, clipped = edge([0.6, 0.2, 0.7], at=(4, 4))
    remove_fringes(colours, clipped)
    near = (slice(None), slice(4 - REACH, 5 + REACH), slice(4 - REACH, 5 + REACH))
    np.testing.assert_allclose(colours[:, near[0], near[1], near[2]], 0.2, atol=1e-6)
    assert (colours[0, :, 0] == np.float32(0.6)).all()
    assert (colours[2, :, :, 8] == np.float32(0.7)).all()


@pytest.mark.parametrize("at", [(0, 0), (8, 3), (-REACH, 4), (4, 8 + REACH)])
def test_a_clipped_place_outside_reaches_in(at):
    colours, clipped = edge([0.6, 0.2, 0.7], at=at)
    remove_fringes(colours, clipped)
    row, column = np.clip(at, 0, 8)
    assert colours[0, 0, row, column] == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("colour", [[0.2, 0.4, 0.8], [0.8, 0.4, 0.2], [0.3, 0.6, 0.3], [0.5, 0.5, 0.5]])
def test_other_colours_keep_theirs(colour):
    colours, clipped = edge(colour, at=(4, 4))
    before = colours.copy()
    remove_fringes(colours, clipped)
    np.testing.assert_allclose(colours, before, atol=1e-6)
