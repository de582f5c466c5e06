from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.data.pairs import Pair
from crispnet.data.scenes import Scenes, dealt, scenes_of, small_picture
from crispnet.errors import DataError


def shots(*minutes, folder="."):
    """Pairs taken so many minutes after noon; None where nobody knows when."""
    times = [None if at is None else f"2024:05:06 {12 + int(at) // 60:02}:{int(at) % 60:02}:00" for at in minutes]
    tags = [{} if time is None else {"time": time} for time in times]
    return [Pair(Path(folder, f"{n}.dng"), Path(f"{n}.jpg"), "", "train", tag) for n, tag in enumerate(tags)]


def unlike(count):
    """Small pictures none of which is like another."""
    return list(np.eye(max(count, 1), 768, dtype=np.float32)[:count])


def groups(scenes: Scenes):
    order = list(dict.fromkeys(scenes.names))
    return [order.index(name) for name in scenes.names]


def test_shots_that_follow_one_another_are_of_one_scene():
    pairs = shots(0, 9, 18, 60, 200, 205)
    assert groups(scenes_of(pairs, unlike(6), minutes=10)) == [0, 0, 0, 1, 2, 2]
    backwards = scenes_of(pairs[::-1], unlike(6), minutes=10)
    assert groups(backwards) == [0, 0, 1, 2, 2, 2]


def test_shots_that_look_alike_are_of_one_scene_whenever_they_were_taken():
    smalls = unlike(5)
    smalls[4] = 0.95 * smalls[0] + 0.3 * smalls[4]
    assert groups(scenes_of(shots(0, 60, 120, None, 600), smalls, minutes=10)) == [0, 1, 2, 3, 0]


def test_likeness_is_of_what_is_seen_and_not_of_how_bright_it_is():
    random = np.random.default_rng(0)
    scene = np.kron(random.integers(40, 160, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    brighter = np.clip(scene.astype(float) * 1.2 + random.normal(0, 3, scene.shape), 0, 255).astype(np.uint8)
    other = np.kron(random.integers(40, 160, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    one, two, three = (small_picture(each) for each in (scene, brighter[::2, ::2], other))
    assert one @ two > 0.97
    assert one @ three < 0.5
    flat = small_picture(np.full((30, 40, 3), 90, np.uint8))
    assert np.isfinite(flat).all()
    assert abs(one @ flat) < 0.1


def test_too_few_scenes_make_the_time_shorter_and_that_is_known():
    scenes = scenes_of(shots(0, 2, 3, 9), unlike(4), minutes=10)
    assert scenes.gap < scenes.asked == 600
    assert len(set(scenes.names)) >= 2
    enough = scenes_of(shots(0, 2, 3, 60), unlike(4), minutes=10)
    assert enough.gap == enough.asked
    assert groups(enough) == [0, 0, 0, 1]  # three to learn from and one to test with is an honest split


def test_where_shorter_is_no_better_it_stays_as_it_was_asked_for():
    alike = [unlike(1)[0]] * 3
    scenes = scenes_of(shots(0, 1, 2), alike, minutes=10)
    assert scenes.gap == scenes.asked
    assert len(set(scenes.names)) == 1


def test_scenes_of_one_name_in_two_folders_are_told_apart():
    pairs = [*shots(0, folder="a"), *shots(600, folder="b")]
    assert len(set(scenes_of(pairs, unlike(2), minutes=10).names)) == 2


@pytest.mark.parametrize("time", ["", "yesterday", "0000:00:00 00:00:00", 7])
def test_a_time_that_is_none_is_nobodys(time):
    pairs = [Pair(Path(f"{n}.dng"), Path("x"), "", "train", {"time": time}) for n in range(2)]
    assert groups(scenes_of(pairs, unlike(2), minutes=10)) == [0, 1]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=40), st.integers(0, 5))
def test_a_scene_is_on_one_side_and_each_side_has_some(sizes, seed):
    names = [f"s{scene}" for scene, size in enumerate(sizes) for _ in range(size)]
    pairs = [Pair(Path(f"{n}.dng"), Path("x"), "", "train") for n in range(len(names))]
    deal = dealt(pairs, Scenes(tuple(names), 60, 60), seed=seed)
    sides = {pair.scene: pair.split for pair in deal}
    assert [pair.scene for pair in deal] == names
    assert all(sides[pair.scene] == pair.split for pair in deal)
    counts = {split: sum(side == split for side in sides.values()) for split in ("train", "validation", "test")}
    assert counts["test"] == max(1, round(0.1 * len(sizes)))
    assert counts["validation"] == (counts["test"] if len(sizes) >= 5 else 0)
    assert counts["train"] >= 1
    assert deal == dealt(pairs, Scenes(tuple(names), 60, 60), seed=seed)


def test_the_large_scene_is_learned_from_where_there_are_few():
    pairs = shots(0, 1, 2, 60)
    for seed in range(8):
        deal = dealt(pairs, scenes_of(pairs, unlike(4), minutes=10), seed=seed)
        assert [pair.split for pair in deal] == ["train", "train", "train", "test"]


@pytest.mark.parametrize(("count", "words"), [(1, "A single pair"), (3, "3 pairs of one scene")])
def test_one_scene_cannot_be_split(count, words):
    with pytest.raises(DataError, match=rf"{words}.*Two scenes at least were needed"):
        dealt(shots(*range(count)), Scenes(("a",) * count, 60, 60), seed=0)
