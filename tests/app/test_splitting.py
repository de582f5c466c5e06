import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.data.pairs import Pair, read_manifest, write_manifest

pytestmark = pytest.mark.usefixtures("elsewhere")


def manifest(*minutes, same=()):
    """Pairs taken at such minutes; those of ``same`` show what the first shows."""
    pairs = []
    for number, minute in enumerate(minutes):
        colours = np.random.default_rng(0 if number in same else number).integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(colours).resize((80, 60), Image.Resampling.NEAREST).save(f"{number}.png")
        time = f"2024:05:06 {9 + minute // 60:02}:{minute % 60:02}:00"
        pairs.append(Pair(Path(f"{number}.dng"), Path(f"{number}.png"), "one", "train", {"time": time}))
    return write_manifest(pairs, Path("manifest.jsonl"))


def test_whole_scenes_are_held_out(crispnet):
    manifest(0, 5, 8, 120, 400, same=(4,))
    result = crispnet("data", "split", ".", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == {"manifest": "manifest.jsonl", "pairs": 5, "scenes": 2, "train": 4, "validation": 0, "test": 1}
    pairs = read_manifest(Path("manifest.jsonl"))
    assert [pair.scene for pair in pairs] == ["0", "0", "0", "3", "0"]
    assert [pair.split for pair in pairs] == ["train", "train", "train", "test", "train"]


def test_a_shorter_time_is_said(crispnet):
    manifest(0, 2, 3, 9)
    result = crispnet("data", "split", "manifest.jsonl", "-o", "new.jsonl")
    assert result.exit_code == 0, result.output
    assert "Shots within 300 s, and not 600 s" in result.stderr
    assert "4 pairs of 2 scenes: 3 to train with, 0 to validate with, 1 to test with" in result.stderr
    assert {pair.scene for pair in read_manifest(Path("manifest.jsonl"))} == {"one"}
    assert crispnet("data", "split", "manifest.jsonl", "-o", "new.jsonl").exit_code == 3  # is there already


def test_scenes_may_be_kept(crispnet):
    path = manifest(0, 1, 2, 3)
    pairs = read_manifest(path)
    write_manifest([Pair(p.raw, p.picture, "ab"[n % 2], "train", p.tags) for n, p in enumerate(pairs)], path)
    assert crispnet("data", "split", path, "--keep-scenes").exit_code == 0
    assert [pair.scene for pair in read_manifest(path)] == ["a", "b", "a", "b"]
    assert {pair.split for pair in read_manifest(path)} == {"train", "test"}


@pytest.mark.parametrize("count", [1, 3])
def test_one_scene_is_refused_and_the_manifest_stays(crispnet, count):
    before = manifest(*range(count), same=range(count)).read_bytes()
    result = crispnet("data", "split", ".")
    assert result.exit_code == 3
    assert "of one scene cannot be split" in result.stderr
    assert Path("manifest.jsonl").read_bytes() == before


def test_a_picture_that_is_missing_is_named(crispnet):
    manifest(0, 60)
    Path("1.png").unlink()
    result = crispnet("data", "split", ".")
    assert result.exit_code == 3
    assert "1.png cannot be read" in result.stderr
