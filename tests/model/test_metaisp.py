"""MetaISP for one device: sizes, what reaches what, and its gate against torch's own attention."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from crispnet.model import catalogue, checkpoint
from crispnet.model.metaisp import Gate, Group, MetaISP, located, metaisp

TINY = {"widths": (8, 12), "dim": 16, "depth": 1}
PUBLISHED = 6_257_000
EMBEDDING = 3 * 128 + (128 * 512 + 512) + 2 * (128 * 64 + 64)  # of the devices, and its linear layers


def tiny() -> MetaISP:
    torch.manual_seed(0)
    return metaisp(**TINY)


@pytest.fixture
def seen(photographs):
    return photographs("metaisp", size=(16, 24))


def everything_speaks(isp: MetaISP) -> MetaISP:
    """Move weights away from the zeros and ones that they begin as."""
    chance = torch.Generator().manual_seed(5)
    for parameter in isp.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=chance)
    return isp


def test_the_number_of_parameters_is_the_published_one_less_the_device_embedding():
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in metaisp().parameters())
    assert count == 6_150_369
    assert count == pytest.approx(PUBLISHED - EMBEDDING, rel=0.005)


@pytest.mark.parametrize("size", [(16, 24), (23, 30), (1, 1), (9, 2)])
def test_any_size_gives_two_by_two_pixels_for_each_packed_one(size, photographs):
    packed, thumbnail, metadata = photographs("metaisp", size=size)
    assert tiny()(packed, thumbnail, metadata).shape == (2, 3, 2 * size[0], 2 * size[1])


def test_forward_is_to_see_and_then_to_render_the_same_each_time(seen):
    isp = everything_speaks(tiny()).eval()
    packed, thumbnail, metadata = seen
    scene = isp.scene(thumbnail, metadata)
    assert scene.shape == (2, 4 + 8 + 48)
    assert torch.equal(isp(*seen), isp.render(packed, scene))
    assert torch.equal(isp(*seen), isp(*seen))


def test_a_scene_begins_as_ones(seen):
    assert torch.equal(tiny().scene(*seen[1:]), torch.ones(2, 60))


def test_a_gradient_reaches_every_parameter(seen):
    isp = everything_speaks(tiny())
    isp(*seen).square().mean().backward()
    silent = [name for name, value in isp.named_parameters() if value.grad is None or not value.grad.abs().max() > 0]
    assert silent == []


def test_white_balance_is_all_it_reads_beside_pixels(seen):
    isp = everything_speaks(tiny()).eval()
    packed, thumbnail, metadata = seen
    pixels = isp(*seen)
    for field, value in metadata._asdict().items():
        other = isp(packed, thumbnail, metadata._replace(**{field: value + 0.2}))
        assert torch.equal(other, pixels) == (field != "white_balance"), field


def test_photographs_of_a_batch_do_not_touch_each_other(seen):
    isp = everything_speaks(tiny()).eval()
    packed, thumbnail, metadata = seen
    alone = isp(packed[1:], thumbnail[1:], type(metadata)(*(field[1:] for field in metadata)))
    torch.testing.assert_close(isp(*seen)[1:], alone, rtol=1e-4, atol=1e-5)


def test_white_balance_multiplies_companded_planes(seen):
    isp = tiny().eval()
    packed, scene = seen[0] + 0.05, isp.scene(*seen[1:])
    balance = torch.tensor([1.5, 1.0, 0.7, 1.2])
    balanced = torch.cat((balance.expand(2, 4), scene[:, 4:]), dim=1)
    brighter = packed * balance[:, None, None] ** 2.2
    torch.testing.assert_close(isp.render(packed, balanced), isp.render(brighter, scene), rtol=1e-4, atol=1e-5)


def test_white_balance_multiplies_what_the_head_makes(seen):
    isp = tiny().eval()
    packed, scene = seen[0], isp.scene(*seen[1:])
    tinted = torch.cat((scene[:, :4], 1.5 * scene[:, 4:12], scene[:, 12:]), dim=1)
    expected = isp.render(packed, tinted)
    isp.head.weight.data *= 1.5  # its bias is 0
    torch.testing.assert_close(isp.render(packed, scene), expected, rtol=1e-4, atol=1e-5)


def test_semantics_multiply_all_that_passes_the_middle(seen):
    isp, other = tiny().eval(), tiny().eval()
    for part in (other.down[2], other.middle):
        everything_speaks(part)
    packed, scene = seen[0], isp.scene(*seen[1:])
    silenced = torch.cat((scene[:, :12], torch.zeros(2, 48)), dim=1)
    assert not torch.allclose(isp.render(packed, scene), other.render(packed, scene))
    assert torch.equal(isp.render(packed, silenced), other.render(packed, silenced))


def test_every_pixel_is_felt_everywhere_through_the_gates_alone():
    isp = everything_speaks(tiny()).eval()
    dark = torch.full((1, 4, 8, 320), 0.2)
    lit = dark.clone()
    lit[..., :8] = 1
    pictures = [isp.render(packed, torch.ones(1, 60))[..., -8:] for packed in (dark, lit)]
    assert isp.halo is None
    assert (pictures[1] - pictures[0]).abs().max() > 1e-4
    without_gates(isp)
    pictures = [isp.render(packed, torch.ones(1, 60))[..., -8:] for packed in (dark, lit)]
    assert torch.equal(*pictures)


def test_where_a_pixel_lies_is_known_by_its_coordinates():
    isp = without_gates(everything_speaks(tiny())).eval()
    flat, places = torch.full((1, 4, 8, 320), 0.2), [2 * 144, 2 * 176]  # far from edges, first of their Haar cells
    picture = isp.render(flat, torch.ones(1, 60))[..., places]
    assert (picture[..., 0] - picture[..., 1]).abs().max() > 1e-3
    isp.down[0][0].weight.data[:, -2:] = 0
    picture = isp.render(flat, torch.ones(1, 60))[..., places]
    torch.testing.assert_close(picture[..., 0], picture[..., 1])


def without_gates(isp: MetaISP) -> MetaISP:
    for part in isp.modules():
        if isinstance(part, Group):
            part.gate = nn.Identity()
    return isp


def test_coordinates_run_from_edge_to_edge():
    _, down, across = located(torch.zeros(2, 1, 3, 5)).unbind(1)
    assert torch.equal(down[1, :, 0], torch.tensor([-1.0, 0.0, 1.0]))
    assert torch.equal(across[1, 0], torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0]))
    assert torch.equal(down[0], down[0, :, :1].expand(3, 5))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_query_attends_as_in_torch(heads):
    torch.manual_seed(1)
    gate = Gate(8, heads)
    reference = nn.MultiheadAttention(8, heads, batch_first=True)
    reference.in_proj_weight.data = torch.cat((gate.ask.weight, gate.key_value.weight)).detach()
    reference.in_proj_bias.data = torch.cat((gate.ask.bias, gate.key_value.bias)).detach()
    reference.out_proj.load_state_dict(gate.project.state_dict())
    tokens = 3 * torch.randn(2, 15, 8)
    expected, _ = reference(gate.query.expand(2, 1, 8), tokens, tokens)
    torch.testing.assert_close(gate.found(tokens), expected)


def test_a_gate_multiplies_features_by_what_no_scale_of_them_changes():
    torch.manual_seed(1)
    gate = Gate(8, 2)
    for parameter in gate.positions.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(1, 8, 4, 6)
    torch.testing.assert_close(gate(3 * features), 3 * gate(features), rtol=1e-3, atol=1e-4)


def test_half_the_bits_give_nearly_the_same_picture(seen):
    isp = everything_speaks(tiny()).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        coarse = isp(*seen)
    fine = isp(*seen)
    assert coarse.dtype == torch.float32
    assert (coarse - fine).abs().mean() < 0.05 * fine.std()


def test_one_scene_can_be_learnt_by_heart(photographs):
    isp = tiny()
    packed, thumbnail, metadata = photographs("metaisp", count=1, size=(4, 6))
    packed = functional.interpolate(packed, (16, 24), mode="bilinear")
    colours = torch.stack((packed[:, 0], packed[:, 1], 0.5 * packed[:, 2]), dim=1)
    target = functional.interpolate(colours, scale_factor=2, mode="bilinear") ** 0.4
    steps = torch.optim.Adam(isp.parameters(), lr=5e-3)
    losses = []
    for _ in range(30):
        loss = functional.mse_loss(isp(packed, thumbnail, metadata), target)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10


def test_a_checkpoint_rebuilds_it(seen, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "MODELS", {**catalogue.MODELS, "metaisp": metaisp})
    isp = everything_speaks(catalogue.build("metaisp", **TINY)).eval()
    checkpoint.save("metaisp", TINY, isp.state_dict(), tmp_path / "last.safetensors")
    again, _ = checkpoint.load(tmp_path / "last.safetensors")
    assert torch.equal(again(*seen), isp(*seen))


@pytest.mark.parametrize("widths", [(6, 12), (8, 12, 16), (8,)])
def test_widths_that_heads_cannot_share_are_refused(widths):
    with pytest.raises(ValueError, match="expected two widths, the first a multiple of 4, got"):
        metaisp(widths=widths)
