from dataclasses import replace

import numpy as np
import pytest

from crispnet.data.framing import FIELDS, FRAME, TIGHTEST, Framing, cut_out, look_into, reduced
from scenery import sphere

LEVEL = Framing()
ROWS, COLUMNS = FRAME


def drawn(count=400):
    rng = np.random.default_rng(0)
    return [Framing.draw(rng, 30.0, number=number) for number in range(count)]


def ramp(height, width):
    """A photograph whose red says the column and whose green says the row, from 0 to 255."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, width).round()
    picture[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return picture


def edge(height, width):
    """A photograph that is white above its middle and black below."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2] = 255
    return picture


def slope(picture):
    """Degrees by which the edge between white above and black below sinks to the right."""
    heights = picture[..., 0].sum(axis=0) / picture.max()
    return np.degrees(np.arctan(np.polyfit(np.arange(len(heights)), heights, 1)[0]))


def test_draws_are_like_hands():
    framings = drawn()
    rolls, fields, zooms = (np.array([getattr(one, name) for one in framings]) for name in ("roll", "field", "zoom"))
    assert rolls.std() == pytest.approx(1.5, abs=0.2)
    assert np.abs(rolls).max() <= 4.5
    assert (fields.min(), fields.max()) >= (FIELDS[0], 80)
    assert fields.max() <= FIELDS[2]
    assert 60 < fields.mean() < 66
    assert (zooms.min(), zooms.max()) == pytest.approx((TIGHTEST, 1), abs=0.01)
    assert {one.turn for one in framings} == {6, 8}
    assert 0.4 < np.mean([one.upright for one in framings]) < 0.6
    assert all(0 <= place <= 1 for one in framings for place in one.place)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_views_of_a_panorama_spread_all_around(count):
    headings = np.sort([one.heading for one in drawn(count)])
    assert np.diff(headings, append=headings[0] + 360).max() < 360 / count * 1.75
    assert np.diff(headings, append=headings[0] + 360).min() > 40


def test_draw_depends_on_the_dice_only():
    assert drawn(3) == drawn(3)
    assert len(set(drawn(3))) == 3


@pytest.mark.parametrize("change", [{"turn": 1}, {"zoom": 0.0}, {"zoom": 1.1}, {"field": 180.0}, {"roll": 60.0}])
def test_framing_that_no_hand_has_is_refused(change):
    with pytest.raises(ValueError, match="expected"):
        replace(LEVEL, **change)


@pytest.mark.parametrize("size", [(900, 1200), (675, 1200), (514, 1200), (1200, 1200), (368, 480), (1200, 900)])
def test_frame_is_a_phones_whatever_the_photograph(size):
    expected = FRAME[::-1] if size[0] > size[1] else FRAME
    for framing in [LEVEL, *drawn(4)]:
        cut = cut_out(ramp(*size), framing)
        assert cut.shape[0] >= expected[0]
        assert cut.shape[1] >= expected[1]
        assert cut.dtype == np.float32
        assert (cut.min(), cut.max()) >= (0, 0.5)
        assert cut.max() <= 1
        assert reduced(cut).shape == (*expected, 3)


def test_level_frame_of_a_photograph_of_its_shape_is_all_of_it():
    picture = np.random.default_rng(0).integers(0, 256, (960, 1280, 3), np.uint8)
    cut = cut_out(picture, LEVEL)
    assert np.allclose(cut, picture / 255, atol=1e-6)
    averaged = (picture.reshape(480, 2, 640, 2, 3) / 255).mean(axis=(1, 3))
    assert np.allclose(reduced(cut), averaged, atol=1e-5)


@pytest.mark.parametrize(("zoom", "place"), [(0.7, (0.0, 0.0)), (0.7, (1.0, 0.5)), (0.85, (0.5, 1.0))])
def test_frame_is_cut_where_it_is_said(zoom, place):
    cut = cut_out(ramp(960, 1280), replace(LEVEL, zoom=zoom, place=place))
    for axis in (0, 1):
        line = cut[cut.shape[0] // 2, :, 0] if axis == 0 else cut[:, cut.shape[1] // 2, 1]
        assert line[0] == pytest.approx((1 - zoom) * place[axis], abs=0.006)
        assert line[-1] == pytest.approx((1 - zoom) * place[axis] + zoom, abs=0.006)


def test_leaning_frame_never_leaves_the_photograph():
    picture = ramp(900, 1200)
    for roll in (-4.0, 4.0):
        for place in ((0.0, 0.0), (1.0, 1.0)):
            cut = cut_out(picture, replace(LEVEL, roll=roll, place=place))
            for border in (cut[0], cut[-1], cut[:, 0], cut[:, -1]):
                along = np.arange(len(border))
                for colour in (0, 1):  # replicated edges would be flat for some of the way
                    line = border[:, colour]
                    assert np.abs(line - np.polyval(np.polyfit(along, line, 1), along)).max() < 0.005
            corners = cut[[0, 0, -1, -1], [0, -1, 0, -1], :2]
            assert (corners.min(), corners.max()) == pytest.approx((0, 1), abs=0.02)  # it touches, and no more


@pytest.mark.parametrize("roll", [-3.0, 0.0, 2.0])
def test_what_a_leaning_phone_sees_leans_the_other_way(roll):
    framing = replace(LEVEL, roll=roll)
    assert slope(cut_out(edge(960, 1280), framing)) == pytest.approx(-roll, abs=0.1)
    panorama = np.repeat(np.float32([1, 0]), 48)[:, None, None] * np.ones((1, 192, 3), np.float32)
    assert slope(look_into(panorama, framing)) == pytest.approx(-roll, abs=0.2)


def test_large_photograph_is_not_enlarged_and_a_small_one_no_more_than_it_must():
    # 675 rows: zooming in to 70 % would leave 472 of the 480 that the frame has.
    assert cut_out(ramp(675, 1200), replace(LEVEL, zoom=0.7)).shape == (480, 640, 3)
    codes = cut_out(ramp(368, 480), replace(LEVEL, zoom=0.7))
    assert codes.shape == (480, 640, 3)
    assert (codes[240, 0, 0], codes[240, -1, 0]) == pytest.approx((0, 1), abs=0.03)  # all 480 of its columns, nearly


def test_fine_detail_does_not_alias():
    stripes = np.zeros((900, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    seen = reduced(cut_out(stripes, replace(LEVEL, roll=2.0)))[50:-50, 50:-50, 0]
    assert seen.mean() == pytest.approx(0.5, abs=0.02)
    assert seen.std() < 0.1


def test_upright_view_is_the_lying_one_turned_in_shape():
    for upright in (False, True):
        seen = look_into(sphere(), replace(LEVEL, upright=upright, heading=115.0, pitch=15.0))
        assert seen.shape == ((*FRAME[::-1], 3) if upright else (*FRAME, 3))
        assert seen.dtype == np.float32
        assert seen[ROWS // 2, COLUMNS // 2].max() > 15 if not upright else seen[COLUMNS // 2, ROWS // 2].max() > 15


@pytest.mark.parametrize("field", [35.0, 69.0, 85.0])
@pytest.mark.parametrize("rows", [96, 1440])  # coarser than the view, and finer
def test_view_is_as_wide_as_its_field_and_looks_where_it_is_said(rows, field):
    panorama = np.zeros((rows, 2 * rows, 3), np.float32)
    panorama[..., 0] = (np.arange(2 * rows) + 0.5) * 180 / rows
    panorama[..., 1] = (90 - (np.arange(rows) + 0.5) * 180 / rows)[:, None] + 100
    seen = look_into(panorama, replace(LEVEL, heading=150.0, pitch=8.0, field=field))
    # Half a panorama's pixel off, as view() is.
    assert seen[ROWS // 2, COLUMNS // 2, 0] == pytest.approx(150, abs=90 / rows + 0.2)
    assert seen[ROWS // 2, COLUMNS // 2, 1] == pytest.approx(108, abs=0.6)
    flat = look_into(panorama, replace(LEVEL, heading=150.0, field=field))[ROWS // 2, :, 0]
    assert flat[-1] - flat[0] == pytest.approx(field, abs=0.3)


def test_view_has_no_seam():
    seen = look_into(sphere(), replace(LEVEL, heading=0.0, pitch=-20.0, field=60.0))
    assert np.abs(np.diff(seen, axis=1)).max() < 0.01


def test_sun_has_no_dark_ring():
    panorama = np.full((96, 192, 3), 0.5, np.float32)
    panorama[48, 96] = 80_000
    seen = look_into(panorama, replace(LEVEL, heading=180.0, field=35.0))
    assert seen.max() > 20_000
    assert seen.min() == pytest.approx(0.5, rel=1e-4)


def test_silhouette_has_no_halo():
    panorama = np.repeat(np.float32([10, 0.01]), 48)[:, None, None] * np.ones((1, 192, 3), np.float32)
    seen = look_into(panorama, replace(LEVEL, roll=2.0))
    assert (seen.min(), seen.max()) == pytest.approx((0.01, 10), rel=1e-4)


def test_finer_panorama_than_the_view_is_averaged():
    panorama = np.zeros((1440, 2880, 3), np.float32)
    panorama[:, ::2] = 1.0
    panorama[:, 1::2] = 0.25
    seen = look_into(panorama, replace(LEVEL, field=85.0))[200:280, 280:360]
    assert seen.std() / seen.mean() < 0.35
    assert look_into(panorama[:, :, :], replace(LEVEL, field=85.0)).max() < 1.2


def test_night_without_any_light_is_black():
    seen = look_into(np.zeros((8, 16, 3), np.float32), LEVEL)
    assert seen.max() < 1e-30
