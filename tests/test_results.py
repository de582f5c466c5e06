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
    for aim, factor in zip(result["aims"], (1, 1.01, None), strict=True):
        aim["measured"] = factor and factor * aim["at_most"]
    path.write_text(json.dumps(result), encoding="utf-8")
    assert report("--write", "--root", copy).returncode == 0
    page = (copy / "docs" / "results.md").read_text(encoding="utf-8")
    assert (page.count("| met |"), page.count("| **not met** |"), page.count("| not measured |")) == (1, 1, 1)


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


def test_there_are_seven_results():
    assert [path.stem for path in RESULTS] == ["demosaic", "develop", "difficulty", "match", "plain", "rig", "shading"]
