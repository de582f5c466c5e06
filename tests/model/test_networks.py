"""Every network of the catalogue: the contract, its beginning, and that it learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from crispnet.errors import RunError
from crispnet.model import catalogue
from crispnet.model.catalogue import MODELS, build
from crispnet.model.crispnet import CRISPnet, wb_branch

AWNET, AWNET_DEMOSAICED = 49_071_019, 46_995_228
PARAMETERS = {
    "unet-residual": 26_639_212,
    "wb-branch": 26_649_804,
    "wb-level-1": 26_639_372,
    "wb-levels-1-3": 26_649_804,
    "wb-levels-1-4": 26_682_828,
    "wb-levels-1-5": 26_814_412,
    "classification-cnn": 28_080_364,
    "crispnet": 29_671_476,
    "canonical": 5_750_825,
    "preprocess-wb": 26_639_212,
    "awnet": AWNET,
    "awnet-preprocess-wb": AWNET,
    "awnet-demosaiced": AWNET_DEMOSAICED,
    "awnet-ensemble": AWNET + AWNET_DEMOSAICED,
    "pynet": 47_541_298,
    "pynet-ca": 51_303_579,
    "csanet": 140_416,
    "deepisp": 629_790,
    "metaisp": 6_150_369,
}
FLAT_AT_FIRST = {"pynet": 0.1}  # a picture of nearly one grey: its own spread is no measure of errors
NOT_AT_ONCE = {
    "canonical": ("eye.", "hidden.", "reconstruction."),  # behind heads whose weights begin as 0
    "classification-cnn": ("semantics.eye.",),
    "crispnet": ("semantics.eye.",),
    "metaisp": ("semantics.eye.",),
}
LEVELS = {"pynet": range(6), "pynet-ca": range(6)}  # what they learn, one after another
WITH_BRANCHES = ["wb-level-1", "wb-levels-1-3", "wb-levels-1-5", "classification-cnn", "crispnet"]


def test_the_catalogue_is_as_listed():
    assert set(MODELS) == set(PARAMETERS)


@pytest.mark.parametrize("name", MODELS)
def test_the_number_of_parameters(name):
    assert sum(parameter.numel() for parameter in build(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", MODELS)
def test_forward_is_to_see_and_then_to_render(name, tiny, photographs):
    isp = tiny(name).eval()
    packed, thumbnail, metadata = photographs(name)
    scene = isp.scene(thumbnail, metadata)
    assert scene.ndim == 2
    assert len(scene) == 2
    assert torch.equal(isp(packed, thumbnail, metadata), isp.render(packed, scene))


@pytest.mark.parametrize("name", MODELS)
def test_photographs_of_a_batch_do_not_touch_each_other(name, tiny, photographs):
    isp = everything_speaks(tiny(name)).eval()
    packed, thumbnail, metadata = photographs(name)
    together = isp(packed, thumbnail, metadata)
    alone = isp(packed[1:], thumbnail[1:], type(metadata)(*(field[1:] for field in metadata)))
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_any_size_is_rendered(name, tiny, photographs):
    packed, thumbnail, metadata = photographs(name, size=(23, 30))
    assert tiny(name)(packed, thumbnail, metadata).shape == (2, 3, 46, 60)


@pytest.mark.parametrize("name", WITH_BRANCHES)
def test_branches_begin_without_a_say(name, tiny, photographs):
    isp, bare = tiny(name).eval(), tiny("unet-residual").eval()
    bare.reconstruction.load_state_dict(isp.reconstruction.state_dict())
    packed, thumbnail, metadata = photographs(name)
    expected = bare(packed, thumbnail, metadata)
    assert expected.std() > 0.01
    assert torch.equal(isp(packed, thumbnail, metadata), expected)


@pytest.mark.parametrize("name", MODELS)
def test_what_a_network_says_it_reads_is_what_it_reads(name, tiny, photographs):
    isp = everything_speaks(tiny(name)).eval()
    packed, thumbnail, metadata = photographs(name)
    pixels = isp(packed, thumbnail, metadata)
    for field, value in metadata._asdict().items():
        other = isp(packed, thumbnail, metadata._replace(**{field: value + 0.2}))
        assert torch.equal(other, pixels) == (field not in isp.reads), field


@pytest.mark.parametrize("name", MODELS)
def test_a_gradient_reaches_every_parameter(name, tiny, photographs):
    isp = tiny(name)
    untouched = without_gradient(name, isp, photographs(name))
    assert [parameter for parameter in untouched if not parameter.startswith(NOT_AT_ONCE.get(name, ("none",)))] == []
    assert without_gradient(name, everything_speaks(isp), photographs(name)) == []


@pytest.mark.parametrize("name", MODELS)
def test_the_first_picture_that_is_learned_by_is_the_rendering(name, tiny, photographs):
    isp = everything_speaks(tiny(name)).eval()
    packed, thumbnail, metadata = photographs(name, size=(32, 32))
    scene = isp.scene(thumbnail, metadata)
    first, *smaller = isp.pictures(packed, scene)
    assert torch.equal(first, isp.render(packed, scene))
    assert all(picture.shape[-1] <= first.shape[-1] for picture in smaller)


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith(("pynet", "awnet"))])
def test_networks_that_learn_at_one_size_say_so(name, tiny, photographs):
    packed, thumbnail, metadata = photographs(name)
    isp = tiny(name)
    with pytest.raises(ValueError, match="expected finest 0"):
        isp.pictures(packed, isp.scene(thumbnail, metadata), finest=1)


def everything_speaks(isp: nn.Module) -> nn.Module:
    """Move weights away from the zeros and ones that they begin as."""
    chance = torch.Generator().manual_seed(5)
    for parameter in isp.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=chance)
    return isp


def without_gradient(name, isp, seen) -> list[str]:
    packed, thumbnail, metadata = seen
    isp.zero_grad()
    scene = isp.scene(thumbnail, metadata)
    pictures = [each for level in LEVELS.get(name, [0]) for each in isp.pictures(packed, scene, finest=level)]
    torch.stack([picture.square().mean() for picture in pictures]).sum().backward()
    gradients = {name: parameter.grad for name, parameter in isp.named_parameters()}
    return [name for name, gradient in gradients.items() if gradient is None or not gradient.abs().max() > 0]


@pytest.mark.parametrize("name", ["crispnet", "canonical"])
def test_a_tile_with_its_halo_equals_the_whole(name, tiny, photographs):
    isp = everything_speaks(tiny(name, widths=(3, 4, 5), blocks=1)).eval()
    halo, height, width = isp.halo, 16, 48
    packed, thumbnail, metadata = photographs(name, count=1, size=(height + 2 * halo, width + 3 * halo))
    scene = isp.scene(thumbnail, metadata)
    whole = isp.render(packed, scene)[..., 2 * halo : 2 * (halo + height), 4 * halo : 4 * halo + 2 * width]
    tile = isp.render(packed[..., halo : 3 * halo + width], scene)
    cut = tile[..., 2 * halo : 2 * (halo + height), 2 * halo : -2 * halo]
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_half_the_bits_give_nearly_the_same_picture(name, tiny, photographs):
    isp = everything_speaks(tiny(name)).eval()
    seen = photographs(name)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        coarse = isp(*seen)
    fine = isp(*seen)
    assert coarse.dtype == torch.float32
    spread = fine.std() if name not in FLAT_AT_FIRST else FLAT_AT_FIRST[name]
    assert (coarse - fine).abs().mean() < 0.05 * spread


@pytest.mark.parametrize(("name", "rate"), [("unet-residual", 5e-3), ("crispnet", 5e-3), ("canonical", 2e-3)])
def test_one_scene_can_be_learnt_by_heart(name, rate, tiny, photographs):
    isp = tiny(name, widths=(12, 16, 24), blocks=1)
    packed, thumbnail, metadata = photographs(name, count=1, size=(4, 6))
    packed = functional.interpolate(packed, (24, 32), mode="bilinear")
    colours = torch.stack((packed[:, 0], packed[:, 1], 0.5 * packed[:, 2]), dim=1)
    target = functional.interpolate(colours, scale_factor=2, mode="bilinear") ** 0.4
    steps = torch.optim.Adam(isp.parameters(), lr=rate)
    losses = []
    for _ in range(70):
        loss = functional.mse_loss(isp(packed, thumbnail, metadata), target)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert losses[-1] < target.var() / 4  # the best picture of one grey leaves all of it


@pytest.mark.parametrize("levels", range(6))
def test_any_number_of_levels_can_be_balanced(levels, tiny, photographs):
    isp = tiny("wb-branch", levels=levels)
    packed, thumbnail, metadata = photographs("wb-branch")
    assert isp.scene(thumbnail, metadata).shape == (2, sum(isp.reconstruction.widths[:levels]))
    assert isp(packed, thumbnail, metadata).isfinite().all()


def test_there_are_no_more_levels_than_the_unet_has():
    with pytest.raises(ValueError, match="expected 0 to 3 levels, got 4"):
        wb_branch(levels=4, widths=(4, 5, 6))


@pytest.mark.parametrize(("name", "options"), [("crisp", {}), ("crispnet", {"width": 3}), ("wb-branch", {"levels": 9})])
def test_a_network_that_cannot_be_built_is_refused(name, options):
    with pytest.raises(RunError, match=r"needed\. .*Correct"):
        build(name, **options)


def test_options_may_come_from_json(tiny):
    from_json = build("crispnet", widths=[6, 8, 10, 12, 16], blocks=1, dim=16, depth=2)
    assert isinstance(from_json, CRISPnet)
    assert from_json.state_dict().keys() == tiny("crispnet").state_dict().keys()


def test_weights_lie_as_convolutions_read_them():
    weight = catalogue.build("unet-residual", widths=(4, 8)).reconstruction.blocks[0].first.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
