"""The page about a look says what the look and its results say; its report sums up and chooses as it claims to."""

import hashlib
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crispnet.data.frames import Frame
from crispnet.data.setfile import named_set, shipped_sets
from crispnet.look.file import CARD, LookFile

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "src" / "crispnet" / "look" / "shipped" / "phone.onnx"


def loaded(folder, name):
    """A script as a module, with the folder it lies in to import from."""
    sys.path.insert(0, str(ROOT / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / folder))


@pytest.fixture(scope="module")
def cards():
    return loaded("docs", "make_cards")


@pytest.fixture(scope="module")
def report():
    return loaded("benchmarks", "look_report")


def frame(name="a-1", scene="a", *, seen=True, kind="sky", level=0.4, size=8):
    target = np.full((2 * size, 2 * size, 3), round(255 * level), np.uint8)
    tags = {"camera": "One" if seen else "Pentax Q", "camera_seen": seen, "kind": kind, "level": "full"}
    tags |= {"shown": "scene", "light": "daylight", "kelvin": 5000, "iso": 100.0}
    thumbnail = np.zeros((3, 368, 480), np.float32)
    packed = np.full((4, size, size), level, np.float16)
    return Frame(name, scene, packed, target, thumbnail, np.ones(4, np.float32), np.eye(3, dtype=np.float32), tags)


@pytest.fixture(scope="module")
def frames():
    return [
        frame(f"{scene}-{number}{'' if seen else '-unseen'}", scene, seen=seen, level=level)
        for level, scene in ((0.3, "a"), (0.5, "b"), (0.7, "c"))
        for seen in (True, False)
        for number in (1, 2, 3)
    ]


def wrong_by(offset):
    return lambda each: np.asarray(each.target, np.float32) / 255 + np.float32(offset)


@pytest.fixture(scope="module")
def look():
    card = dict.fromkeys(CARD, "something") | {"licence": "CC0", "recipe": "phone: canonical, at step 7 of 9"}
    return LookFile(b"weights", "phone.onnx", "phone", "0a1b2c3d", card, 16, 4, 100, ("to_srgb",))


@pytest.fixture(scope="module")
def result(report, frames, look):
    renders = {name: wrong_by(0.01 * step) for step, name in enumerate(("bf16", "f32", "plain", *report.CONTROLS), 1)}
    some = {each.name for each in report.some_of(frames)}
    rows, between = report.measure_all(renders, frames, some)
    machine = {"cpu": "a processor", "cores": 2, "memory_gb": 8, "os": "Linux"}
    content = {
        "machine": machine, "precision": "bf16", "commit": "abc", "date": "2026-01-01", "command": "look_report.py",
        "look": {"name": "phone", "version": look.version, "sha256": hashlib.sha256(look.content).hexdigest()},
        "data": {"name": "cameras-v1", "train": {"captures": 1234, "scenes": 567}},
        "run": None, **report.figures(rows, between, some), "fitted_on": {"captures": 1, "of": 4},
        "pictures": report.choose(rows["bf16"], {"a", "b"}),
    }  # fmt: skip
    return json.loads(json.dumps(report.rounded(content), allow_nan=False))


# The page


def test_the_pages_are_current():
    if not SHIPPED.exists():
        pytest.skip("no trained look ships yet: src/crispnet/look/shipped/phone.onnx is missing")
    command = [sys.executable, ROOT / "docs" / "make_cards.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs" / "looks" / "phone.md").read_text(encoding="utf-8")
    pictures = json.loads((ROOT / "results" / "looks" / "phone.json").read_text(encoding="utf-8"))["pictures"]
    assert all(picture["file"] in page for picture in pictures)
    kept = {path.name for path in (ROOT / "docs" / "looks" / "phone").glob("*")}  # none, where none may be shown
    assert kept == {picture["file"] for picture in pictures}


def test_a_page_has_all_sections_and_its_figures(cards, look, result):
    page = cards.page(look, result)
    headings = ["What it is", "How to use it", "What it learned from", "Cameras it never saw", "Figures",
                "Where it fails", "Licence", "How it was made"]  # fmt: skip
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == headings
    assert "No real phone" in page
    assert all(str(part) in page for part in (1234, 567, look.version, "CC0", "steps=9", "Pentax Q", "a processor"))
    mean = result["test"]["metrics"]["delta_e"]["mean"]
    assert f"| all | 18 | 3 | {mean:.2f} (" in page


def test_every_table_is_whole(cards, look, result):
    blocks, block = [], []
    for line in [*cards.page(look, result).splitlines(), ""]:
        if line.startswith("|"):
            block.append(line.count(" | "))
        elif block:
            blocks.append(block)
            block = []
    assert len(blocks) > 8
    assert [block for block in blocks if len(block) < 3 or len(set(block)) > 1] == []


def test_a_changed_figure_changes_the_page(cards, look, result):
    changed = json.loads(json.dumps(result))
    changed["beside"]["lut"]["metrics"]["psnr"]["mean"] += 1
    assert cards.page(look, changed) != cards.page(look, result)


def test_results_of_another_look_are_refused(cards, look, result):
    other = LookFile(b"other weights", "phone.onnx", "phone", look.version, look.card, 16, 4, 100, ())
    with pytest.raises(ValueError, match="expected results of the look"):
        cards.page(other, result)


def test_real_raws_are_shown_where_they_were_measured_with_this_very_look(cards, look, result):
    raw = {"raw": "X.DNG", "camera": "Y", "renditions": {"plain": {"delta_e_76_mean": 1.0}}}
    raw["renditions"]["phone"] = {"delta_e_76_mean": 3.21}
    origin = {name: result[name] for name in ("machine", "precision", "commit", "date", "command")}
    real = {**origin, "means": "4 x 3", "looks": {"phone": look.version}, "photographs": [raw]}
    assert "| X.DNG | Y | 1.00 | 3.21 |" in cards.page(look, result, real=real)
    assert "X.DNG" not in cards.page(look, result, real={**real, "looks": {"phone": "another"}})


def test_every_source_of_the_frozen_sets_has_a_licence(cards):
    for name in shipped_sets():
        assert {cards.collection_of(entry.file) for entry in named_set(name).entries} <= cards.COLLECTIONS.keys()
    with pytest.raises(ValueError, match=r"somebody\.jpg"):
        cards.collection_of("somebody.jpg")


# The report


def test_the_captures_for_everything_are_pairs(report, frames):
    some = [each.name for each in report.some_of(frames)]
    assert some == ["a-1", "a-1-unseen", "b-1", "b-1-unseen", "c-1", "c-1-unseen"]


def test_a_limit_keeps_whole_scenes(report, frames):
    kept = report.thinned(frames, 7)
    assert [each.scene for each in kept] == ["a"] * 6
    assert report.thinned(frames, None) == frames


def test_both_precisions_are_compared(result):
    assert result["bf16_to_f32"]["captures"] == 6
    assert 0.3 < result["bf16_to_f32"]["delta_e"] < 2  # a hundredth of sRGB


def test_what_is_beside_is_compared_on_the_same_captures(result):
    beside = result["beside"]
    assert {each["images"] for each in beside.values()} == {6}
    for name in ("plain", "lut"):
        more = beside[name]["metrics"]["delta_e"]["mean"] - beside["bf16"]["metrics"]["delta_e"]["mean"]
        assert beside[name]["more_than_the_look"]["mean"] == pytest.approx(more, abs=1e-3)
        assert more > 0


def row(scene, error, name=""):
    figures = {"delta_e": error, "low_pass_delta_e": error, "psnr": 30.0}
    return {"name": name or f"{scene}-{error}", "scene": scene, "tags": {}, **figures}


def test_a_common_factor_is_found_without_doubt(report):
    under = [row("a", 1.0), row("a", 3.0), row("b", 5.0), row("c", 2.0)]
    over = [row(each["scene"], 1.5 * each["delta_e"]) for each in under] + [row("nowhere else", 99.0)]
    assert report.ratio(over, under, "delta_e") == pytest.approx({"mean": 1.5, "low": 1.5, "high": 1.5})


def test_a_ratio_of_one_scene_has_no_interval(report):
    found = report.ratio([row("a", 2.0)], [row("a", 1.0)], "delta_e")
    assert found["mean"] == 2
    assert np.isnan([found["low"], found["high"]]).all()


def test_pictures_are_the_worst_then_the_typical_of_what_may_be_shown(report):
    errors = np.arange(30.0)
    rows = [row("abcde"[int(error) % 5], float(error), name=str(int(error))) for error in errors]
    chosen = report.choose(rows, set("abc"))
    worst, typical = ([each for each in chosen if each["why"] == why] for why in ("worst", "typical"))
    assert [each["name"] for each in worst] == ["27", "26", "25", "22", "21", "20"]
    assert [each["rank"] for each in worst] == [3, 4, 5, 8, 9, 10]
    assert {each["name"] for each in typical} == {"15", "16"}
    assert len({each["file"] for each in chosen}) == 8
    assert report.choose(rows, set()) == []


def test_only_panoramas_may_be_shown(report):
    shown = report.may_be_shown("cameras-v1")
    files = {entry.file for entry in named_set("cameras-v1").entries}
    assert shown
    assert {f"{scene}.hdr" for scene in shown} <= files
    assert report.may_be_shown("my own") == set()


def test_strips_are_written_in_place_of_old_ones(report, frames, tmp_path):
    (tmp_path / "worst-9.jpg").write_bytes(b"old")
    rows = [row(each.scene, 5.0, name=each.name) for each in frames]
    report.show(frames, wrong_by(0.2), report.choose(rows, {"b"}), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["typical-1.jpg", "worst-1.jpg", "worst-2.jpg"]


def test_a_strip_has_a_map_that_is_bright_where_the_error_is(report):
    target = np.full((60, 80, 3), 0.5, np.float32)
    ours = target.copy()
    ours[:, 40:] = 0.9
    strip = np.asarray(report.strip_of(ours, target, delta_e=20.0), np.float32)
    assert strip.shape[1] <= report.WIDTH
    error = strip[-100:, -290:].mean(axis=(0, 2))
    assert error[:140].max() < 10
    assert error[-140:].min() > 100


def test_what_is_no_number_becomes_null(report):
    assert report.rounded({"a": [np.float32(1.234567), float("nan")], "b": 8e-4}) == {"a": [1.2346, None], "b": 8e-4}
