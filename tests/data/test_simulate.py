import json
import os
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crispnet.data import simulate as simulation
from crispnet.data.captures import captures_of, freeze
from crispnet.data.framing import FRAME, Framing
from crispnet.data.pairs import read_manifest
from crispnet.data.phone.isp import render
from crispnet.data.simulate import JOURNAL, MANIFEST, light_level, simulate, take
from crispnet.data.sources import find_sources
from crispnet.data.spectra import Light
from crispnet.errors import DataError, OutputError
from crispnet.raw.bayer import pack_linear
from crispnet.raw.reader import open_raw
from scenery import CANDLES, PHONE, PLAIN, flat, meadow, shore, shot_of, write_panorama, write_photograph

SHOTS = (
    PLAIN,
    replace(PLAIN, light=Light("black body", 3000), ev=-0.5, cfa="GBRG", iso=400.0, awb_pull=0.2),
    replace(PLAIN, kind="display", light=CANDLES, vignetting=0.2, aberration=(0.4, -0.3), bits=10, black=64),
)
# Mean of the counts, and some of the mosaic.
GOLDEN = {
    "meadow-1": (683.25, [888, 907, 884, 1071, 1087, 1103, 339, 370, 407]),
    "sphere-1": (
        497.56,
        [636, 659, 635, 668, 642, 584, 608, 549, 547, 557, 554, 554, 544, 580, 557, 448, 531, 530, 555, 521],
    ),
    "upright-1": (187.869, [112, 119, 115, 116, 122, 123, 111, 122, 123]),
}


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """Three captures: a photograph, one that stands upright, and a view of a panorama."""
    folder = tmp_path_factory.mktemp("photographs")
    write_photograph(folder / "meadow.png")
    write_photograph(folder / "upright.png", np.ascontiguousarray(np.rot90(shore())))
    write_panorama(folder / "sphere.hdr")
    sources = find_sources(folder)
    drawn = captures_of(freeze(sources, "some", cameras=[PHONE], per_photograph=1, per_panorama=1), sources)
    # Not as they were drawn: that depends on how Pillow compresses.
    return [replace(one, shot=shot, seed=(1, 2, 3)) for one, shot in zip(drawn, SHOTS, strict=True)]


@pytest.fixture(scope="module")
def takes(captures):
    """The three raws in memory."""
    return [take(capture) for capture in captures]


@pytest.fixture(scope="module")
def renderings(takes):
    """The phone's pictures of them."""
    return [render(raw) for raw in takes]


@pytest.fixture(scope="module")
def folder(captures, tmp_path_factory):
    """The three captures on disk; not to be changed."""
    made = tmp_path_factory.mktemp("captures") / "deep"
    simulate(captures, made)
    return made


@pytest.fixture
def copy(folder, tmp_path):
    """The same, to be changed."""
    for path in folder.rglob("*"):
        if path.is_file():
            (tmp_path / path.relative_to(folder)).parent.mkdir(exist_ok=True)
            (tmp_path / path.relative_to(folder)).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def taken(monkeypatch):
    """The names of the captures that are made from now on."""
    names, original = [], simulation.take
    monkeypatch.setattr(simulation, "take", lambda capture: names.append(capture.name) or original(capture))
    return names


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_takes_are_those_that_the_benchmarks_were_made_with(captures, takes):
    assert [capture.name for capture in captures] == list(GOLDEN)
    for capture, raw in zip(captures, takes, strict=True):
        mean, sample = GOLDEN[capture.name]
        assert raw.mosaic.mean() == pytest.approx(mean, abs=0.01)
        assert np.abs(raw.mosaic[5::130, 7::170].astype(int).ravel() - sample).max() <= 1


# The same photographs and panorama as hands would take them.
FRAMINGS = (
    Framing(roll=2.0, zoom=0.8, place=(0.2, 0.7)),
    Framing(upright=True, turn=8, heading=115.0, pitch=10.0, field=50.0),
    Framing(roll=-1.0),
)
GOLDEN_HELD = {
    "meadow-1": (683.567, [887, 909, 911, 947, 1065, 1083, 1014, 1078, 386, 378, 395, 353]),
    "sphere-1": (650.604, [295, 305, 322, 330, 300, 317, 1412, 818, 294, 311, 857, 549]),
    "upright-1": (723.252, [299, 304, 303, 311, 715, 724, 669, 712, 694, 720, 715, 716]),
}


def test_hand_held_takes_are_those_that_the_benchmarks_were_made_with(captures):
    for capture, framing in zip(captures, FRAMINGS, strict=True):
        raw = take(replace(capture, shot=PLAIN, framing=framing))
        mean, sample = GOLDEN_HELD[capture.name]
        assert raw.mosaic.shape == FRAME
        assert raw.mosaic.mean() == pytest.approx(mean, abs=0.01)
        assert np.abs(raw.mosaic[5::160, 7::170].astype(int).ravel() - sample).max() <= 1


def test_raws_are_the_takes(captures, folder, takes):
    for capture, taken in zip(captures, takes, strict=True):
        raw = open_raw(folder / "raw" / f"{capture.name}.dng")
        assert np.array_equal(raw.mosaic, taken.mosaic)
        assert np.abs(pack_linear(raw) - pack_linear(taken)).max() < 1e-6
        assert (raw.cfa, raw.orientation, raw.white) == (taken.cfa, taken.orientation, taken.white)
        assert raw.white_balance == pytest.approx(taken.white_balance, rel=1e-4)
        assert raw.noise_profile == pytest.approx(taken.noise_profile, rel=1e-5)
        assert raw.exif["model"] == f"virtual {PHONE}"


def test_pictures_are_the_phones(captures, folder, renderings):
    sizes = {}
    for capture, rendering in zip(captures, renderings, strict=True):
        with Image.open(folder / "picture" / f"{capture.name}.jpg") as picture:
            pixels = np.asarray(picture).astype(int)
        assert pixels.shape == rendering.pixels.shape
        assert np.abs(pixels - rendering.pixels).mean() < 3  # JPEG
        sizes[capture.scene] = pixels.shape
    assert sizes == {"meadow": (368, 480, 3), "sphere": (480, 720, 3), "upright": (480, 368, 3)}


def test_picture_can_be_rendered_from_the_file_again(captures, folder, renderings):
    again = render(open_raw(folder / "raw" / f"{captures[0].name}.dng")).pixels.astype(int)
    assert np.abs(again - renderings[0].pixels).max() <= 2


def test_manifest_lists_all_with_their_tags(captures, folder, takes, renderings):
    pairs = read_manifest(folder / MANIFEST)
    assert [pair.raw.stem for pair in pairs] == [capture.name for capture in captures]
    for pair, capture, raw, rendering in zip(pairs, captures, takes, renderings, strict=True):
        assert pair.raw.is_file()
        assert pair.picture.is_file()
        assert (pair.scene, pair.split) == (capture.scene, capture.split)
        assert pair.tags == capture.tags | {"kind": rendering.sight.kind, "level": light_level(raw, rendering)}


def test_second_call_makes_nothing_and_describes_all(captures, copy, taken):
    (copy / MANIFEST).unlink()
    before = contents(copy)
    progress = []
    manifest = simulate(captures, copy, progress=lambda *done: progress.append(done))
    assert taken == progress == []
    assert {name: contents(copy)[name] for name in before} == before
    assert read_manifest(manifest)[0].tags["kind"]


def test_captures_made_anew_are_the_same_bytes(captures, folder, copy, taken):
    (copy / JOURNAL).unlink()
    simulate(captures, copy)
    assert taken == [capture.name for capture in captures]
    assert contents(copy) == contents(folder)


@pytest.mark.parametrize("lost", ["raw/meadow-1.dng", "picture/meadow-1.jpg"])
@pytest.mark.parametrize("how", ["missing", "cut off"])
def test_lost_file_is_made_again(captures, folder, copy, taken, lost, how):
    if how == "missing":
        (copy / lost).unlink()
    else:
        (copy / lost).write_bytes((copy / lost).read_bytes()[:-7])
    progress = []
    simulate(captures, copy, progress=lambda *done: progress.append(done))
    assert taken == ["meadow-1"]
    assert progress == [(3, 3)]
    assert (copy / lost).read_bytes() == (folder / lost).read_bytes()


def test_call_that_was_killed_goes_on(captures, folder, tmp_path, taken):
    class Killed(BaseException):
        pass

    def kill(done, _total):
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        simulate(captures, tmp_path, progress=kill)
    assert not (tmp_path / MANIFEST).exists()
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"name": "upri')  # killed while it wrote
    taken.clear()
    simulate(captures, tmp_path)
    assert taken == [captures[2].name]
    assert contents(tmp_path) == contents(folder)


def test_journal_is_brought_to_the_disk_line_by_line(captures, copy, taken, monkeypatch):
    (copy / "raw" / "meadow-1.dng").unlink()
    brought = []
    monkeypatch.setattr(os, "fsync", lambda number: brought.append(os.fstat(number).st_ino))
    simulate(captures, copy)
    assert taken == ["meadow-1"]
    assert (copy / JOURNAL).stat().st_ino in brought


def test_folder_that_is_not_whole_has_no_manifest(captures, copy, monkeypatch):
    def fail(_capture):
        raise DataError("sun.jpg cannot be read")

    (copy / "raw" / "meadow-1.dng").unlink()
    monkeypatch.setattr(simulation, "take", fail)
    with pytest.raises(DataError, match=r"sun\.jpg"):
        simulate(captures, copy)
    assert not (copy / MANIFEST).exists()


def test_other_shot_or_version_is_made_again(captures, copy, taken, monkeypatch):
    other = [replace(captures[0], shot=replace(captures[0].shot, ev=-2.0)), *captures[1:]]
    before = contents(copy)
    simulate(other, copy)
    assert taken == [captures[0].name]
    assert contents(copy)["raw/meadow-1.dng"] != before["raw/meadow-1.dng"]
    held = [replace(other[0], framing=FRAMINGS[0])]
    simulate(held, copy)
    assert taken == [captures[0].name] * 2
    simulate([replace(held[0], framing=FRAMINGS[2])], copy)
    assert taken == [captures[0].name] * 3
    simulate(other[:1], copy)
    monkeypatch.setattr(simulation, "VERSION", "99")
    taken.clear()
    simulate(other[:1], copy)
    assert taken == [captures[0].name]


@pytest.mark.parametrize("line", ["no JSON", "[]", "3", '{"name": []}', '{"name": "meadow-1", "extra": 1}', "\0\0"])
def test_odd_line_in_the_journal_is_passed_over(captures, copy, taken, line):
    journal = (copy / JOURNAL).read_text()
    (copy / JOURNAL).write_text(line + "\n" + journal)
    simulate(captures, copy)
    assert taken == []


def test_several_processes_make_the_same(captures, folder, tmp_path):
    progress = []
    simulate(captures[:2], tmp_path, workers=2, progress=lambda *done: progress.append(done))
    assert progress == [(1, 2), (2, 2)]
    expected = contents(folder)
    for name, content in contents(tmp_path).items():
        assert content == expected[name] or name in (MANIFEST, JOURNAL)
    journal = [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]
    assert [line["name"] for line in journal] == [capture.name for capture in captures[:2]]


def test_process_that_was_ended_by_the_system_is_explained(captures, tmp_path, monkeypatch):
    def end(*_arguments):
        raise BrokenProcessPool

    monkeypatch.setattr(simulation, "pool_of", ThreadPoolExecutor)
    monkeypatch.setattr(simulation, "make", end)
    with pytest.raises(DataError, match=r"ended by the system.*fewer workers"):
        simulate(captures, tmp_path, workers=2)


def test_source_that_cannot_be_used_is_named(captures, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    broken = replace(captures[0], source=replace(captures[0].source, path=path))
    with pytest.raises(DataError, match=r"broken\.jpg cannot be read as a picture"):
        simulate([broken], tmp_path / "out")


def test_nothing_to_capture_is_said(tmp_path):
    with pytest.raises(DataError, match="nothing to capture"):
        simulate([], tmp_path)


def test_captures_of_one_name_are_refused(captures, tmp_path):
    with pytest.raises(ValueError, match="different names"):
        simulate([captures[0], captures[0]], tmp_path)


def test_folder_that_cannot_be_is_refused(captures, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"file cannot be written to.*needed"):
        simulate(captures, tmp_path / "file")
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(OutputError, match=r"cannot be written"):
        simulate(captures, tmp_path)


def test_light_level_follows_the_noise():
    levels = []
    for iso in (32.0, 400.0, 6400.0):
        raw = shot_of(flat(0.2, (64, 80)), replace(PLAIN, iso=iso))
        levels.append(light_level(raw, render(raw)))
    assert levels == ["full", "half", "low"]
    raw = shot_of(meadow((64, 80)))
    assert light_level(replace(raw, noise_profile=None), render(raw)) == "full"
