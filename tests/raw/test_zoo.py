"""The zoo is read back: whatever a sound DNG says, and whatever it leaves out."""

import itertools
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import zoo
from crispnet.raw.bayer import pack_linear
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw

PLACES = range(len(zoo.AXES))


def pairs_of(member: zoo.Member) -> set[tuple[int, int, object, object]]:
    """The choices of a member along any two axes."""
    choices = astuple(member)
    return {(first, second, choices[first], choices[second]) for first, second in itertools.combinations(PLACES, 2)}


def every_pair() -> Iterator[zoo.Member]:
    """Members that, together, have every choice along an axis beside every choice along any other."""
    axes = list(zoo.AXES.values())
    wanted = {
        (first, second, *choices)
        for first, second in itertools.combinations(PLACES, 2)
        for choices in itertools.product(axes[first], axes[second])
    }
    random = np.random.default_rng(0)
    while wanted:
        seed = next(iter(sorted(wanted, key=repr)))
        candidates = [zoo.member(int(number)) for number in random.integers(zoo.COUNT, size=60)]
        names = list(zoo.AXES)
        forced = {names[seed[0]]: seed[2], names[seed[1]]: seed[3]}
        best = max(
            (zoo.Member(**(vars(candidate) | forced)) for candidate in candidates),
            key=lambda candidate: len(pairs_of(candidate) & wanted),
        )
        wanted -= pairs_of(best)
        yield best


def read_back(member: zoo.Member, folder: Path) -> RawImage:
    return open_raw(zoo.write(member, folder / "a.dng"))


def test_every_choice_beside_every_other_is_read_back(tmp_path: Path) -> None:
    tried = list(every_pair())
    assert len(tried) > len(zoo.BLACKS) * len(zoo.MISSING)
    unlike = {member: zoo.differences(read_back(member, tmp_path), member) for member in tried}
    assert {member: fields for member, fields in unlike.items() if fields} == {}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(member=zoo.members)
def test_any_member_is_read_back(member: zoo.Member, tmp_path: Path) -> None:
    raw = read_back(member, tmp_path)
    assert zoo.differences(raw, member) == []
    assert raw.upright_size == (raw.crop.height, raw.crop.width)[:: 1 if raw.orientation <= 4 else -1]
    assert np.isfinite(pack_linear(raw)).all()


def test_members_are_numbered() -> None:
    assert zoo.member(0) == zoo.Member(*(choices[0] for choices in zoo.AXES.values()))
    assert zoo.member(zoo.COUNT - 1) == zoo.Member(*(choices[-1] for choices in zoo.AXES.values()))
    some = np.random.default_rng(0).integers(zoo.COUNT, size=500)
    assert len({zoo.member(int(number)) for number in some}) == len(set(some.tolist()))


def test_a_white_balance_that_is_missing_is_estimated_and_said(tmp_path: Path) -> None:
    raw = read_back(zoo.Member(missing="AsShotNeutral"), tmp_path)
    assert any("was estimated from the photograph" in note for note in raw.notes)
    np.testing.assert_allclose(raw.white_balance, zoo.image_of(zoo.Member()).white_balance, rtol=0.2)


@pytest.mark.parametrize("axis", ["cfa", "orientation", "crop", "black", "white"])
def test_a_reader_that_were_wrong_would_be_found_out(axis: str, tmp_path: Path) -> None:
    first, *_, last = zoo.AXES[axis]
    read = read_back(zoo.Member(**{axis: first}), tmp_path)
    assert zoo.differences(read, zoo.Member(**{axis: last})) != []
