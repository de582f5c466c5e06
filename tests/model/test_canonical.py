"""The network of the shipped look: before training it is a plain rendering, whatever the camera."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import pixel_shuffle

from crispnet.colour import encode_srgb
from crispnet.model.canonical import TYPICAL, UNLIKE, camera_facts, tone
from crispnet.model.contract import Metadata
from crispnet.model.pointwise import KNOTS, LOSING, LOST, curved, details, mixed, phases, product, weighed, whitened

CAMERA = torch.tensor([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.6, 1.6]])  # to linear sRGB; rows sum to 1
LIGHT = torch.tensor([2.0, 1.0, 1.6, 1.0])


def shot(linear: torch.Tensor, *, light=LIGHT, camera=CAMERA, brightness=1.0, exposure=0.0):
    """What a camera makes of a scene of one colour, (3,) linear sRGB: packed, thumbnail, metadata."""
    balanced = torch.linalg.solve(camera, linear) * brightness
    planes = balanced[[0, 1, 2, 1]] / light
    packed = planes[None, :, None, None].expand(1, 4, 16, 16)
    thumbnail = planes[:3][None, :, None, None].expand(1, 3, 32, 48)
    return packed, thumbnail, Metadata(light[None], camera[None], torch.tensor([exposure]))


def held(linear: np.ndarray) -> np.ndarray:
    """The shoulder of the untrained curve, from its definition."""
    return np.where(linear < 0.3, linear, 1 - 0.7 * np.exp(-(linear - 0.3) / 0.7))


def test_before_training_it_is_the_matrix_the_exposure_and_the_curve(tiny):
    colour = torch.tensor([0.3, 0.2, 0.12])
    pixels = tiny("canonical").eval()(*shot(colour))
    luminance = colour @ torch.tensor([0.2126, 0.7152, 0.0722])
    expected = encode_srgb(held((colour * 0.18 / luminance).double().numpy()))
    assert (pixels.amax(dim=(2, 3)) - pixels.amin(dim=(2, 3))).max() < 1e-6
    np.testing.assert_allclose(pixels[0, :, 0, 0].detach().numpy(), expected, atol=0.006)


@pytest.mark.parametrize(
    "other",
    [
        {"light": torch.tensor([1.3, 1.0, 2.4, 1.0])},
        {"camera": torch.tensor([[1.2, -0.1, -0.1], [-0.3, 1.4, -0.1], [0.1, -0.4, 1.3]])},
        {"brightness": 0.25},
    ],
    ids=["light", "camera", "brightness"],
)
def test_before_training_no_light_no_camera_and_no_exposure_shows(other, tiny):
    isp = tiny("canonical").eval()
    colour = torch.tensor([0.3, 0.2, 0.12])
    torch.testing.assert_close(isp(*shot(colour, **other)), isp(*shot(colour)), rtol=0, atol=1e-4)


def test_the_users_exposure_is_added_to_what_the_network_sees_fit(tiny, photographs):
    isp = tiny("canonical").eval()
    torch.nn.init.normal_(isp.head.weight, std=0.05, generator=torch.Generator().manual_seed(6))
    _, thumbnail, metadata = photographs("canonical")
    found = isp.scene(thumbnail, metadata)
    brighter = isp.scene(thumbnail, metadata._replace(exposure=torch.ones(2)))
    gain_and_matrix = slice(4, 14)
    torch.testing.assert_close(brighter[:, gain_and_matrix], 2 * found[:, gain_and_matrix])
    assert torch.equal(brighter[:, :4], found[:, :4])
    assert torch.equal(brighter[:, 14:], found[:, 14:])


def test_clipped_light_stays_white(tiny):
    packed = torch.ones(1, 4, 16, 16)  # saturated, so far too red and blue once balanced
    metadata = Metadata(LIGHT[None], CAMERA[None], torch.zeros(1))
    pixels = tiny("canonical").eval()(packed, torch.full((1, 3, 32, 48), 0.1), metadata)
    assert pixels.amax() - pixels.amin() < 1e-5
    assert pixels.amin() > 0.8


def test_gradients_are_finite_on_black_and_on_white(tiny, photographs):
    isp = tiny("canonical")
    _, thumbnail, metadata = photographs("canonical")
    for value in (0.0, -0.01, 1.0):
        isp.zero_grad()
        isp(torch.full((2, 4, 16, 16), value), thumbnail, metadata).square().sum().backward()
        assert all(parameter.grad.isfinite().all() for parameter in isp.parameters() if parameter.grad is not None)


def test_the_untrained_curve_is_srgb_below_its_shoulder_and_flat_above_one():
    linear = np.geomspace(1e-3, 50, 400)
    curve = curved(torch.from_numpy(linear ** (1 / 2.2)).expand(1, 3, 1, -1), tone().double()[None])[0, 0, 0].numpy()
    assert np.abs(curve - encode_srgb(held(linear))).max() < 0.008
    assert np.diff(curve).min() > -1e-5


def test_a_hinge_bends_the_curve_at_its_knot_only():
    slopes = torch.zeros(1, len(KNOTS))
    slopes[0, 3] = 2.0
    values = torch.tensor([-1.0, 0.0, KNOTS[3], KNOTS[3] + 0.5]).expand(1, 3, 1, -1)
    torch.testing.assert_close(curved(values, slopes)[0, 1, 0], torch.tensor([0.0, 0.0, 0.0, 1.0]))


def test_matrices_written_out_are_matrix_products():
    chance = torch.Generator().manual_seed(7)
    left, right = torch.rand(2, 5, 3, 3, generator=chance)
    colours = torch.rand(5, 3, 4, 6, generator=chance)
    torch.testing.assert_close(product(left, right), left @ right)
    torch.testing.assert_close(mixed(left, colours), torch.einsum("bij,bjyx->biyx", left, colours))


def test_enlarging_is_bilinear():
    planes = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(pixel_shuffle(phases(planes), 2), expected, atol=1e-6)


def mosaic_of(planes: torch.Tensor) -> torch.Tensor:
    """Lay (b, 4, h, w) planes R, G, B, G as a mosaic, (b, 1, 2h, 2w)."""
    return torch.nn.functional.pixel_shuffle(planes[:, [0, 1, 3, 2]], 2)


def test_what_is_enlarged_and_its_details_are_the_mosaic():
    planes = torch.rand(2, 4, 5, 7, generator=torch.Generator().manual_seed(2))
    red, green, blue, other_green = planes.unbind(1)
    enlarged = pixel_shuffle(phases(torch.stack((red, (green + other_green) / 2, blue), dim=1)), 2)
    sites = torch.zeros(3, 10, 14)
    for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        sites[colour, row::2, column::2] = 1
    own = torch.nn.functional.pixel_shuffle(details(planes)[:, 0], 2)
    torch.testing.assert_close((enlarged * sites).sum(dim=1, keepdim=True) + own, mosaic_of(planes))


def test_the_other_details_are_means_of_neighbours():
    found = details(torch.rand(2, 4, 5, 7, generator=torch.Generator().manual_seed(3)))
    own, across, down = (torch.nn.functional.pixel_shuffle(planes, 2) for planes in found.unbind(1))
    torch.testing.assert_close(across[..., 1:-1], (own[..., :-2] + own[..., 2:]) / 2)
    torch.testing.assert_close(down[..., 1:-1, :], (own[..., :-2, :] + own[..., 2:, :]) / 2)


def test_each_colour_weighs_details_for_itself():
    chance = torch.Generator().manual_seed(4)
    planes, weights = torch.rand(2, 3, 4, 5, 7, generator=chance), torch.rand(2, 9, 5, 7, generator=chance)
    expected = torch.einsum("bkcyx,bksyx->bcsyx", weights.unflatten(1, (3, 3)), planes).flatten(1, 2)
    torch.testing.assert_close(weighed(planes, weights), expected)


def test_light_that_is_clipped_everywhere_has_no_colour_and_all_other_keeps_its_own():
    maps = torch.rand(2, 12, 3, 4, generator=torch.Generator().manual_seed(3))
    packed = torch.full((2, 4, 3, 4), LOST)
    white = whitened(maps, packed).unflatten(1, (3, 4))
    torch.testing.assert_close(white, maps.unflatten(1, (3, 4)).amax(dim=1, keepdim=True).expand_as(white))
    for photosite in range(4):  # one that is not clipped says what colour it was
        packed = torch.ones(2, 4, 3, 4)
        packed[:, photosite] = LOSING
        torch.testing.assert_close(whitened(maps, packed), maps)


def test_whatever_it_learns_clipped_light_is_white(tiny):
    isp = tiny("canonical").eval()
    for parameter in isp.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    packed = torch.rand(1, 4, 16, 16)
    packed[..., 4:8, 4:8] = 1.0
    scene = isp.scene(*shot(torch.tensor([0.3, 0.2, 0.12]))[1:])
    picture = isp.render(packed, scene)[0, :, 8:16, 8:16]
    assert isp.render(packed, scene).std(dim=1).mean() > 0.01
    assert (picture.amax(dim=0) - picture.amin(dim=0)).max() < 1e-3 * picture.abs().max()


def test_no_camera_is_far_from_the_others():
    usual = torch.tensor(TYPICAL)[None]
    torch.testing.assert_close(camera_facts(usual), torch.zeros(1, 9))
    assert camera_facts(usual + UNLIKE)[0].tolist() == pytest.approx([math.tanh(1)] * 9)
    assert camera_facts(1e6 * torch.eye(3)[None]).abs().max() <= 1
