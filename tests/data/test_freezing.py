"""The set that is tuned on is dealt as its script says."""

import importlib
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from crispnet.data.captures import captures_of, freeze
from crispnet.data.pairs import SPLITS
from crispnet.data.sources import find_sources
from scenery import PHONE, PLAIN

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
COUNTS = (32, 7, 8)


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SAMPLES))
    try:
        return importlib.import_module("freeze_real")
    finally:
        sys.path.remove(str(SAMPLES))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Thirty photographs, of which every third has too little detail, and ten panoramas that nobody looks into."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(30):
        size = (999, 750) if number % 3 == 0 else (750, 1000)
        Image.new("L", size, number).save(folder / f"p{number:02}.png")
    for number in range(10):
        (folder / f"q{number:02}.hdr").write_bytes(b"panorama %d" % number)
    return find_sources(folder)


@pytest.fixture(scope="module")
def parent(sources):
    return freeze(sources, "parent", cameras=[PHONE], shares=(0.6, 0.2, 0.2))


@pytest.fixture(scope="module")
def captures(script, parent, sources):
    return script.frozen("child", parent, sources, counts=COUNTS)


def test_counts_are_exact_and_splits_the_parents(captures, parent, sources):
    listed = captures_of(captures, sources)
    assert tuple(Counter(capture.split for capture in listed)[split] for split in SPLITS) == COUNTS
    split_of = {entry.digest: entry.split for entry in parent.entries}
    assert all(split_of[entry.digest] == entry.split for entry in captures.entries)
    assert (captures.style, captures.cameras) == ("hand-held", parent.cameras)


def test_photographs_have_detail(captures):
    numbers = {int(entry.file[1:3]) for entry in captures.entries if entry.file.startswith("p")}
    assert len(numbers) > 10
    assert not any(number % 3 == 0 for number in numbers)


def test_a_third_are_views_of_panoramas_and_sources_have_as_many_each(captures, sources):
    listed = captures_of(captures, sources)
    for split, count in zip(SPLITS, COUNTS, strict=True):
        for panoramas, expected in ((True, round(count / 3)), (False, count - round(count / 3))):
            of_kind = [one.scene for one in listed if one.split == split and one.source.is_panorama is panoramas]
            assert len(of_kind) == expected
            times = Counter(of_kind).values()
            assert max(times) - min(times) <= 1


def test_deal_depends_on_content_and_name_only(script, captures, parent, sources):
    assert script.frozen("child", parent, sources[::-1], counts=COUNTS) == captures
    assert script.frozen("other", parent, sources, counts=(4, 1, 1)).entries != captures.entries


def test_low_light_has_its_share(script, captures, sources):
    dim, bright = replace(PLAIN, iso=2000.0), PLAIN
    assert [script.has_low_light([dim] * low + [bright] * (19 - low)) for low in (4, 5, 6, 7)] == [
        False,
        True,
        True,
        False,
    ]
    assert [len(shots) for shots in script.shots_of(captures, sources)] == list(COUNTS)
