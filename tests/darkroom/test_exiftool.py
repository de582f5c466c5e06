import logging
import os
import shutil
import struct
import subprocess

import numpy as np
import pytest
import tifffile
from PIL import Image

from crispnet.darkroom.exiftool import ExifTool, ExifToolError
from crispnet.version import VERSION
from making import FORMS, names, photo

needs_exiftool = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed"),
]


@pytest.fixture(scope="module")
def raw_file(tmp_path_factory):
    """A raw of sorts for exiftool: a TIFF that is turned, with a place, a title and another colour space."""
    path = tmp_path_factory.mktemp("raws") / "-raw 100% dürr #1.tif"
    tifffile.imwrite(path, np.zeros((4, 6), np.uint16))
    tags = "-Orientation#=6 -ColorSpace#=65535 -ExifImageWidth=6 -GPSLatitude=48.5 -GPSLatitudeRef=N -XMP-dc:Title=Berg"
    tags += " -XMP-dc:Format=image/tiff -XMP-tiff:Orientation#=6 -Make=Real -UserComment=hello -Software=other"
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags.split(), path], check=True)
    return path


@pytest.fixture(scope="module")
def exiftool():
    with ExifTool() as process:
        yield process


class TestExifTool:
    pytestmark = needs_exiftool

    @pytest.mark.parametrize(("name", "depth"), FORMS)
    def test_everything_but_the_raws_own_pixels_is_copied(self, name, depth, tmp_path, raw_file, exiftool):
        out = tmp_path / "-out %d %f"
        out.mkdir()
        saved = photo(orientation=6, path=raw_file).save(out / f"-ü 50% {name}", depth=depth, exiftool=exiftool)
        copied = {"GPSLatitude": "48.5", "XMP-dc:Title": "Berg", "UserComment": "hello", "Make": "Real"}
        own = {"Software": f"crispnet {VERSION}, look plain 0.1.0", "ExifIFD:ColorSpace": "1"}
        own |= {"ExifImageWidth": "70", "ImageSize": "70 90", "ProfileDescription": "sRGB built-in"}
        expected = copied | own
        turned = ["IFD0:Orientation", "IFD1:Orientation", "XMP:Orientation", "XMP-dc:Format"]
        told = tell(saved, *(f"-{tag}" for tag in [*expected, *turned]))
        assert told[: len(expected)] == list(expected.values())
        assert told[len(expected) :] == ["1"] * (not name.endswith(".avif"))  # which turns in another way
        assert names(out) == [f"-ü 50% {name}"]

    def test_pixels_are_the_same_with_and_without(self, tmp_path, raw_file, exiftool):
        rich = photo(path=raw_file).save(tmp_path / "a.jpg", exiftool=exiftool)
        plain = photo(path=raw_file).save(tmp_path / "b.jpg")
        with Image.open(rich) as one, Image.open(plain) as other:
            assert one.tobytes() == other.tobytes()

    def test_maker_notes_stay_unless_they_are_too_large_for_a_jpeg(self, tmp_path, exiftool):
        found = []
        for size in (1000, 100_000):
            raw = tmp_path / f"{size}.tif"
            notes = b"LEICA\0\0\0" + np.random.default_rng(4).bytes(size)
            raw.write_bytes(tiff_with_maker_notes(notes))
            saved = photo(path=raw, exif={}).save(tmp_path / f"{size}.jpg", exiftool=exiftool)
            found.append(tell(saved, "-MakerNoteUnknown", "-LensModel", "-Make"))
        assert [values[-2:] for values in found] == [["Summicron", "Leica"]] * 2
        assert [len(values) for values in found] == [3, 2]

    def test_a_missing_raw_costs_the_picture_nothing(self, tmp_path, exiftool, caplog):
        saved = photo(path=tmp_path / "gone.dng").save(tmp_path / "a.jpg", exiftool=exiftool)
        assert "gone.dng' does not exist" in caplog.text
        with Image.open(saved) as image:
            assert image.getexif()[272] == "K 1"
        assert names(tmp_path) == ["a.jpg"]

    @pytest.mark.parametrize(
        ("name", "words"), [("a\n-delete_original\n.dng", "without line breaks"), ("%d%f.jpg", "for a pattern")]
    )
    def test_a_name_that_is_no_argument_is_not_passed_on(self, name, words, tmp_path, exiftool, caplog):
        photo(path=tmp_path / name).save(tmp_path / "a.jpg", exiftool=exiftool)
        assert words in caplog.text

    def test_a_process_that_died_is_replaced(self, tmp_path, raw_file, caplog):
        with ExifTool() as exiftool:
            exiftool._process.kill()
            exiftool._process.wait()
            saved = photo(path=raw_file).save(tmp_path / "a.jpg", exiftool=exiftool)
        assert tell(saved, "-XMP-dc:Title") == ["Berg"]
        assert caplog.text == ""

    def test_both_chunks_of_a_png_are_read(self, tmp_path):
        saved = photo().save(tmp_path / "a.png", depth=16)
        assert tell(saved, "-IFD0:Make", "-ICC_Profile:ProfileDescription") == ["Jürgens Kamera", "sRGB built-in"]
        assert tell(saved, "-validate") == ["0 0 0"]


def tell(path, *tags):
    """What exiftool reads, one value a line, without its own wording."""
    command = ["exiftool", "-n", "-s3", "-charset", "filename=utf8", *tags, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def tiff_with_maker_notes(notes):
    """A minimal TIFF: Make and an EXIF directory with MakerNote and LensModel."""
    start = 8 + 2 + 2 * 12 + 4 + 6
    behind = start + 2 + 2 * 12 + 4
    first = struct.pack("<HHHIIHHIII", 2, 271, 2, 6, 38, 34665, 4, 1, start, 0) + b"Leica\0"
    second = struct.pack("<HHHIIHHIII", 2, 37500, 7, len(notes), behind + 10, 42036, 2, 10, behind, 0)
    return b"II*\0\x08\0\0\0" + first + second + b"Summicron\0" + notes


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Put a shell script in exiftool's place."""

    def install(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "exiftool").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "exiftool").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return install


OLD = 'while read line; do case "$line" in -execute*) echo 12.23; echo "{ready${line#-execute}}";; esac; done'


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exec sleep 60", "longer than 0.3 s"), ("exit 1", "ended unexpectedly"), (OLD, "12.23 is too old to be safe")],
    ids=["hangs", "dies", "old"],
)
def test_an_exiftool_that_fails_costs_the_picture_nothing(script, reason, tmp_path, pretend, caplog):
    pretend(script)
    out = tmp_path / "out"
    out.mkdir()
    with caplog.at_level(logging.WARNING), ExifTool(limit=0.3) as exiftool:
        saved = [photo(path=tmp_path / "a.dng").save(out / f"{n}.jpg", exiftool=exiftool) for n in range(2)]
    assert caplog.text.count(reason) == 2
    for path in saved:
        with Image.open(path) as image:
            assert image.getexif()[272] == "K 1"
    assert names(out) == ["0.jpg", "1.jpg"]


def test_exiftool_must_be_installed(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExifToolError, match="not installed"):
        ExifTool()
