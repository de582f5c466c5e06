"""`crispnet develop FOLDER`: however a run ends, its pictures are whole, and the next one goes on where it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from crispnet.app import ledger, order
from crispnet.app.ledger import Ledger, digest_of
from crispnet.darkroom.photo import develop
from crispnet.raw.opening import Opening
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import raw_image
from mishaps import full_disk

COUNT = 8
pytestmark = pytest.mark.usefixtures("elsewhere")
COMMAND = [sys.executable, "-c", "from crispnet.app.cli import main; main()", "develop", "--look", "plain"]
WITHOUT_EXIFTOOL = os.environ | {"PATH": ""}


def start(*words):
    command = [*COMMAND, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=WITHOUT_EXIFTOOL)


def pictures(folder):
    """Digests of all files of a folder, hidden ones too, but for the ledger."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ledger.NAME)
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in files}


@pytest.fixture(scope="module")
def shoot(tmp_path_factory):
    """A folder of raws, one of them below it, and one damaged."""
    folder = tmp_path_factory.mktemp("shoot")
    (folder / "deep").mkdir()
    for number in range(COUNT):
        name = f"deep/{number}.dng" if number == 5 else f"{number}.dng"
        write_dng(raw_image(height=300 + 2 * number, width=400, seed=number), folder / name)
    (folder / "bad.dng").write_bytes((folder / "0.dng").read_bytes()[:3000])
    return folder


@pytest.fixture(scope="module")
def reference(shoot, tmp_path_factory):
    """What a run that nothing disturbs makes of it."""
    out = tmp_path_factory.mktemp("reference")
    run = start(shoot, "-o", out, "--jobs", 1)
    said, complaints = run.communicate(timeout=60)
    assert run.returncode == 1
    assert len(said.splitlines()) == COUNT
    assert "bad.dng" in complaints
    assert complaints.endswith(f"1 of {COUNT + 1} failed; the reasons are above.\n")
    return pictures(out)


def test_a_run_that_is_killed_at_any_moment_is_gone_on_with(shoot, reference, tmp_path):
    moments = random.Random(6)
    for lines in (0, 1, 3, 4, 6):
        run = start(shoot, "-o", tmp_path, "--jobs", 2)
        for _ in range(lines):
            run.stdout.readline()
        time.sleep(moments.random() * (0.6 if not lines else 0.03))
        run.kill()
        run.communicate(timeout=60)
        whole = pictures(tmp_path)
        assert {name: reference[name] for name in whole if not Path(name).name.startswith(".")}.items() <= whole.items()
        there = {name: (tmp_path / name).stat().st_ino for name in whole.keys() & reference.keys()}
    run = start(shoot, "-o", tmp_path, "--jobs", 2, "--json")
    said, complaints = run.communicate(timeout=60)
    assert run.returncode == 1, complaints
    assert pictures(tmp_path) == reference
    told = {Path(line["picture"]).name: line for line in map(json.loads, said.splitlines()) if "picture" in line}
    assert len(told) == COUNT
    assert sum("made_before" in line for line in told.values()) == len(there)
    assert {name: (tmp_path / name).stat().st_ino for name in there} == there  # none was made a second time
    made = [entry.picture for entry in ledger.read(tmp_path) if entry.digest]
    assert set(made) == set(reference)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_whole_pictures_and_says_how_to_go_on(number, shoot, reference, tmp_path):
    run = start(shoot, "-o", tmp_path, "--jobs", 2)
    run.stdout.readline()
    run.send_signal(number)
    _, complaints = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "crispnet: stopped; " in complaints
    assert "The same command goes on" in complaints
    assert "Traceback" not in complaints
    assert pictures(tmp_path).items() <= reference.items()


def test_the_order_and_the_number_at_a_time_do_not_matter(shoot, reference, tmp_path, crispnet):
    names = sorted(shoot.rglob("*.dng"), reverse=True)
    random.Random(1).shuffle(names)
    done = crispnet("develop", *names, "-o", tmp_path / "named", "--jobs", 3, "--look", "plain")
    assert done.exit_code == 1
    assert {Path(name).name: digest for name, digest in reference.items()} == pictures(tmp_path / "named")
    assert not (tmp_path / "named" / ledger.NAME).exists()  # a folder's, not that of files that were named


def test_raws_are_decoded_apart_unless_they_are_trusted(shoot, reference, tmp_path, crispnet, monkeypatch):
    here = []
    watched = Opening(raw=lambda path: here.append(path.name) or open_raw(path))
    monkeypatch.setattr(order, "HERE", watched)
    ways = "", "--trust"
    done = [crispnet("develop", shoot, "-o", tmp_path / f"out{way}", "--look", "plain", *way.split()) for way in ways]
    assert sorted(here) == sorted(path.name for path in shoot.rglob("*.dng"))  # of the second run alone
    assert pictures(tmp_path / "out--trust") == reference
    assert [each.exit_code for each in done] == [1, 1]
    said = [sorted(each.stderr.splitlines()) for each in done]
    assert said[0] == said[1]


def test_pictures_of_cameras_are_decoded_apart_as_well(tmp_path, crispnet, monkeypatch):
    for number in range(2):
        raw = write_dng(raw_image(height=240, width=320, seed=number), tmp_path / f"{number}.dng")
        develop(raw, "plain", depth=8).save(raw.with_suffix(".jpg"))
    monkeypatch.setattr(Image, "open", None)  # in this process
    done = crispnet("develop", tmp_path, "-o", tmp_path / "out", "--look", "plain", "--match-preview", "--json")
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(each["match"]["picture"]).suffix for each in told] == [".jpg", ".jpg"]


def test_a_picture_is_made_again_if_anything_about_it_changed(tmp_path, crispnet):
    raws, out = tmp_path / "in", tmp_path / "out"
    raws.mkdir()
    for number in range(3):
        write_dng(raw_image(seed=number), raws / f"{number}.dng")

    def run(*words):
        done = crispnet("develop", raws, "-o", out, "--look", "plain", "--json", *words)
        return done, {Path(told["raw"]).stem: told for told in map(json.loads, done.stdout.splitlines())}

    first, told = run()
    assert first.exit_code == 0
    assert not any("made_before" in each for each in told.values())
    again, told = run()
    assert (again.exit_code, again.stderr) == (
        0,
        "crispnet: 3 of 3 had been made before, of the same raws and in the same way.\n",
    )
    assert all(each["made_before"] for each in told.values())
    write_dng(raw_image(seed=7), raws / "1.dng", overwrite=True)
    changed, told = run()
    assert changed.exit_code == 1
    assert "exists already" in told["1"]["error"]
    changed, told = run("--overwrite")
    assert [name for name in told if "made_before" not in told[name]] == ["1"]
    _, told = run("--overwrite", "--exposure", 1)
    assert not any("made_before" in each for each in told.values())
    (out / "2.jpg").write_bytes(b"mine")
    _, told = run("--exposure", 1)
    assert "exists already" in told["2"]["error"]
    (raws / "2.dng").rename(raws / "3.dng")
    (out / "2.jpg").unlink()
    _, told = run("--exposure", 1)
    assert "made_before" not in told["3"]


def test_a_picture_beside_the_raw_belongs_to_what_a_picture_is_made_of(tmp_path, crispnet):
    raws = tmp_path / "in"
    raws.mkdir()
    write_dng(raw_image(), raws / "a.dng")

    def run():
        done = crispnet("develop", raws, "-o", tmp_path / "out", "--look", "plain", "--match-preview", "--overwrite")
        assert done.exit_code == 0
        return "made before" in done.stderr

    assert [run(), run()] == [False, True]
    Image.new("RGB", (64, 48), "red").save(raws / "a.jpg")
    assert [run(), run()] == [False, True]


def test_two_runs_on_one_folder_are_refused(shoot, tmp_path, crispnet):
    with Ledger.open(tmp_path / "out"):
        done = crispnet("develop", shoot, "-o", tmp_path / "out", "--look", "plain")
    assert done.exit_code == 3
    assert "is being developed into by another run" in done.stderr
    assert pictures(tmp_path / "out") == {}


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where not even root may write")
def test_a_folder_that_may_not_be_written_to_is_said_before_any_work(shoot, crispnet):
    done = crispnet("develop", shoot, "-o", "/sys/kernel", "--look", "plain")
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) == 1


def test_a_disk_that_fills_up_is_said_of_each_picture_and_the_next_run_goes_on(shoot, reference, tmp_path, crispnet):
    with full_disk(most=20_000):
        done = crispnet("develop", shoot, "-o", tmp_path, "--look", "plain")
    assert done.exit_code == 1
    assert done.stderr.count("cannot be written: ") == COUNT
    assert pictures(tmp_path) == {}
    assert crispnet("develop", shoot, "-o", tmp_path, "--look", "plain").exit_code == 1
    assert pictures(tmp_path) == reference


def test_what_a_killed_run_left_is_cleared_up_and_nothing_else_is(shoot, tmp_path, crispnet):
    (tmp_path / "out" / "deep").mkdir(parents=True)
    mark = Ledger(tmp_path / "out").mark
    for name in (f".crispnet-{mark}12.jpeg", f"deep/.crispnet-{mark}34.jpeg", ".crispnet-56.jpeg", ".mine"):
        (tmp_path / "out" / name).write_text("half")
    crispnet("develop", shoot, "-o", tmp_path / "out", "--look", "plain")
    hidden = {path.name for path in (tmp_path / "out").rglob(".*")}
    assert hidden == {".crispnet-56.jpeg", ".mine"}


def test_failures_are_in_the_ledger_with_their_reasons(shoot, tmp_path, crispnet):
    done = crispnet("develop", shoot, "-o", tmp_path, "--look", "plain")
    (failed,) = (entry for entry in ledger.read(tmp_path) if entry.error)
    assert (Path(failed.file).name, failed.picture, failed.digest) == ("bad.dng", "bad.jpg", "")
    assert failed.error in done.stderr
