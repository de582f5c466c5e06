"""AWNet: its counts, its pictures, its wavelets, what it sees, and that every part of it takes part."""

import pytest
import torch
from torch import Tensor, nn

from crispnet.model import catalogue, checkpoint
from crispnet.model.awnet import (
    WIDTH,
    Block,
    GlobalContext,
    PyramidPooling,
    SqueezeExcite,
    awnet,
    awnet_demosaiced,
    awnet_ensemble,
    halving,
    interpolated,
    shuffled,
)
from crispnet.model.contract import ISP
from crispnet.model.layers import haar
from crispnet.raw.bayer import PLANE_COLOURS, PLANE_SITES

NETWORKS = {"awnet": awnet, "awnet-demosaiced": awnet_demosaiced, "awnet-ensemble": awnet_ensemble}
TINY = {"width": 16, "blocks": (1, 1, 1), "growth": 4}
PUBLISHED = [("awnet", (3, 3, 3, 4, 4), 52.205), ("awnet", (2, 2, 2, 3, 4), 50.619)]
PUBLISHED += [("awnet-demosaiced", (3, 3, 3, 4, 4), 50.130)]
NOTHING = torch.zeros(2, 0)


def tiny_awnet(name: str) -> ISP:
    torch.manual_seed(0)
    return NETWORKS[name](**TINY)


def packed_patches(*size: int) -> Tensor:
    return torch.rand(2, 4, *size, generator=torch.Generator().manual_seed(1)) * 0.5


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Counts


@pytest.mark.parametrize(("name", "blocks", "millions"), PUBLISHED)
def test_the_published_parameters_less_the_dead_ones(name, blocks, millions):
    halved = [WIDTH * 2**level for level in range(4)]
    strided = sum(9 * channels**2 + channels for channels in halved)  # registered in each halving, read by nothing
    biases = sum(blocks)  # under a softmax
    assert strided == 3_134_400
    with torch.device("meta"):
        count = parameters(NETWORKS[name](blocks=blocks))
    assert round((count + strided + biases) / 1e6, 3) == millions


def test_the_parameters_of_both_are_those_of_each():
    with torch.device("meta"):
        counts = {name: parameters(make()) for name, make in NETWORKS.items()}
    assert counts == {"awnet": 49_071_019, "awnet-demosaiced": 46_995_228, "awnet-ensemble": 96_066_247}


# Pictures


@pytest.mark.parametrize("size", [(16, 24), (5, 7), (1, 1), (2, 9)])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_size_gives_a_picture_of_two_by_two_pixels_for_each_packed_one(name, size):
    picture = tiny_awnet(name).eval().render(packed_patches(*size), NOTHING)
    assert picture.shape == (2, 3, 2 * size[0], 2 * size[1])
    assert picture.min() > 0
    assert picture.max() < 1


@pytest.mark.parametrize(("name", "halvings"), [("awnet", [0, 1, 2, 3]), ("awnet-demosaiced", [0, 1, 2])])
def test_pictures_are_halved_again_and_again_and_the_first_is_the_result(name, halvings):
    isp, packed = tiny_awnet(name).eval(), packed_patches(10, 12)
    pictures = isp.pictures(packed, NOTHING)
    assert [tuple(picture.shape) for picture in pictures] == [(2, 3, -(-20 // 2**n), 24 // 2**n) for n in halvings]
    assert torch.equal(pictures[0], isp.render(packed, NOTHING))
    for finest in halvings:
        alone = isp.pictures(packed, NOTHING, finest=finest)
        assert len(alone) == len(pictures) - finest
        assert all(torch.equal(*pair) for pair in zip(alone, pictures[finest:], strict=True))
    with pytest.raises(ValueError, match="expected finest 0 to"):
        isp.pictures(packed, NOTHING, finest=halvings[-1] + 1)


def test_what_is_finer_than_the_finest_is_not_computed():
    isp = tiny_awnet("awnet").eval()
    for part in (isp.tail, isp.doublings[-1]):
        part.register_forward_pre_hook(lambda *_: pytest.fail("a size that nobody asked for"))
    assert len(isp.pictures(packed_patches(8, 8), NOTHING, finest=2)) == 2


def test_the_ensemble_averages_both_and_shows_both_size_by_size():
    both, packed = tiny_awnet("awnet-ensemble").eval(), packed_patches(8, 12)
    ours, theirs = both.packed.pictures(packed, NOTHING), both.demosaiced.pictures(packed, NOTHING)
    mean, *pictures = both.pictures(packed, NOTHING)
    assert torch.equal(mean, both.render(packed, NOTHING))
    torch.testing.assert_close(mean, torch.stack((ours[0], theirs[0])).mean(dim=0))
    assert not torch.allclose(ours[0], theirs[0])
    ordered = [ours[0], theirs[0], ours[1], theirs[1], ours[2], theirs[2], ours[3]]
    assert all(torch.equal(*pair) for pair in zip(pictures, ordered, strict=True))
    for finest, left in ((1, 5), (2, 3), (3, 1)):
        coarse = both.pictures(packed, NOTHING, finest=finest)
        assert all(torch.equal(*pair) for pair in zip(coarse, ordered[-left:], strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_of_all_pictures_moves_every_parameter(name):
    isp = tiny_awnet(name)
    for part in isp.modules():
        if isinstance(part, SqueezeExcite):  # of its few ReLUs all may be shut by chance
            nn.init.ones_(part.ask[0].bias)
            nn.init.ones_(part.ask[2].bias)
    pictures = isp.pictures(packed_patches(16, 16), NOTHING)
    sum((picture * torch.rand_like(picture)).sum() for picture in pictures).backward()
    still = [name for name, weight in isp.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", NETWORKS)
def test_an_evaluation_changes_nothing_and_photographs_do_not_touch_each_other(name):
    isp, packed = tiny_awnet(name).eval(), packed_patches(9, 12)
    before = {name: tensor.clone() for name, tensor in isp.state_dict().items()}
    first = isp.render(packed, NOTHING)
    assert torch.equal(first, isp.render(packed, NOTHING))
    torch.testing.assert_close(isp.render(packed[1:], NOTHING[1:]), first[1:], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in isp.state_dict().items())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_scene_is_empty_and_nothing_is_read(name):
    isp = tiny_awnet(name)
    assert isp.scene(torch.rand(2, 3, 8, 8), None).shape == (2, 0)
    assert isp.reads == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_farthest_corner_is_felt(name):
    # In 64 bits: what a far corner changes here is as small as the rounding of 32.
    isp, packed = tiny_awnet(name).double().eval(), packed_patches(64, 64).double()
    changed = packed.clone()
    changed[..., -2:, -2:] += 5
    assert isp.halo is None
    nothing = NOTHING.double()
    assert (isp.render(changed, nothing) - isp.render(packed, nothing))[..., :2, :2].abs().max() > 1e-9


@pytest.mark.parametrize(("name", "stride"), [("awnet", 4), ("awnet-demosaiced", 2), ("awnet-ensemble", 4)])
def test_whole_strides_are_not_padded(name, stride):
    isp = tiny_awnet(name).eval()
    assert isp.stride == stride
    seen = []
    for network in [isp.packed, isp.demosaiced] if name == "awnet-ensemble" else [isp]:
        network.stem.register_forward_pre_hook(lambda stem, given: seen.append((stem.in_channels, given[0].shape[-2:])))
    isp.render(packed_patches(2 * stride, 3 * stride), NOTHING)
    factors = {4: 1, 3: 2}
    assert seen == [(planes, (2 * stride * factors[planes], 3 * stride * factors[planes])) for planes, _ in seen]
    assert seen


def test_what_does_not_divide_is_padded_by_reflection():
    isp, packed = tiny_awnet("awnet").eval(), packed_patches(8, 12)
    reflected = torch.cat((packed[..., :10], packed[..., 8:9], packed[..., 7:8]), dim=3)
    torch.testing.assert_close(
        isp.render(packed[..., :10], NOTHING), isp.render(reflected, NOTHING)[..., :20], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_brings_it_back(name, tmp_path, monkeypatch):
    monkeypatch.setitem(catalogue.MODELS, name, NETWORKS[name])
    isp, packed = tiny_awnet(name).eval(), packed_patches(8, 8)
    checkpoint.save(name, TINY, isp.state_dict(), tmp_path / "best.safetensors")
    back, facts = checkpoint.load(tmp_path / "best.safetensors")
    assert facts["model"] == name
    torch.testing.assert_close(back.render(packed, NOTHING), isp.render(packed, NOTHING), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"width": 12}, {"blocks": ()}])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_cannot_be_built_is_refused(name, options):
    with pytest.raises(ValueError, match="expected a width in multiples of 8"):
        NETWORKS[name](**TINY | options)


def test_the_second_network_sees_a_demosaic_at_the_full_size():
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(8.0), indexing="ij")
    slopes = torch.stack((1 + rows - 2 * columns, 3 - 0.5 * rows + columns, 2 * rows + 0.25 * columns)) / 32
    sites = zip(PLANE_COLOURS, PLANE_SITES, strict=True)
    packed = torch.stack([slopes[colour, row::2, column::2] for colour, (row, column) in sites])
    isp, seen = tiny_awnet("awnet-demosaiced").eval(), []
    isp.stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    isp.render(packed[None], NOTHING)
    torch.testing.assert_close(seen[0][0, :, 1:-1, 1:-1], slopes[:, 1:-1, 1:-1])


# Wavelets


def test_a_halving_reads_the_low_band():
    features = torch.randn(1, 8, 6, 4)
    lowest = halving(8).makers[1]
    torch.testing.assert_close(lowest[0](features), haar(features)[:, :8])
    assert halving(8)(features).shape == (1, 16, 3, 2)


@pytest.mark.parametrize("make", [shuffled, interpolated])
def test_a_doubling_brings_back_details_that_the_level_below_has_lost(make):
    doubling = make(8).eval()
    below, above = torch.randn(1, 16, 3, 4), torch.randn(1, 8, 6, 8)
    skipped = doubling.skip(above)
    for layer in (doubling.mix, doubling.fit):
        nn.init.dirac_(layer.weight)
        nn.init.zeros_(layer.bias)
    joined = []
    doubling.fuse.register_forward_pre_hook(lambda _, given: joined.append(given[0]))
    result = doubling(below, above)
    wavelets = doubling.fit.out_channels
    torch.testing.assert_close(joined[0][:, -wavelets:], above[:, :wavelets])
    assert joined[0].shape[1] == doubling.enlarge(below).shape[1] + wavelets
    torch.testing.assert_close(result, doubling.fuse(joined[0]) + skipped)


# Parts that see everything


def test_squeeze_excite_scales_channels_by_less_than_one():
    layer, features = SqueezeExcite(8), torch.randn(2, 8, 5, 6)
    scales = layer(features) / layer.mix(features)
    torch.testing.assert_close(scales, scales[..., :1, :1].expand_as(scales), rtol=1e-3, atol=1e-4)
    assert 0 < scales.min() < scales.max() < 1


def test_a_global_context_is_a_weighted_average_said_to_all_pixels_alike():
    layer, features = GlobalContext(16), torch.randn(2, 16, 5, 6)
    said = layer(features) - features
    torch.testing.assert_close(said, said[..., :1, :1].expand_as(said), rtol=1e-3, atol=1e-5)
    shuffled_pixels = features.flatten(2)[..., torch.randperm(30)].reshape(features.shape)
    torch.testing.assert_close((layer(shuffled_pixels) - shuffled_pixels)[..., 0, 0], said[..., 0, 0])
    nn.init.zeros_(layer.weight.weight)
    averaged = layer(features) - features
    torch.testing.assert_close(averaged[..., 0, 0], layer.say(features.mean(dim=(2, 3))))


def test_a_block_joins_every_step_to_all_before():
    block, features = Block(16, 4).double(), torch.randn(2, 16, 6, 7, dtype=torch.float64)
    assert [step.in_channels for step in block.steps] == [16, 20, 24, 28, 32, 36]
    joined = features
    for step, finish in zip(block.steps, block.finish, strict=True):
        joined = torch.cat((joined, finish(step(joined))), dim=1)
    made = block(features) - features
    torch.testing.assert_close(made, block.change(joined))
    asked = [each.weight for each in block.steps]
    ours, theirs = (torch.autograd.grad(each.sum(), asked) for each in (made, block.change(joined)))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_block_begins_without_statistics_and_normalises_after_the_relu():
    convolve, (relu, normalise) = (block := Block(16, 4).eval()).steps[0], block.finish[0]
    nn.init.constant_(normalise.bias, -1.0)
    features = torch.randn(1, 16, 6, 6)
    plain = torch.relu(convolve(features)) - 1
    torch.testing.assert_close(normalise(relu(convolve(features))), plain, rtol=1e-4, atol=1e-4)


def test_pyramid_pooling_of_an_even_field_is_even_and_keeps_its_size():
    layer, even = PyramidPooling(4), torch.randn(1, 4, 1, 1).expand(1, 4, 5, 9)
    pooled = layer(even)
    assert pooled.shape == even.shape
    torch.testing.assert_close(pooled, pooled[..., :1, :1].expand_as(pooled))
    assert (pooled >= 0).all()
