"""The metrics against independent implementations, against brute force, and at their ends."""

import json
import math
import warnings

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from crispnet.colour import decode_srgb, encode_srgb
from crispnet.evaluate.metrics import (
    HIGHER_IS_BETTER,
    METRICS,
    colour_differences,
    compare,
    low_pass_delta_e,
    psnr,
    ssim,
)

# On import, colour-science warns of optional packages that are missing, and changes how numpy prints for everyone.
with warnings.catch_warnings(), np.printoptions():
    warnings.simplefilter("ignore")
    import colour as colour_science


def pictures(height=150, width=93, *, noise=0.06, seed=0):
    random = np.random.default_rng(seed)
    coarse = np.kron(random.uniform(0.05, 0.95, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))
    target = np.round(coarse[:height, :width] * 255) / 255
    result = np.clip(target + random.normal(0, noise, target.shape), 0, 1)
    return result.astype(np.float32), target.astype(np.float32)


def spot(height, width, *, share=0.6, seed=3):
    return np.random.default_rng(seed).random((height, width)) < share


def lab(picture):
    space = colour_science.RGB_COLOURSPACES["sRGB"]
    xyz = colour_science.RGB_to_XYZ(picture.astype(np.float64), space, apply_cctf_decoding=True)
    return colour_science.XYZ_to_Lab(xyz, space.whitepoint)


def test_psnr_is_that_of_skimage():
    result, target = pictures()
    assert psnr(result, target) == pytest.approx(peak_signal_noise_ratio(target, result, data_range=1), abs=1e-5)


@pytest.mark.parametrize(("height", "width", "noise"), [(150, 93, 0.06), (11, 11, 0.2), (300, 40, 0.004)])
def test_ssim_is_that_of_skimage(height, width, noise):
    result, target = pictures(height, width, noise=noise)
    expected = structural_similarity(
        result.astype(np.float64), target.astype(np.float64), gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=1, channel_axis=2,
    )  # fmt: skip
    assert ssim(result, target) == pytest.approx(expected, abs=2e-6)


def test_colour_differences_are_those_of_colour_science():
    result, target = pictures(70, 41)
    labs = lab(result), lab(target)
    found = colour_differences(result, target)
    expected = colour_science.delta_E(*labs, method="CIE 1976")
    # Their sRGB matrix is the standard's rounded one.
    np.testing.assert_allclose(found.delta_e_76.reshape(70, 41), expected, atol=0.02)
    expected = colour_science.delta_E(*labs, method="CIE 2000")[::2, ::2]
    np.testing.assert_allclose(found.delta_e_2000.reshape(expected.shape), expected, atol=0.02)


def test_compare_sums_up_the_differences():
    result, target = pictures()
    found, differences = compare(result, target), colour_differences(result, target).delta_e_76.astype(np.float64)
    assert tuple(found) == METRICS
    assert found["delta_e"] == pytest.approx(differences.mean())
    assert found["delta_e_rms"] == pytest.approx(np.sqrt((differences**2).mean()))
    assert found["delta_e_p95"] == pytest.approx(np.sort(differences)[round(0.95 * (differences.size - 1))], rel=1e-3)
    assert found["below_jnd"] == sum(value < 2.3 for value in differences) / differences.size
    assert found["delta_e"] < found["delta_e_rms"] < found["delta_e_p95"]
    assert json.dumps(found)


def test_equal_pictures_are_perfect():
    _, target = pictures()
    found = compare(target, target)
    assert found["psnr"] == math.inf
    assert found["ssim"] == pytest.approx(1, abs=1e-6)
    assert found["below_jnd"] == 1
    assert all(found[name] == 0 for name in METRICS if name not in HIGHER_IS_BETTER)


def test_every_metric_gets_worse_with_noise():
    quiet, loud = compare(*pictures(noise=0.02)), compare(*pictures(noise=0.1))
    for name in METRICS:
        assert (quiet[name] > loud[name]) == (name in HIGHER_IS_BETTER), name


def test_the_result_is_clipped_first_and_the_order_matters_to_none_but_it():
    result, target = pictures()
    beyond = np.where(result >= 1, 1.7, np.where(result <= 0, -0.4, result)).astype(np.float32)
    assert (beyond != result).any()
    assert compare(beyond, target) == compare(result, target)
    there, back = compare(result, target), compare(target, result)
    assert all(there[name] == pytest.approx(back[name], rel=1e-5) for name in METRICS)


def test_low_pass_forgets_noise_but_not_a_cast():
    _, target = pictures(64, 64)
    light = decode_srgb(target.astype(np.float64))
    chequered = light * (1 + 0.2 * ((np.indices((64, 64)).sum(0) % 2) * 2 - 1)[..., None])
    noisy, cast = encode_srgb(chequered), encode_srgb(light * [1.1, 1, 0.9])
    small = np.clip([noisy, cast], 0, 1).astype(np.float32)
    in_range = np.all(chequered <= 1, axis=-1).mean()
    assert in_range > 0.9
    noise, colour = (low_pass_delta_e(picture, target) for picture in small)
    assert noise < 0.3 < 3 < colour
    assert colour_differences(small[0], target).delta_e_76.mean() > 3


def test_low_pass_is_a_mean_of_light_over_squares():
    result, target = pictures(27, 33)
    differences = []
    for top, left in np.ndindex(3, 4):
        square = np.s_[8 * top : 8 * top + 8, 8 * left : 8 * left + 8]
        means = [encode_srgb(decode_srgb(p[square].astype(np.float64)).mean((0, 1))) for p in (result, target)]
        differences.append(np.linalg.norm(lab(means[0]) - lab(means[1])))
    assert low_pass_delta_e(result, target) == pytest.approx(np.mean(differences), abs=0.01)


def test_what_is_masked_leaves_the_denominator():
    result, target = pictures()
    mask = spot(*result.shape[:2])
    spoilt = np.where(mask[..., None], result, 1 - result).astype(np.float32)
    for name in METRICS:
        if name != "ssim":  # its windows look around
            assert compare(spoilt, target, mask=mask)[name] == compare(result, target, mask=mask)[name], name
    assert psnr(result, target, mask=mask) == pytest.approx(
        peak_signal_noise_ratio(target[mask], result[mask], data_range=1), abs=1e-5
    )
    half = np.zeros_like(mask)
    half[:, :48] = True
    assert low_pass_delta_e(result, target, mask=half) == pytest.approx(
        low_pass_delta_e(result[:, :48], target[:, :48]), rel=1e-5
    )


def test_a_mask_of_everything_is_no_mask():
    result, target = pictures()
    everything = compare(result, target, mask=np.ones(result.shape[:2], bool))
    assert everything == pytest.approx(compare(result, target), rel=1e-5)


def test_ssim_of_a_masked_picture_averages_its_own_map():
    result, target = pictures(60, 60)
    mask = np.zeros((60, 60), bool)
    mask[5:30, 5:55] = True  # windows in the middle of it see no more than the upper rows
    assert ssim(result, target, mask=mask) == pytest.approx(ssim(result[:35], target[:35]), abs=1e-6)


@pytest.mark.parametrize(
    ("result", "target", "mask"),
    [
        (np.zeros((20, 20, 3), np.float32), np.zeros((20, 22, 3), np.float32), None),
        (np.zeros((20, 20), np.float32), np.zeros((20, 20), np.float32), None),
        (np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20, 3), np.uint8), None),
        (np.zeros((10, 20, 3), np.float32), np.zeros((10, 20, 3), np.float32), None),
        (np.zeros((20, 20, 3), np.float32), np.zeros((20, 20, 3), np.float32), np.zeros((20, 20), bool)),
        (np.zeros((20, 20, 3), np.float32), np.zeros((20, 20, 3), np.float32), np.ones((20, 20), np.uint8)),
    ],
    ids=["sizes", "grey", "codes", "small", "nothing counts", "mask of codes"],
)
def test_what_cannot_be_compared_is_refused(result, target, mask):
    with pytest.raises(ValueError, match="expected"):
        compare(result, target, mask=mask)
