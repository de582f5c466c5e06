"""Damaged files of every kind, for some seconds; `make fuzz` gives the same readers a hundred thousand of them."""

import importlib.util
import json
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import strangers
from crispnet.darkroom.opening import open_picture
from crispnet.errors import CrispnetError, NoCameraPicture, PictureError, RunError
from crispnet.raw.sidecar import picture_file
from crispnet.train.recipes import read_recipe
from mutating import DAMAGES, mutated
from retagging import with_tag
from strangers import TARGETS, Target, Wrong, outcome

OURS = ["tags", "opcodes", "look", "table", "manifest", "recipe", "frames", "set of captures"]  # readers in Python
OTHERS = [name for name in TARGETS if name not in OURS]
FILES = 60
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pen():
    """The process apart in which readers are tried that are not written in Python."""
    specification = importlib.util.spec_from_file_location("pen", ROOT / "benchmarks" / "pen.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_all_readers_are_tried():
    assert set(OTHERS) == {
        *("raw", "whole raw", "camera's picture", "sidecar", "picture", "look in use", "checkpoint", "state"),
    }


@pytest.mark.parametrize("name", TARGETS)
def test_files_that_are_whole_are_read(name, tmp_path):
    target = TARGETS[name]
    target.settle(tmp_path)
    found = [outcome(target, seed, tmp_path / target.name) for seed in target.seeds()]
    # Of raws some hold no picture, and two are pieces of real files.
    assert set(found) <= {"read", "refused"}
    assert found.count("read") >= (1 if name == "camera's picture" else len(found) - 2)


@pytest.mark.parametrize("name", OURS)
def test_damaged_files_are_read_or_refused_in_words(name, tmp_path):
    target, random = TARGETS[name], np.random.default_rng(zlib.crc32(name.encode()))
    target.settle(tmp_path)
    seeds = target.seeds()
    for number in range(FILES):
        content = target.finish(mutated(seeds[number % len(seeds)], random, seeds), random)
        found = outcome(target, content, tmp_path / target.name)
        assert found in ("read", "refused"), (number, content[:200])


@pytest.mark.parametrize("name", ["raw", "picture"])
def test_damaged_files_end_no_process(pen, name):
    done = pen.drive(name, seed=2, first=0, count=FILES)
    assert done.findings == []
    assert done.read + done.refused == FILES
    assert 0 < done.peak <= done.limit


# What finds must be able to find


def reader(read) -> Target:
    return Target(seeds=lambda: [b"seed"], read=read)


def fail(error: Exception):
    def read(_: Path) -> None:
        raise error

    return reader(read)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CrispnetError("a is no raw"), "refused"),
        (CrispnetError(""), "wrong: a refusal without words"),
        (Wrong("black above white"), "wrong: black above white"),
        (ZeroDivisionError("x"), r"crashed: ZeroDivisionError at test_strangers\.py:\d+: x"),
    ],
)
def test_what_is_not_as_it_should_be_is_found(error, said, tmp_path):
    found = outcome(fail(error), b"", tmp_path / "a")
    assert re.fullmatch(said, found)


def test_an_impossible_raw_image_is_found():
    sound = strangers.zoo.image_of(strangers.zoo.Member())
    assert list(strangers.faults_of(sound)) == []
    for name, value in {"white": 10.0, "orientation": 9, "white_balance": np.array([900.0, 1, 1, 1])}.items():
        broken = strangers.zoo.image_of(strangers.zoo.Member())
        object.__setattr__(broken, name, value)
        assert len(list(strangers.faults_of(broken))) == 1


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("content", [b"", b"x", b"II*\0\x08\0\0\0", b'{"a": [1, {"b": 2}]}', bytes(range(256)) * 9])
def test_any_file_can_be_damaged(damage, content):
    random = np.random.default_rng(0)
    found = {damage(bytearray(content), random, [b"other" * 50]) for _ in range(40)}
    assert all(isinstance(each, bytes) for each in found)
    assert len(found) > 1 or len(content) < 2


def test_damage_follows_from_its_number(pen, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "tests"), *sys.path])
    first, again, other = (pen.content_of("tags", seed=1, number=number) for number in (3, 3, 4))
    assert first == again != other


# What was found


def test_an_avif_that_its_decoder_gives_up_is_no_camera_picture(tmp_path):
    content = next(seed for seed in strangers.pictures() if seed[4:12] == b"ftypavif")
    path = tmp_path / "a.jpg"
    path.write_bytes(content[:40] + bytes(len(content) - 40))
    with pytest.raises(NoCameraPicture, match="cannot be read as a picture"):
        picture_file(path)


@pytest.mark.parametrize("tag", [256, 257, 277])
def test_a_tiff_whose_size_is_two_numbers_is_no_picture(tag, tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(next(seed for seed in strangers.pictures() if seed[:4] == b"II*\0" and len(seed) > 6000))
    with_tag(path, tag, "I", 28, 40)
    with pytest.raises(PictureError):
        open_picture(path)


@pytest.mark.parametrize(
    "changes", [{"steps": float("inf")}, {"steps": 10**400}, {"steps": 2.5}, {"learning_rate": 10**400}, {"seed": None}]
)
def test_a_recipe_of_endless_numbers_is_refused(changes, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(json.loads(TARGETS["recipe"].seeds()[0]) | changes))
    with pytest.raises(RunError, match="is no recipe"):
        read_recipe(path)
    path.write_text("[" * 100_000)
    with pytest.raises(RunError, match="is no recipe"):
        read_recipe(path)
