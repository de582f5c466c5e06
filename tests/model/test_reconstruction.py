"""The UNet: sizes, what reaches a pixel, tiles."""

import pytest
import torch

from crispnet.model.layers import Modulation
from crispnet.model.reconstruction import Reconstruction


def unet(*, widths=(3, 4, 5), blocks=1, planes=4) -> Reconstruction:
    torch.manual_seed(0)
    return Reconstruction(planes=planes, widths=widths, blocks=blocks).double().eval()


def all_positive(network: Reconstruction) -> Reconstruction:
    """Weights with which nothing that reaches a pixel can cancel or be cut off."""
    for parameter in network.parameters():
        parameter.data = parameter.data.abs() + 0.01
    return network


@pytest.mark.parametrize(("widths", "blocks"), [((2,), 0), ((2, 3), 1), ((2, 2, 2), 2), ((2, 2, 2, 2, 2), 1)])
def test_nothing_beyond_the_reach_can_be_felt_and_something_within_can(widths, blocks):
    network = all_positive(unet(widths=widths, blocks=blocks))
    stride, middle = network.stride, network.halo + network.stride
    untouched = torch.zeros(1, 4, stride, 2 * middle + stride, dtype=torch.float64)
    places = torch.arange(middle, middle + stride)  # how far it goes depends on where in a cell it begins
    touched = untouched.repeat(stride, 1, 1, 1)
    touched[torch.arange(stride), ..., places] = 1e6
    changed = (network(touched) != network(untouched)).any(dim=2).any(dim=1)
    picture, pixel = changed.nonzero(as_tuple=True)
    assert (pixel // 2 - places[picture]).abs().max() == network.reach
    assert network.reach <= network.halo < network.reach + network.stride


def test_a_tile_with_its_halo_equals_the_whole():
    network = unet(widths=(4, 6, 8), blocks=1)
    packed = torch.rand(1, 4, 96, 4 * network.halo, dtype=torch.float64)
    whole = network(packed)
    halo, tile = network.halo, slice(network.halo + 8, 2 * network.halo)
    cut = packed[..., tile.start - halo : tile.stop + halo]
    rendered = network(cut)[..., 2 * halo : -2 * halo]
    torch.testing.assert_close(rendered, whole[..., 2 * tile.start : 2 * tile.stop], rtol=0, atol=1e-5)
    short = network(packed[..., tile])
    assert (short - whole[..., 2 * tile.start : 2 * tile.stop]).abs().max() > 1e-4, "a halo was not needed at all"


@pytest.mark.parametrize("size", [(23, 30), (16, 16), (1, 1), (2, 33)])
def test_any_size_gives_two_by_two_pixels_for_each_packed_one(size):
    assert unet()(torch.rand(2, 4, *size, dtype=torch.float64)).shape == (2, 3, 2 * size[0], 2 * size[1])


def test_padding_changes_no_pixel_that_the_network_would_have_made_without():
    network = unet()
    packed = torch.rand(1, 4, 64, 64, dtype=torch.float64)
    reflected = torch.cat((packed[..., :62], packed[..., 60:61], packed[..., 59:60]), dim=3)
    torch.testing.assert_close(network(packed[..., :62]), network(reflected)[..., :124])


@pytest.mark.parametrize("level", range(3))
def test_modulations_of_ones_and_zeros_change_nothing_and_others_do(level):
    network = unet()
    packed = torch.rand(1, 4, 16, 16, dtype=torch.float64)
    bare = network(packed)
    up, down = network.widths, network.widths[::-1]
    ones = [Modulation(torch.ones(1, width), torch.zeros(1, width)) for width in down]
    assert torch.equal(network(packed, decoder=ones), bare)
    assert torch.equal(network(packed, encoder=[Modulation(torch.ones(1, width)) for width in up]), bare)
    ones[level] = Modulation(torch.full((1, down[level]), 1.5))
    assert not torch.equal(network(packed, decoder=ones), bare)
    scales = [Modulation(torch.full((1, width), 1.5 if at == level else 1.0)) for at, width in enumerate(up)]
    assert not torch.equal(network(packed, encoder=scales), bare)
