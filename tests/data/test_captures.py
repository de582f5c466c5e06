import json
from collections import Counter
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from crispnet.data.camera import DEPTHS, PHONE_DEPTHS, body_of
from crispnet.data.captures import captures_of, freeze
from crispnet.data.pairs import SPLITS
from crispnet.data.setfile import named_set, shipped_sets, write_set
from crispnet.data.sources import find_sources
from crispnet.data.spectra import cameras
from crispnet.errors import DataError
from crispnet.raw.image import CFAS
from scenery import OTHER, PHONE


@pytest.fixture
def sources(tmp_path):
    """Twenty photographs and ten panoramas; nobody looks into them here."""
    for number in range(20):
        (tmp_path / f"p{number:02}.jpg").write_bytes(b"photograph %d" % number)
    for number in range(10):
        (tmp_path / f"q{number:02}.hdr").write_bytes(b"panorama %d" % number)
    return find_sources(tmp_path)


@pytest.fixture
def captures(sources):
    return freeze(sources, "some", cameras=[PHONE], unseen=[OTHER])


def test_every_source_is_in_one_split_and_shares_are_met(captures, sources):
    assert [entry.file for entry in captures.entries] == [source.name for source in sources]
    counted = Counter((entry.file[0], entry.split) for entry in captures.entries)
    assert [counted["p", split] for split in SPLITS] == [16, 2, 2]
    assert [counted["q", split] for split in SPLITS] == [8, 1, 1]


def test_deal_depends_on_content_and_seed_only(captures, sources):
    assert freeze(sources[::-1], "some", cameras=[PHONE], unseen=[OTHER]) == captures
    other = freeze(sources, "some", cameras=[PHONE], unseen=[OTHER], seed=2)
    assert [entry.digest for entry in other.entries] == [entry.digest for entry in captures.entries]
    assert [entry.split for entry in other.entries] != [entry.split for entry in captures.entries]


def test_deal_is_the_one_it_always_was(captures):
    tested = [entry.file for entry in captures.entries if entry.split == "test"]
    assert tested == ["p13.jpg", "p17.jpg", "q06.hdr"]


def test_same_file_under_two_names_is_one_scene(tmp_path, sources):
    (tmp_path / "copy.jpg").write_bytes(sources[0].path.read_bytes())
    again = freeze(find_sources(tmp_path), "some", cameras=[PHONE])
    assert len(again.entries) == len(sources)
    assert len({entry.digest for entry in again.entries}) == len(sources)


def test_captures_are_stable(captures, sources):
    one, other = captures_of(captures, sources), captures_of(captures, sources[::-1])
    assert one == other
    first = one[0]
    assert (first.name, first.scene, first.split) == ("p00-1", "p00", "train")
    assert (first.shot.ev, first.shot.iso, first.shot.seed) == pytest.approx((1.1820335, 836, 3426333279))


def test_captures_of_a_source_differ(captures, sources):
    for first, second in zip(captures_of(captures, sources)[::2], captures_of(captures, sources)[1::2], strict=False):
        assert first.shot.seed != second.shot.seed or first.shot.camera != second.shot.camera


def test_every_source_has_its_captures(captures, sources):
    counted = Counter(capture.source.name for capture in captures_of(captures, sources))
    of_split = {entry.file: entry.split for entry in captures.entries}
    for file, count in counted.items():
        assert count == (4 if file.endswith("hdr") else 2) * (2 if of_split[file] == "test" else 1)
    assert len(counted) == 30


def test_another_seed_gives_other_shots(captures, sources):
    one, other = (captures_of(replace(captures, seed=seed), sources) for seed in (1, 2))
    assert all(a.shot.seed != b.shot.seed for a, b in zip(one, other, strict=True))


def test_captures_do_not_depend_on_what_else_is_in_the_set(captures, sources):
    fewer = replace(captures, entries=captures.entries[5:])
    all_of_them = {capture.name: capture for capture in captures_of(captures, sources)}
    assert all(all_of_them[capture.name] == capture for capture in captures_of(fewer, sources))


def test_unseen_camera_only_examines_in_the_same_light(captures, sources):
    by_name = {capture.name: capture for capture in captures_of(captures, sources)}
    unseen = [capture for capture in by_name.values() if not capture.tags["camera_seen"]]
    assert len(unseen) == 2 * 2 + 4
    for capture in unseen:
        twin = by_name[capture.name.removesuffix("-unseen")]
        assert capture.split == "test"
        assert (capture.shot.camera, twin.shot.camera) == (OTHER, PHONE)
        assert (capture.shot.light, capture.shot.ev) == (twin.shot.light, twin.shot.ev)
        assert capture.seed == twin.seed


def test_scene_is_in_one_split_and_names_are_unique(captures, sources):
    listed = captures_of(captures, sources)
    assert len({capture.name for capture in listed}) == len(listed)
    assert len({(capture.scene, capture.split) for capture in listed}) == len(sources)


def test_names_stay_unique_where_files_share_theirs(tmp_path):
    for name in ("one/a.jpg", "two/a.jpg", "two/a.png", "two/A.webp", "two/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = find_sources(tmp_path / "one", tmp_path / "two")
    listed = captures_of(freeze(found, "some", cameras=[PHONE], per_photograph=1), found)
    assert len({capture.name.casefold() for capture in listed}) == len({capture.scene for capture in listed}) == 5
    assert {capture.source.path.read_bytes() for capture in listed} == {source.path.read_bytes() for source in found}
    assert "b-1" in {capture.name for capture in listed}


def test_panoramas_are_scenes_and_photographs_are_on_a_monitor_half_of_the_time(sources):
    listed = captures_of(freeze(sources, "some", cameras=[PHONE], per_photograph=10), sources)
    shown = [capture.shot.kind for capture in listed if not capture.source.is_panorama]
    assert 0.35 < shown.count("display") / len(shown) < 0.65
    assert {capture.shot.kind for capture in listed if capture.source.is_panorama} == {"scene"}


def test_tags_say_how_it_was_shot(captures, sources):
    for capture in captures_of(captures, sources):
        assert json.loads(json.dumps(capture.tags)) == capture.tags
        assert capture.tags["camera"] == capture.shot.camera
        assert capture.tags["shown"] == capture.shot.kind
        assert capture.tags["source"] == ("panorama" if capture.source.is_panorama else "photograph")
        assert capture.tags["ev"] == pytest.approx(capture.shot.ev, abs=1e-3)


def test_body_belongs_to_the_model(captures, sources):
    assert body_of(PHONE) == body_of(PHONE)
    for capture in captures_of(captures, sources):
        assert (capture.shot.cfa, capture.shot.bits, capture.shot.black) == body_of(capture.shot.camera)


def test_bodies_are_of_all_kinds():
    bodies = {camera.name: body_of(camera.name) for camera in cameras()}
    assert {cfa for cfa, _, _ in bodies.values()} == set(CFAS)
    phones = {bodies[camera.name][1:] for camera in cameras() if camera.kind == "phone"}
    assert phones <= set(DEPTHS[:PHONE_DEPTHS])
    assert {body[1:] for body in bodies.values()} == set(DEPTHS)


@pytest.fixture
def hand_held(captures):
    return replace(captures, name="hands", style="hand-held", unseen=())


def test_hand_held_captures_are_of_scenes_framed_and_metered_each(hand_held, sources):
    listed = captures_of(replace(hand_held, per_photograph=10, per_panorama=10), sources)
    assert {capture.shot.kind for capture in listed} == {"scene"}
    assert len({capture.framing for capture in listed}) == len({capture.shot for capture in listed}) == 300
    assert all(capture.framing is None for capture in captures_of(replace(hand_held, style="monitor"), sources))
    assert listed == captures_of(replace(hand_held, per_photograph=10, per_panorama=10), sources[::-1])


def test_hand_held_captures_are_those_they_always_were(hand_held, sources):
    first = captures_of(hand_held, sources)[0]
    assert (first.name, first.shot.iso, first.shot.seed) == ("p00-1", 600, 3469739091)
    assert (first.shot.ev, first.framing.roll, first.framing.zoom, first.framing.field) == pytest.approx(
        (0.2966207, 0.05843415, 0.8696426, 73.24623)
    )


def test_hand_held_views_of_a_panorama_look_elsewhere(hand_held, sources):
    views = [capture for capture in captures_of(hand_held, sources) if capture.source.is_panorama]
    headings = np.array([view.framing.heading for view in views]).reshape(-1, 4)
    apart = np.abs((headings[:, :, None] - headings[:, None] + 180) % 360 - 180)
    assert apart[:, *np.triu_indices(4, 1)].min() > 50
    assert np.ptp(headings[:, 0]) > 90  # each panorama from another first one


def test_unseen_camera_is_held_as_the_seen_one_was(hand_held, sources):
    by_name = {capture.name: capture for capture in captures_of(replace(hand_held, unseen=(OTHER,)), sources)}
    unseen = [name for name in by_name if name.endswith("-unseen")]
    assert len(unseen) == 2 * 2 + 4
    assert all(by_name[name].framing == by_name[name.removesuffix("-unseen")].framing for name in unseen)


def test_further_captures_are_hand_held_train_only_and_change_no_other(captures, sources):
    more = captures_of(replace(captures, unseen=(OTHER,), further=(3, 5)), sources)
    before = captures_of(replace(captures, unseen=(OTHER,)), sources)
    added = [capture for capture in more if capture not in before]
    assert [capture for capture in more if capture not in added] == before
    assert all(capture.split == "train" and capture.framing is not None for capture in added)
    assert all(capture.framing is None for capture in before)
    count = Counter(capture.source.name for capture in added)
    trained = {c.source.name: 5 if c.source.is_panorama else 3 for c in before if c.split == "train"}
    assert count == trained
    assert len({capture.framing for capture in added}) == len(added)


def test_entry_may_say_how_many(captures, sources):
    entries = (replace(captures.entries[0], captures=5), *captures.entries[1:])
    counted = Counter(capture.scene for capture in captures_of(replace(captures, entries=entries), sources))
    assert (counted["p00"], counted["p01"]) == (5, 2)


def test_missing_source_is_named(captures, sources):
    with pytest.raises(DataError, match=r"2 of the 30 sources of some are missing, the first is p00\.jpg"):
        captures_of(captures, sources[2:])


def test_another_picture_of_the_same_name_is_refused(captures, sources):
    sources[3].path.write_bytes(b"another")
    with pytest.raises(DataError, match=r"p03\.jpg is not the picture that some was frozen with"):
        captures_of(captures, sources)


def test_set_there_and_back(tmp_path, captures):
    path = write_set(captures, tmp_path / "set.json")
    assert named_set(str(path)) == captures
    assert len(path.read_text().splitlines()) > len(captures.entries)  # one line each, so that changes can be read
    held = replace(captures, style="hand-held", entries=(replace(captures.entries[0], captures=3),))
    assert named_set(str(write_set(held, tmp_path / "held.json"))) == held
    further = replace(captures, further=(4, 24))
    assert named_set(str(write_set(further, tmp_path / "further.json"))) == further


@pytest.mark.parametrize("name", shipped_sets())
def test_shipped_set_is_written_as_it_ships(tmp_path, name):
    shipped = (resources.files("crispnet.data") / "sets" / f"{name}.json").read_bytes()
    assert write_set(named_set(name), tmp_path / "set.json").read_bytes() == shipped


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": "crispnet captures 2"}, "expected 'crispnet captures 1'"),
        ({"cameras": []}, "at least one camera"),
        ({"cameras": ["Box Brownie"]}, "Box Brownie"),
        ({"seed": -1}, "numbers from 0"),
        ({"seed": None}, "TypeError"),
        ({"seed": float("inf")}, "OverflowError"),
        ({"style": "underwater"}, "expected a style of monitor, hand-held, got 'underwater'"),
        ({"style": []}, "expected a style"),
        ({"further": [4, -1]}, "numbers of captures that are not below 0"),
        ({"further": [4]}, "numbers of captures"),
        ({"further": ["many", 1]}, "invalid literal"),
        ({"entries": [["a.jpg", "0" * 16, "test", 0]]}, "one capture of a.jpg at least"),
        ({"entries": [["a.jpg", "0" * 16, "test", 1, 2]]}, "TypeError"),
        ({"entries": [["a.jpg", "0" * 16]]}, "not enough values"),
        ({"entries": [["a.jpg", "0" * 16, "exam"]]}, "expected a split"),
        ({"entries": [["a.jpg", "xyz", "test"]]}, "16 hexadecimal digits for a.jpg"),
        ({"entries": [["a.jpg", "0" * 16, "test"], ["b.jpg", "0" * 16, "train"]]}, "every source once"),
    ],
)
def test_set_that_cannot_be_right_is_refused(tmp_path, captures, change, complaint):
    path = write_set(captures, tmp_path / "set.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=rf"set\.json is no set of captures \(.*{complaint}"):
        named_set(str(path))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"[" * 100_000])
def test_file_that_is_no_set_is_refused(tmp_path, content):
    (tmp_path / "set.json").write_bytes(content)
    with pytest.raises(DataError, match=r"set\.json is no set of captures"):
        named_set(str(tmp_path / "set.json"))


@pytest.mark.parametrize("name", ["monitor-v0", "", "a\0b", "."])
def test_set_that_is_not_there_is_refused(name):
    with pytest.raises(DataError, match=r"no set of captures called .* One of .*monitor-v1.* was needed"):
        named_set(name)


def test_picture_is_no_set(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match="no set of captures"):
        named_set(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_are_none_are_refused(sources, shares):
    with pytest.raises(ValueError, match="expected 3 shares"):
        freeze(sources, "some", cameras=[PHONE], shares=shares)


def test_shipped_sets_are_sound():
    assert shipped_sets() == ["cameras-v1", "cameras-v2", "monitor-v1", "real-v1"]
    for name in ("cameras-v1", "monitor-v1"):
        captures = named_set(name)
        assert captures.name == name
        counts = Counter(entry.split for entry in captures.entries)
        assert np.array([counts[split] for split in SPLITS]) / len(captures.entries) == pytest.approx(
            [0.8, 0.1, 0.1], abs=0.01
        )
        assert not set(captures.cameras) & set(captures.unseen)
    monitor, several = (named_set(name) for name in ("monitor-v1", "cameras-v1"))
    assert len(monitor.cameras) == 1
    assert len(several.cameras) > 3 * len(several.unseen) > 0
    assert monitor.entries == several.entries


def test_second_set_of_cameras_only_adds_to_the_first():
    first, second = (named_set(name) for name in ("cameras-v1", "cameras-v2"))
    assert replace(second, name=first.name, further=first.further) == first
    assert min(second.further) > 0


def test_real_set_is_of_the_monitors_phone_and_splits():
    monitor, real = (named_set(name) for name in ("monitor-v1", "real-v1"))
    assert (monitor.style, real.style) == ("monitor", "hand-held")
    assert (monitor.cameras, monitor.unseen) == (real.cameras, real.unseen)
    # Whoever has trained on the one has seen nothing that the other tests with.
    split_of = {entry.digest: entry.split for entry in monitor.entries}
    assert all(split_of[entry.digest] == entry.split for entry in real.entries)
    counts = Counter()
    for entry in real.entries:
        usual = real.per_panorama if entry.file.endswith(".hdr") else real.per_photograph
        counts[entry.split] += usual if entry.captures is None else entry.captures
    assert [counts[split] for split in SPLITS] == [160, 19, 19]  # paper, section 4.2
