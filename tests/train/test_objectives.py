"""Objectives: what they are by hand, and what every one of them must do."""

import pytest
import torch

from crispnet.train.objectives import OBJECTIVES

RESULT, TARGET = torch.tensor([[0.0, 0.5], [1.5, 0.25]]), torch.tensor([[0.0, 0.25], [1.0, 0.5]])


def test_there_are_three():
    assert set(OBJECTIVES) == {"mse", "l1", "charbonnier"}


@pytest.mark.parametrize(
    ("name", "expected"), [("mse", 0.375 / 4), ("l1", 0.25), ("charbonnier", (0.25 + 0.5 + 0.25 - 3e-3) / 4)]
)
def test_by_hand(name, expected):
    assert float(OBJECTIVES[name]([RESULT], TARGET)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_is_better_than_the_target_and_the_gradient_leads_there(name):
    objective = OBJECTIVES[name]
    assert float(objective([TARGET], TARGET)) == pytest.approx(0, abs=1e-9)
    result = RESULT.clone().requires_grad_()
    objective([result], TARGET).backward()
    assert torch.equal(result.grad.sign(), (RESULT - TARGET).sign())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_is_finite_at_the_target(name):
    result = TARGET.clone().requires_grad_()
    OBJECTIVES[name]([result], TARGET).backward()
    assert torch.isfinite(result.grad).all()
