from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crispnet
from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.darkroom import photo as photo_room
from crispnet.darkroom.photo import develop
from crispnet.errors import LookError
from crispnet.look.plain import PlainLook
from crispnet.raw.image import CFAS, Box
from crispnet.raw.opcodes import WarpRectilinear
from making import gain_map, raw_image


class Greedy(PlainLook):
    """The plain look, in windows as small as they come."""

    cells_at_once = 1
    stride = 4
    halo = 4


def windows_of(look, cells):
    """The same look, rendering at most so many cells at once."""
    look = look()
    look.cells_at_once = cells
    return look


@settings(deadline=None, max_examples=15)
@given(st.integers(130, 400), st.integers(520, 900), st.sampled_from(CFAS), st.sampled_from([1, 20_000, 70_000]))
def test_tiled_equals_whole(height, width, cfa, cells):
    raw = raw_image(height=height, width=width, cfa=cfa)
    whole = develop(raw, windows_of(PlainLook, 1 << 30)).pixels
    np.testing.assert_array_equal(develop(raw, windows_of(PlainLook, cells)).pixels, whole)
    np.testing.assert_array_equal(develop(raw, Greedy()).pixels, whole)


def test_the_picture_does_not_depend_on_the_memory_it_may_take():
    raw = raw_image(height=600, width=800)
    look = windows_of(PlainLook, 1 << 30)
    frugal, lavish = (develop(raw, look, max_memory=memory).pixels for memory in (1, 8 << 30))
    np.testing.assert_array_equal(frugal, lavish)


@pytest.mark.parametrize("cfa", CFAS)
@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 96), (64, 97), (65, 97)])
def test_every_cfa_and_size_gives_the_same_picture(cfa, height, width):
    reference = develop(raw_image(height=64, width=96), "plain").pixels
    pixels = develop(raw_image(height=height, width=width, cfa=cfa), "plain").pixels
    assert pixels.shape == (height, width, 3)
    if (height, width) == (64, 96):
        difference = delta_e_76(srgb_to_lab(pixels), srgb_to_lab(reference))
        assert difference[6:-6, 6:-6].mean() < 1
        assert difference.max() < 12  # the finest texture is interpolated from other photosites


@pytest.mark.parametrize("cfa", CFAS)
@pytest.mark.parametrize("corner", [(0, 0), (3, 4), (4, 7), (5, 9)])
def test_a_crop_is_cut_out_of_the_whole(cfa, corner):
    raw = raw_image(height=60, width=80, cfa=cfa)
    crop = Box(*corner, 41, 52)
    cropped = develop(replace(raw, crop=crop), "plain").pixels
    np.testing.assert_array_equal(cropped, develop(raw, "plain").pixels[crop.rows, crop.columns])


@pytest.mark.parametrize(("depth", "kind"), [(8, np.uint8), (16, np.uint16)])
def test_quantising_on_the_way_is_quantising_at_the_end(depth, kind):
    raw = raw_image()
    pixels = develop(raw, "plain", depth=depth).pixels
    assert pixels.dtype == kind
    steps = np.iinfo(kind).max
    np.testing.assert_array_equal(
        pixels, np.floor(develop(raw, "plain").pixels.clip(0, 1) * np.float32(steps) + 0.5).astype(kind)
    )


def test_sixteen_bits_hold_more_than_ten():
    levels = np.unique(develop(raw_image(height=200, width=300), "plain", depth=16).pixels)
    assert np.median(np.diff(levels)) < 65536 / 1024


def test_lens_shading_is_evened_out():
    """A scene seen through a darkening lens comes back once the maker's gain map is applied."""
    even = raw_image(height=80, width=120, black=np.zeros((2, 2)))
    shading = gain_map(area=(0, 0, 80, 120))
    rows, columns = np.arange(80), np.arange(120)
    from crispnet.raw.shading import gain

    darkened = np.round(even.mosaic / gain(shading, rows, columns, frame=(80, 120))).astype(np.uint16)
    seen = develop(replace(even, mosaic=darkened, opcodes=(shading,)), "plain").pixels
    assert np.abs(seen - develop(even, "plain").pixels).max() < 0.02
    assert np.abs(develop(replace(even, mosaic=darkened), "plain").pixels - develop(even, "plain").pixels).mean() > 0.1


@pytest.mark.parametrize("depth", [None, 8])
def test_a_bent_picture_is_straightened_over_the_whole_active_area(depth):
    raw = raw_image(height=90, width=120)
    zoom = WarpRectilinear(3, True, np.array([[0.8, 0, 0, 0, 0, 0]]), (0.5, 0.5))
    bent = replace(raw, opcodes=(zoom,), crop=Box(20, 30, 50, 60))
    plain = develop(raw, "plain").pixels
    straight = np.asarray(develop(bent, "plain", depth=depth).pixels, np.float64) / (255 if depth else 1)
    assert straight.shape == (50, 60, 3)
    middle = straight[15:35, 20:40].mean(axis=(0, 1))  # zooming in about the middle keeps what is there
    np.testing.assert_allclose(middle, plain[35:55, 50:70].mean(axis=(0, 1)), atol=0.03)
    assert np.abs(straight - plain[20:70, 30:90]).mean() > 0.002


def test_another_white_balance_warms_the_picture():
    raw = raw_image()
    cooler = develop(raw, "plain", white_balance=raw.white_balance * [0.7, 1, 1.4, 1]).pixels.mean(axis=(0, 1))
    as_shot = develop(raw, "plain").pixels.mean(axis=(0, 1))
    assert cooler[0] < as_shot[0]
    assert cooler[2] > as_shot[2]


def test_it_says_what_it_was_made_of():
    raw = raw_image(notes=("said so",))
    photo = develop(raw, "plain")
    assert photo.raw is raw
    assert photo.look == "plain 1"
    assert photo.notes == ("said so",)


def test_an_unknown_look_is_refused():
    with pytest.raises(LookError, match="There is no look called 'nix'"):
        develop(raw_image(), "nix")


def test_the_door_opens_on_the_function():
    assert crispnet.develop is photo_room.develop
