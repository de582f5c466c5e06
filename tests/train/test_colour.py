"""Lab with a gradient: the same as that without one, and finite where powers are not."""

import numpy as np
import pytest
import torch

from crispnet import colour
from crispnet.train.colour import srgb_to_lab

CORNERS = torch.tensor([[r, g, b] for r in (0.0, 1.0) for g in (0.0, 1.0) for b in (0.0, 1.0)])


def as_pictures(colours):
    return colours.T.reshape(1, 3, 1, -1)


def test_it_is_the_lab_of_the_house():
    # Inside the range, at both knees, and beyond both ends.
    random = np.random.default_rng(0).uniform(-0.2, 1.3, (2, 5, 400, 3))
    random[0, 0, :4] = [[0.04045] * 3, [0.0404] * 3, [0.1] * 3, [0.0] * 3]
    tensors = torch.tensor(random.reshape(2, 5, 400, 3), dtype=torch.float32).permute(0, 3, 1, 2)
    ours = srgb_to_lab(tensors).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(ours, colour.srgb_to_lab(random), atol=2e-3)


def test_neutrals_have_no_colour():
    lab = srgb_to_lab(torch.linspace(0, 1, 50).expand(1, 3, 1, 50))
    assert lab[:, 1:].abs().max() < 1e-3
    assert torch.all(lab[0, 0, 0].diff() > 0)
    assert lab[0, 0, 0, [0, -1]].tolist() == pytest.approx([0, 100], abs=1e-4)


@pytest.mark.parametrize("shift", [0, -1e-6, -0.1, 1e-6, 0.1])
def test_every_gradient_is_finite(shift):
    pictures = (as_pictures(CORNERS) + shift).requires_grad_()
    srgb_to_lab(pictures).abs().sum().backward()
    assert torch.isfinite(pictures.grad).all()


def test_black_and_what_lies_below_is_still_drawn_towards_light():
    dark = torch.tensor([-0.3, -0.01, 0.0, 0.01]).expand(1, 3, 1, 4).clone().requires_grad_()
    srgb_to_lab(dark)[:, 0].sum().backward()
    assert torch.all(dark.grad > 1)


def test_the_gradient_is_the_slope():
    pictures = torch.rand(1, 3, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.autograd.gradcheck(srgb_to_lab, (0.1 + 0.8 * pictures).requires_grad_())
