"""docs/reliability.md says what results/reliability say, and the results are what was asked for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "reliability"
KILLED = ("develop", "fit", "train")


def reliability(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "reliability.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def result(name: str) -> dict[str, object]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def test_the_page_is_current():
    done = reliability("--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed(tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results" / "reliability")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "reliability.md", tmp_path / "docs")
    assert reliability("--check", "--root", tmp_path).returncode == 0
    path = tmp_path / "results" / "reliability" / "damage.json"
    changed = json.loads(path.read_text(encoding="utf-8"))
    changed["targets"]["raw"]["findings"].append("7: crashed: the process ended by SIGSEGV")
    path.write_text(json.dumps(changed), encoding="utf-8")
    assert reliability("--check", "--root", tmp_path).returncode == 1
    assert reliability("--write", "--root", tmp_path).returncode == 0
    page = (tmp_path / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert "| crashes: processes ended, exceptions that are no refusal | 0 | 1 |" in page


def test_as_many_damaged_files_were_tried_as_was_promised_and_none_did_harm():
    targets = result("damage")["targets"]
    developed, brought = targets.pop("crispnet develop"), targets.pop("crispnet serve")
    assert developed["tried"] >= 2_000
    assert brought["tried"] >= 1_000
    assert sum(tally["tried"] for tally in targets.values()) >= 100_000
    for tally in (*targets.values(), developed, brought):
        assert tally["findings"] == []
        assert tally["read"] + tally["refused"] == tally["tried"]
        assert 0 < tally["peak_mb"] <= tally["limit_mb"]
    assert result("damage")["zoo"]["unlike"] == []


@pytest.mark.parametrize("command", KILLED)
def test_every_kill_was_survived(command):
    tally = result(f"kills-{command}")["commands"][command]
    assert tally["survived"] == tally["times"] == len(tally["steps_when_killed"]) >= 20
    assert tally["damaged_files"] == []
    assert tally.get("made_again", []) == []
    assert any(0 < step < tally["steps"] for step in tally["steps_when_killed"])


def test_decoding_apart_costs_no_more_than_was_wanted():
    found = result("apart")
    assert {row["raw"] for row in found["raws"]} >= {"GOPR8508.DNG", "box.crw", "mural.dng"}
    assert all(row["here_ms"] > 0 and row["more_ms"] <= found["at_most_ms"] == 50 for row in found["raws"])


@pytest.mark.parametrize("name", [path.stem for path in sorted(RESULTS.glob("*.json"))])
def test_every_result_says_where_it_comes_from(name):
    assert {"apart", "damage", *(f"kills-{command}" for command in KILLED)} <= {
        path.stem for path in RESULTS.glob("*.json")
    }
    assert {"machine", "versions", "commit", "date", "command"} <= result(name).keys()
