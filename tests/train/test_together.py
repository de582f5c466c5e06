"""Processes that learn together make what one process makes of the same batches."""

from pathlib import Path

import numpy as np
import pytest
import torch

from abreast import TESTS, together
from crispnet.data.patches import Stage, batch
from crispnet.errors import RunError
from crispnet.train.log import read_log
from crispnet.train.state import first_state
from crispnet.train.together import ALONE, Company, company
from learner import LEFT, ONE_STEP, RECIPE
from runs import FRAMES, SEEN, fit, tensors, what_was_logged

LEARNER = TESTS / "learner.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("together")
    for code, _, errors in together(LEARNER, place):
        assert code == 0, errors
    return place


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    place = tmp_path_factory.mktemp("alone")
    fit(ONE_STEP, place / "one", frames=SEEN)
    fit(RECIPE, place / "whole", frames=SEEN)
    return place


def length(tensors) -> float:
    return sum(float(tensor.double().square().sum()) for tensor in tensors) ** 0.5


def assert_same_way(ours: Path, theirs: Path) -> None:
    """Adam's steps are as long for the smallest gradients, of which rounding is a large part, as for others."""
    found, expected = (
        {name: tensor for name, tensor in tensors(path).items() if tensor.is_floating_point()}
        for path in (ours / "last.safetensors", theirs / "last.safetensors")
    )
    assert found.keys() == expected.keys()
    weights = [name for name in expected if name.startswith("weights/")]
    first = first_state(RECIPE, device=torch.device("cpu")).model.state_dict()
    gone = length(expected[name] - first[name.removeprefix("weights/")] for name in weights)
    assert length(found[name] - expected[name] for name in weights) < 0.02 * gone


def test_two_processes_find_the_gradient_of_one(runs, alone):
    """After one step Adam's first moment is a tenth of it; the network has all kinds of layers."""
    found, expected = (tensors(place / "one" / "last.safetensors") for place in (runs, alone))
    moments = [name for name in expected if name.startswith("adam/exp_avg/")]
    assert len(moments) > 50
    whole = length(expected[name] for name in moments)
    for name in moments:
        assert length([found[name] - expected[name]]) < 1e-4 * length([expected[name]]) + 1e-6 * whole, name
    counted = [name for name in expected if "running_" in name]
    assert counted
    for name in counted:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_two_processes_take_the_steps_of_one(runs, alone):
    assert_same_way(runs / "whole", alone / "whole")
    ours, expected = (what_was_logged(place / "whole") for place in (runs, alone))
    for one, other in zip(ours, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_a_run_goes_on_with_another_number_of_processes(runs, alone):
    """It was asked to stop by a signal to a single one of them."""
    folder = runs / "half"
    assert read_log(folder)[-1]["step"] == LEFT
    fit(RECIPE, folder, frames=SEEN)
    assert_same_way(folder, alone / "whole")


def test_only_one_of_them_writes(runs, alone):
    ours, expected = ({path.name for path in (place / "whole").rglob("*")} for place in (runs, alone))
    assert ours == expected


def test_parts_of_a_batch_are_the_batch():
    stage = Stage("patches", (8, 8), scenes=4, patches=2)
    whole = batch(FRAMES, stage, seed=3, step=5)
    parts = [batch(FRAMES, stage, seed=3, step=5, part=Company(rank, 2).part_of(4)) for rank in (0, 1)]
    for name in ("packed", "codes", "thumbnail", "white_balance", "to_srgb"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))
    assert sum((part.names for part in parts), ()) == whole.names
    assert all(part.scene_of.tolist() == [0, 0, 1, 1] for part in parts)


def test_what_cannot_be_shared_out_is_refused():
    assert Company(2, 4).part_of(8) == slice(4, 6)
    with pytest.raises(RunError, match="8 scenes cannot be shared out among 3"):
        Company(0, 3).part_of(8)


def test_alone_nothing_is_asked_of_anybody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    tensor = torch.ones(3)
    with company(torch.device("cpu")) as found:
        found.average([tensor])
        found.wait()
        assert found is ALONE
        assert found.is_first
        assert found.agree(wish=True, device=torch.device("cpu"))
        assert found.in_turn(lambda: 7) == 7
    assert tensor.tolist() == [1, 1, 1]


def test_others_that_cannot_be_met_are_no_hang(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RunError, match="RANK, MASTER_ADDR, MASTER_PORT is not set"), company(torch.device("cpu")):
        pass
