import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from crispnet.app.cli import Format, app
from crispnet.darkroom.formats import DEPTHS
from crispnet.raw.writer import write_dng
from making import raw_image
from mishaps import full_disk

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder, and without the seconds that exiftool takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)


def crispnet(*arguments):
    words = [str(argument) for argument in arguments]
    if words[0] == "develop" and "--look" not in words:
        words += ["--look", "plain"]  # what is tested here is the command, and the classic look is the quickest
    return CliRunner().invoke(app, words)


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def raw(tmp_path):
    return write_dng(raw_image(orientation=6), tmp_path / "photo.dng")


def test_one_raw_becomes_one_picture_here(raw, tmp_path):
    before = raw.read_bytes()
    result = crispnet("develop", raw)
    assert result.exit_code == 0
    assert result.stdout == "photo.jpg\n"
    with Image.open(tmp_path / "photo.jpg") as picture:
        assert picture.size == (48, 64)  # turned upright
    assert raw.read_bytes() == before


def test_folders_keep_their_shape_and_namesakes_stay_apart(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("in/a.dng", "in/deep/a.dng", "in/b.dng", "in/B.nef"):
        write_dng(raw_image(), tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("no raw")
    result = crispnet("develop", "in", "-o", "out", "--jobs", 3)
    assert result.exit_code == 0
    made = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file())
    assert made == ["B.nef.jpg", "a.jpg", "b.dng.jpg", "deep/a.jpg", "developed.jsonl"]


def test_two_raws_of_one_name_from_two_folders_are_numbered(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_dng(raw_image(), tmp_path / folder / "a.dng")
    result = crispnet("develop", "one/a.dng", "two/a.dng")
    assert sorted(result.stdout.split()) == ["a.dng-2.jpg", "a.dng.jpg"]


@pytest.mark.parametrize(
    ("ending", "options", "mode"),
    [
        ("jpg", [], "JPEG"),
        ("png", [], "PNG"),
        ("png", ["--depth", 16], "PNG"),
        ("tif", [], "TIFF"),
        ("avif", [], "AVIF"),
    ],
)
def test_the_ending_of_the_output_says_what_it_is(raw, ending, options, mode):
    assert crispnet("develop", raw, "-o", f"sub.{ending}", *options).exit_code == 0
    with Image.open(f"sub.{ending}") as picture:
        assert picture.format == mode


def test_every_format_that_is_written_can_be_asked_for():
    assert {str(kind) for kind in Format} == DEPTHS.keys()


def test_the_format_can_be_asked_for(raw):
    assert crispnet("develop", raw, "--format", "tiff").stdout == "photo.tif\n"


def test_an_existing_picture_is_kept_unless_told_otherwise(raw):
    Path("photo.jpg").write_text("mine")
    result = crispnet("develop", raw)
    assert result.exit_code == 1
    assert "photo.jpg exists already" in result.stderr
    assert Path("photo.jpg").read_text() == "mine"
    assert crispnet("develop", raw, "--overwrite").exit_code == 0
    assert Path("photo.jpg").stat().st_size > 500


def test_the_raw_itself_is_never_written(raw):
    before = raw.read_bytes()
    link = Path("photo.jpg")
    link.hardlink_to(raw)
    result = crispnet("develop", raw, "--overwrite")
    assert result.exit_code == 1
    assert raw.read_bytes() == before


def test_a_failing_file_is_named_and_the_others_are_done(raw, tmp_path):
    (tmp_path / "broken.dng").write_bytes(raw.read_bytes()[:300])
    result = crispnet("develop", "broken.dng", raw, "missing.dng", "--json")
    assert result.exit_code == 1
    told = {Path(line["raw"]).name: line for line in lines(result)}
    assert told["photo.dng"]["picture"] == "photo.jpg"
    assert {"raw", "error"} == set(told["broken.dng"]) == set(told["missing.dng"])
    assert result.stderr.count("crispnet: ") == 3
    assert result.stderr.endswith("crispnet: 2 of 3 failed; the reasons are above.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.dng", "photo.dng", "photo.jpg"]


@pytest.mark.parametrize(
    "content", [b"", os.urandom(5000), b"\xff\xd8\xff" + bytes(100)], ids=["empty", "noise", "a JPEG"]
)
def test_what_is_no_raw_is_one_clear_sentence_and_no_file(content, tmp_path):
    Path("bad.dng").write_bytes(content)
    result = crispnet("develop", "bad.dng")
    assert result.exit_code == 1
    assert result.stderr.startswith("crispnet: bad.dng ")
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.dng"]


def test_nothing_to_do_is_exit_code_three(tmp_path):
    (tmp_path / "empty").mkdir()
    result = crispnet("develop", "empty")
    assert result.exit_code == 3
    assert "no raw file in empty" in result.stderr


def test_one_picture_for_two_raws_is_refused(raw):
    assert crispnet("develop", raw, "other.dng", "-o", "one.jpg").exit_code == 3


def test_a_depth_the_format_lacks_is_refused(raw):
    result = crispnet("develop", raw, "--depth", 16)
    assert result.exit_code == 3
    assert "jpeg has 8" in result.stderr


@pytest.mark.parametrize(
    "option",
    [
        *(["--white-balance", light] for light in ("warm", "99", "2,1", "0,1,1")),
        *(["--max-memory", "lots"], ["--quality", 0], ["--exposure", 9], ["--jobs", 0]),
        *(["--format", "bmp"], ["--depth", 12]),
    ],
)
def test_wrong_usage_is_exit_code_two(raw, option):
    assert crispnet("develop", raw, *option).exit_code == 2


def test_an_unknown_look_is_exit_code_three(raw):
    assert crispnet("develop", raw, "--look", "nix").exit_code == 3


def size(path):
    with Image.open(path) as picture:
        return picture.size


def mean(path):
    with Image.open(path) as picture:
        return np.asarray(picture, float).mean(axis=(0, 1))


def test_white_balance_and_exposure_do_what_they_say(raw):
    for name, options in {
        "usual": [],
        "warm": ["--white-balance", "9000"],
        "cold": ["--white-balance", "3200K"],
        "bright": ["--exposure", 1],
        "same": ["--white-balance", ",".join(map(str, raw_image().white_balance[:3]))],
    }.items():
        assert crispnet("develop", raw, "-o", f"{name}.png", *options).exit_code == 0
    usual, warm, cold, bright = (mean(f"{name}.png") for name in ("usual", "warm", "cold", "bright"))
    assert warm[0] - warm[2] > usual[0] - usual[2] > cold[0] - cold[2]
    assert bright.mean() > usual.mean() + 20
    np.testing.assert_allclose(mean("same.png"), usual, atol=0.5)


def test_names_beyond_ascii_work(tmp_path):
    path = write_dng(raw_image(), tmp_path / "Größe 写真 -x.dng")
    result = crispnet("develop", path, "-o", "Ausgabe é")
    assert result.exit_code == 0
    assert Path("Ausgabe é/Größe 写真 -x.jpg").exists()


def test_a_folder_that_cannot_be_made_is_said(raw, tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = crispnet("develop", raw, "-o", "file/sub")
    assert result.exit_code == 1
    assert "cannot be made" in result.stderr


def test_a_link_does_not_lead_pictures_out_of_the_folder(tmp_path):
    for folder in ("in/sub", "out", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    write_dng(raw_image(), tmp_path / "in/sub/a.dng")
    Path("out/sub").symlink_to(tmp_path / "elsewhere")
    result = crispnet("develop", "in", "-o", "out")
    assert result.exit_code == 1
    assert not list(Path("elsewhere").iterdir())


def test_inspect_names_every_value_and_its_source(raw):
    result = crispnet("inspect", raw, "--json")
    (told,) = lines(result)
    assert result.exit_code == 0
    assert told["values"]["white_balance"] == {
        "value": pytest.approx(raw_image().white_balance.tolist(), rel=1e-5),
        "source": "DNG AsShotNeutral",
    }
    assert told["values"]["cfa"]["value"] == "RGGB"
    assert all(fact["source"] for fact in told["values"].values())
    in_words = crispnet("inspect", raw).stdout
    for name in told["values"]:
        assert name.replace("_", " ") in in_words


def test_what_a_file_says_is_no_markup(tmp_path):
    write_dng(raw_image(exif={"make": "[/bold]", "model": "[red]Virtual"}), tmp_path / "[x].dng")
    result = crispnet("inspect", tmp_path / "[x].dng")
    assert result.exit_code == 0, result.exception
    assert "[/bold]" in result.stdout
    assert "[red]Virtual" in result.stdout


def test_inspect_goes_on_after_a_failing_file(raw):
    result = crispnet("inspect", "missing.dng", raw, "--json")
    assert result.exit_code == 1
    assert [set(line) >= {"raw", "values"} for line in lines(result)] == [False, True]


def test_preview_gives_the_cameras_own_bytes():
    result = crispnet("preview", SAMPLES / "box.crw", "--json")
    assert result.exit_code == 0
    (told,) = lines(result)
    assert told["as_the_camera_wrote_it"]
    with Image.open(told["picture"]) as picture:
        assert picture.size == (640, 480)


def test_of_several_raws_pictures_are_taken_out_apart(tmp_path, monkeypatch):
    for name in "ab":
        shutil.copy(SAMPLES / "box.crw", tmp_path / f"{name}.crw")
    assert crispnet("preview", tmp_path / "a.crw", "-o", tmp_path / "alone").exit_code == 0
    monkeypatch.setattr("crispnet.raw.picture.JpegImageFile", None)  # in this process
    assert crispnet("preview", tmp_path, "-o", tmp_path / "both").exit_code == 0
    pictures = [path.read_bytes() for path in sorted(tmp_path.rglob("*-camera.jpg"))]
    assert len(pictures) == 3
    assert len(set(pictures)) == 1


def test_preview_says_where_there_is_none(raw):
    result = crispnet("preview", raw)
    assert result.exit_code == 1
    assert "holds no picture" in result.stderr


def test_looks_shows_the_shelf_and_a_card():
    assert "plain" in crispnet("looks").stdout
    assert "Apache-2.0" in crispnet("looks", "plain").stdout
    assert lines(crispnet("looks", "--json"))[0]["name"] == "plain"
    assert crispnet("looks", "nix").exit_code == 3


def test_the_samples_develop_with_the_program_that_is_installed(tmp_path):
    program = Path(sys.executable).parent / "crispnet"
    done = subprocess.run([program, "develop", SAMPLES, "-o", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert size(tmp_path / "out/box.jpg") == (2272, 1704)
    assert size(tmp_path / "out/mural.jpg") == (1600, 1200)


def test_a_name_that_is_no_text_comes_out_as_it_went_in(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.dng"
    os.rename(write_dng(raw_image(), tmp_path / "cafe.dng"), name)
    program = Path(sys.executable).parent / "crispnet"
    done = subprocess.run([program, "develop", name], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"caf\xe9.jpg\n"), done.stderr


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where not even root may write")
def test_a_folder_that_may_not_be_written_to_is_one_clear_sentence(raw):
    result = crispnet("develop", raw, "-o", "/sys/kernel")
    assert result.exit_code == 1
    assert result.stderr.startswith("crispnet: /sys/kernel/photo.jpg cannot be written: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "avif"])
def test_a_full_disk_is_one_clear_sentence_and_no_file(raw, tmp_path, ending):
    with full_disk():
        result = crispnet("develop", raw, "-o", f"a.{ending}")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"crispnet: a.{ending} cannot be written: ")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.dng"]
