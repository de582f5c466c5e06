"""Bilinear demosaicking: what it keeps, what it gets exactly right, and scipy's convolutions of the mosaic."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from crispnet.model.demosaic import bilinear
from crispnet.raw.bayer import PLANE_COLOURS, PLANE_SITES, pack, remosaic

RED_AND_BLUE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4


def packed_of(mosaic: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pack(mosaic, "RGGB"))[None]


def demosaicked(mosaic: np.ndarray) -> np.ndarray:
    return bilinear(packed_of(mosaic))[0].permute(1, 2, 0).numpy()


@pytest.fixture
def mosaic() -> np.ndarray:
    return np.random.default_rng(0).random((10, 14))


def test_measured_values_stay_as_they_are(mosaic):
    assert np.array_equal(remosaic(demosaicked(mosaic)), mosaic)


def test_a_flat_colour_is_flat_up_to_the_edges():
    colours = np.broadcast_to([0.3, 0.5, 0.2], (8, 12, 3))
    np.testing.assert_allclose(demosaicked(remosaic(colours)), colours, rtol=1e-12)


@pytest.mark.parametrize("slopes", [(0.03, 0.0), (0.0, 0.02), (0.01, -0.04)], ids=["down", "across", "both"])
def test_ramps_of_each_colour_are_exact_within(slopes):
    rows, columns = np.mgrid[:12, :16]
    ramp = slopes[0] * rows + slopes[1] * columns
    colours = np.stack([ramp, 0.4 - 2 * ramp, 0.1 + 3 * ramp], axis=2)
    within = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(demosaicked(remosaic(colours))[within], colours[within], atol=1e-12)


@pytest.mark.parametrize("size", [(10, 14), (2, 2), (4, 2)])
def test_it_is_the_convolution_of_the_mosaic_mirrored_at_its_edges(size, mosaic):
    mosaic = mosaic[: size[0], : size[1]]
    sparse = np.zeros((*size, 3))
    for (row, column), colour in zip(PLANE_SITES, PLANE_COLOURS, strict=True):
        sparse[row::2, column::2, colour] = mosaic[row::2, column::2]
    kernels = RED_AND_BLUE, GREEN, RED_AND_BLUE
    expected = [convolve(sparse[..., colour], kernels[colour], mode="mirror") for colour in range(3)]
    np.testing.assert_allclose(demosaicked(mosaic), np.stack(expected, axis=2), rtol=1e-12)


def test_red_and_blue_change_places_when_the_picture_is_turned_by_half(mosaic):
    turned = demosaicked(mosaic[::-1, ::-1])
    np.testing.assert_allclose(turned[::-1, ::-1, ::-1], demosaicked(mosaic), rtol=1e-12)


def test_nothing_is_rounded_to_half_the_bits(mosaic):
    packed = packed_of(mosaic).float()
    with torch.autocast("cpu", torch.bfloat16):
        coarse = bilinear(packed)
    assert coarse.dtype == torch.float32
    assert torch.equal(coarse, bilinear(packed))
