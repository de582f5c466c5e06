"""docs/results.md says what results/*.json say, and nothing else."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = sorted((ROOT / "results").glob("*.json"))


def report(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "report.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "results", tmp_path / "results")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "results.md", tmp_path / "docs")
    return tmp_path


def test_the_page_is_current():
    done = report("--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed(copy):
    path = copy / "results" / "demosaic.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    result["mean"]["encoded"]["crispnet"] += 1
    path.write_text(json.dumps(result), encoding="utf-8")
    done = report("--check", "--root", copy)
    assert done.returncode == 1
    assert "results.md" in done.stderr


def test_a_result_without_a_section_is_refused(copy):
    (copy / "results" / "mystery.json").write_text("{}", encoding="utf-8")
    assert "mystery" in report("--check", "--root", copy).stderr


def test_an_aim_that_is_missed_is_called_so(copy):
    path = copy / "results" / "develop.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    result["aims"] = result["aims"][:3]
    for aim, factor in zip(result["aims"], (1, 1.01, None), strict=True):
        aim["measured"] = factor and factor * aim["at_most"]
    path.write_text(json.dumps(result), encoding="utf-8")
    assert report("--write", "--root", copy).returncode == 0
    page = (copy / "docs" / "results.md").read_text(encoding="utf-8")
    section = page.partition("## Developing a raw")[2].partition("\n## ")[0]
    assert [section.count(f"| {word} |") for word in ("met", "**not met**", "not measured")] == [1, 1, 1]


ORIGIN = json.loads((ROOT / "results" / "develop.json").read_text(encoding="utf-8"))
COST = {"wall_seconds": 2.0, "peak_memory_mb": 500.0}
FOLDER = {
    "raw": "a.dng",
    "count": 9,
    "look": "phone",
    "network": {"seconds": 0.9},
    "folder": COST | {"seconds_each": 1.0},
    "peers": {"dcraw_emu": COST},
    "of_the_networks": {"measured": 0.9, "at_least": 0.9},
    "aims": [{"what": "seconds", "at_most": 1.5, "measured": 1.5}],
    "killed": {
        "whole_when_killed": 4,
        "damaged_when_killed": 0,
        "made_twice": 0,
        "failed": 0,
        "every_photograph_once_and_undamaged": True,
    },
}
CLUSTER = {
    "raw": "a.dng",
    "count": 9,
    "look": "phone",
    "cores": 2,
    "seconds": {"1 node": [20.0, 21.0], "2 nodes": [11.0, 12.0]},
    "two_over_one": {"measured": 1.8, "at_least": 1.7},
    "every_run_made_the_same": True,
    "loss": {"seconds": 15.0, "exit_code": 0, "every_photograph_once_and_undamaged": True},
}
LARGE = {
    "raw": "a.dng",
    "max_memory": "2GB",
    "aims": [
        {"what": "108 megapixels: peak memory, MB", "at_most": 2147, "measured": 2000.0},
        {"what": "108 megapixels: seconds a megapixel", "at_most": 1.15, "measured": 1.1},
    ],
    "frames": [
        COST | {"megapixels": 12.0, "per_megapixel": 0.2, "ratio": 1.0},
        COST | {"megapixels": 108.0, "per_megapixel": 0.22, "ratio": 1.1},
    ],
}
RENDER_RATE = {
    "raw": "a.dng",
    "look": "phone",
    "seconds": {"median": 0.7},
    "rate": 6e11,
    "products": {"side": 4096, "rate": 9e11},
    "of_the_products": {"measured": 0.66, "at_least": 0.6},
}
EXACTNESS = {
    "look": "phone",
    "largest": {"measured": 0.05, "at_most": 0.1},
    "photographs": [{"raw": "a.dng", "delta_e_76": {"f32": 0.01, "bf16": 0.05}}],
}
SPEED = {
    "folder": ("A folder of raws", FOLDER),
    "cluster": ("A cluster", CLUSTER),
    "large": ("Large frames", LARGE),
    "render_rate": ("Rendering, beside the machine's own matrix products", RENDER_RATE),
    "exactness": ("Rendering in parts, beside the network as it is", EXACTNESS),
}
MISSED = [
    ("folder", "of_the_networks", "measured", 0.89),
    ("folder", "killed", "made_twice", 1),
    ("folder", "killed", "every_photograph_once_and_undamaged", False),
    ("cluster", "two_over_one", "measured", 1.69),
    ("cluster", "loss", "exit_code", 1),
    ("cluster", "loss", "every_photograph_once_and_undamaged", False),
    ("render_rate", "of_the_products", "measured", 0.59),
    ("exactness", "largest", "measured", 0.11),
]


def page_with(folder, name, result):
    (folder / "results" / f"{name}.json").write_text(json.dumps(ORIGIN | result), encoding="utf-8")
    assert report("--write", "--root", folder).returncode == 0
    page = (folder / "docs" / "results.md").read_text(encoding="utf-8")
    return page.split(f"## {SPEED[name][0]}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("name", "aims"), [("folder", 3), ("cluster", 3), ("large", 2), ("render_rate", 1), ("exactness", 1)]
)
def test_what_is_as_fast_and_as_exact_as_wanted_is_said_to_be(name, aims, copy):
    section = page_with(copy, name, SPEED[name][1])
    assert (section.count("| met |"), section.count("not met")) == (aims, 0)


@pytest.mark.parametrize(("name", "part", "figure", "value"), MISSED)
def test_what_is_not_is_said_not_to_be(name, part, figure, value, copy):
    result = SPEED[name][1]
    section = page_with(copy, name, result | {part: result[part] | {figure: value}})
    assert section.count("**not met**") == 1


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_result_says_where_it_comes_from(path):
    result = json.loads(path.read_text(encoding="utf-8"))
    assert {"machine", "versions", "precision", "commit", "date", "command"} <= result.keys()
    assert all(result["machine"].get(fact) for fact in ("cpu", "cores", "memory_gb", "os"))


def test_remarks_are_shown_and_have_no_figures_of_their_own():
    found = sorted(path for path in (ROOT / "results").glob("*/remarks.md"))
    assert [path.parent.name for path in found] == ["laptop"]
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for path in found:
        remarks = path.read_text(encoding="utf-8")
        assert remarks in page
        assert not re.search(r"\d[.,]\d|\d %", remarks), "figures come from results"


def test_there_are_fifteen_results():
    names = [path.stem for path in RESULTS]
    assert names[:7] == ["cluster", "demosaic", "develop", "difficulty", "distil", "exactness", "folder"]
    assert names[7:] == ["int8", "large", "match", "plain", "render_rate", "rig", "serve", "shading"]
