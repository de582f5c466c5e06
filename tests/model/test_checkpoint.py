"""Checkpoints: what was saved comes back, and nothing else does."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from crispnet.errors import RunError
from crispnet.model import checkpoint

OPTIONS = {"widths": [4, 6], "blocks": 1}


@pytest.fixture
def saved(tiny, tmp_path):
    """A checkpoint of a small network."""
    path = tmp_path / "best.safetensors"
    checkpoint.save("wb-branch", OPTIONS | {"levels": 1}, tiny("wb-branch", levels=1, **OPTIONS).state_dict(), path)
    return path


def rewritten(path, *, change=dict.copy, **entries):
    """Write a checkpoint again, with other tensors or another header."""
    tensors = load_file(path)
    change(tensors)
    header = {"schema": 1, "model": "wb-branch", "options": OPTIONS | {"levels": 1}, "facts": {}} | entries
    save_file(tensors, path, metadata={"crispnet": json.dumps(header)})
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [("wb-branch", {}), ("crispnet", {"dim": 16, "depth": 1}), ("canonical", {"dim": 16, "depth": 1})],
)
def test_a_network_comes_back_with_its_weights_and_its_facts(name, options, tiny, photographs, tmp_path):
    options = OPTIONS | {"widths": [4, 6, 8]} | options
    isp = tiny(name, **options)
    seen = photographs(name)
    isp(*seen)  # so that batch norms have statistics of their own
    path = tmp_path / "run.safetensors"
    checkpoint.save(name, options, isp.state_dict(), path, step=12, recipe={"seed": 3})
    again, facts = checkpoint.load(path)
    assert facts == {"model": name, "options": options, "step": 12, "recipe": {"seed": 3}}
    assert not again.training
    assert torch.equal(again(*seen), isp.eval()(*seen))
    assert all(torch.equal(tensor, isp.state_dict()[key]) for key, tensor in again.state_dict().items())


def test_an_older_checkpoint_is_replaced_and_nothing_is_left_beside_it(saved):
    checkpoint.save("wb-branch", OPTIONS | {"levels": 1}, load_file(saved), saved, step=2)
    assert checkpoint.load(saved)[1]["step"] == 2
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RunError, match=r"nowhere.*cannot be written.*was needed"):
        checkpoint.save("unet-residual", {}, {}, tmp_path / "nowhere" / "last.safetensors")


def test_facts_cannot_hide_what_the_network_is(tmp_path):
    with pytest.raises(ValueError, match="expected facts other than"):
        checkpoint.save("unet-residual", {}, {}, tmp_path / "last.safetensors", model="crispnet")


def test_weights_of_half_the_bits_are_loaded_too(saved):
    def halve(tensors):
        tensors.update({name: tensor.half() for name, tensor in tensors.items()})

    isp, _ = checkpoint.load(rewritten(saved, change=halve))
    assert {parameter.dtype for parameter in isp.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("reconstruction.head.bias"), "lacks reconstruction.head.bias"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "has beside its network's more"),
        (
            lambda tensors: tensors.update({"reconstruction.head.bias": torch.zeros(3)}),
            "has in another shape reconstru",
        ),
        (lambda tensors: tensors.clear(), "and 19 more"),
    ],
    ids=["missing", "extra", "misshaped", "none"],
)
def test_tensors_that_do_not_fit_are_refused(change, said, saved):
    with pytest.raises(RunError, match=said):
        checkpoint.load(rewritten(saved, change=change))


@pytest.mark.parametrize(
    "entries",
    [{"schema": 2}, {"schema": "1"}, {"options": [3]}, {"facts": None}, {"model": "unknown"}, {"model": ["a"]},
     {"options": {"depth": 3}}, {"options": {"widths": [-1, 2]}}, {"options": {"widths": []}}, {"surprise": 1}],
    ids=str,
)  # fmt: skip
def test_headers_that_do_not_fit_are_refused(entries, saved):
    with pytest.raises(RunError, match=r"needed\. "):
        checkpoint.load(rewritten(saved, **entries))


@pytest.mark.parametrize("keep", [0, 4, 100, 2000, -1])
def test_truncated_files_are_refused(keep, saved):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.load(saved)


def test_files_of_other_kinds_are_refused(saved, tmp_path):
    pickled = tmp_path / "model.pt"
    torch.save({"weight": torch.zeros(2)}, pickled)
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.load(pickled)
    save_file(load_file(saved), saved)
    with pytest.raises(RunError, match="does not say how its network was made"):
        checkpoint.load(saved)
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.load(tmp_path)
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.load(tmp_path / "absent.safetensors")
