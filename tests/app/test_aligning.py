import json
import os
from pathlib import Path

import pytest
from PIL import Image

from crispnet.data.camera import photograph
from crispnet.data.frames import frame_of
from crispnet.data.pairs import Pair, read_manifest, write_manifest
from crispnet.data.phone.isp import render
from crispnet.data.target import LAID
from crispnet.raw.writer import write_dng
from scenery import PLAIN, market

pytestmark = pytest.mark.usefixtures("elsewhere")
SIZE = (240, 320)


def pairs_in(folder, count=2):
    """A manifest of raws, whose pictures show all but a few pixels at each edge."""
    Path(folder).mkdir()
    pairs = []
    for number in range(count):
        raw = photograph(market(SIZE, seed=number), PLAIN)
        paths = Path(folder, f"{number}.dng"), Path(folder, f"{number}.png")
        write_dng(raw, paths[0])
        Image.fromarray(render(raw).pixels[6:-6, 8:-8]).save(paths[1])
        pairs.append(Pair(*paths, f"scene {number}", "train" if number else "test", {"iso": 100}))
    write_manifest(pairs, Path(folder, "manifest.jsonl"))
    return pairs


def test_pairs_are_laid_and_go_on_where_they_were_stopped(crispnet):
    pairs_in("card")
    result = crispnet("data", "align", "card", "-o", "out", "--json")
    assert result.exit_code == 0, result.output
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["picture"] for each in told] == ["out/picture/0.png", "out/picture/1.png"]
    laid = read_manifest(Path("out/manifest.jsonl"))
    assert [(pair.scene, pair.split, pair.tags["iso"]) for pair in laid] == [
        ("scene 0", "test", 100),
        ("scene 1", "train", 100),
    ]
    assert laid[0].tags[LAID]["full_size"] is True
    frame = frame_of(laid[0])
    assert frame.packed.shape[1:] == (114, 152)  # the picture lacks 6 rows and 8 columns at each edge

    old = Path("out/picture/0.png").stat().st_mtime_ns
    Path("out/picture/1.png").unlink()
    Path("out/manifest.jsonl").unlink()
    assert crispnet("data", "align", "card/manifest.jsonl", "-o", "out").exit_code == 0
    assert Path("out/picture/0.png").stat().st_mtime_ns == old
    assert read_manifest(Path("out/manifest.jsonl")) == laid
    os.utime("card/0.png", (1, 1))
    assert crispnet("data", "align", "card", "-o", "out", "--longest", 100).exit_code == 0
    with Image.open("out/picture/0.png") as picture:
        assert picture.size == (100, 76)


def test_what_cannot_be_laid_is_named_and_the_others_are_done(crispnet):
    pairs = pairs_in("card", 2)
    pairs[0].picture.unlink()
    result = crispnet("data", "align", "card", "-o", "out")
    assert result.exit_code == 1
    assert "0.png cannot be read" in result.stderr
    assert "1 of 2 pairs are listed" in result.stderr
    assert [pair.raw.name for pair in read_manifest(Path("out/manifest.jsonl"))] == ["1.dng"]
    pairs[1].picture.unlink()
    nothing = crispnet("data", "align", "card", "-o", "other")
    assert nothing.exit_code == 3
    assert "No picture of card/manifest.jsonl could be laid" in nothing.stderr
    assert not Path("other/manifest.jsonl").exists()


def test_no_manifest_of_others_is_replaced(crispnet):
    pairs_in("card", 1)
    before = Path("card/manifest.jsonl").read_bytes()
    for place in ("card", "other"):
        if place == "other":
            pairs_in("other", 1)
        result = crispnet("data", "align", "card", "-o", place)
        assert result.exit_code == 3
        assert "would be replaced" in result.stderr
    assert Path("card/manifest.jsonl").read_bytes() == before


def test_pairs_that_cannot_be_told_apart_or_are_laid_already_are_refused(crispnet):
    (pair,) = pairs_in("card", 1)
    write_manifest([pair, pair], Path("twice.jsonl"))
    assert "in more than one pair" in crispnet("data", "align", "twice.jsonl", "-o", "out").stderr
    write_manifest([Pair(pair.raw, pair.picture, "a", "train", {LAID: {}})], Path("laid.jsonl"))
    assert "are laid over their photosites already" in crispnet("data", "align", "laid.jsonl", "-o", "out").stderr
    missing = crispnet("data", "align", "nowhere", "-o", "out")
    assert missing.exit_code == 3
    assert "cannot be read" in missing.stderr
