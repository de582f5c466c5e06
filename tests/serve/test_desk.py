import time

import pytest

from crispnet.serve.desk import Desk, Missing, shown_name
from crispnet.serve.worker import Busy


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, most_items=3, most_bytes=100, seconds=0.2)


def bring(desk, name="a.dng", content=b"raw", size=10):
    with desk.coming(name, size=size) as item:
        item.raw.write_bytes(content)
    return item


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_was_brought_is_found_by_an_id_that_nobody_guesses(desk):
    one, other = bring(desk), bring(desk)
    assert desk.take(one.id) is one
    assert one.id != other.id
    assert len(one.id) >= 22
    assert desk.items() == [one, other]


def test_what_comes_only_in_part_leaves_nothing(desk, tmp_path):
    content = memoryview(b"half").cast("H")  # of which no bytes can be written
    content.release()
    with pytest.raises(ValueError, match="released"):
        bring(desk, content=content)
    assert desk.items() == []
    assert files(tmp_path) == []


def test_no_name_becomes_a_path(desk, tmp_path):
    for name in ("../../x.dng", "/etc/passwd", "a/b\\c.nef"):
        item = bring(desk, name)
        assert item.raw.parent.parent == tmp_path
        assert item.raw.stem == "photograph"
    assert [item.raw.suffix for item in desk.items()] == [".dng", ".raw", ".nef"]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a", "a.", "a.d/g", "a.toolong", "a.\u00e4\u00e4"])
def test_an_odd_ending_is_not_kept(desk, name):
    assert bring(desk, name).raw.suffix == ".raw"


def test_what_is_removed_is_gone_with_all_that_was_made_of_it(desk, tmp_path):
    item = bring(desk)
    (item.raw.parent / "made.jpg").write_bytes(b"picture")
    desk.remove(item.id)
    assert files(tmp_path) == []
    with pytest.raises(Missing):
        desk.take(item.id)
    with pytest.raises(Missing):
        desk.remove(item.id)


def test_what_nobody_uses_goes_in_time_and_what_is_used_stays(desk):
    unused, used = bring(desk), bring(desk)
    for _ in range(4):
        time.sleep(0.08)
        desk.take(used.id)
    assert desk.sweep() == [unused.id]
    assert desk.items() == [used]


def test_there_is_room_for_so_many_and_so_much(desk):
    bring(desk, content=b"x" * 60)
    with pytest.raises(Busy, match="Remove some"):
        bring(desk, size=50)
    bring(desk)
    bring(desk)
    with pytest.raises(Busy, match="desk is full"):
        bring(desk, size=1)


def test_what_is_coming_takes_room_too(desk):
    with desk.coming("a", size=1) as item, desk.coming("b", size=1) as other, desk.coming("c", size=1) as third:
        with pytest.raises(Busy):
            bring(desk, size=1)
        for each in (item, other, third):
            each.raw.write_bytes(b"x")
    assert len(desk.items()) == 3


def test_names_are_fit_to_be_shown():
    assert shown_name("Urlaub/IMG 1.DNG") == "IMG 1.DNG"
    assert shown_name("a\nb\x00.dng") == "ab.dng"
    assert shown_name("\udcff.dng") == "photograph" or shown_name("\udcff.dng").isprintable()
    assert len(shown_name("ä" * 500)) == 120
