from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from crispnet.darkroom.levels import shrunk
from crispnet.data.align import aligned
from crispnet.data.camera import photograph
from crispnet.data.phone.isp import render
from crispnet.data.target import whole_cells
from crispnet.errors import ForeignPicture
from crispnet.raw.bayer import area_average
from crispnet.raw.image import Box
from crispnet.raw.orientation import upright
from scenery import PLAIN, bent, market, shifts

SIZE = (432, 576)


@cache
def shot():
    """A raw, and the virtual phone's picture of all of it."""
    raw = photograph(market(SIZE), PLAIN)
    return raw, render(raw).pixels


def as_small(picture, size):
    """A picture averaged by area."""
    planes = [area_average(colour.astype(np.float32), *size) for colour in picture.transpose(2, 0, 1)]
    return np.stack(planes, axis=-1) / 255


def test_a_picture_of_all_pixels_comes_back_in_full_size():
    raw, picture = shot()
    found = aligned(raw, picture)
    assert found.full_size
    assert found.local
    assert found.target.shape == picture.shape
    assert found.misfit < 0.3
    assert found.scale == 1
    assert np.abs(found.target.astype(int) - picture).max() <= 1
    assert (found.weights > 0.5).mean() > 0.97


@pytest.mark.parametrize("bend", [0.0, -0.02, 0.02])
def test_a_picture_that_was_cropped_scaled_and_straightened_is_laid_back_to_half_a_pixel(bend):
    raw, picture = shot()
    camera = bent(picture, (324, 432), part=0.93, off=(5.0, -8.0), bend=bend)
    assert shifts(as_small(camera, (108, 144)), as_small(picture, (108, 144))).max() > 2  # it does need laying
    found = aligned(raw, camera)
    assert not found.full_size
    assert found.scale == pytest.approx(576 * 0.93 / 432, rel=0.03)
    size = found.target.shape[:2]
    assert size[1] == pytest.approx(576 / found.scale, abs=2)
    inner = np.s_[26 : size[0] - 26, 34 : size[1] - 34]
    assert shifts(found.target[inner], as_small(picture, size)[inner]).max() < 0.5


def test_a_crop_of_full_size_teaches_detail():
    raw, picture = shot()
    found = aligned(raw, picture[6:-2, 12:-4])
    assert found.full_size
    assert np.abs(found.target[6:-2, 12:-4].astype(int) - picture[6:-2, 12:-4]).max() <= 1
    assert (found.weights[:4] == 0).all()
    assert (found.weights[:, :9] == 0).all()
    assert (found.weights[12:-12, 20:-12] > 0.5).mean() > 0.95


def test_a_picture_that_is_scaled_by_little_is_not_taken_for_one_that_is_not():
    raw, picture = shot()
    camera = bent(picture, SIZE, part=0.997, off=(0.0, 0.0), bend=0.0)
    assert 0.7 < shifts(as_small(camera, SIZE), picture / 255).max() < 1.5
    found = aligned(raw, camera)
    assert found.scale == pytest.approx(0.997, abs=0.001)
    inner = np.s_[20:-20, 20:-20]
    assert shifts(found.target[inner], picture[inner]).max() < 0.4


def test_what_was_put_in_is_not_believed():
    raw, picture = shot()
    edited = picture.copy()
    edited[150:290, 200:380] = market((140, 180), seed=9)[..., ::-1] * 255
    weights = aligned(raw, edited).weights
    assert weights[200:240, 260:320].mean() < 0.4
    assert np.median(weights) > 0.95


@pytest.mark.parametrize("orientation", [2, 6, 7])
def test_it_lies_as_the_sensor_does(orientation):
    raw, lying = shot()
    picture = np.ascontiguousarray(upright(lying, orientation))
    found = aligned(replace(raw, orientation=orientation), picture, longest=288)
    assert found.target.shape == (216, 288, 3)
    assert found.weights.shape == (216, 288)
    assert shifts(found.target, as_small(lying, (216, 288))).max() < 0.3


def test_no_more_is_asked_of_it_than_it_tells():
    raw, picture = shot()
    found = aligned(raw, np.rint(255 * shrunk(picture, 2)).astype(np.uint8))
    assert found.target.shape == (216, 288, 3)
    assert found.scale == pytest.approx(2, rel=0.01)
    few = aligned(raw, picture, longest=101).target
    assert few.shape == (76, 100, 3)
    assert shifts(few, as_small(picture, (76, 100)), blocks=2).max() < 0.3


def test_cells_of_the_crop_alone_are_covered():
    whole, _ = shot()
    raw = replace(whole, crop=Box(11, 7, 409, 541))
    picture, cells = render(raw).pixels, whole_cells(raw.crop, raw.cfa)
    found = aligned(raw, picture)
    assert found.target.shape[:2] == (2 * cells[0].height, 2 * cells[0].width)
    part = picture[cells[1] :, cells[2] :][: found.target.shape[0], : found.target.shape[1]]
    assert shifts(found.target, part).max() < 0.3


def test_another_scene_is_refused():
    raw, _ = shot()
    with pytest.raises(ForeignPicture, match="was needed"):
        aligned(raw, render(photograph(market(SIZE, seed=3), PLAIN)).pixels)
