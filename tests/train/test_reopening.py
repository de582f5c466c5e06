import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from crispnet.colour import SRGB_TO_XYZ
from crispnet.errors import LookError
from crispnet.look import contract as look_contract
from crispnet.look import shelf
from crispnet.look.file import CARD, LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.torch import TorchLook
from crispnet.model import checkpoint
from crispnet.model.catalogue import build
from crispnet.model.contract import Metadata
from crispnet.train.export import export
from crispnet.train.recipes import Recipe
from crispnet.train.reopening import GRADING, NETWORK, network_of, start_from, weights_for
from crispnet.train.state import first_state

OPTIONS = {"widths": [6, 8, 10], "blocks": 1, "dim": 16, "depth": 1}


def network(model="canonical", options=OPTIONS):
    """A small one whose every branch says something, with weights that 16 bits hold."""
    torch.manual_seed(0)
    isp = build(model, **options).requires_grad_(requires_grad=False).eval()
    for weight in isp.parameters():
        if not weight.any() and weight.ndim > 1:
            nn.init.normal_(weight, std=0.02)
        weight.copy_(weight.half().float())
    return isp


def exported(isp, folder, *, model="canonical", options=OPTIONS):
    card = dict.fromkeys(CARD, "something") | {NETWORK: json.dumps({"model": model, "options": options})}
    return export(isp, folder / "look.onnx", name="tiny", version="1", card=card)


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    """The look of ``network()``, exported once: that takes longer than all that is tested."""
    return exported(network(), tmp_path_factory.mktemp("look"))


def seen():
    chance = torch.Generator().manual_seed(1)
    metadata = Metadata(torch.tensor([[2.0, 1, 1.5, 1]]), torch.eye(3)[None], torch.zeros(1))
    return torch.rand(1, 4, 16, 24, generator=chance), torch.rand(1, 3, 32, 48, generator=chance), metadata


def test_a_network_comes_back_out_of_its_look(look):
    isp = network()
    model, options, weights = network_of(look)
    assert (model, options) == ("canonical", OPTIONS)
    assert weights.keys() == isp.state_dict().keys()
    again = build(model, **options)
    again.load_state_dict(weights)
    torch.testing.assert_close(again.eval()(*seen()), isp(*seen()), rtol=0, atol=1e-6)


def test_what_it_is_newly_told_changes_nothing_yet(look, tmp_path):
    isp = network()
    options = start_from(look, tmp_path / "start.safetensors", told={"thresholds": 4, "tails": 5, "casts": 2})
    wider, facts = checkpoint.load(tmp_path / "start.safetensors")
    assert facts["options"] == options == {**OPTIONS, "thresholds": 4, "tails": 5, "casts": 2}
    torch.testing.assert_close(wider(*seen()), isp(*seen()), rtol=0, atol=1e-6)


def test_what_it_was_told_already_it_is_told_still(tmp_path):
    told = {**OPTIONS, "thresholds": 3, "tails": 2, "casts": 3}
    isp = network(options=told)
    look = exported(isp, tmp_path, options=told)
    assert start_from(look, tmp_path / "start.safetensors", told={"thresholds": 4, "tails": 5, "casts": 2}) == told
    again, _ = checkpoint.load(tmp_path / "start.safetensors")
    torch.testing.assert_close(again(*seen()), isp(*seen()), rtol=0, atol=1e-6)


def test_tails_and_casts_come_after_all_that_it_was_told_of(tmp_path):
    told = {**OPTIONS, "thresholds": 3, "palette": 2, "camera": True}
    isp = network(options=told)
    start_from(
        exported(isp, tmp_path, options=told),
        tmp_path / "start.safetensors",
        told={"thresholds": 4, "tails": 5, "casts": 2},
    )
    again, _ = checkpoint.load(tmp_path / "start.safetensors")
    assert (again.thresholds, again.tails, again.casts) == (3, 5, 2)
    torch.testing.assert_close(again(*seen()), isp(*seen()), rtol=0, atol=1e-6)


def test_a_unet_of_another_shape_takes_over_how_scenes_are_graded(look):
    isp = network()
    options = {**OPTIONS, "widths": [4, 6], "thresholds": 3}
    other = build("canonical", **options).eval()
    other.load_state_dict(weights_for(look, options))
    _, thumbnail, metadata = seen()
    graded = slice(0, 4 + 1 + GRADING)
    torch.testing.assert_close(other.scene(thumbnail, metadata)[:, graded], isp.scene(thumbnail, metadata)[:, graded])
    fresh = build("canonical", **options)
    assert not other.reconstruction.head.weight.any()
    assert other.start.equal(fresh.start)


def test_an_eye_of_another_shape_is_refused(look):
    with pytest.raises(LookError, match="eye of another shape"):
        weights_for(look, {**OPTIONS, "depth": 2})


def test_a_run_can_start_from_a_look_file(look):
    isp = network()
    recipe = Recipe(name="more", model="canonical", options=OPTIONS, start_from=look.origin)
    begun = first_state(recipe, device=torch.device("cpu")).model.eval()
    torch.testing.assert_close(begun(*seen()), isp(*seen()), rtol=0, atol=1e-6)


def test_the_shipped_look_can_learn_more(tmp_path):
    """Its network renders what the file renders: learning goes on from the very colours that people see."""
    file = LookFile.open(Path(shelf.__file__).parent / "shipped" / "phone.onnx")
    start_from(file, tmp_path / "start.safetensors", told={"thresholds": 10})
    isp, _ = checkpoint.load(tmp_path / "start.safetensors")
    told = look_contract.Metadata(np.array([[2.0, 1, 1.5, 1]]), SRGB_TO_XYZ[None], np.zeros(1), np.zeros(1))
    chance = np.random.default_rng(0)
    packed, thumbnail = (chance.random(shape, np.float32) / 2 for shape in ((1, 4, 32, 48), (1, 3, 368, 480)))
    ours, theirs = (
        look.render(packed, look.scene(thumbnail, told))
        for look in (TorchLook(isp, name="ours"), OpenVinoLook(file, precision="f32"))
    )
    assert np.abs(ours - theirs).max() < 1e-3


def test_looks_of_one_camera_are_refused(tmp_path):
    options = {"widths": [6, 8, 10], "blocks": 1}
    look = exported(network("unet-residual", options), tmp_path, model="unet-residual", options=options)
    with pytest.raises(LookError, match="made for one camera"):
        start_from(look, tmp_path / "start.safetensors", told={"thresholds": 4, "tails": 5, "casts": 2})


@pytest.mark.parametrize("said", [{"options": {**OPTIONS, "dim": 8}}, {"model": "mystery"}, {"options": {"size": 3}}])
def test_a_card_that_names_another_network_is_refused(look, said):
    told = {"model": "canonical", "options": OPTIONS} | said
    with pytest.raises(LookError, match="network"):
        network_of(replace(look, card={**look.card, NETWORK: json.dumps(told)}))
