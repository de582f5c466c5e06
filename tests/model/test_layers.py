"""Companding, modulation and padding."""

import numpy as np
import pytest
import torch

from crispnet.model.layers import TOE, Modulation, Residual, compand, haar, inverse_haar, pad_to


def test_companding_is_odd():
    linear = torch.linspace(-4, 4, 801)
    assert torch.equal(compand(-linear), -compand(linear))


def test_companding_is_the_power_from_the_toe_on():
    linear = torch.logspace(-3.6, 2, 200)
    assert linear[0] > TOE
    torch.testing.assert_close(compand(linear), linear ** (1 / 2.2))


def test_companding_grows_without_a_step():
    linear = torch.linspace(-4 * TOE, 4 * TOE, 1001, dtype=torch.float64)
    steps = compand(linear).diff()
    assert (steps > 0).all()
    assert steps.max() < 1.01 * steps[500]  # steepest at 0, where it is straight


def test_the_gradient_of_companding_is_finite_at_zero():
    linear = torch.tensor([0.0, 1e-12, -1e-12], requires_grad=True)
    compand(linear).sum().backward()
    torch.testing.assert_close(linear.grad, torch.full((3,), TOE ** (1 / 2.2 - 1)))


def test_a_modulation_scales_and_shifts_channels_in_their_own_precision():
    features = torch.ones(2, 3, 4, 5, dtype=torch.bfloat16)
    scale, shift = torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([[0.0, 1, 0], [0, 0, 2]])
    modulated = Modulation(scale, shift).of(features)
    assert modulated.dtype == torch.bfloat16
    assert torch.equal(modulated[..., 0, 0].float(), scale + shift)
    assert torch.equal(Modulation(scale).of(features)[..., 3, 4].float(), scale)


@pytest.mark.parametrize("size", [(16, 32), (23, 30), (1, 1), (3, 40), (9, 8)])
def test_padding_reaches_the_stride_and_keeps_what_was_there(size):
    planes = torch.rand(1, 4, *size)
    padded = pad_to(planes, 16)
    assert [length % 16 for length in padded.shape[-2:]] == [0, 0]
    assert [after - before < 16 for after, before in zip(padded.shape[-2:], size, strict=True)] == [True, True]
    assert torch.equal(padded[..., : size[0], : size[1]], planes)


def test_padding_reflects_where_it_can_and_repeats_where_it_cannot():
    wide = torch.arange(14.0).expand(1, 4, 16, 14)
    assert pad_to(wide, 16)[0, 0, 0, 14:].tolist() == [12, 11]
    narrow = torch.arange(3.0).expand(1, 4, 16, 3)
    assert pad_to(narrow, 16)[0, 0, 0, 3:].tolist() == [2] * 13


def test_a_residual_block_begins_near_the_identity():
    torch.manual_seed(0)
    features = torch.randn(1, 32, 8, 8)
    change = Residual(32)(features) - features
    assert 0 < change.std() < 0.3 * features.std()


def test_the_haar_transform_is_undone_exactly_and_keeps_energy():
    features = torch.randint(-64, 64, (2, 3, 8, 12)).float()
    bands = haar(features)
    assert bands.shape == (2, 12, 4, 6)
    assert torch.equal(inverse_haar(bands), features)
    assert bands.square().sum() == features.square().sum()


def test_the_haar_transform_is_the_product_of_its_rows_and_columns():
    steps = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    features = np.random.default_rng(2).random((3, 2, 2))
    expected = np.einsum("di,aj,cij->dac", steps, steps, features).reshape(12)
    np.testing.assert_allclose(haar(torch.from_numpy(features)[None]).flatten(), expected, atol=1e-12)


def test_the_haar_transform_tells_what_is_even_from_what_slopes_across_and_down():
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    for features, silent in ((torch.ones(4, 6), (1, 2, 3)), (columns, (2, 3)), (rows, (1, 3))):
        bands = haar(features[None, None])[0].abs().sum(dim=(1, 2))
        assert [place for place in range(4) if bands[place] == 0] == list(silent)
