"""The white-balance branch."""

import torch

from crispnet.model.white_balance import WhiteBalance

LIGHT = torch.tensor([[2.1, 1.0, 1.6, 1.0], [1.4, 1.0, 2.6, 1.0]])


def test_it_begins_with_scales_of_one_for_every_level():
    scales = WhiteBalance((5, 7, 9))(LIGHT)
    assert [tuple(scale.shape) for scale in scales] == [(2, 5), (2, 7), (2, 9)]
    assert all(torch.equal(scale, torch.ones_like(scale)) for scale in scales)


def test_every_parameter_learns_from_the_first_step_on():
    branch = WhiteBalance((5, 7, 9))
    sum(scale.square().sum() for scale in branch(LIGHT)).backward()
    assert [name for name, parameter in branch.named_parameters() if not parameter.grad.abs().min() > 0] == []


def test_each_level_is_an_affine_function_of_the_level_before():
    branch = WhiteBalance((5, 7)).double()
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(len(parameter)))
    light, other = LIGHT.double().split(1)
    for between, first, second in zip(branch(0.3 * light + 0.7 * other), branch(light), branch(other), strict=True):
        torch.testing.assert_close(between, 0.3 * first + 0.7 * second)
    first, second = branch(light)
    torch.testing.assert_close(second, first @ branch.layers[1].weight.T + branch.layers[1].bias)
