"""DeepISP: its counts, how far its parts see, and its quadratic transform."""

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from crispnet.colour import encode_srgb
from crispnet.model.deepisp import DeepISP, deepisp, least, quadratic, transformed
from crispnet.model.demosaic import bilinear

KNOWN_PARAMETERS, KNOWN_MULTIPLICATIONS = 0.630e6, 93.1e9  # of the known re-implementation
TINY = {"width": 8, "blocks": 3, "depth": 2}


def tiny(**options: int) -> DeepISP:
    torch.manual_seed(0)
    return deepisp(**TINY | options)


def without_high_level(isp: DeepISP) -> DeepISP:
    torch.nn.init.zeros_(isp.dense.weight)
    return isp


def linear(isp: DeepISP) -> DeepISP:
    """Take away the encoding: the transform is the identity, and gives linear values in [0, 1]."""
    isp.usual.zero_()
    isp.usual[[0, 1, 2], [0, 1, 2]] = 1.0
    isp.usual[-1] = 0.5
    return without_high_level(isp)


@pytest.fixture
def packed() -> torch.Tensor:
    return torch.rand(2, 4, 24, 26, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def scene() -> torch.Tensor:
    return torch.zeros(2, 0)


def test_parameters_and_multiplications_are_those_known():
    with FakeTensorMode(), FlopCounterMode(display=False) as counter:  # nothing is computed
        isp = deepisp()
        isp.render(torch.empty(1, 4, 184, 240), torch.empty(1, 0))
    count = sum(parameter.numel() for parameter in isp.parameters())
    assert count == 629_790
    assert count == pytest.approx(KNOWN_PARAMETERS, rel=0.005)
    assert counter.get_total_flops() / 2 == pytest.approx(KNOWN_MULTIPLICATIONS, rel=0.001)


@pytest.mark.parametrize("size", [(23, 30), (1, 1), (9, 2), (11, 10)])
@pytest.mark.parametrize("depth", [1, 3])
def test_any_size_gives_two_by_two_pixels_for_each_packed_one(size, depth):
    pixels = tiny(depth=depth).render(torch.rand(2, 4, *size), torch.zeros(2, 0))
    assert pixels.shape == (2, 3, 2 * size[0], 2 * size[1])
    assert pixels.isfinite().all()


@pytest.mark.parametrize("depth", range(1, 4))
def test_the_least_size_is_the_least(depth):
    eye, size = tiny(depth=depth).eye, least(depth)
    assert eye(torch.rand(1, 5, size, size)).shape[-2:] == (1, 1)
    with pytest.raises(RuntimeError, match="size"):
        eye(torch.rand(1, 5, size - 1, size - 1))


def test_forward_is_to_see_and_then_to_render_the_same_each_time(photographs):
    isp = tiny().eval()
    seen = photographs("deepisp")
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


def test_patches_of_a_batch_do_not_touch_each_other(packed, scene):
    isp = tiny()
    torch.testing.assert_close(isp.render(packed, scene)[1:], isp.render(packed[1:], scene[1:]))


def test_low_level_blocks_see_their_neighbourhood_and_the_high_level_all(packed, scene):
    isp = tiny().double()
    packed = packed.double()
    touched = packed.clone()
    touched[0, :, 0, 0] += 20  # more than a maximum elsewhere

    def changed() -> torch.Tensor:
        return (isp.render(touched, scene) != isp.render(packed, scene)).any(dim=1)

    assert changed()[0].float().mean() > 0.99
    assert not changed()[1].any()
    without_high_level(isp)
    reach = 1 + 1 + 3  # the far side of the packed pixel, bilinear demosaicking, one for each of three blocks
    assert changed()[0].nonzero().amax(dim=0).tolist() == [reach, reach]


def test_no_block_changes_a_value_by_more_than_a_tenth(packed, scene):
    isp = linear(tiny())
    before = bilinear(packed)
    assert 0.05 < (isp.render(packed, scene) - before).abs().max() <= 0.3
    for block in isp.blocks:
        torch.nn.init.zeros_(block.weight[:3])
        torch.nn.init.constant_(block.bias[:3], 99.0)
    torch.testing.assert_close(isp.render(packed, scene), before + 0.3)
    for block in isp.blocks:
        torch.nn.init.zeros_(block.bias[:3])
    torch.testing.assert_close(isp.render(packed, scene), before)


def test_every_block_but_the_first_reads_the_image_as_amended(packed):
    isp = tiny()
    image = bilinear(packed) - 0.5
    for parameter in isp.blocks.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(isp.blocks[0].bias, 0.2)
    with torch.no_grad():
        isp.blocks[1].weight[3, -3, 1, 1] = 1.0  # the red of the image, as the second block's first feature
        isp.blocks[2].weight[3, 0, 1, 1] = 1.0  # which the third hands on
    _, features = isp.amended(image)
    torch.testing.assert_close(features[:, 0], functional.relu(image[:, 0] + 0.1 * np.tanh(0.2)))


def test_the_usual_transform_is_the_quadratic_nearest_to_srgb():
    linear = np.linspace(0, 1, 10_001)
    weights = np.polyfit(linear - 0.5, encode_srgb(linear), 2)
    greys = torch.from_numpy(linear - 0.5).float().expand(1, 3, 1, -1)
    usual = transformed(quadratic(greys), tiny().usual[None])[0, :, 0].numpy()
    np.testing.assert_allclose(usual, np.tile(np.polyval(weights, linear - 0.5), (3, 1)), atol=2e-4)


def test_the_transform_weighs_values_products_and_one():
    chance = np.random.default_rng(3)
    image, matrix = chance.random((2, 3, 4, 5)), chance.random((2, 10, 3))
    expected = np.empty((2, 3, 4, 5))
    for photograph, row, column in np.ndindex(2, 4, 5):
        red, green, blue = image[photograph, :, row, column]
        terms = [red, green, blue, red**2, red * green, red * blue, green**2, green * blue, blue**2, 1]
        expected[photograph, :, row, column] = np.array(terms) @ matrix[photograph]
    result = transformed(quadratic(torch.from_numpy(image)), torch.from_numpy(matrix))
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)


def test_half_the_bits_give_nearly_the_same_picture(packed, scene):
    isp = tiny().eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        coarse = isp.render(packed, scene)
    fine = isp.render(packed, scene)
    assert coarse.dtype == torch.float32
    assert (coarse - fine).abs().mean() < 0.02 * fine.std()


@pytest.mark.parametrize("options", [{"width": 3}, {"blocks": 0}, {"depth": 0}], ids=str)
def test_a_network_without_one_of_its_parts_is_refused(options):
    with pytest.raises(ValueError, match="expected a width above 3, blocks and depth"):
        tiny(**options)


def test_it_learns():
    isp = tiny(width=16)
    packed = functional.interpolate(torch.rand(1, 4, 4, 6, generator=torch.Generator().manual_seed(2)), (24, 32))
    target = (0.8 * bilinear(packed) + 0.1).flip(1)
    steps = torch.optim.Adam(isp.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = functional.mse_loss(isp.render(packed, torch.zeros(1, 0)), target)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
