"""PyNET: its size, its levels, and what its blocks leave alone."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from crispnet.model.contract import Metadata
from crispnet.model.pynet import COARSEST, Added, Evened, PyNET, Reflecting, normalised, plain, pynet

NOTHING = torch.zeros(1, 0)
AS_PUBLISHED = 47.555  # million, with the biases that a normalisation takes away again
LEVELS = range(COARSEST + 1)


def tiny(*, width: int = 1) -> PyNET:
    torch.manual_seed(0)
    return pynet(width=width).double()


def patch(*size: int) -> torch.Tensor:
    return torch.rand(1, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_number_of_parameters_is_the_published_one():
    with torch.device("meta"):
        network = pynet()
    norms = [layer for layer in network.modules() if isinstance(layer, Evened)]
    biases = sum(norm.bias.numel() for norm in norms)
    assert biases == 13_696
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == 47_541_298
    assert round((count + biases) / 1e6, 3) == AS_PUBLISHED


def test_its_layers_are_pytorchs_own_in_another_form():
    torch.manual_seed(0)
    features = torch.randn(2, 3, 9, 12, dtype=torch.float64)
    ours, theirs = Reflecting(3, 5, 7).double(), nn.Conv2d(3, 5, 7, padding=3, padding_mode="reflect").double()
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(features), theirs(features))
    ours, theirs = Evened(3).double(), nn.InstanceNorm2d(3, affine=True).double()
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(features), theirs(features))


def test_padding_and_normalising_keep_16_bits_and_the_layout():
    features = torch.randn(2, 8, 9, 12).bfloat16().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        made = Evened(8)(Reflecting(8, 8, 5)(features))
    assert made.dtype == torch.bfloat16
    assert made.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("level", LEVELS)
def test_a_picture_has_the_whole_cells_of_its_level(level):
    with torch.no_grad():
        (picture,) = tiny().pictures(patch(39, 50), NOTHING, finest=level)
    target = torch.zeros(1, 3, 78, 100)
    assert picture.shape == functional.avg_pool2d(target, 2**level).shape
    assert 0 < picture.min() <= picture.max() < 1


@pytest.mark.parametrize("size", [(1, 1), (16, 17), (5, 40)])
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


def test_padding_changes_no_pixel_that_would_have_been_made_without():
    network, packed = tiny(), patch(32, 32)
    with torch.no_grad():
        cut = network.render(packed[..., :31], NOTHING)
        reflected = torch.cat((packed[..., :31], packed[..., 29:30]), dim=3)
        torch.testing.assert_close(cut, network.render(reflected, NOTHING)[..., :62])


def test_a_level_teaches_itself_and_the_coarser_ones_and_all_levels_together_everything():
    network, packed = tiny(width=2), patch(32, 32)
    taught = [parameters_taught(network, packed, level) for level in LEVELS]
    own = [{name for name in names if not name.startswith("heads.")} for names in taught]
    assert own[0] == own[1]
    for finer, coarser in pairwise(own[1:]):
        assert coarser < finer
    for level in LEVELS[1:]:
        ways_up = {name.split(".")[2] for name in own[level] if name.startswith("pyramid.upward.")}
        assert ways_up == {str(index) for index in range(COARSEST - level)}
    assert [{name.split(".")[1] for name in names if name.startswith("heads.")} for names in taught] == [
        {str(level)} for level in LEVELS
    ]
    assert set().union(*taught) == {name for name, _ in network.named_parameters()}


def parameters_taught(network: PyNET, packed: torch.Tensor, level: int) -> set[str]:
    network.zero_grad()
    network.pictures(packed, NOTHING, finest=level)[0].square().mean().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    return {name for name, gradient in gradients.items() if gradient is not None and gradient.abs().max() > 0}


@pytest.mark.parametrize("level", LEVELS)
def test_a_grey_wall_stays_even_to_its_edges(level):
    wall = torch.full((1, 4, 32, 48), 0.3, dtype=torch.float64)
    with torch.no_grad():
        (picture,) = tiny().pictures(wall, NOTHING, finest=level)
    torch.testing.assert_close(picture, picture[..., :1, :1].expand_as(picture))


def test_no_halo_is_wide_enough():
    network, packed = tiny(), patch(32, 192).requires_grad_()
    network.pictures(packed, NOTHING, finest=5)[0][..., 0].sum().backward()
    assert packed.grad[..., -1].abs().max() > 0
    assert network.halo is None


def test_a_window_of_each_size_looks_twice():
    torch.manual_seed(0)
    block = plain(1, 2, 9).double()
    planes = torch.rand(1, 1, 25, 25, dtype=torch.float64, requires_grad=True)
    features = block(planes)
    assert features.shape == (1, 8, 25, 25)
    for channel, reach in enumerate((2, 2, 4, 4, 6, 6, 8, 8)):
        (gradient,) = torch.autograd.grad(features[0, channel, 12, 12], planes, retain_graph=True)
        felt = gradient[0, 0].nonzero()
        assert felt.amin(dim=0).tolist() == [12 - reach] * 2
        assert felt.amax(dim=0).tolist() == [12 + reach] * 2


def test_what_a_silent_block_is_added_to_stays_as_it_is():
    block = normalised(4, 4, 3).double()
    added, features = Added(block), patch(8, 8)
    assert not torch.equal(added(features), features)
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(added(features), features)


def test_each_level_reads_the_maxima_of_the_one_above():
    pyramid, seen, given = tiny().pyramid, [], []
    for first in pyramid.first:
        first.register_forward_hook(lambda _, planes, features: seen.append(planes[0]) or given.append(features))
    packed = patch(32, 48)
    with torch.no_grad():
        pyramid(packed, finest=5)
    assert torch.equal(seen[0], packed)
    for above, below in zip(given, seen[1:], strict=False):
        cells = torch.stack([above[..., row::2, column::2] for row in range(2) for column in range(2)])
        assert torch.equal(below, cells.amax(dim=0))


def test_a_normalised_block_feels_neither_exposure_nor_haze():
    torch.manual_seed(0)
    block = normalised(4, 3, 5).double()
    planes = 100 * patch(12, 15)
    torch.testing.assert_close(block(3 * planes + 20), block(planes), rtol=0, atol=1e-5)
    assert (plain(4, 3, 5).double()(3 * planes + 20) - plain(4, 3, 5).double()(planes)).abs().max() > 1


def test_nothing_is_read_of_the_whole_photograph():
    network = tiny()
    metadata = Metadata(torch.ones(2, 4), torch.eye(3).expand(2, 3, 3), torch.zeros(2))
    assert network.scene(torch.rand(2, 3, 8, 10), metadata).shape == (2, 0)
    assert network.reads == ()


@pytest.mark.parametrize("level", [-1, 6])
def test_there_are_levels_0_to_5_only(level):
    with pytest.raises(ValueError, match=f"expected a level from 0 to 5, got {level}"):
        tiny().pictures(patch(32, 32), NOTHING, finest=level)
