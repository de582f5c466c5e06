"""Metering: how bright a scene is, and how its brightness is spread."""

import math

import numpy as np
import pytest
import torch

from crispnet.errors import RunError
from crispnet.model.catalogue import build
from crispnet.model.layers import compand
from crispnet.model.metering import FARTHEST, casts, exposed, palette, shares, tails


def test_the_exposure_brings_the_geometric_mean_to_grey_within_limits():
    grey = torch.tensor([0.09, 1e-9, 30.0])[:, None, None, None].expand(3, 3, 4, 4)
    np.testing.assert_allclose(exposed(grey)[:, 0], [2.0, 64.0, 0.25], rtol=1e-5)


@pytest.mark.parametrize("level", [0.001, 0.02, 0.18, 0.9])
def test_shares_of_a_flat_picture_are_where_its_brightness_is(level):
    whole, middle = shares(torch.full((2, 3, 12, 16), level), 9)
    stops = np.log2(level / 0.18) - np.linspace(-5, 4, 9)
    np.testing.assert_allclose(whole[0].numpy(), 1 / (1 + np.exp(-stops / 0.5)), atol=1e-4)
    torch.testing.assert_close(middle, whole)


def test_shares_tell_the_middle_from_the_rim():
    lamp = torch.full((1, 3, 24, 32), 0.01)
    lamp[:, :, 8:16, 10:22] = 1.0
    whole, middle = shares(lamp, 5)
    lit = 8 * 12 / (24 * 32)
    assert torch.allclose(whole[0, 2], torch.tensor(lit), atol=0.01)  # beyond half an EV below middle grey
    assert middle[0, 2] > 2 * lit
    assert (whole.diff(dim=1) <= 0).all()


def test_shares_add_nothing_before_they_are_learned_from(tiny, photographs):
    plain, told = tiny("canonical").eval(), tiny("canonical", thresholds=4).eval()
    assert told.hidden.weight.shape[1] == plain.hidden.weight.shape[1] + 8
    _, thumbnail, metadata = photographs("canonical")
    assert plain.scene(thumbnail, metadata).shape == told.scene(thumbnail, metadata).shape
    assert shares(thumbnail, 0) == []


def test_tails_tell_of_a_ten_thousandth_of_a_picture():
    even = torch.full((1, 3, 100, 100), 0.18)
    one = even.clone()
    one[0, 0, 50, 50] = 0.18 * 2**3  # one colour of one pixel, 3 EV above grey
    one[0, 2, 20, 20] = 0.18 / 2**4
    brighter, darker = (ends[0] for ends in tails(one, 10))  # every EV from -5 to 4
    assert brighter[5] == pytest.approx(1 + math.log(0.5) / -math.log(1e-4), abs=0.01)  # half of all, at grey itself
    assert (brighter[6], darker[4]) == pytest.approx((0, 0), abs=0.1)
    none = [ends[0] for ends in tails(even, 10)]
    one_more = even.clone()
    one_more[0, 0, 50, 50:60] = 0.18 * 2**3
    more = tails(one_more, 10)[0][0]
    assert more[7] - none[0][7] == pytest.approx(0.25, abs=0.01)  # ten in ten thousand: a quarter of the way to all
    assert more[9] == pytest.approx(0, abs=0.01)


def test_tails_add_nothing_before_they_are_learned_from(tiny):
    plain, told = tiny("canonical"), tiny("canonical", tails=3)
    assert told.hidden.weight.shape[1] == plain.hidden.weight.shape[1] + 6
    assert tails(torch.rand(1, 3, 4, 4), 0) == []


def test_casts_of_a_flat_picture_are_its_colour_however_bright_it_is():
    for level in (0.01, 0.18, 2.0):
        flat = level * torch.tensor([0.5, 1.0, 4.0])[None, :, None, None].expand(2, 3, 12, 16)
        red, blue = casts(flat, 5)
        np.testing.assert_allclose(red, np.full((2, 5), math.tanh(-1)), atol=1e-4)
        np.testing.assert_allclose(blue, np.full((2, 5), math.tanh(2)), atol=1e-4)


def test_casts_tell_the_colour_of_haze_from_that_of_the_scene():
    scene = 0.02 * torch.tensor([2.0, 1.0, 1.0])[:, None, None].expand(3, 20, 30)
    scene = scene.clone()[None]
    scene[0, :, :5] = torch.tensor([0.5, 0.6, 1.2])[:, None, None]  # a quarter is bluish, and much brighter
    red, blue = (each[0].numpy() for each in casts(scene, 10))
    assert red[-1] == pytest.approx(math.tanh(math.log2(0.5 / 0.6)), abs=0.01)
    assert blue[-1] == pytest.approx(math.tanh(1), abs=0.01)
    assert red[0] > red[-1]
    saturated = scene.clone()
    saturated[0, :, 5:10] = torch.tensor([4.0, 0.01, 0.01])[:, None, None]  # bright in one colour: no haze
    assert casts(saturated, 10)[0][0, -1] == pytest.approx(math.tanh(math.log2(0.5 / 0.6)), abs=0.01)


def test_casts_of_a_black_picture_are_none():
    assert all((each == 0).all() for each in casts(torch.zeros(1, 3, 8, 8), 4))


def test_casts_add_nothing_before_they_are_learned_from(tiny):
    plain, told = tiny("canonical"), tiny("canonical", casts=3)
    assert told.hidden.weight.shape[1] == plain.hidden.weight.shape[1] + 6
    assert casts(torch.rand(1, 3, 4, 4), 0) == []


def test_palette_of_a_flat_picture_is_at_its_colour():
    """Grey is in the middle of the plane; red is less green and blue is less both, as far as it has places."""
    for colour, level, row, column in (([1, 1, 1], 0.02, 2, 2), ([1, 1, 1], 0.8, 2, 2), ([1, 0, 0], 0.5, 4, 0)):
        flat = level * torch.tensor(colour, dtype=torch.float32)[None, :, None, None].expand(2, 3, 12, 16)
        (told,) = palette(flat, 5)
        dark, light = told[0].reshape(2, 5, 5)
        assert told.sum(dim=1) == pytest.approx(torch.ones(2), abs=1e-5)
        assert (dark + light)[row, column] == pytest.approx(1, abs=1e-4)
        assert light.sum().item() == pytest.approx(float(level > 0.5), abs=0.02)


def test_palette_shares_a_colour_out_between_its_neighbours():
    green = 0.3
    red = (compand(torch.tensor(green)) + FARTHEST / 4) ** 2.2  # a quarter of the way to the farthest: half a place
    flat = torch.stack([red, torch.tensor(green), (red + green) / 2])[None, :, None, None].expand(1, 3, 8, 8)
    told = palette(flat, 5)[0].reshape(2, 5, 5).sum(dim=(0, 2))
    assert told.tolist() == pytest.approx([0, 0, 0.5, 0.5, 0], abs=1e-3)


def test_palette_is_of_shares_wherever_they_are():
    scene = torch.rand(1, 3, 16, 24)
    mirrored = scene.flip(2).flip(3)
    torch.testing.assert_close(palette(scene, 7), palette(mirrored, 7), rtol=0, atol=1e-6)
    half = torch.cat((scene, torch.full_like(scene, 0.18)), dim=2)
    grey = palette(torch.full_like(scene, 0.18), 7)[0]
    torch.testing.assert_close(palette(half, 7)[0], (palette(scene, 7)[0] + grey) / 2, rtol=0, atol=1e-6)


def test_palette_adds_nothing_before_it_is_learned_from(tiny):
    plain, told = tiny("canonical"), tiny("canonical", palette=3, camera=True)
    assert told.hidden.weight.shape[1] == plain.hidden.weight.shape[1] + 2 * 9 + 9
    assert palette(torch.rand(1, 3, 4, 4), 0) == []


@pytest.mark.parametrize("bins", [1, -3])
def test_a_plane_of_no_places_is_refused(bins):
    with pytest.raises(RunError, match="palette of 2 places each way or more"):
        build("canonical", palette=bins)
