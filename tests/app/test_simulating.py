import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.data.pairs import read_manifest
from crispnet.data.setfile import named_set
from crispnet.data.spectra import cameras
from crispnet.raw.reader import open_raw

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_photographs_become_captures(crispnet, photographs):
    photographs(Path("photos"), 3)
    result = crispnet(
        "data", "simulate", "photos", "-o", "out", "--captures", 1, "--camera", "Nikon D5100", "--jobs", 1
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == "out/manifest.jsonl\n"
    pairs = read_manifest(Path("out/manifest.jsonl"))
    assert Counter(pair.split for pair in pairs) == {"train": 1, "validation": 1, "test": 1}
    assert {pair.tags["camera"] for pair in pairs} == {"Nikon D5100"}
    raw = open_raw(pairs[0].raw)
    with Image.open(pairs[0].picture) as picture:
        assert picture.size == raw.upright_size[::-1]
    frozen = named_set("out/set.json")
    assert (frozen.name, len(frozen.entries)) == ("photos", 3)
    assert crispnet("data", "simulate", "photos", "-o", "out", "--captures", 1).exit_code == 0  # and over it


def test_what_cannot_be_captured_is_named_and_the_others_are_done(crispnet, photographs):
    photographs(Path("photos"), 3)
    photographs(Path("photos/small"), 1, height=200)
    Path("photos/broken.jpg").write_bytes(b"\xff\xd8\xff")
    result = crispnet("data", "simulate", "photos", "-o", "out", "--captures", 1, "--jobs", 1, "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["captures"], told["left_out"], told["train"]) == (3, 2, 1)
    assert "broken.jpg is left out: it cannot be read" in result.stderr
    assert "photo0.jpg is left out: it has 482 x 200 pixels" in result.stderr


def test_a_frozen_set_is_captured_as_it_says(crispnet, photographs):
    photographs(Path("photos"), 3)
    crispnet("data", "simulate", "photos", "-o", "one", "--captures", 1, "--seed", 5, "--jobs", 1)
    result = crispnet("data", "simulate", "photos", "-o", "two", "--set", "one/set.json", "--jobs", 1)
    assert result.exit_code == 0, result.output
    one, two = (read_manifest(Path(folder, "manifest.jsonl")) for folder in ("one", "two"))
    assert [(pair.scene, pair.split, pair.tags) for pair in one] == [(p.scene, p.split, p.tags) for p in two]
    assert all(np.array_equal(open_raw(a.raw).mosaic, open_raw(b.raw).mosaic) for a, b in zip(one, two, strict=True))


def test_what_crispnet_made_itself_is_no_photograph(crispnet, photographs):
    photographs(Path("made/pictures"), 5)
    Path("made/recipe.json").touch()
    photographs(Path("taken"), 2)
    result = crispnet("data", "simulate", ".", "-o", "out")
    assert result.exit_code == 3
    assert "too few photographs in . that can be captured: 2." in result.stderr


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_photographs_are_refused(crispnet, photographs, count):
    photographs(Path("photos"), count)
    result = crispnet("data", "simulate", "photos", "-o", "out")
    assert result.exit_code == 3
    assert result.stderr.startswith("crispnet: There are ")
    assert len(result.stderr.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--camera", "Foo"], 3, "no camera called 'Foo'"),
        (["--set", "nix"], 3, "no set of captures called 'nix'"),
        (["--set", "monitor-v1"], 3, "are missing"),
        (["--set", "monitor-v1", "--seed", 2], 2, "says its cameras"),
    ],
)
def test_what_cannot_be_asked_for_is_said(crispnet, photographs, options, code, said):
    photographs(Path("photos"), 3)
    result = crispnet("data", "simulate", "photos", "-o", "out", *options)
    assert (result.exit_code, said in result.stderr) == (code, True), result.output


def test_the_measured_cameras_are_listed(crispnet):
    in_words = crispnet("data", "cameras").stdout.splitlines()
    told = [json.loads(line) for line in crispnet("data", "cameras", "--json").stdout.splitlines()]
    assert [each["name"] for each in told] == [camera.name for camera in cameras()]
    assert all(each["name"] in line and each["kind"] in line for each, line in zip(told, in_words, strict=True))
