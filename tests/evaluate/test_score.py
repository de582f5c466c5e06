"""The figures of two pictures: those of `metrics`, and their parts by hue and lightness."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.colour import (
    D65_XY,
    XYZ_TO_SRGB,
    delta_e_76,
    delta_e_2000,
    encode_srgb,
    lab_to_xyz,
    srgb_to_lab,
    xy_to_xyz,
)
from crispnet.evaluate.metrics import compare
from crispnet.evaluate.score import FIGURES, GREY, HUES, score


def srgb(lab):
    return encode_srgb(lab_to_xyz(lab, xy_to_xyz(D65_XY)) @ XYZ_TO_SRGB.T)


def pictures(seed=0, height=70, width=90):
    noise = np.random.default_rng(seed)
    reference = np.kron(noise.random((height // 10, width // 10, 3)), np.ones((10, 10, 1)))
    return np.clip(reference + noise.normal(0, 0.05, reference.shape), 0, 1), reference


def of(groups):
    return {group.name: group for group in groups}


@pytest.mark.parametrize("masked", [True, False])
def test_the_figures_are_those_of_metrics(masked):
    result, reference = pictures()
    mask = np.random.default_rng(1).random(result.shape[:2]) < 0.6 if masked else None
    found = score(result, reference, mask=mask)
    assert tuple(found.figures) == FIGURES
    for name, figure in compare(result, reference, mask=mask).items():
        assert found.figures[name] == pytest.approx(figure, rel=1e-5), name


def test_medians_and_percentiles_are_over_pixels():
    result, reference = pictures(3)
    labs = srgb_to_lab(result), srgb_to_lab(reference)
    found = score(result, reference).figures
    assert found["delta_e_median"] == pytest.approx(np.median(delta_e_76(*labs)), rel=1e-4)
    perceived = delta_e_2000(*(lab[::2, ::2] for lab in labs))
    assert found["delta_e_2000_median"] == pytest.approx(np.median(perceived), rel=1e-4)
    assert found["delta_e_2000_p95"] == pytest.approx(np.percentile(perceived, 95), rel=1e-4)


def test_equal_pictures_do_not_differ():
    reference = pictures()[1]
    found = score(reference, reference)
    assert found.figures["psnr"] == math.inf
    assert found.figures["delta_e_p95"] == found.figures["delta_e_2000"] == 0
    assert found.figures["below_jnd"] == found.figures["ssim"] == 1
    assert all(group.figures["delta_e"] == 0 == group.figures["lightness"] for group in (*found.hues, *found.bands))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_groups_are_parts_of_the_whole(seed):
    result, reference = pictures(seed, 20, 30)
    found = score(result, reference)
    second = delta_e_76(*(srgb_to_lab(picture[::2, ::2]) for picture in (result, reference)))
    for groups in (found.hues, found.bands):
        assert sum(group.share for group in groups) == pytest.approx(1)
        whole = sum(group.share * group.figures["delta_e"] for group in groups)
        assert whole == pytest.approx(second.mean(), rel=1e-4)


@pytest.mark.parametrize("number", range(len(HUES)))
def test_a_hue_is_found_by_its_angle_and_turned_where_it_was_turned(number):
    turn = np.radians(30 * number)
    lab = np.array([60.0, 25 * np.cos(turn), 25 * np.sin(turn)])
    further = np.array([63.0, 28 * np.cos(turn + 0.1), 28 * np.sin(turn + 0.1)])
    flat = np.ones((16, 16, 1))
    (group,) = score(srgb(further) * flat, srgb(lab) * flat).hues
    assert group.name == HUES[number]
    assert group.figures["lightness"] == pytest.approx(3, abs=0.01)
    assert group.figures["chroma"] == pytest.approx(3, abs=0.01)
    assert group.figures["hue"] == pytest.approx(np.degrees(0.1), abs=0.01)


def test_grey_is_a_group_of_its_own_and_has_no_hue():
    reference = np.full((16, 16, 3), 0.5)
    reference[:, 8:] = srgb((60, 40, 20))
    hues = of(score(np.clip(reference + 0.02, 0, 1), reference).hues)
    assert list(hues) == ["red", GREY]
    assert "hue" not in hues[GREY].figures
    assert hues[GREY].share == 0.5


def test_lightness_comes_in_five_bands():
    steps = np.repeat(np.linspace(0, 1, 32)[None], 32, axis=0)[..., None] * np.ones(3)
    bands = score(steps, steps).bands
    assert [group.name for group in bands] == [f"L* {low} to {low + 20}" for low in range(0, 100, 20)]


def test_what_does_not_count_is_not_on_the_map():
    result, reference = pictures()
    mask = np.zeros(result.shape[:2], bool)
    mask[20:60, 20:60] = True
    delta_e = score(result, reference, mask=mask).delta_e
    assert (np.isnan(delta_e) == ~mask).all()
    there = (srgb_to_lab(picture[30, 31]) for picture in (result, reference))
    assert delta_e[30, 31] == pytest.approx(delta_e_76(*there), rel=1e-4)


def test_a_mask_may_leave_out_every_second_pixel():
    result, reference = pictures()
    mask = np.zeros(result.shape[:2], bool)
    mask[1::2, 1::2] = True
    figures = score(result, reference, mask=mask).figures
    assert math.isnan(figures["delta_e_2000"])
    assert figures["delta_e"] > 0


@pytest.mark.parametrize("size", [(20, 30), (20, 20)])
def test_what_cannot_be_compared_is_refused(size):
    with pytest.raises(ValueError, match="expected"):
        score(np.zeros((*size, 3)), np.zeros((20, 25, 3)))
