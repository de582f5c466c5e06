"""The CSANet-style network: its counts, and what its two kinds of attention do and can see."""

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from crispnet.model.csanet import ChannelAttention, CSANet, DoubleAttention, csanet, spatial_attention

KNOWN_PARAMETERS, KNOWN_MULTIPLICATIONS = 0.140e6, 6.09e9  # of the only public re-implementation


def tiny(**options: int) -> CSANet:
    torch.manual_seed(0)
    return csanet(**{"width": 8} | options)


def double_attention(channels: int = 6) -> DoubleAttention:
    torch.manual_seed(0)
    return DoubleAttention(channels)


@pytest.fixture
def packed() -> Tensor:
    return torch.rand(2, 4, 20, 26, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def scene() -> Tensor:
    return torch.zeros(2, 0)


def test_parameters_and_multiplications_are_those_known():
    with FakeTensorMode(), FlopCounterMode(display=False) as counter:  # nothing is computed
        isp = csanet()
        isp.render(torch.empty(1, 4, 184, 240), torch.empty(1, 0))
    count = sum(parameter.numel() for parameter in isp.parameters())
    assert count == 140_416
    assert count == pytest.approx(KNOWN_PARAMETERS, rel=0.005)
    assert counter.get_total_flops() / 2 == pytest.approx(KNOWN_MULTIPLICATIONS, rel=0.002)


@pytest.mark.parametrize("size", [(23, 30), (1, 1), (2, 9), (4, 3)])
def test_any_size_gives_two_by_two_pixels_for_each_packed_one(size):
    pixels = tiny().render(torch.rand(2, 4, *size), torch.zeros(2, 0))
    assert pixels.shape == (2, 3, 2 * size[0], 2 * size[1])
    assert 0 < pixels.min() < pixels.max() < 1


def test_forward_is_to_see_and_then_to_render_the_same_each_time(photographs):
    isp = tiny().eval()
    seen = photographs("csanet")
    scene = isp.scene(*seen[1:])
    assert scene.shape == (2, 0)
    assert isp.reads == ()
    assert torch.equal(isp(*seen), isp.render(seen[0], scene))
    assert torch.equal(isp(*seen), isp(*seen))
    assert torch.equal(isp.pictures(seen[0], scene)[0], isp(*seen))


def test_a_gradient_reaches_every_parameter(packed, scene):
    isp = tiny()
    isp.render(packed, scene).square().mean().backward()
    silent = [name for name, value in isp.named_parameters() if value.grad is None or not value.grad.abs().max() > 0]
    assert silent == []


def test_one_packed_pixel_is_felt_everywhere_but_in_other_patches(packed, scene):
    isp, packed = tiny().double(), packed.double()
    touched = packed.clone()
    touched[0, :, 0, 0] += 0.5
    changed = (isp.render(touched, scene) != isp.render(packed, scene)).any(dim=1)
    assert changed[0].float().mean() > 0.99
    assert not changed[1].any()
    assert isp.halo is None


def test_exposure_and_black_level_are_normalised_away(packed, scene):
    isp, packed = tiny().double(), packed.double() * 100  # far from the eps of the normalisation
    pixels = isp.render(packed, scene)
    torch.testing.assert_close(isp.render(7 * packed + 3, scene), pixels, rtol=0, atol=1e-5)
    unbalanced = packed * torch.tensor([2.0, 1.0, 1.0, 1.0])[:, None, None]
    assert (isp.render(unbalanced, scene) - pixels).abs().max() > 1e-3


def test_the_skip_and_the_deep_part_are_both_read(packed, scene):
    isp = tiny()
    pixels = isp.render(packed, scene)
    for own in (slice(0, 16), slice(16, 24)):  # 2n maps of the deep part, then n of the skip
        silenced = tiny()
        with torch.no_grad():
            silenced.last[0].weight[own] = 0
        assert not torch.equal(silenced.render(packed, scene), pixels)


def test_a_module_of_attention_is_a_residual():
    attend = double_attention()
    features = torch.rand(2, 6, 7, 9)
    assert not torch.equal(attend(features), features)
    for parameter in attend.join.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(attend(features), features)


@pytest.mark.parametrize("shut", ["channels", "places"])
def test_either_attention_can_turn_off_what_it_attends_to(shut):
    attend = double_attention()
    last = attend.channels.shared[-1] if shut == "channels" else attend.places[-2]
    nn.init.constant_(last.bias, -60.0)
    features = torch.rand(2, 6, 7, 9)
    half = slice(0, 6) if shut == "channels" else slice(6, 12)
    before = attend(features)
    with torch.no_grad():
        attend.join.weight[:, half] *= 2  # of nothing
    torch.testing.assert_close(attend(features), before)
    with torch.no_grad():
        attend.join.weight *= 2
    assert (attend(features) - before).abs().max() > 1e-3


def test_channel_attention_sees_values_and_not_places():
    torch.manual_seed(0)
    attention = ChannelAttention(6)
    features = torch.rand(2, 6, 5, 7)
    weights = attention(features)
    assert weights.shape == (2, 6, 1, 1)
    assert 0 < weights.min() < weights.max() < 1
    shuffled = features.flatten(2)[..., torch.randperm(35)].reshape(features.shape)
    torch.testing.assert_close(attention(shuffled), weights)


def test_channel_attention_reads_means_and_maxima_by_the_same_layers():
    torch.manual_seed(0)
    attention = ChannelAttention(6)
    first, _, second = attention.shared
    features = torch.rand(2, 6, 5, 7)

    def passed(pooled: Tensor) -> Tensor:
        hidden = functional.relu(pooled @ first.weight[..., 0, 0].T + first.bias)
        return hidden @ second.weight[..., 0, 0].T + second.bias

    expected = torch.sigmoid(passed(features.mean(dim=(2, 3))) + passed(features.flatten(2).max(dim=2).values))
    torch.testing.assert_close(attention(features)[..., 0, 0], expected)


def test_spatial_attention_sees_every_other_pixel_of_nine():
    torch.manual_seed(0)
    attention = spatial_attention(3)
    for parameter in attention.parameters():
        nn.init.constant_(parameter, 0.01)  # so that nothing is cut off
    features = torch.zeros(1, 3, 15, 17)
    touched = features.clone()
    touched[0, 0, 7, 8] = 1.0
    rows, columns = (attention(touched) != attention(features))[0].any(dim=0).nonzero(as_tuple=True)
    assert sorted(set(rows.tolist())) == [3, 5, 7, 9, 11]
    assert sorted(set(columns.tolist())) == [4, 6, 8, 10, 12]


def test_half_the_bits_give_nearly_the_same_picture(packed, scene):
    isp = tiny().eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        coarse = isp.render(packed, scene)
    fine = isp.render(packed, scene)
    assert coarse.dtype == torch.float32
    assert (coarse - fine).abs().mean() < 0.05 * fine.std()


def test_it_learns(packed):
    isp = tiny(width=12)
    packed = functional.interpolate(packed[:1, :, :4, :6], (24, 32), mode="bilinear")
    target = functional.interpolate(packed[:, [2, 1, 0]], scale_factor=2, mode="bilinear") ** 0.5
    steps = torch.optim.Adam(isp.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = functional.mse_loss(isp.render(packed, torch.zeros(1, 0)), target)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10


def test_in_half_the_bits_the_gradient_of_every_weight_is_right():
    # Dilated depthwise convolutions had a wrong one, and crashed, in bf16 with channels last (oneDNN in torch 2.13).
    def gradients(enabled):
        torch.manual_seed(0)
        isp = csanet(width=16).to(memory_format=torch.channels_last)
        packed = torch.rand(1, 4, 32, 32).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            rendered = isp.render(packed, torch.zeros(1, 0))
        rendered.float().square().mean().backward()
        return {name: parameter.grad for name, parameter in isp.named_parameters() if parameter.ndim == 4}

    fine = gradients(enabled=False)
    for name, gradient in gradients(enabled=True).items():
        assert (gradient - fine[name]).norm() < 0.15 * fine[name].norm(), name
