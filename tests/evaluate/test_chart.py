"""The chart is found where there is one, any way up, and its patches are measured in their places."""

import warnings

import cv2
import numpy as np
import pytest

from crispnet.colour import (
    D50_XY,
    D65_XY,
    XYZ_TO_SRGB,
    adaptation,
    decode_srgb,
    encode_srgb,
    lab_to_xyz,
    srgb_to_lab,
    xy_to_xyz,
)
from crispnet.evaluate.chart import COLUMNS, NAMES, NOMINAL, compare_patches, find_chart, measured

with warnings.catch_warnings(), np.printoptions():
    warnings.simplefilter("ignore")
    import colour as colour_science

PITCH, GAP = 40, 6
_D50, _D65 = xy_to_xyz(D50_XY), xy_to_xyz(D65_XY)
COLOURS = np.clip(encode_srgb(lab_to_xyz(NOMINAL, _D50) @ (XYZ_TO_SRGB @ adaptation(_D50, _D65)).T), 0, 1)


def chart(colours=COLOURS):
    """A chart seen from above: 4 x 6 patches on black, on a grey wall; and the middles of the patches."""
    pixels = np.full((4 * PITCH + 120, 6 * PITCH + 120, 3), 0.55, np.float32)
    pixels[50:-50, 50:-50] = 0.02
    middles = []
    for number, colour in enumerate(colours):
        row, column = divmod(number, COLUMNS)
        top, left = 60 + PITCH * row + GAP // 2, 60 + PITCH * column + GAP // 2
        pixels[top : top + PITCH - GAP, left : left + PITCH - GAP] = colour
        middles.append((left + (PITCH - GAP) / 2 - 0.5, top + (PITCH - GAP) / 2 - 0.5))
    return pixels, np.array(middles)


def photographed(pixels, *, tilt=0.0, seed=0, noise=0.01):
    """Seen at an angle, with noise; also gives the homography."""
    height, width = pixels.shape[:2]
    corners = np.float32([(0, 0), (width, 0), (width, height), (0, height)])
    moved = corners + tilt * np.random.default_rng(seed).uniform(-40, 40, (4, 2)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    seen = cv2.warpPerspective(pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(seed).normal(0, noise, seen.shape)
    return np.clip(seen + grain, 0, 1).astype(np.float32), matrix


def off(found, places):
    return np.abs(found.corners.mean(axis=1) - places).max()


def test_the_nominal_colours_are_those_of_colour_science():
    published = colour_science.CCS_COLOURCHECKERS["ColorChecker24 - Before November 2014"]
    expected = [
        colour_science.XYZ_to_Lab(colour_science.xyY_to_XYZ(each), published.illuminant)
        for each in published.data.values()
    ]
    assert np.abs(NOMINAL - np.array(expected)).max() < 0.1
    assert [name.split()[0] for name in published.data] == [name.split()[0] for name in NAMES]


@pytest.mark.parametrize("tilt", [0, 0.5, 1])
def test_a_chart_is_found_at_an_angle(tilt):
    pixels, middles = chart()
    seen, matrix = photographed(pixels, tilt=tilt, seed=4)
    found = find_chart(seen)
    assert off(found, cv2.perspectiveTransform(middles[None].astype(np.float32), matrix)[0]) < 3
    assert found.alike > 0.95


@pytest.mark.parametrize("turns", range(4))
def test_a_chart_is_found_any_way_up_but_never_mirrored(turns):
    pixels, middles = chart()
    seen, _ = photographed(np.ascontiguousarray(np.rot90(pixels, turns)))
    height, width = pixels.shape[:2]
    for _ in range(turns):
        middles = np.stack([middles[:, 1], width - 1 - middles[:, 0]], axis=-1)
        height, width = width, height
    assert off(find_chart(seen), middles) < 2
    assert find_chart(np.ascontiguousarray(seen[:, ::-1])) is None


def test_a_warm_light_and_another_exposure_are_forgiven():
    pixels, middles = chart(encode_srgb(0.5 * decode_srgb(COLOURS) * np.array([1.2, 0.9, 0.55])))
    found = find_chart(photographed(pixels)[0])
    assert off(found, middles) < 2


def test_patches_that_melt_into_the_frame_are_placed_by_the_others():
    colours = COLOURS.copy()
    colours[[12, 23]] = 0.02
    assert off(find_chart(photographed(chart(colours)[0])[0]), chart()[1]) < 4


def test_a_large_picture_gives_places_at_its_own_size():
    pixels, middles = chart()
    large = cv2.resize(photographed(pixels)[0], None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    assert off(find_chart(large), middles * 4 + 1.5) < 8


def test_patches_are_measured_in_linear_light():
    pixels, _ = chart()
    found = find_chart(pixels)
    np.testing.assert_allclose(measured(found, pixels), srgb_to_lab(COLOURS), atol=0.05)
    checkered = np.where((np.indices(pixels.shape[:2]).sum(axis=0) % 2 == 0)[..., None], 0.0, pixels)
    half = srgb_to_lab(encode_srgb(decode_srgb(COLOURS) / 2))
    assert np.abs(measured(found, checkered) - half).max() < 1.5


def test_the_table_compares_each_patch():
    pixels, _ = chart()
    lighter = np.clip(pixels + np.float32(0.02), 0, 1)
    patches = compare_patches(find_chart(pixels), lighter, pixels)
    assert [patch.number for patch in patches] == list(range(1, 25))
    assert patches[18].name == "white"
    assert patches[21].result[0] - patches[21].reference[0] == pytest.approx(patches[21].delta_e, abs=0.05)
    assert all(patch.delta_e_2000 > 0 for patch in patches if patch.number != 19)
    assert all(patch.delta_e == 0 for patch in compare_patches(find_chart(pixels), pixels, pixels))


@pytest.mark.parametrize("seed", range(3))
def test_other_grids_are_no_chart(seed):
    shuffled = COLOURS[np.random.default_rng(seed).permutation(24)]
    assert find_chart(photographed(chart(shuffled)[0])[0]) is None
    grey = np.repeat(COLOURS.mean(axis=1, keepdims=True), 3, axis=1)
    assert find_chart(photographed(chart(grey)[0])[0]) is None


def test_noise_plain_and_tiny_pictures_hold_no_chart():
    noise = np.random.default_rng(0).random((120, 160, 3)).astype(np.float32)
    for picture in (noise, np.full((120, 160, 3), 0.5, np.float32), noise[:1, :1], noise[:5, :200]):
        assert find_chart(picture) is None
