"""The paper's tables as data, and what is made of them with the results that are there."""

import json
import math

import numpy as np
import pytest

from crispnet.evaluate.measure import write_results
from crispnet.evaluate.metrics import METRICS
from crispnet.evaluate.tables import CONTROL_KEYS, KEYS, TABLES, as_markdown, one_table, read_study

PSNR = 28.0


def rows(shift=0.0, count=6):
    """Rows of pictures that differ far more than two renditions do."""
    spread = np.random.default_rng(0).normal(0, 2, count)
    return [
        {"name": f"frame {n}", "scene": f"scene {n // 2}", "tags": {}}
        | dict.fromkeys(METRICS, 10 + shift + spread[n])
        | {"psnr": PSNR - shift - spread[n], "ssim": 0.9 - shift / 100 - spread[n] / 100}
        for n in range(count)
    ]


def write(folder, key, *, shift=0.0, count=6, facts=None):
    path = folder / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"data": "monitor-v1", "split": "test", "step": 2400} | (facts or {})
    write_results(path, rows(shift, count), what=key, facts=facts)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "laptop").mkdir()
    return tmp_path / "laptop"


def table(number):
    return next(each for each in TABLES if each.number == number)


def cells(text, label):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


# The data


def test_there_are_21_runs_and_eight_controls():
    sets = [key.partition("/")[0] for key in KEYS]
    assert {of: sets.count(of) for of in sets} == {"monitor": 12, "real": 7, "scratch": 2}
    assert len(set(KEYS)) == len(KEYS) == 21
    assert len(set(CONTROL_KEYS)) == 8
    assert [each.number for each in TABLES] == [1, 2, 3, 4, 5]


def test_every_row_has_an_entry_for_each_group_and_figures_within_reason():
    for each in TABLES:
        assert len({line.label for line in each.lines}) == len(each.lines)
        for line in (*each.lines, *each.controls):
            assert len(line.entries) == len(each.groups)
        for entry in (entry for line in each.lines for entry in line.entries):
            assert 24 < entry.psnr < 33
            assert 6 < entry.delta_e < 17
            assert 0.85 < entry.ssim < 0.94


def test_the_paper_agrees_with_itself_but_for_one_digit():
    found = {}
    for each in TABLES:
        for entry in (entry for line in each.lines for entry in line.entries):
            found.setdefault(entry.key, set()).add(entry[1:])
    differing = {key: figures for key, figures in found.items() if len(figures) > 1}
    assert differing == {"real/crispnet": {(27.54, 11.75, 0.8911), (27.53, 11.75, 0.8911)}}


def test_the_margins_of_the_paper_s_figures_are_those_it_is_known_for():
    delta_e = {entry.key: entry.delta_e for each in TABLES for line in each.lines for entry in line.entries}
    assert delta_e["monitor/crispnet"] / delta_e["monitor/awnet"] - 1 == pytest.approx(-0.413, abs=5e-4)
    assert delta_e["real/crispnet"] / delta_e["real/awnet"] - 1 == pytest.approx(-0.185, abs=5e-4)
    assert delta_e["monitor/crispnet"] / delta_e["monitor/unet-residual"] - 1 == pytest.approx(-0.380, abs=5e-4)


# Reading


def test_figures_are_those_of_the_files(folder):
    path = write(folder, "monitor/crispnet")
    study = read_study(folder)
    assert set(study.results) == {"monitor/crispnet"}
    assert (study.profile, len(study.missing), study.damaged, study.strays) == ("laptop", 20, {}, [])
    metrics = json.loads(path.read_text("utf-8"))["summary"]["metrics"]
    figures = study.results["monitor/crispnet"].figures
    assert {metric: figure._asdict() for metric, figure in figures.items()} == {
        metric: metrics[metric] for metric in ("psnr", "delta_e", "delta_e_rms", "ssim")
    }


def broken(document, *places, value):
    *way, last = places
    inner = document
    for place in way:
        inner = inner[place]
    inner[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    "harm",
    [
        *(lambda _, text=text: text for text in ("", "[]", "null", "[" * 100_000)),
        lambda document: json.dumps(document)[:-200],
        lambda document: broken(document, "rows", value=[]),
        lambda document: broken(document, "rows", value=None),
        lambda document: broken(document, "rows", 1, value=document["rows"][0]),
        lambda document: broken(document, "rows", 0, "ssim", value=None),
        lambda document: broken(document, "rows", 0, "psnr", value="much"),
        lambda document: broken(document, "provenance", value=None),
        lambda document: broken(document, "summary", "metrics", "delta_e", value=None),
        lambda document: broken(document, "summary", "metrics", "delta_e", "mean", value=1.0),  # typed by hand
        lambda document: broken(document, "summary", "metrics", "delta_e", "mean", value=math.nan),
    ],
)
def test_a_damaged_file_is_named_and_counts_as_missing(folder, harm):
    write(folder, "monitor/awnet")
    path = write(folder, "monitor/crispnet")
    path.write_text(harm(json.loads(path.read_text("utf-8"))), encoding="utf-8")
    study = read_study(folder)
    assert set(study.damaged) == {"monitor/crispnet"}
    assert study.damaged["monitor/crispnet"]
    assert set(study.results) == {"monitor/awnet"}
    assert cells(one_table(table(2), study), "CRISPnet")[1] == "–"


def test_a_file_that_is_no_text_or_a_folder_is_damaged_too(folder):
    write(folder, "monitor/awnet").write_bytes(b"\xff\xfe\x00{")
    (folder / "monitor" / "csanet.json").mkdir()
    assert set(read_study(folder).damaged) == {"monitor/awnet", "monitor/csanet"}


def test_files_of_no_table_are_named(folder):
    write(folder, "monitor/metaisp")
    study = read_study(folder)
    assert (study.strays, study.results) == (["monitor/metaisp"], {})


def test_no_folder_is_a_study_without_results(tmp_path):
    study = read_study(tmp_path / "paper")
    assert (study.profile, study.results, study.missing) == ("paper", {}, list(KEYS))


# Setting


def test_without_results_the_paper_s_figures_stand_alone(folder):
    text = as_markdown(read_study(folder))
    assert text.count("### Table") == 5
    assert cells(text, "XCiT") == (
        "XCiT – 32.04 – – 6.36 – 0.9344 – 27.53 – – 11.75 – 0.8911".split()  # as they are printed in the paper
    )
    assert text.count("nothing of it has been measured") == 6  # two groups in Table 5
    assert "plain look" not in text


def test_every_cell_is_filled_when_every_run_is_there(folder):
    for key in (*KEYS, *CONTROL_KEYS):
        write(folder, key)
    text = as_markdown(read_study(folder))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert "–" not in "".join(lines)
    assert len({line.count("|") for line in lines}) == 2  # Table 5 is wider
    assert len(lines) == 5 * 2 + 5 + 5 + 8 + 3 + 3 + 2 * 4


def test_ours_stand_beside_the_paper_s_with_their_intervals(folder):
    write(folder, "real/crispnet")
    study = read_study(folder)
    figures = study.results["real/crispnet"].figures
    psnr, delta_e, ssim = figures["psnr"], figures["delta_e"], figures["ssim"]
    _, psnr_cell, paper_psnr, delta_e_cell, _, paper_delta_e, ssim_cell, paper_ssim = cells(
        one_table(table(1), study), "CRISPnet"
    )
    assert psnr_cell == f"{psnr.mean:.2f} ({psnr.low:.2f} to {psnr.high:.2f})"
    assert delta_e_cell == f"{delta_e.mean:.2f} ({delta_e.low:.2f} to {delta_e.high:.2f})"
    assert ssim_cell == f"{ssim.mean:.4f} ({ssim.low:.4f} to {ssim.high:.4f})"
    assert (paper_psnr, paper_delta_e, paper_ssim) == ("27.54", "11.75", "0.8911")
    assert psnr.low < psnr.mean < psnr.high


def test_a_single_scene_has_no_interval(folder):
    write(folder, "monitor/crispnet", count=2)
    assert "(" not in cells(one_table(table(2), read_study(folder)), "CRISPnet")[1]


def test_controls_are_shown_where_they_were_measured(folder):
    write(folder, "monitor/lut")
    text = one_table(table(2), read_study(folder))
    assert cells(text, "3-D table")[2] == ""  # the paper has none
    assert "3 × 3" not in text


def test_one_line_says_what_all_share_and_who_differs(folder):
    for name in ("csanet", "pynet-ca", "crispnet"):
        write(folder, f"monitor/{name}")
    write(folder, "monitor/awnet", facts={"step": 2250})
    path = write(folder, "monitor/plain", facts={"split": "train"})
    document = json.loads(path.read_text("utf-8"))
    del document["facts"]["step"]
    document["provenance"] |= {"precision": "float64", "commit": "0123456789ab"}
    path.write_text(json.dumps(document), encoding="utf-8")
    commit = json.loads((folder / "monitor" / "awnet.json").read_text("utf-8"))["provenance"]["commit"]
    *_, last = one_table(table(2), read_study(folder)).strip().splitlines()
    plain = "plain look (no learning)"
    assert last.startswith(
        f"*profile laptop; 6 captures of monitor-v1, test (but 6 captures of monitor-v1, train: {plain}); "
    )
    assert f"; float32 (but float64: {plain}); commit {commit} (but commit 0123456789ab: {plain}); " in last
    assert last.endswith(f"; weights of step 2400 (but weights of step 2250: AWNET; no steps: {plain}).*")


def test_equal_pictures_have_an_infinite_psnr(folder):
    path = write(folder, "monitor/crispnet")
    measured = rows()
    measured[0]["psnr"] = math.inf
    write_results(path, measured, what="one is equal", facts={"data": "monitor-v1", "split": "test"})
    study = read_study(folder)
    assert study.damaged == {}
    assert study.results["monitor/crispnet"].figures["psnr"].mean == math.inf
