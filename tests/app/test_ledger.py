"""The ledger of a folder: what is whole is known, what is not is not, whatever a killed run left of it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.app import ledger as ledgers
from crispnet.app.ledger import NAME, Entry, Ledger, Made, digest_of, digest_of_settings
from crispnet.errors import OutputError
from crispnet.files import whole_file, write_whole
from mishaps import full_disk

MADE = Made("raw", "settings", "look")


def publish(ledger, name, content=b"picture", *, made=MADE, file="a.dng", overwrite=False):
    picture = ledger.folder / name
    with whole_file(picture, overwrite=overwrite, handover=ledger.handover(made, file=Path(file))) as hidden:
        hidden.write_bytes(content)
    return picture


def find(ledger, name, *, made=MADE, file="a.dng"):
    return ledger.picture_of(made, file=Path(file), picture=ledger.folder / name)


def test_a_picture_is_found_again_by_its_name_or_by_its_raw(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        picture = publish(ledger, "a.jpg")
        assert find(ledger, "a.jpg", file="moved.dng") == picture
    with Ledger.open(tmp_path) as ledger:
        assert find(ledger, "a.jpg", file="moved.dng") == picture
        assert find(ledger, "a.dng.jpg", file="a.dng") == picture
        assert find(ledger, "b.jpg", file="b.dng") is None  # a copy of the raw, which wants a picture of its own


@pytest.mark.parametrize(
    "other", [Made("else", "settings", "look"), Made("raw", "x", "look"), Made("raw", "settings", "")]
)
def test_another_raw_other_settings_and_another_look_are_another_picture(other, tmp_path):
    with Ledger.open(tmp_path) as ledger:
        publish(ledger, "a.jpg")
        assert find(ledger, "a.jpg", made=other) is None


@pytest.mark.parametrize(
    "change", [Path.unlink, lambda path: path.write_bytes(b"mine"), lambda path: path.write_bytes(b"")]
)
def test_a_picture_that_is_gone_or_was_changed_is_not_found(change, tmp_path):
    with Ledger.open(tmp_path) as ledger:
        change(publish(ledger, "a.jpg"))
        assert find(ledger, "a.jpg") is None


def test_a_line_is_there_before_its_picture_and_says_nothing_until_then(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        seen = []
        handover = ledger.handover(MADE, file=Path("a.dng"))

        def look(hidden, picture):
            handover.witness(hidden, picture)
            seen.append(((tmp_path / NAME).read_text("utf-8").count("\n"), picture.exists(), find(ledger, "a.jpg")))

        with whole_file(tmp_path / "a.jpg", overwrite=False, handover=type(handover)(ledger.mark, look)) as hidden:
            hidden.write_bytes(b"picture")
        assert seen == [(1, False, None)]
        assert find(ledger, "a.jpg")


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_a_ledger_that_was_cut_anywhere_knows_its_whole_lines_and_can_be_written_on(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    with Ledger.open(folder) as ledger:
        for number in range(4):
            publish(ledger, f"{number}.jpg", bytes([number]), made=Made(str(number), "", ""))
            ledger.note_failure(Path("b.dng"), folder / "b.jpg", OSError("é\n"))
    content = (folder / NAME).read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    (folder / NAME).write_bytes(content[:cut])
    with Ledger.open(folder) as ledger:
        whole = content[:cut].count(b"\n")
        known = [bool(find(ledger, f"{number}.jpg", made=Made(str(number), "", ""))) for number in range(4)]
        assert known == [2 * number < whole for number in range(4)]
        publish(ledger, "new.jpg", made=MADE)
    assert len(ledgers.read(folder)) == whole + 1


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_a_line_of_anything_is_passed_over(line):
    assert Entry.read(line) is None


@pytest.mark.parametrize("name", ["plain", "Zoë 写真", os.fsdecode(b"caf\xe9"), "a\nb\r"])
def test_names_of_any_kind_are_kept(name, tmp_path):
    with Ledger.open(tmp_path) as ledger:
        publish(ledger, f"{name}.jpg", file=f"{name}.dng")
    (entry,) = ledgers.read(tmp_path)
    assert (entry.picture, entry.file) == (f"{name}.jpg", str(Path(f"{name}.dng").absolute()))
    assert entry.digest == digest_of(tmp_path / f"{name}.jpg")


def test_two_at_a_time_are_refused_and_one_after_another_are_not(tmp_path):
    with Ledger.open(tmp_path):
        with pytest.raises(OutputError, match="another run"):
            Ledger.open(tmp_path)
        program = f"from crispnet.app.ledger import *; Ledger.open(Path({str(tmp_path)!r}))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "another run" in done.stderr
    Ledger.open(tmp_path).close()


def test_a_ledger_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="cannot be written"):
        Ledger.open(tmp_path / "out")
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where not even root may write")
def test_a_folder_that_may_not_be_written_to_is_refused():
    with pytest.raises(OutputError, match=f"/sys/kernel/{NAME} cannot be written"):
        Ledger.open(Path("/sys/kernel"))


def test_a_full_disk_leaves_no_half_line_and_no_picture(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        publish(ledger, "a.jpg")
        size = (tmp_path / NAME).stat().st_size
        with full_disk(most=size + 20):
            with pytest.raises(OutputError, match="cannot be written"):
                publish(ledger, "b.jpg", b"b")
            ledger.note_failure(Path("c.dng"), tmp_path / "c.jpg", OSError("no room for this either"))
        assert (tmp_path / NAME).stat().st_size == size
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", NAME]
        publish(ledger, "b.jpg", b"b")
        assert find(ledger, "b.jpg")


def test_marks_are_of_a_folder(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, again, two = (Ledger(tmp_path / name).mark for name in ("one", "two/../one", "two"))
    assert one == again != two


@pytest.mark.parametrize("year", ["1970", "2099"])
def test_a_clock_that_jumps_changes_nothing(year, tmp_path):
    with Ledger.open(tmp_path) as ledger:
        publish(ledger, "a.jpg")
    path = tmp_path / NAME
    path.write_text(re.sub(r'"at": "\d+', f'"at": "{year}', path.read_text("utf-8")), "utf-8")
    os.utime(tmp_path / "a.jpg", (1, 1))
    with Ledger.open(tmp_path) as ledger:
        assert f'"{year}-' in path.read_text("utf-8")
        assert find(ledger, "a.jpg")


def test_equal_settings_have_equal_digests():
    assert digest_of_settings({"a": 1, "b": [2]}) == digest_of_settings({"b": [2], "a": 1})
    assert digest_of_settings({"a": 1}) != digest_of_settings({"a": 1.5})


def test_what_cannot_be_read_has_no_digest(tmp_path):
    write_whole(tmp_path / "a", [b"abc"], raw=None, overwrite=False)
    assert digest_of(tmp_path / "a").startswith("ba7816bf")
    assert digest_of(tmp_path / "missing") == digest_of(tmp_path) == ""
