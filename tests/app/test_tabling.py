"""The command that prints the tables: what it says, where, and what it does not import."""

import json
import subprocess
import sys

import numpy as np
import pytest

from crispnet.app.tabling import Wish, tabulate
from crispnet.errors import OutputError, RunError
from crispnet.evaluate.measure import write_results
from crispnet.evaluate.metrics import METRICS
from crispnet.evaluate.tables import CONTROL_KEYS, KEYS


def write(results, key, *, worse=0.0):
    values = worse + 10 + np.random.default_rng(0).normal(0, 1, 8)
    rows = [
        dict.fromkeys(METRICS, value) | {"name": f"{n}", "scene": f"{n}", "tags": {}, "psnr": 38 - value, "ssim": 0.9}
        for n, value in enumerate(values)
    ]
    path = results / "laptop" / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_results(path, rows, what=key, facts={"data": "monitor-v1", "split": "test", "step": 2400})
    return path


@pytest.fixture
def results(tmp_path):
    write(tmp_path, "monitor/crispnet")
    write(tmp_path, "monitor/awnet", worse=1.0)
    return tmp_path


def test_markdown_holds_the_tables_and_the_claims(results, capsys):
    assert tabulate(Wish(results, "laptop", None), as_json=False) == 0
    said, complained = capsys.readouterr()
    assert said.count("### Table") == 5
    assert "## Which of the paper's claims hold here" in said
    assert "| holds |" in said
    (line,) = complained.splitlines()
    assert line.startswith("crispnet: 19 of 21 runs of the profile laptop have no result: ")
    assert "scratch/unet-residual" in line


def test_json_is_an_object_for_each_table_and_each_comparison(results, capsys):
    tabulate(Wish(results, "laptop", None), as_json=True)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]
    tables, comparisons = lines[:5], lines[5:]
    assert [table["table"] for table in tables] == [1, 2, 3, 4, 5]
    ours = {row["key"]: row for row in tables[1]["rows"]}["monitor/awnet"]
    assert ours["paper"] == {"psnr": 27.66, "delta_e": 10.84, "ssim": 0.9093}
    assert set(ours["ours"]) == {"psnr", "delta_e", "delta_e_rms", "ssim"}
    assert ours["ours"]["psnr"]["low"] < ours["ours"]["psnr"]["mean"] < ours["ours"]["psnr"]["high"]
    assert ours["origin"]["steps"] == "weights of step 2400"
    assert tables[0]["rows"][0]["ours"] is tables[0]["rows"][0]["origin"] is None
    (found,) = [line for line in comparisons if line["verdict"] == "holds" and line["metric"] == "delta_e"]
    assert (found["better"], found["worse"], found["met"]) == ("monitor/crispnet", "monitor/awnet", False)
    assert found["gap"]["mean"] == pytest.approx(-1)


def test_a_control_has_nothing_of_the_paper_s(results, capsys):
    write(results, "monitor/lut")
    tabulate(Wish(results, "laptop", None), as_json=True)
    table = json.loads(capsys.readouterr().out.splitlines()[1])
    assert {row["key"]: row["paper"] for row in table["rows"]}["monitor/lut"] is None


def test_damaged_and_stray_files_are_named_and_counted(results, capsys):
    write(results, "monitor/csanet").write_text("{", encoding="utf-8")
    write(results, "monitor/metaisp")
    assert tabulate(Wish(results, "laptop", None), as_json=False) == 1
    said, complained = capsys.readouterr()
    assert said.count("### Table") == 5
    damaged, stray, missing = complained.splitlines()
    assert "csanet.json is no result (JSONDecodeError" in damaged
    assert "metaisp.json belongs to no table" in stray
    assert missing.startswith("crispnet: 18 of 21")


def test_a_page_is_written_where_it_was_asked_for(results, capsys):
    tabulate(Wish(results, "laptop", None), as_json=False)
    expected = capsys.readouterr().out
    page = results / "pages" / "tables.md"
    for _ in range(2):  # it replaces itself
        tabulate(Wish(results, "laptop", page), as_json=False)
        assert capsys.readouterr().out == f"{page}\n"
        assert page.read_text(encoding="utf-8") == expected
    with pytest.raises(OutputError, match="cannot be made"):
        tabulate(Wish(results, "laptop", page / "tables.md"), as_json=False)


def test_a_profile_without_results_is_refused(results):
    with pytest.raises(RunError, match=r"no results of the profile paper .* --profile"):
        tabulate(Wish(results, "paper", None), as_json=False)


def test_a_whole_study_needs_no_torch(tmp_path):
    for place, key in enumerate((*KEYS, *CONTROL_KEYS)):
        write(tmp_path, key, worse=place / 10)
    program = (
        "import sys; from pathlib import Path; from crispnet.app.tabling import Wish, tabulate; "
        "tabulate(Wish(Path(sys.argv[1]), 'laptop', None), as_json=False); "
        "print(sorted({'torch', 'openvino', 'onnx'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False,
        encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "[]\n"  # nothing was missing, and nothing heavy was imported
    assert "| – |" not in done.stdout
