import builtins
import json
import signal
from pathlib import Path

import pytest
from PIL import Image

from abreast import together
from crispnet.app import watching
from crispnet.app.bar import Bar
from crispnet.train import loop
from crispnet.train.recipes import RECIPES

TINY = "widths=4,8 blocks=1 precision=f32 stages=frames:16x20:2x1:1 log_every=1"

pytestmark = pytest.mark.usefixtures("elsewhere")


def train(crispnet, *words, steps=2):
    return crispnet("train", "wb-level-1", *words, "--threads", 1, "--set", f"{TINY} steps={steps}")


def test_from_photographs_to_a_developed_raw(crispnet, photographs):
    photographs(Path("photos"), 3)
    settings = "steps=4 widths=4,8,16 blocks=1 dim=16 depth=1 stages=frames:24x32:2x1:0.5,patches:24x32:1x2:0.5"
    result = crispnet("train", "crispnet", "photos", "--threads", 1, "--set", settings, "--set", "learning_rate=1e-3")
    assert result.exit_code == 0, result.output
    assert "photos has no manifest.jsonl: its photographs are captured" in result.stderr
    run, figures, *following = result.stdout.splitlines()
    assert run == "runs/crispnet"
    assert figures.startswith("mean ΔE76 of the best validation: ")
    assert "crispnet evaluate runs/crispnet runs/crispnet/captures" in following[0]
    assert "crispnet export runs/crispnet -o crispnet.onnx" in following[1]

    result = crispnet("evaluate", run)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("run runs/crispnet on photos, test\n")

    result = crispnet("export", run, "-o", "mine.onnx")
    assert result.exit_code == 0, result.output
    raw = next(Path(run, "captures/raw").glob("*.dng"))
    result = crispnet("develop", raw, "--look", "mine.onnx", "-o", "picture.jpg")
    assert result.exit_code == 0, result.output
    with Image.open("picture.jpg") as picture:
        assert sorted(picture.size) == [370, 482]


def test_a_stopped_run_is_saved_and_goes_on(crispnet, captures, monkeypatch):
    captures(Path("captures"))
    whole = train(crispnet, "captures", "-o", "whole", "--json", steps=3)
    learn = loop.learn

    def interrupted(*given):
        signal.raise_signal(signal.SIGINT)
        return learn(*given)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "learn", interrupted)
        result = train(crispnet, "captures", "-o", "run", steps=3)
    assert result.exit_code == 1, result.output
    assert (
        "Stopped and saved after 1 of 3 steps. To go on: crispnet train wb-level-1 captures -o run --set"
        in result.stderr
    )
    again = crispnet("train", "wb-level-1", "captures", "-o", "run", "--threads", 1, "--json")  # its settings are known
    assert again.exit_code == 0, again.output
    expected = json.loads(whole.stdout) | {"run": "run"}
    assert json.loads(again.stdout) == expected
    assert expected["step"] == expected["steps"] == 3
    weights = [Path(run, "best.safetensors").read_bytes() for run in ("whole", "run")]
    assert weights[0] == weights[1]


def test_a_run_goes_on_with_nothing_else(crispnet, captures):
    captures(Path("captures"))
    captures(Path("others"), splits=("train", "validation"))
    assert train(crispnet, "captures", "-o", "run").exit_code == 0
    result = train(crispnet, "captures", "-o", "run", steps=3)
    assert (result.exit_code, "run by another recipe" in result.stderr) == (3, True)
    result = crispnet("train", "unet-residual", "captures", "-o", "run")
    assert (result.exit_code, "run by another recipe, wb-level-1" in result.stderr) == (3, True)
    result = train(crispnet, "others", "-o", "run")
    assert (result.exit_code, "learned from 2 captures of captures, and not from 1 of others" in result.stderr) == (
        3,
        True,
    )


def test_begun_anew_an_older_run_is_set_aside(crispnet, captures):
    captures(Path("captures"))
    train(crispnet, "captures", "-o", "run")
    before = Path("run/best.safetensors").read_bytes()
    assert crispnet("train", "nix", "captures", "-o", "run", "--fresh").exit_code == 3
    assert Path("run/best.safetensors").exists()
    result = crispnet("train", "wb-level-1", "captures", "-o", "run", "--fresh", "--set", f"{TINY} steps=1 seed=7")
    assert result.exit_code == 0, result.output
    assert Path("run/before-1/best.safetensors").read_bytes() == before
    assert Path("run/best.safetensors").read_bytes() != before


def test_frames_are_kept_beside_the_run_where_captures_cannot_be_written_to(crispnet, captures):
    captures(Path("captures"))
    Path("captures/frames").write_text("in the way")
    result = train(crispnet, "captures", "-o", "run", steps=1)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("run/frames").iterdir()) == ["train", "validation"]


def test_captures_without_a_validation_are_refused(crispnet, captures):
    captures(Path("captures"), splits=("train", "test"))
    result = train(crispnet, "captures")
    assert (result.exit_code, "no pair to validation with" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nix"], 3, "no recipe called 'nix'"),
        (["../nix"], 2, "no name of a recipe"),
        (["phone", "nix"], 3, "nix is no folder"),
        (["phone", "--set", "colour=1"], 3, "changes nothing"),
        (["phone", "--device", "abacus"], 2, "abacus"),
        (["phone", "--device", "mps"], 3, "no mps here"),
    ],
)
def test_what_cannot_be_trained_is_said(crispnet, words, code, said):
    result = crispnet("train", *words)
    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert not Path("runs").exists()


def test_the_recipes_are_listed(crispnet):
    in_words = crispnet("recipes").stdout.splitlines()
    told = [json.loads(line) for line in crispnet("recipes", "--json").stdout.splitlines()]
    assert [each["name"] for each in told] == list(RECIPES)
    assert all(each["network"] in line for each, line in zip(told, in_words, strict=True))


@pytest.mark.parametrize("words", [["recipes"], ["train", "phone"], ["export", ".", "-o", "a.onnx"]])
def test_without_the_laboratory_one_sentence_says_how_to_get_it(crispnet, monkeypatch, words):
    really = builtins.__import__

    def absent(name, *others):
        if name == "crispnet.app" and {"training", "exporting"} & set(others[2] or ()):
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return really(name, *others)

    monkeypatch.setattr(builtins, "__import__", absent)
    result = crispnet(*words)
    assert result.exit_code == 3
    assert result.stderr.startswith("crispnet: torch is not installed.")
    assert 'pip install "crispnet[train]"' in result.stderr


def test_without_a_terminal_a_line_now_and_then_says_how_far_it_is(capsys, monkeypatch):
    now = iter([0.0, 1.0, 1.0, 2.0, 61.0, 61.0])
    monkeypatch.setattr(watching.time, "monotonic", lambda: next(now))
    with watching.watched(300, "training") as tell:
        tell(10, note="loss 0.5", left=290)
        tell(20, note="loss 0.4", left=280)
        tell(130, note="loss 0.1", left=170)
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err == "training: 10 of 300, loss 0.5, 5 min left\ntraining: 130 of 300, loss 0.1, 120/min, 3 min left\n"
    )


def test_the_bar_says_loss_and_time_left(capsys):
    with Bar(300, "training") as bar:
        bar.reach(300, note="loss 0.5", left=61.2)
    said = capsys.readouterr()
    assert said.out == ""
    assert all(text in said.err for text in ("training", "300/300", "loss 0.5", "0:01:01"))


def test_several_processes_learn_together_and_one_of_them_speaks(captures):
    """``torchrun --no-python --nproc-per-node 2 crispnet train`` comes down to this."""
    captures(Path("captures"))
    main = "import sys; from crispnet.app.cli import main; main()"
    changes = "steps=2 widths=4,8 blocks=1 precision=f32 stages=frames:8x12:2x1:1"
    words = "-c", main, "train", "unet-residual", "captures", "-o", "run", "--set", changes, "--device", "cpu"
    first, second = together(*words)
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert Path("run/best.safetensors").is_file()
    assert "training: 1 of 2" in first[2]
    assert second[1:] == ("", "")
