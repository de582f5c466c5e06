"""PyNET-CA: its size, its attention, and its range."""

import pytest
import torch
from torch.nn import functional

from crispnet.model.pynet_ca import ChannelAttention, PyNETCA, attentive, pynet_ca

NOTHING = torch.zeros(1, 0)
AS_PUBLISHED = 51.304  # million
LEVELS = range(6)


def tiny(*, width: int = 1) -> PyNETCA:
    torch.manual_seed(0)
    return pynet_ca(width=width).double()


def patch(*size: int) -> torch.Tensor:
    return torch.rand(1, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_number_of_parameters_is_the_published_one():
    with torch.device("meta"):
        network = pynet_ca()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 51_303_579
    assert round(count / 1e6, 3) == AS_PUBLISHED


@pytest.mark.parametrize("level", [0, 2, 5])
def test_a_picture_has_the_whole_cells_of_its_level(level):
    with torch.no_grad():
        (picture,) = tiny().pictures(patch(39, 50), NOTHING, finest=level)
    target = torch.zeros(1, 3, 78, 100)
    assert picture.shape == functional.avg_pool2d(target, 2**level).shape
    assert 0 < picture.min() <= picture.max() < 1


@pytest.mark.parametrize("size", [(1, 1), (16, 17)])
def test_any_size_is_rendered(size):
    with torch.no_grad():
        picture = tiny().render(patch(*size), NOTHING)
    assert picture.shape == (1, 3, 2 * size[0], 2 * size[1])
    assert picture.isfinite().all()


def test_rendering_is_the_finest_picture_in_training_as_after_it():
    network = tiny()
    packed = patch(32, 32)
    with torch.no_grad():
        rendered = network.train().render(packed, NOTHING)
        assert torch.equal(rendered, network.pictures(packed, NOTHING)[0])
        assert torch.equal(rendered, network.eval().render(packed, NOTHING))


@pytest.mark.parametrize(("value", "expected"), [(-30.0, 0.0), (0.0, 0.5), (30.0, 1.0)])
def test_pictures_go_from_0_through_a_half_to_1(value, expected):
    network = tiny()
    for head in (network.heads[5], network.heads[0][1]):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.constant_(head.bias, value)
    with torch.no_grad():
        for level in (0, 5):
            assert (network.pictures(patch(32, 32), NOTHING, finest=level)[0] == expected).all()


def test_the_network_sees_black_as_minus_1_and_white_as_1():
    network, seen = tiny(), []
    network.pyramid.register_forward_pre_hook(lambda _, planes: seen.append(planes[0]))
    packed = patch(32, 32)
    with torch.no_grad():
        network.pictures(packed, NOTHING, finest=5)
    torch.testing.assert_close(seen[0], 2 * packed - 1)


def test_all_levels_together_teach_everything():
    network, packed = tiny(width=2), patch(32, 32)
    for level in LEVELS:
        network.pictures(packed, NOTHING, finest=level)[0].square().mean().backward()
    untaught = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0
    ]
    assert untaught == []


def test_the_coarsest_level_needs_no_way_up_and_one_head():
    network = tiny()
    network.pictures(patch(32, 32), NOTHING, finest=5)[0].sum().backward()
    needed = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert not any(name.startswith("pyramid.upward") for name in needed)
    assert {name for name in needed if name.startswith("heads")} == {"heads.5.weight", "heads.5.bias"}


def test_attention_weighs_whole_channels_between_0_and_1_by_their_means_alone():
    torch.manual_seed(0)
    attention = ChannelAttention(6, hidden=12)
    features = torch.rand(2, 6, 8, 10) + 0.1
    weights = attention(features) / features
    torch.testing.assert_close(weights, weights[..., :1, :1].expand_as(weights))
    assert 0 < weights.min() < weights.max() < 1
    torch.testing.assert_close(attention(features.flip(2, 3)), attention(features).flip(2, 3))
    brighter = torch.cat((features[:, :1] + 5, features[:, 1:]), dim=1)
    assert ((attention(brighter) / brighter - weights).abs() > 1e-4).all(), "a brighter channel changes all weights"


@pytest.mark.parametrize(("largest", "branches"), [(3, 1), (9, 4)])
def test_attention_narrows_by_the_number_of_branches(largest, branches):
    _, attention = attentive(4, 6, largest)
    assert attention.weigh[1].weight.shape == (6, 6 * branches, 1, 1)
    assert attention.weigh[3].weight.shape == (6 * branches, 6, 1, 1)


@pytest.mark.parametrize("level", LEVELS)
def test_a_grey_wall_stays_even_to_its_edges(level):
    wall = torch.full((1, 4, 32, 48), 0.3, dtype=torch.float64)
    with torch.no_grad():
        (picture,) = tiny().pictures(wall, NOTHING, finest=level)
    if level == 0:  # where shuffled pixels differ within a cell, each cell is like the other
        picture = functional.pixel_unshuffle(picture, 2)
    torch.testing.assert_close(picture, picture[..., :1, :1].expand_as(picture))


def test_no_halo_is_wide_enough():
    network, packed = tiny(), patch(32, 192).requires_grad_()
    network.pictures(packed, NOTHING, finest=5)[0][..., 0].sum().backward()
    assert packed.grad[..., -1].abs().max() > 0
    assert network.halo is None
