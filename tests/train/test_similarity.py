"""SSIM and MS-SSIM with a gradient: against the metric, against a reference, and where they could break."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from crispnet.evaluate import metrics
from crispnet.train.similarity import SCALES, exponents, ms_ssim, ssim

BOTH = pytest.mark.parametrize("similarity", [ssim, ms_ssim])


def pair(height=48, width=64, *, count=2, noise=0.1, seed=0):
    """Pictures with structure at several sizes, and the same, disturbed."""
    random = np.random.default_rng(seed)
    coarse = np.kron(random.uniform(0.1, 0.9, (count, 3, -(-height // 8), -(-width // 8))), np.ones((8, 8)))
    target = coarse[..., :height, :width] + random.normal(0, 0.05, (count, 3, height, width))
    result = target + random.normal(0, noise, target.shape)
    return tuple(torch.tensor(np.clip(each, 0, 1), dtype=torch.float32) for each in (result, target))


def reference(result, target):
    """Wang, Simoncelli and Bovik 2003 of two planes, in float64 and with SciPy's filter."""
    powers = []
    for scale, exponent in enumerate(SCALES):
        blur = lambda plane: gaussian_filter(plane, 1.5, radius=5)[5:-5, 5:-5]  # noqa: E731
        means, squares = (blur(result), blur(target)), (blur(result**2), blur(target**2))
        variances = [square - mean**2 for mean, square in zip(means, squares, strict=True)]
        covariance = blur(result * target) - means[0] * means[1]
        similar = (2 * covariance + 9e-4) / (sum(variances) + 9e-4)
        if scale == 4:
            similar = similar * (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
        powers.append(similar.mean() ** exponent)
        height, width = (size // 2 for size in result.shape)
        result, target = (
            plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
            for plane in (result, target)
        )
    return np.prod(powers)


@pytest.mark.parametrize("size", [(48, 64), (11, 11), (37, 12)])
def test_ssim_is_the_metric(size):
    result, target = pair(*size)
    measured = [
        metrics.ssim(*(picture.permute(1, 2, 0).numpy() for picture in both))
        for both in zip(result, target, strict=True)
    ]
    assert float(ssim(result, target)) == pytest.approx(np.mean(measured), abs=1e-5)


def test_ms_ssim_is_the_reference():
    result, target = pair(178, 183, count=1, noise=0.2)
    planes = zip(result[0].double().numpy(), target[0].double().numpy(), strict=True)
    expected = np.mean([reference(*both) for both in planes])
    assert 0.3 < expected < 0.95
    assert float(ms_ssim(result, target)) == pytest.approx(expected, abs=1e-5)


@BOTH
def test_equal_pictures_are_as_similar_as_can_be(similarity):
    result, target = pair()
    assert float(similarity(target, target)) == pytest.approx(1, abs=1e-6)
    noisier, _ = pair(noise=0.3)
    assert 0 < float(similarity(noisier, target)) < float(similarity(result, target)) < 0.99


@BOTH
def test_it_does_not_matter_which_is_which_or_which_way_they_lie(similarity):
    result, target = pair()
    expected = pytest.approx(float(similarity(result, target)), abs=1e-6)
    assert float(similarity(target, result)) == expected
    for sides in [(-1,), (-2,), (-1, -2)]:
        assert float(similarity(result.flip(sides), target.flip(sides))) == expected
    assert float(similarity(result.mT, target.mT)) == expected


@BOTH
def test_it_is_the_mean_over_pictures(similarity):
    result, target = pair(count=3)
    alone = [float(similarity(*both)) for both in zip(result.split(1), target.split(1), strict=True)]
    assert float(similarity(result, target)) == pytest.approx(np.mean(alone), abs=1e-6)


@BOTH
@pytest.mark.parametrize("kind", ["equal", "opposed", "black", "flat", "outside"])
def test_every_gradient_is_finite(similarity, kind):
    _, target = pair()
    kinds = {
        "equal": target,
        "opposed": 1 - target,
        "black": 0 * target,
        "flat": 0 * target + 0.5,
        "outside": 3 * target,
    }
    result = kinds[kind].clone().requires_grad_()
    similarity(result, target).backward()
    assert torch.isfinite(result.grad).all()
    assert kind in {"equal", "opposed"} or result.grad.abs().max() > 0


def test_the_gradient_is_the_slope():
    result, target = (each.double() for each in pair(22, 23, count=1))
    assert torch.autograd.gradcheck(ms_ssim, (result[:, :1].requires_grad_(), target[:, :1]), fast_mode=True)


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (21, 1), (22, 2), (92, 4), (175, 4), (176, 5), (736, 5)])
def test_small_pictures_have_fewer_scales(side, scales):
    weights = exponents((side, 1000))
    assert len(weights) == scales
    assert sum(weights) == pytest.approx(1)
    assert weights == pytest.approx([weight / sum(SCALES[:scales]) for weight in SCALES[:scales]])
    assert exponents((1000, side)) == weights


@BOTH
def test_what_holds_no_window_is_refused(similarity):
    with pytest.raises(ValueError, match="at least 11 x 11 pixels, got"):
        similarity(*pair(10, 40))
    with pytest.raises(ValueError, match="of one size"):
        similarity(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 21))
