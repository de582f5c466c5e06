import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from crispnet.app import tabulating
from crispnet.look.cube import from_hald, read_cube
from crispnet.look.plain import PlainLook
from crispnet.look.trilinear import identity
from crispnet.raw.writer import write_dng
from making import names, raw_image

pytestmark = pytest.mark.usefixtures("elsewhere")


class Dark:
    """A look that is one curve after plain."""

    name, version, card = "Dämmer", "3", PlainLook.card
    stride, halo, bytes_per_cell, cells_at_once = 1, PlainLook.halo, PlainLook.bytes_per_cell, 1 << 16

    def scene(self, thumbnail, metadata):
        return PlainLook().scene(thumbnail, metadata)

    def render(self, packed, scene):
        return PlainLook().render(packed, scene).clip(0, 1) ** 1.5


class Same(Dark):
    """A look that is plain by another name."""

    def render(self, packed, scene):
        return PlainLook().render(packed, scene)


@pytest.fixture(autouse=True)
def shelf(monkeypatch):
    looks = {"dark": Dark(), "same": Same(), "plain": PlainLook()}
    monkeypatch.setattr(tabulating, "load_look", looks.__getitem__)


@pytest.fixture
def raws(elsewhere):
    (elsewhere / "raws").mkdir()
    return [write_dng(raw_image(height=72, width=96, seed=seed), Path(f"raws/{seed}.dng")) for seed in range(3)]


def test_a_look_becomes_a_cube_that_says_what_it_is(crispnet, raws):
    result = crispnet("lut", "dark", *raws[:2], "-o", "dark.cube")
    assert (result.exit_code, result.stdout) == (0, "dark.cube\n"), result.output
    table = read_cube(Path("dark.cube"))
    assert table.shape == (33, 33, 33, 3)
    np.testing.assert_allclose(table[14:18, 16, 16, 0], identity(33)[14:18, 16, 16, 0] ** 1.5, atol=0.02)
    text = Path("dark.cube").read_text("ascii")
    assert all(word in text for word in ('TITLE "D?mmer 3"', "version 3", "Fitted to 2 raws", "sRGB-encoded"))
    assert "not fitted to" in text
    assert all(word in result.stderr for word in ("0.dng", "mean", "a table explains 100 %", "fitted to the others"))


@pytest.mark.usefixtures("raws")
def test_figures_are_the_same_in_json(crispnet):
    told = json.loads(crispnet("lut", "dark", "raws", "-o", "a.cube", "--size", "9", "--json").stdout)
    assert (told["look"], told["version"], told["size"], told["held_out"]) == ("Dämmer", "3", 9, True)
    assert [Path(row["raw"]).name for row in told["raws"]] == ["0.dng", "1.dng", "2.dng"]
    for name in ("plain", "table", "exposed"):
        assert told["mean"][name] == pytest.approx(np.mean([row[name] for row in told["raws"]]), abs=1e-3)
    assert told["explained"] == pytest.approx(1 - told["mean"]["table"] / told["mean"]["plain"], abs=1e-3)
    assert told["explained"] > 0.8
    assert len(read_cube(Path("a.cube"))) == 9


def test_a_look_becomes_a_hald(crispnet, raws):
    result = crispnet("lut", "dark", raws[0], "-o", "dark.png", "--size", "16")
    assert result.exit_code == 0, result.output
    picture = imagecodecs.imread("dark.png")
    assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint16)
    assert from_hald(picture).shape == (16, 16, 16, 3)
    assert b"tEXtComment\0D\xe4mmer 3\nThe look" in Path("dark.png").read_bytes()
    assert "Measured on the raw that it was fitted to" in result.stderr


def test_a_look_that_does_nothing_is_said_to(crispnet, raws):
    result = crispnet("lut", "same", *raws[:2], "-o", "same.cube", "--size", "5")
    assert (result.exit_code, "hardly differs from plain" in result.stderr) == (0, True), result.output
    told = crispnet("lut", "same", raws[0], "-o", "same.cube", "--size", "5", "--overwrite", "--json").stdout
    assert json.loads(told)["explained"] is None


def test_a_raw_that_cannot_be_read_stops_no_other(crispnet, raws):
    Path("broken.dng").write_bytes(b"no raw")
    result = crispnet("lut", "dark", "broken.dng", raws[0], "-o", "a.cube", "--size", "5", "--json")
    assert (result.exit_code, "broken.dng" in result.stderr) == (1, True)
    told = json.loads(result.stdout)
    assert ([row["raw"] for row in told["failed"]], len(told["raws"])) == (["broken.dng"], 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dark", "raws", "-o", "a.jpg"], "no name of a table"),
        (["dark", "raws", "-o", "a.cube", "--size", "66"], "From 2 to 65"),
        (["dark", "raws", "-o", "a.cube", "--size", "1"], "From 2 to 65"),
        (["dark", "raws", "-o", "a.png", "--size", "33"], "a square number"),
        (["dark", "raws", "-o", "nix/a.cube"], "nix is not a folder"),
        (["dark", "raws", "-o", "there.cube"], "exists already"),
        (["dark", "raws/0.dng", "copy.png", "-o", "copy.png", "--overwrite"], "is the raw file itself"),
        (["plain", "raws", "-o", "a.cube"], "where tables start from"),
        (["dark", "copy.png", "-o", "a.cube"], "None of 1 raw files"),
        (["dark", "empty", "-o", "a.cube"], "no raw file in empty"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_left(crispnet, raws, words, said):
    Path("empty").mkdir()
    for name in ("there.cube", "copy.png"):
        Path(name).write_bytes(b"mine")
    result = crispnet("lut", *words)
    assert (result.exit_code, said in result.stderr) == (3, True), result.output
    assert names(Path()) == ["copy.png", "empty", "raws", "there.cube"]
    assert Path("there.cube").read_bytes() == Path("copy.png").read_bytes() == b"mine"
    assert len(raws) == 3
