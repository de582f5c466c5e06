"""Objectives: what they are by hand, and what every one of them must do."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, mse_loss

from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.errors import RunError
from crispnet.train.objectives import COMPARISONS, NAMES, OBJECTIVES, halvings, objective, shrunk
from crispnet.train.similarity import exponents, ms_ssim

PLAIN = ("mse", "l1", "charbonnier")
OF_COLOURS = ("delta-e",)
RESULT, TARGET = torch.tensor([[0.0, 0.5], [1.5, 0.25]]), torch.tensor([[0.0, 0.25], [1.0, 0.5]])


def pictures(seed=0, *, height=48, width=64):
    """Two targets of squares, with black, white and full colours among them, and results that miss them."""
    random = np.random.default_rng(seed)
    squares = random.uniform(0.05, 0.95, (2, 3, height // 8, width // 8))
    squares[0, :, 0, :4] = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1]]).T
    target = torch.tensor(np.kron(squares, np.ones((8, 8))), dtype=torch.float32)
    return target + torch.tensor(random.normal(0, 0.05, target.shape), dtype=torch.float32), target


def test_the_objectives_there_are():
    assert set(OBJECTIVES) == {*PLAIN, *OF_COLOURS, "awnet", "pynet", "pynet-ca", "csanet", "deepisp", "metaisp"}
    perceptual = {"awnet", "pynet", "pynet-ca", "csanet", "metaisp"}
    assert set(NAMES) == {*OBJECTIVES, *(f"{name}+perceptual" for name in perceptual)}


@pytest.mark.parametrize(
    ("name", "expected"), [("mse", 0.375 / 4), ("l1", 0.25), ("charbonnier", (0.25 + 0.5 + 0.25 - 3e-3) / 4)]
)
def test_by_hand(name, expected):
    assert float(OBJECTIVES[name]([RESULT], TARGET)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", PLAIN)
def test_the_gradient_leads_to_the_target_pixel_by_pixel(name):
    result = RESULT.clone().requires_grad_()
    OBJECTIVES[name]([result], TARGET).backward()
    assert torch.equal(result.grad.sign(), (RESULT - TARGET).sign())


def test_delta_e_is_that_of_reports():
    result, target = (picture.clamp(0, 1) for picture in pictures())
    expected = delta_e_76(*(srgb_to_lab(picture.numpy().transpose(0, 2, 3, 1)) for picture in (result, target)))
    found = 100 * float(OBJECTIVES["delta-e"]([result], target))
    assert expected.mean() - 0.3 <= found <= expected.mean()


# What every one of them must do


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_is_better_than_the_target(name):
    result, target = pictures()
    assert float(OBJECTIVES[name]([target], target)) == pytest.approx(0, abs=1e-7)
    far, near = (float(OBJECTIVES[name]([torch.lerp(target, result, share)], target)) for share in (1.0, 0.5))
    assert far > near > 1e-4


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_is_finite_at_the_target_and_away_from_it(name):
    for result in (pictures()[1], pictures()[0], torch.zeros(2, 3, 48, 64), torch.full((2, 3, 48, 64), 1.5)):
        result = result.clone().requires_grad_()
        OBJECTIVES[name]([result], pictures()[1]).backward()
        assert torch.isfinite(result.grad).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_what_is_too_light_or_too_dark_is_pulled_back(name):
    _, target = pictures()
    for shift in (0.5, -0.5):
        result = (target + shift).requires_grad_()
        OBJECTIVES[name]([result], target).backward()
        outside = ((result < 0) | (result > 1)).any(dim=1, keepdim=True)
        assert outside.any()
        assert float((result.grad * outside).sum()) * shift > 0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_does_not_matter_which_way_pictures_lie(name):
    result, target = pictures()
    expected = pytest.approx(float(OBJECTIVES[name]([result], target)), rel=1e-4)
    for sides in [(-1,), (-2,)]:
        assert float(OBJECTIVES[name]([result.flip(sides)], target.flip(sides))) == expected


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_does_not_matter_how_many_photographs_are_averaged(name):
    result, target = pictures()
    alone = [float(OBJECTIVES[name]([one], of)) for one, of in zip(result.split(1), target.split(1), strict=True)]
    assert float(OBJECTIVES[name]([result], target)) == pytest.approx(np.mean(alone), rel=1e-4)


@pytest.mark.parametrize("name", COMPARISONS)
def test_each_of_several_pictures_has_a_gradient(name):
    result, target = pictures()
    several = [avg_pool2d(result, side).requires_grad_() for side in (1, 1, 2, 4)]
    loss = OBJECTIVES[name](several, target)
    assert loss.item() == pytest.approx(sum(COMPARISONS[name](each, target).item() for each in several), rel=1e-5)
    loss.backward()
    assert all(each.grad.abs().sum() > 0 for each in several)


# What each of them is


def even(value, *, side=48):
    return torch.full((1, 3, side, side), value)


def test_even_pictures_by_hand():
    likeness = (2 * 0.5 * 0.4 + 1e-4) / (0.5**2 + 0.4**2 + 1e-4)  # SSIM's luminance; contrast and structure are 1
    multi = likeness ** exponents((48, 48))[-1]
    labs = [srgb_to_lab([value] * 3) for value in (0.5, 0.4)]
    light = [lab[0] / 100 for lab in labs]
    multi_light = ((2 * light[0] * light[1] + 1e-4) / (light[0] ** 2 + light[1] ** 2 + 1e-4)) ** exponents((48, 48))[-1]
    expected = {
        "awnet": 0.1 - 1e-3 + 0.05 * (1 - likeness),
        "pynet": 0.01 + 0.4 * (1 - multi),
        "pynet-ca": 0.04 + 0.01 * (1 - multi),
        "csanet": 0.1 + 0.1 * (1 - multi),
        "deepisp": (0.5 * np.abs(labs[0] - labs[1]).mean() + 0.5 * (1 - multi_light)) / 100,
        "metaisp": 0.1 + 0.15 * (1 - likeness),
    }
    assert expected.keys() == COMPARISONS.keys()
    for name, value in expected.items():
        assert float(OBJECTIVES[name]([even(0.5)], even(0.4))) == pytest.approx(value, rel=2e-3), name


@pytest.mark.parametrize(("side", "weight"), [(24, 0.25), (12, 0.25), (6, 1), (3, 1)])
def test_awnet_weighs_smaller_pictures_as_published(side, weight):
    loss = OBJECTIVES["awnet"]([even(0.5, side=side)], even(0.4))
    assert float(loss) == pytest.approx(weight * (0.1 - 1e-3), rel=1e-3)


@pytest.mark.parametrize(("name", "times"), [("pynet", 1), ("pynet-ca", 4)])
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_pyramids_judge_structure_at_level_0_alone(name, times, level):
    result, target = pictures()
    picture, wanted = avg_pool2d(result, 2**level), avg_pool2d(target, 2**level)
    structure = float(OBJECTIVES[name]([picture], target)) - times * float(mse_loss(picture, wanted))
    weight = {"pynet": 0.4, "pynet-ca": 0.01}[name] if level == 0 else 0
    expected = weight * (1 - float(ms_ssim(result, target))) if weight else 0
    assert structure == pytest.approx(expected, abs=1e-6)


# The target at the size of a picture


def test_a_target_is_averaged_over_whole_cells_or_over_what_an_edge_leaves_of_them():
    target = torch.arange(5 * 7, dtype=torch.float32).view(1, 1, 5, 7)
    assert shrunk(target, target) is target
    down, up = shrunk(target, torch.zeros(1, 1, 2, 3)), shrunk(target, torch.zeros(1, 1, 3, 4))
    assert torch.equal(down, up[..., :2, :3])
    assert float(down[0, 0, 1, 1]) == pytest.approx((16 + 17 + 23 + 24) / 4)
    assert float(up[0, 0, 0, 3]) == pytest.approx((6 + 13) / 2)
    assert float(up[0, 0, 2, 3]) == 34


@pytest.mark.parametrize("level", range(6))
def test_halvings_are_counted_whichever_way_odd_sides_go(level):
    target = torch.empty(1, 3, 92, 120)
    for sizes in [(92 // 2**level, 120 // 2**level), (-(-92 // 2**level), -(-120 // 2**level))]:
        assert halvings(target, torch.empty(1, 3, *sizes)) == level


@pytest.mark.parametrize("size", [(184, 240), (46, 120), (40, 60), (0, 0)])
def test_a_picture_that_is_no_half_of_its_target_is_refused(size):
    with pytest.raises(ValueError, match=r"expected a target \(92, 120\) or halves of it, got"):
        halvings(torch.empty(1, 3, 92, 120), torch.empty(1, 3, *size))


# By name


def test_an_objective_without_weights_is_that_of_its_name():
    assert all(objective(name) is OBJECTIVES[name] for name in OBJECTIVES)


@pytest.mark.parametrize(("name", "vgg"), [("awnet+perceptual", ""), ("awnet", "vgg16.pth"), ("mse", "vgg16.pth")])
def test_weights_are_given_where_they_are_needed_and_nowhere_else(name, vgg):
    with pytest.raises(RunError, match=r"cannot be had with.* A file .* was needed .* Set vgg"):
        objective(name, vgg=vgg)


@pytest.mark.parametrize("name", ["msee", "mse+perceptual", "deepisp+perceptual", "+perceptual", ""])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="expected an objective among mse"):
        objective(name, vgg="vgg16.pth")
