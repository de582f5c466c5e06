import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.data.pairs import SPLITS, Pair, read_manifest, split_by_scene, write_manifest
from crispnet.errors import DataError

LINE = {"raw": "a.dng", "picture": "a.jpg", "scene": "harbour", "split": "train"}


def pair(name: str = "a", *, scene: str = "harbour", split: str = "train", **tags: object) -> Pair:
    return Pair(Path(f"{name}.dng"), Path(f"{name}.jpg"), scene, split, tags)


def manifest(folder: Path, *lines: object) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_a_manifest_says_what_was_written(tmp_path):
    raws, pictures = tmp_path / "raws", tmp_path / "pictures"
    pairs = [
        Pair(raws / "ü 1.dng", pictures / "1.jpg", "Zoë\u2028's", "train", {"iso": 100, "phone": True}),
        Pair(raws / "2.dng", pictures / "2.jpg", "night", "test"),
    ]
    path = write_manifest(pairs, tmp_path / "manifest.jsonl")
    assert read_manifest(path) == pairs
    assert [dict(found.tags) for found in read_manifest(path)] == [{"iso": 100, "phone": True}, {}]


def test_a_manifest_moves_with_its_files(tmp_path):
    (tmp_path / "here").mkdir()
    here = tmp_path / "here" / "manifest.jsonl"
    write_manifest([Pair(tmp_path / "here/raw/1.dng", tmp_path / "1.jpg", "harbour", "train")], here)
    assert json.loads(here.read_text())["raw"] == "raw/1.dng"
    (tmp_path / "here").rename(tmp_path / "there")
    (found,) = read_manifest(tmp_path / "there" / "manifest.jsonl")
    assert found.raw == tmp_path / "there/raw/1.dng"
    assert found.picture.resolve() == tmp_path / "1.jpg"


def test_a_manifest_is_replaced_whole_or_not_at_all(tmp_path):
    path = write_manifest([pair()], tmp_path / "manifest.jsonl")
    with pytest.raises(TypeError):
        write_manifest([pair("b"), pair("c", tag=object())], path)
    assert len(read_manifest(path)) == 1
    write_manifest([pair("b"), pair("c")], path)
    assert len(read_manifest(path)) == 2
    assert [found.name for found in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_empty_lines_and_unknown_words_are_passed_over(tmp_path):
    path = manifest(tmp_path, "\ufeff" + json.dumps(LINE), "", "  ", LINE | {"raw": "b.dng", "weather": "rain"})
    assert [found.raw.name for found in read_manifest(path)] == ["a.dng", "b.dng"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "no JSON"),
        ("[" * 60_000, "no JSON"),
        ("[]", "no JSON object"),
        ({"raw": "b.dng", "picture": "b.jpg", "split": "train"}, "does not say 'scene'"),
        (LINE | {"raw": 7}, "no text for 'raw'"),
        (LINE | {"picture": ""}, "no text for 'picture'"),
        (LINE | {"picture": "\0"}, "no text for 'picture'"),
        (LINE | {"split": "validate"}, "names the split 'validate' instead of one of train, validation, test"),
        (LINE | {"tags": ["night"]}, "tags that are no JSON object"),
        (LINE | {"scene": "x" * 70_000}, "more than 65536 characters"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, fault):
    path = manifest(tmp_path, LINE, "", line)
    with pytest.raises(DataError, match=rf"manifest\.jsonl, line 3 .*{fault}.*was needed.*take it out"):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xd8\xff\xe0 a JPEG"])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="needed"):
        read_manifest(path)


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "a\0b"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="was needed"):
        read_manifest(tmp_path / name)


def test_a_scene_in_two_splits_is_refused(tmp_path):
    with pytest.raises(DataError, match="'harbour' in more than one split"):
        read_manifest(manifest(tmp_path, LINE, LINE | {"split": "test"}))
    with pytest.raises(ValueError, match="'harbour' in two"):
        write_manifest([pair(), pair(split="test")], tmp_path / "other.jsonl")


def test_a_split_has_a_known_name():
    with pytest.raises(ValueError, match="got 'holdout'"):
        pair(split="holdout")


@given(st.lists(st.integers(0, 30).map(str), max_size=60), st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_scene_is_never_divided_and_shares_are_met(scenes, seed, random):
    pairs = [pair(str(place), scene=scene) for place, scene in enumerate(scenes)]
    parted = split_by_scene(pairs, seed=seed)
    assert [found.raw for found in parted] == [found.raw for found in pairs]
    split_of = {found.scene: found.split for found in parted}
    assert all(split_of[found.scene] == found.split for found in parted)
    counts = Counter(split_of.values())
    for split, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert abs(counts[split] - share * len(split_of)) <= 1
    shuffled = random.sample(pairs, len(pairs))
    assert {found.scene: found.split for found in split_by_scene(shuffled, seed=seed)} == split_of


def test_another_seed_is_another_deal():
    pairs = [pair(str(place), scene=str(place)) for place in range(750)]
    deals = [[found.split for found in split_by_scene(pairs, seed=seed)] for seed in (0, 0, 1)]
    assert deals[0] == deals[1] != deals[2]
    assert Counter(deals[0]) == Counter(deals[2]) == {"train": 600, "validation": 75, "test": 75}


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (1.2, -0.1, -0.1)])
def test_shares_add_up(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        split_by_scene([pair()], seed=0, shares=shares)
