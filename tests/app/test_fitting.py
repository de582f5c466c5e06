"""Fitting, from folders of a photographer to a look that develops; in few steps, for it is the way that is tested."""

import inspect
import json
import re
import shutil
import signal
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import crispnet
from crispnet.alone import alone_in
from crispnet.app import becoming, colours, dealing, fitting, varying
from crispnet.app.becoming import as_table, version_of
from crispnet.app.cli import app
from crispnet.app.commanding import check_template, make_pictures
from crispnet.app.dealing import material_of
from crispnet.data.pairs import Pair, read_manifest
from crispnet.errors import CrispnetError, DataError
from crispnet.evaluate.controls import Curve, Lut, MatrixCurve
from crispnet.evaluate.judging import Verdict, judge
from crispnet.evaluate.samples import camera_values
from crispnet.look.file import CARD
from crispnet.model import checkpoint
from crispnet.model.catalogue import build
from crispnet.model.contract import Metadata
from crispnet.raw.orientation import upright
from crispnet.raw.sidecar import picture_file
from crispnet.raw.writer import write_dng
from crispnet.train.export import export
from crispnet.train.personal import STEPS, at_last, personal
from crispnet.train.reopening import NETWORK
from making import raw_image
from mishaps import full_disk, signalled

BOX = Path(__file__).parents[2] / "samples" / "box.crw"
CORNERS = ((100, 100), (100, 1500), (1000, 100), (1100, 1200), (700, 700))


def warm(pixels):
    """What a camera makes of a plain rendering: warmer, and with more contrast."""
    return np.clip(pixels, 0, 1) ** 1.25 * np.array([1.0, 0.95, 0.82], np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five raws, cut out of one, with pictures beside them."""
    place, box = tmp_path_factory.mktemp("card"), crispnet.open_raw(BOX)
    for number, (top, left) in enumerate(CORNERS):
        part = np.ascontiguousarray(box.mosaic[top : top + 280, left : left + 360])
        times = {"datetime": f"2026:05:0{number + 1} 10:00:00"}
        raw = replace(raw_image(height=280, width=360), mosaic=part, black=box.black, white=box.white, exif=times)
        path = write_dng(raw, place / f"{number}.dng")
        pixels = warm(upright(crispnet.develop(path, "plain").pixels, raw.orientation))
        Image.fromarray((pixels * 255 + 0.5).astype(np.uint8)).save(place / f"{number}.jpg", quality=97, subsampling=0)
    return place


def run(*words):
    return CliRunner().invoke(app, ["fit", *map(str, words)])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A look for any camera that knows nothing, and is quick about it."""
    options = {"widths": [6, 8, 10], "blocks": 1, "dim": 16, "depth": 1}
    card = dict.fromkeys(CARD, "something") | {NETWORK: json.dumps({"model": "canonical", "options": options})}
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    export(build("canonical", **options), path, name="tiny", version="1", card=card)
    return path


@pytest.fixture(scope="module")
def fitted(folder, tiny, tmp_path_factory):
    look = tmp_path_factory.mktemp("looks") / "mine.onnx"
    result = run(folder, "-o", look, "--look", tiny, "--steps", 3, "--json")
    assert result.exit_code == 0, result.output
    return look, json.loads(result.stdout)


def test_as_many_steps_are_learned_as_the_recipe_says():
    assert inspect.signature(colours.fit).parameters["steps"].default == STEPS


def begun(fitted, place):
    """Copy what a fit has done before it learns, so that it need not be done again."""
    look, _ = fitted
    shutil.copytree(f"{look}.fit", place / "mine.onnx.fit", ignore=shutil.ignore_patterns("run*"))
    return "-o", place / "mine.onnx"


@pytest.mark.parametrize("detail", [False, True])
def test_a_quarter_of_the_steps_is_left_for_all_pairs(detail):
    first = personal(Path("start"), {}, detail=detail, steps=400)
    last = at_last(first, Path("run"), steps=400)
    assert (first.steps, last.steps) == (300, 100)
    assert any(stage.view == "patches" for stage, _ in last.stages) == detail
    assert last.start_from == "run"
    assert last.rate_at(99) < 0.02 * first.learning_rate


def test_a_folder_becomes_a_look_that_develops(fitted, folder):
    look, said = fitted
    assert said["look"] == str(look)
    photo = crispnet.develop(folder / "0.dng", crispnet.load_look(str(look)))
    assert photo.look.startswith("mine ")
    assert photo.pixels.shape == (280, 360, 3)
    card = crispnet.load_look(str(look)).card
    assert "pairs" in card["learned from"]
    assert card["began as"].endswith("tiny.onnx")


def test_what_is_best_on_held_out_pictures_becomes_the_look(fitted):
    _, said = fitted
    means = said["delta_e"]
    rivals = {name: mean for name, mean in means.items() if name != "before"}
    assert said["chosen"] == min(rivals, key=rivals.get)
    assert set(means) == {"before", "curve", "3 × 3 + curve", "3-D table", "after"}


def test_the_report_shows_what_it_says(fitted):
    look, said = fitted
    page = Path(said["report"]).read_text(encoding="utf-8")
    figures = np.array([float(figure) for figure in re.findall(r">(\d+\.\d\d)<", page)])
    for name, mean in said["delta_e"].items():
        assert name in page
        assert np.abs(figures - mean).min() <= 0.0055
    assert page.count("<img") == 5  # the camera, the look, the other of network and control, before; a map
    assert "<script" not in page
    assert "few" in page
    assert (look.parent / "mine.onnx.fit" / "pairs" / "left-out.jsonl").is_file()


def test_what_is_done_is_not_done_again_wherever_it_is_moved(fitted, folder, tiny, tmp_path):
    look, said = fitted
    words = "--look", tiny, "--steps", 3
    assert run(folder, "-o", look, *words).exit_code == 3  # it exists
    place = tmp_path / "mine.onnx.fit"
    shutil.copytree(f"{look}.fit", place)
    recipe, weights = (place / "run" / name for name in ("recipe.json", "best.safetensors"))
    recipe.write_text(recipe.read_text("utf-8").replace(str(look.parent), "/gone"), "utf-8")
    before = weights.stat().st_mtime_ns
    again = run(folder, "-o", tmp_path / "mine.onnx", *words, "--json")
    assert again.exit_code == 0, again.output
    assert "Going on with the pairs" in again.stderr
    assert json.loads(again.stdout)["delta_e"] == said["delta_e"]
    assert weights.stat().st_mtime_ns == before


def test_a_fit_that_was_interrupted_goes_on_to_the_same_look(fitted, folder, tiny, tmp_path, monkeypatch):
    _, said = fitted
    words = folder, "-o", tmp_path / "mine.onnx", "--look", tiny, "--steps", 3, "--json"
    train = fitting.train

    def interrupted(*arguments, on_step, **options):
        stop = threading.Event()
        return train(*arguments, stop=stop, on_step=lambda progress: (on_step(progress), stop.set()), **options)

    with signalled(signal.SIGTERM, at=7):  # while pictures are laid
        result = run(*words)
    assert (result.exit_code, "crispnet: stopped. " in result.stderr) == (1, True)
    assert (tmp_path / "mine.onnx.fit" / "pairs" / "manifest.jsonl").exists()
    with monkeypatch.context() as patched:
        patched.setattr(fitting, "train", interrupted)
        result = run(*words)
    assert result.exit_code == 1
    assert "Stopped and saved after 1 of 2 steps" in result.stderr
    with alone_in(tmp_path / "mine.onnx.fit"):
        result = run(*words)
    assert (result.exit_code, "Another process is working at" in result.stderr) == (3, True)
    with full_disk():
        result = run(*words)
    assert (result.exit_code, "cannot be written: " in result.stderr) == (3, True)
    assert not (tmp_path / "mine.onnx").exists()
    assert not list((tmp_path / "mine.onnx.fit").rglob(".crispnet-*"))
    again = run(*words)
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["delta_e"] == said["delta_e"]
    assert crispnet.load_look(str(tmp_path / "mine.onnx")).version == crispnet.load_look(said["look"]).version


def test_what_judged_is_learned_from_at_last(fitted, folder, tiny, tmp_path, monkeypatch):
    """A network that wins goes on with all pairs, and the figures are those of before."""
    monkeypatch.setattr(Verdict, "best", lambda _, names: names[-1])
    trained = []
    train = fitting.train

    def watched(recipe, frames, validation, run, **options):
        trained.append((recipe, [frame.name for frame in frames], [frame.name for frame in validation]))
        return train(recipe, frames, validation, run, **options)

    monkeypatch.setattr(fitting, "train", watched)
    look = tmp_path / "mine.onnx"
    result = run(folder, *begun(fitted, tmp_path), "--look", tiny, "--steps", 2, "--json")
    assert result.exit_code == 0, result.output
    (first, learned, judged), (last, everything, _) = trained
    assert {*learned, *judged} <= set(everything)
    assert not set(learned) & set(judged)
    assert len(everything) == len(read_manifest(tmp_path / "mine.onnx.fit" / "laid" / "manifest.jsonl"))
    assert (first.steps, last.steps) == (1, 1)
    assert last.start_from == str(tmp_path / "mine.onnx.fit" / "run")
    weights, _ = checkpoint.load(tmp_path / "mine.onnx.fit" / "run-at-last" / "best.safetensors")
    before, _ = checkpoint.load(tmp_path / "mine.onnx.fit" / "run" / "best.safetensors")
    assert crispnet.load_look(str(look)).version == version_of(weights) != version_of(before)
    assert f"{len(everything)} pairs" in crispnet.load_look(str(look)).card["learned from"]
    assert "learned from the held-out pictures, too" in Path(json.loads(result.stdout)["report"]).read_text("utf-8")


def test_variants_of_a_raw_that_was_refused_judge_nothing(tmp_path, monkeypatch):
    """Its picture could not be laid, and those of its variants could."""
    monkeypatch.setattr(dealing, "frames_of", lambda pairs, split, **_: [p.raw.name for p in pairs if p.split == split])

    def pair(name, split, **tags):
        return Pair(Path(f"{name}.dng"), Path(f"{name}.png"), name, split, tags)

    few = [pair("a", "train"), pair("b-1", "test", variant=True)]
    with pytest.raises(DataError, match="too few"):
        material_of(few, tmp_path)
    found = material_of([*few, pair("c", "validation")], tmp_path)
    assert (found.frames, found.held_out, found.variants) == (["a.dng"], ["c.dng"], ["b-1.dng"])
    assert found.shared


def test_a_control_that_wins_is_fitted_to_all_pairs(fitted, folder, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Verdict, "best", lambda _, names: names[0])
    fitted_to = []

    def fit(frames):
        fitted_to.append(len(frames))
        return Curve.fit(frames)

    monkeypatch.setattr(becoming, "CONTROLS", {"curve": fit})
    result = run(folder, *begun(fitted, tmp_path), "--look", tiny, "--steps", 2, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["chosen"] == "curve"
    pairs = read_manifest(tmp_path / "mine.onnx.fit" / "laid" / "manifest.jsonl")
    assert fitted_to == [sum(pair.split == "train" for pair in pairs), len(pairs)]
    assert not (tmp_path / "mine.onnx.fit" / "run-at-last").exists()


def test_pictures_may_be_made_by_a_command(folder, tmp_path, capsys):
    """Any program that reads a raw and writes a picture, and what it fails on is said and left out."""
    program = tmp_path / "isp.py"
    program.write_text(
        "import shutil, sys\n"
        "raw, picture = sys.argv[1:]\n"
        "if raw.endswith('3.dng'): sys.exit('too hard')\n"
        "shutil.copy(raw.replace('.dng', '.jpg'), picture)\n"
    )
    words = check_template(f"'{sys.executable}' '{program}' {{raw}} {{picture}}")
    made = make_pictures(words, sorted(folder.glob("*.dng")), tmp_path / "command").pictures
    assert "too hard" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "command").iterdir()) == ["0.jpg", "1.jpg", "2.jpg", "4.jpg"]
    assert {raw.stem for raw in made} == {"0", "1", "2", "4"}


def test_a_raw_that_no_dng_can_hold_has_no_variants_and_stops_nothing(tmp_path, capsys):
    raw = raw_image(height=64, width=96)
    paths = [write_dng(raw, tmp_path / f"{name}.dng") for name in "ab"]
    pairs = [Pair(path, path.with_suffix(".jpg"), path.stem, "train") for path in paths]
    paths[0].write_bytes(b"")
    made = list(varying._written(pairs, tmp_path, each=2, seed=0))
    assert [pair.scene for _, pair in made] == ["b", "b"]
    assert all(path.is_file() for path, _ in made)
    assert "There are no variants of" in capsys.readouterr().err


PROGRAM = """
import sys, crispnet
from crispnet.raw.orientation import upright
raw, picture = sys.argv[1:]
crispnet.develop(raw, "plain", exposure={exposure}).save(picture)
"""


def test_a_command_is_asked_for_variants_of_the_raws_and_none_of_them_judges(folder, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(varying, "EACH", 1)  # each is a process
    program = tmp_path / "isp.py"
    program.write_text(PROGRAM.format(exposure=0.2))
    command = f"'{sys.executable}' '{program}' {{raw}} {{picture}}"
    words = folder, "-o", tmp_path / "c.onnx", "--look", tiny, "--steps", 1, "--from-command", command
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    place = tmp_path / "c.onnx.fit"
    pairs, more = (read_manifest(place / name / "manifest.jsonl") for name in ("pairs", "variants"))
    splits = {pair.scene: pair.split for pair in pairs}
    assert Counter(pair.scene for pair in more) == dict.fromkeys(splits, 1)
    assert all(pair.split == splits[pair.scene] for pair in more)
    learned, chosen_by = ([pair for pair in pairs if pair.split == split] for split in ("train", "validation"))
    assert f"{len(learned)} pairs and {len(learned)} variants of them to learn from" in result.stderr
    assert json.loads(result.stdout)["held_out"] == sum(pair.split != "train" for pair in pairs) - len(chosen_by)
    assert f"{len(pairs)} pairs" in crispnet.load_look(str(tmp_path / "c.onnx")).card["learned from"]
    assert f"{len(more)} variants" in crispnet.load_look(str(tmp_path / "c.onnx")).card["learned from"]
    for pair in more:
        expected = crispnet.develop(pair.raw, "plain", exposure=0.2, depth=8)
        found = picture_file(pair.picture).pixels.astype(int)
        assert np.abs(found - upright(expected.pixels, expected.raw.orientation)).mean() < 3


def test_a_command_that_knows_the_raw_itself_is_not_asked_for_variants(folder, tmp_path, capsys):
    """It reads what a DNG cannot say, here the name."""
    program = tmp_path / "isp.py"
    program.write_text(PROGRAM.format(exposure="0.2 if '/same/' not in raw else 0.9"))
    words = check_template(f"'{sys.executable}' '{program}' {{raw}} {{picture}}")
    made = make_pictures(words, [folder / "0.dng"], tmp_path / "command").pictures
    pairs = [Pair(raw, picture, raw.stem, "train") for raw, picture in made.items()]
    assert varying.varied(pairs, words, tmp_path / "variants", seed=0) == []
    assert "makes something else of a rewritten raw" in capsys.readouterr().err
    assert not (tmp_path / "variants" / "manifest.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-o", "a.txt"], "no name of a look"),
        (["-o", "a.onnx", "--look", "plain"], "has no weights"),
        (["-o", "a.onnx", "--look", "mystery"], "no look called"),
        (["-o", "a.onnx", "--from-command", "isp --in {raw}"], "does not say where {picture}"),
        (["-o", "a.onnx", "--from-command", "isp '{raw} {picture}"], "cannot be read"),
        (["-o", "a.onnx", "--from-command", "/no/such/isp {raw} {picture}"], "cannot be run"),
    ],
)
def test_what_cannot_be_is_refused_in_words(folder, tmp_path, monkeypatch, words, complaint):
    monkeypatch.chdir(tmp_path)
    result = run(folder, *words)
    assert result.exit_code == 3
    assert complaint in result.stderr
    assert not (tmp_path / "a.onnx").exists()


def test_too_few_pairs_are_refused(folder, tmp_path):
    (tmp_path / "card").mkdir()
    assert run(tmp_path / "card", "-o", tmp_path / "a.onnx").exit_code == 3
    for ending in ("dng", "jpg"):
        (tmp_path / "card" / f"0.{ending}").write_bytes((folder / f"0.{ending}").read_bytes())
    result = run(tmp_path / "card", "-o", tmp_path / "a.onnx")
    assert result.exit_code == 3
    assert "too few" in result.stderr


def test_a_template_is_split_as_a_shell_would():
    assert check_template("isp --in {raw} --out '{picture}' -q 95") == [
        "isp",
        "--in",
        "{raw}",
        "--out",
        "{picture}",
        "-q",
        "95",
    ]
    with pytest.raises(CrispnetError):
        check_template("isp")


class Shot:
    """A frame of noise under a known rendition."""

    def __init__(self, seed, name="a"):
        random = np.random.default_rng(seed)
        self.name, self.scene, self.tags = name, name, {}
        self.packed = (random.random((4, 24, 32)) * 0.6).astype(np.float16)
        self.packed[3] = self.packed[1]
        self.white_balance = np.array([1.6, 1, 1.3, 1], np.float32)
        camera = camera_values(self.packed, white_balance=self.white_balance)
        colours = np.clip(camera @ np.array([[0.9, 0.1, 0], [0, 0.8, 0.1], [0, 0.1, 0.9]]), 0, 1) ** 0.45
        self.target = np.rint(255 * np.repeat(np.repeat(colours, 2, axis=0), 2, axis=1)).astype(np.uint8)


@pytest.mark.parametrize("kind", [Curve, MatrixCurve, Lut])
def test_a_control_becomes_a_table_of_the_same_colours(kind):
    frames = [Shot(seed) for seed in range(3)]
    control = kind.fit(frames)
    table = as_table(control)
    import torch

    flat = np.random.default_rng(5).random((40, 4)).astype(np.float32) * 0.6
    flat[:, 3] = flat[:, 1]
    packed = torch.from_numpy(flat)[:, :, None, None].expand(40, 4, 4, 4).contiguous()
    light = torch.from_numpy(frames[0].white_balance)[None].expand(40, 4)
    scene = table.scene(packed, Metadata(light, torch.eye(3).expand(40, 3, 3), torch.zeros(40)))
    found = table.render(packed, scene)[:, :, 4, 4].numpy()
    expected = control.colours(flat[:, :3] * frames[0].white_balance[:3])
    assert np.abs(found - expected).mean() < 0.01


def test_of_equals_the_simpler_wins():
    frames = [Shot(1, "a"), Shot(2, "b")]

    def right(frame):
        return frame.target / np.float32(255)

    verdict = judge({"simple": right, "elaborate": right, "dark": lambda frame: 0.5 * right(frame)}, frames)
    assert verdict.best(["simple", "elaborate", "dark"]) == "simple"
    assert verdict.mean("simple") == 0
    assert verdict.mean("dark") > 10
    assert [set(strip.maps) for strip in verdict.strips] == [{"simple", "elaborate", "dark"}] * 2
