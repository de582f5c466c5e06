import json
from pathlib import Path

import pytest
import torch

from crispnet.app.collecting import Origin
from crispnet.errors import LookError
from crispnet.look import shelf
from crispnet.look.file import CARD, LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.plain import PlainLook
from crispnet.model import catalogue, checkpoint
from crispnet.train.recipes import RECIPES, write_recipe

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def run(elsewhere):
    recipe = RECIPES["unet-residual"].set("widths=4,8", "blocks=1", "steps=9")
    torch.manual_seed(0)
    weights = catalogue.build(recipe.model, **recipe.options).state_dict()
    folder = elsewhere / "run"
    folder.mkdir()
    write_recipe(recipe, folder / "recipe.json")
    facts = {"step": 7, "validation_delta_e": 6.123, "validation_psnr": 25.0}
    checkpoint.save(recipe.model, recipe.options, weights, folder / "best.safetensors", **facts)
    Origin("/somewhere", "my walks", 40, 20, tuple("ABCDEF")).write(folder)
    return Path("run")


def test_a_run_becomes_a_look_with_a_card(crispnet, run):
    result = crispnet("export", run, "-o", "mine.onnx", "--summary", "As I like it.", "--licence", "CC0")
    assert (result.exit_code, result.stdout) == (0, "mine.onnx\n"), result.output
    look = LookFile.open("mine.onnx")
    assert look.name == "mine"
    assert set(CARD) < set(look.card)
    assert look.card["summary"] == "As I like it."
    assert look.card["learned from"] == "my walks: 40 captures of 20 scenes"
    assert look.card["cameras"] == "A, B, C, D and 2 more"
    assert "step 7 of 9" in look.card["recipe"]
    assert look.card["validation"] == "mean ΔE76 6.12, PSNR 25.00 dB, of small whole frames"
    assert look.card["licence"] == "CC0"
    shown = crispnet("looks", "mine.onnx").stdout
    assert all(text in shown for text in (look.name, look.version, *look.card.values()))


def test_the_card_says_of_what_the_last_stage_was_judged(crispnet, run):
    write_recipe(RECIPES["unet-residual"].set("widths=4,8", "blocks=1", "steps=7"), run / "recipe.json")
    crispnet("export", run, "-o", "mine.onnx")
    assert LookFile.open("mine.onnx").card["validation"].endswith("of the middles of frames, pixel for pixel")


def test_a_look_that_is_there_is_kept_unless_told_otherwise(crispnet, run):
    Path("mine.onnx").write_text("mine")
    result = crispnet("export", run, "-o", "mine.onnx")
    assert (result.exit_code, "exists already" in result.stderr) == (3, True)
    told = json.loads(crispnet("export", run, "-o", "mine.onnx", "--overwrite", "--name", "other", "--json").stdout)
    assert (told["name"], told["bytes"]) == ("other", Path("mine.onnx").stat().st_size)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nix", "-o", "a.onnx"], "nix has no best.safetensors"),
        (["run", "-o", "a.jpg"], "no name of a look file"),
        (["run", "-o", "nix/a.onnx"], "nix is not a folder"),
    ],
)
def test_what_cannot_be_exported_is_said(crispnet, words, said):
    result = crispnet("export", *words)
    assert (result.exit_code, said in result.stderr) == (3, True), result.output


# The shelf


def test_a_look_file_is_a_look_by_its_path_and_by_its_name_once_it_is_shipped(crispnet, run, monkeypatch):
    crispnet("export", run, "-o", "Mine.ONNX", "--name", "mine")
    assert isinstance(shelf.load_look("Mine.ONNX"), OpenVinoLook)
    assert shelf.load_look("./Mine.ONNX").name == "mine"
    Path("shipped").mkdir()
    Path("Mine.ONNX").rename("shipped/mine.onnx")
    monkeypatch.setattr(shelf.resources, "files", lambda _: Path())
    assert shelf.shipped() == ("plain", "mine")
    assert shelf.load_look("mine").name == "mine"
    assert [line.split()[0] for line in crispnet("looks").stdout.splitlines()] == ["plain", "mine"]


def test_the_plain_look_is_always_there():
    assert isinstance(shelf.load_look("plain"), PlainLook)
    assert shelf.shipped()[0] == "plain"
    assert shelf.read_card("plain")["licence"] == "Apache-2.0"


@pytest.mark.parametrize("name", ["nix", "nix.onnx", "", "../plain"])
def test_a_look_that_is_not_there_is_refused(name):
    for refusing in (shelf.load_look, shelf.read_card):
        with pytest.raises(LookError, match="needed"):
            refusing(name)
