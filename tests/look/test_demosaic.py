import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.look.demosaic import MARGIN, demosaic
from crispnet.raw.bayer import PLANE_SITES, remosaic
from making import scene_rgb


def interpolated(mosaic):
    """Demosaic a whole RGGB mosaic, mirrored at its edges, into (h, w, 3)."""
    framed = np.pad(mosaic.astype(np.float32), 2 * MARGIN, mode="reflect")
    sites = demosaic(np.stack([framed[row::2, column::2] for row, column in PLANE_SITES]))
    pixels = np.empty((*mosaic.shape, 3), np.float32)
    for (row, column), values in zip(PLANE_SITES, sites.swapaxes(0, 1), strict=True):
        pixels[row::2, column::2] = values.transpose(1, 2, 0)
    return pixels


def psnr(pixels, truth):
    inner = (slice(8, -8), slice(8, -8))
    return -10 * np.log10(np.mean((np.clip(pixels[inner], 0, 1) - truth[inner]) ** 2))


def test_measured_values_are_kept():
    mosaic = np.random.default_rng(1).uniform(size=(24, 36)).astype(np.float32)
    np.testing.assert_array_equal(remosaic(interpolated(mosaic)), mosaic)


@given(st.tuples(*[st.floats(0, 4, width=32)] * 3))
def test_a_flat_colour_stays_flat(colour):
    mosaic = remosaic(np.broadcast_to(np.float32(colour), (16, 20, 3)))
    np.testing.assert_allclose(interpolated(mosaic), np.broadcast_to(np.float32(colour), (16, 20, 3)), atol=2e-6)


@given(st.floats(-0.006, 0.006), st.floats(-0.006, 0.006))  # light is never negative
def test_a_grey_ramp_is_exact(down, across):
    y, x = np.mgrid[:32, :40]
    ramp = np.repeat((0.5 + down * y + across * x)[..., None], 3, axis=2)
    inner = (slice(8, -8), slice(8, -8))  # at the edges a mirrored ramp is a fold
    np.testing.assert_allclose(interpolated(remosaic(ramp))[inner], ramp[inner], atol=2e-6)


def test_brightness_scales_through():
    mosaic = remosaic(scene_rgb(40, 48))
    np.testing.assert_allclose(interpolated(mosaic * 0.25), interpolated(mosaic) * 0.25, rtol=2e-5, atol=1e-6)


def test_it_sees_no_farther_than_its_margin():
    planes = np.random.default_rng(2).uniform(size=(4, 6 + 10, 6 + 12)).astype(np.float32)
    part = demosaic(planes[:, 2:12, 3:14])
    np.testing.assert_array_equal(part, demosaic(planes)[:, :, 2:6, 3:8])


def test_turning_the_scene_turns_the_result():
    scene = scene_rgb(40, 40)
    turned = interpolated(remosaic(scene.transpose(1, 0, 2))).transpose(1, 0, 2)
    np.testing.assert_allclose(turned, interpolated(remosaic(scene)), atol=1e-5)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_it_is_better_than_malvar_on_photographs(name):
    skimage_data = pytest.importorskip("skimage.data")
    with warnings.catch_warnings(), np.printoptions():
        warnings.simplefilter("ignore")
        from colour_demosaicing import demosaicing_CFA_Bayer_Malvar2004 as malvar

        photograph = getattr(skimage_data, name)()
        photograph = photograph[: photograph.shape[0] // 2 * 2, : photograph.shape[1] // 2 * 2] / 255
        mosaic = remosaic(photograph)
        ours, theirs = psnr(interpolated(mosaic), photograph), psnr(malvar(mosaic, "RGGB"), photograph)
    assert ours > theirs + 1


def test_a_fine_grey_pattern_has_no_false_colours():
    """Stripes near the resolution limit are where a maze and colour fringes show first."""
    y, x = np.mgrid[:64, :64]
    stripes = np.repeat((0.5 + 0.3 * np.sin(0.75 * np.pi * (0.2 * x + 0.98 * y) * 0.7))[..., None], 3, axis=2)
    pixels = interpolated(remosaic(stripes))[8:-8, 8:-8]
    assert np.ptp(pixels, axis=2).mean() < 0.02


def test_dark_noise_stays_grey():
    """Holding greens up to their neighbours must not tint what lies about the black level."""
    noise = np.random.default_rng(4).normal(0.002, 0.004, (400, 400))
    colours = interpolated(noise)[8:-8, 8:-8].mean(axis=(0, 1))
    np.testing.assert_allclose(colours, 0.002, atol=2e-4)


def test_an_edge_of_another_colour_does_not_drive_green_below_its_neighbours():
    """Red falls from far above green to nothing: its bend would pull green far below zero."""
    scene = np.full((32, 40, 3), 0.1, np.float32)
    scene[:, 20:] = [1.9, 1.0, 1.7]
    assert interpolated(remosaic(scene))[8:-8, 8:-8, 1].min() > 0.02
