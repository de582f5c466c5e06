import json

import pytest
import torch

from crispnet.app.evaluating import CONTROLS
from crispnet.model import catalogue, checkpoint

OPTIONS = {"widths": (4, 8), "blocks": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, captures):
    return captures(tmp_path_factory.mktemp("captures"))


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    weights = catalogue.build("unet-residual", **OPTIONS).state_dict()
    path = tmp_path / "run" / "best.safetensors"
    path.parent.mkdir()
    checkpoint.save("unet-residual", OPTIONS, weights, path, recipe="unet-residual", step=7)
    return path.parent


def figures(result):
    assert result.exit_code == 0, result.output
    return {line["of"]: line for line in map(json.loads, result.stdout.splitlines())}


def test_a_look_that_made_the_targets_is_measured_as_perfect(crispnet, folder):
    told = figures(crispnet("evaluate", "plain", folder, "--json"))
    assert set(told) == {"all", "scene face", "scene sky", "camera seen", "camera unseen"}
    everything = told["all"]
    assert everything["captures"] == 2
    assert everything["delta_e"]["low"] <= everything["delta_e"]["mean"] <= everything["delta_e"]["high"] < 1.0
    assert everything["below_jnd"]["mean"] > 0.95
    assert told["scene sky"]["delta_e"]["low"] is None  # a single scene


def test_the_table_says_what_json_says(crispnet, folder):
    told = figures(crispnet("evaluate", "plain", folder, "--split", "train", "--json"))["all"]
    title, _, headings, first, *_ = crispnet("evaluate", "plain", folder, "--split", "train").stdout.splitlines()
    assert title == f"look plain on {folder.name}, train"
    assert headings.split()[:4] == ["captures", "ΔE76", "95", "%"]
    cells = first.split()
    assert cells[:3] == ["all", "2", f"{told['delta_e']['mean']:.2f}"]
    assert cells[-1] == f"{told['below_jnd']['mean']:.1%}"


@pytest.mark.parametrize("control", ["curve", "matrix-curve"])
def test_controls_are_fitted_on_the_captures_for_training(crispnet, folder, control):
    assert figures(crispnet("evaluate", control, folder, "--json"))["all"]["delta_e"]["mean"] < 10


def test_every_control_is_in_the_help(crispnet):
    assert len(CONTROLS) == 3
    assert f"plain, {', '.join(CONTROLS)}" in " ".join(crispnet("evaluate", "--help").stdout.split())


def test_a_run_is_measured_and_its_figures_are_kept(crispnet, folder, run, tmp_path):
    result = crispnet("evaluate", run, folder, "-o", tmp_path / "results" / "run.json", "--limit", 1)
    assert result.exit_code == 0, result.output
    kept = json.loads((tmp_path / "results" / "run.json").read_text())
    assert (kept["summary"]["images"], kept["facts"]["step"], len(kept["rows"])) == (1, 7, 1)
    assert f"{kept['summary']['metrics']['delta_e']['mean']:.2f}" in result.stdout


def test_a_run_remembers_its_captures(crispnet, folder, run):
    origin = {"data": str(folder), "name": "all", "captures": 2, "scenes": 2, "cameras": []}
    (run / "data.json").write_text(json.dumps(origin))
    assert figures(crispnet("evaluate", run, "--json"))["all"]["captures"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nix", "{captures}"], "no run in nix"),
        (["nix.onnx", "{captures}"], "nix.onnx cannot be read"),
        (["plain", "nix"], "nix/manifest.jsonl cannot be read"),
        (["plain", "{captures}", "-o", "{captures}/manifest.jsonl/a.json"], "cannot be made"),
    ],
)
def test_what_cannot_be_measured_is_said(crispnet, folder, words, said):
    result = crispnet("evaluate", *(word.format(captures=folder) for word in words))
    assert (result.exit_code, said in result.stderr) == (3, True), result.output
    assert len(result.stderr.splitlines()) == 1


def test_pictures_are_kept_of_what_may_be_published(crispnet, folder, tmp_path):
    result = crispnet("evaluate", "plain", folder, "-o", tmp_path / "out" / "plain.json", "--pictures")
    assert result.exit_code == 0, result.output
    kept = sorted(path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*.jpg"))
    assert kept == ["pictures/3/plain.jpg", "pictures/3/target.jpg"]


def test_pictures_need_a_place(crispnet, folder):
    result = crispnet("evaluate", "plain", folder, "--pictures")
    assert result.exit_code == 2
    assert "say where with --output" in result.stderr
