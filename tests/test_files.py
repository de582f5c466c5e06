import errno
import os
import stat

import pytest

from crispnet.errors import OutputError
from crispnet.files import check_destination, whole_file, write_whole
from making import names
from mishaps import full_disk


def write(path, content=b"picture", *, overwrite=False):
    write_whole(path, [content], raw=None, overwrite=overwrite)


def no_links(*_):
    raise OSError(errno.EPERM, "no links here")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_gets_its_name_with_and_without_hard_links(links, tmp_path, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "-é 日本.jpg"
    write_whole(path, [b"pic", bytearray(b"tu"), memoryview(b"re")], raw=None, overwrite=False)
    assert path.read_bytes() == b"picture"
    assert names(tmp_path) == ["-é 日本.jpg"]
    assert path.stat().st_nlink == 1


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_meanwhile_is_kept(links, tmp_path, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", no_links)

    def parts():
        yield b"picture"
        (tmp_path / "a.jpg").write_text("precious")

    with pytest.raises(OutputError, match="exists already"):
        write_whole(tmp_path / "a.jpg", parts(), raw=None, overwrite=False)
    assert (tmp_path / "a.jpg").read_text() == "precious"
    assert names(tmp_path) == ["a.jpg"]


def test_what_is_being_written_is_hidden_and_has_the_ending_asked_for(tmp_path):
    with whole_file(tmp_path / "a.jpg", overwrite=False, ending=".jpeg") as hidden:
        hidden.write_bytes(b"picture")
        assert (hidden.parent, hidden.name[0], hidden.suffix) == (tmp_path, ".", ".jpeg")
        assert names(tmp_path) == [hidden.name]
    assert names(tmp_path) == ["a.jpg"]


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "new").touch()
    write(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_overwriting_replaces(tmp_path):
    (tmp_path / "a.png").write_text("old")
    write(tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == b"picture"
    assert names(tmp_path) == ["a.png"]


def test_first_the_file_and_then_its_folder_are_brought_to_the_disk(tmp_path, monkeypatch):
    brought = []
    monkeypatch.setattr(
        os, "fsync", lambda number: brought.append((stat.S_ISDIR(os.fstat(number).st_mode), names(tmp_path)))
    )
    write(tmp_path / "a.jpg")
    (file_is_folder, before), (folder_is_folder, after) = brought
    assert (file_is_folder, folder_is_folder) == (False, True)
    assert "a.jpg" not in before
    assert after == ["a.jpg"]


def test_a_folder_that_cannot_be_brought_to_the_disk_costs_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "folders are not opened here")

    monkeypatch.setattr(os, "open", refuse)
    write(tmp_path / "a.jpg")
    assert names(tmp_path) == ["a.jpg"]


def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    with (
        full_disk(most=100_000),
        pytest.raises(OutputError, match=r"a\.tif cannot be written: .* needed\. Check the folder and the disk"),
    ):
        write(tmp_path / "a.tif", bytes(200_000))
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_at_the_end_leaves_what_was_there(call, tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_text("old")

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write(tmp_path / "a.jpg", overwrite=True)
    assert (tmp_path / "a.jpg").read_text() == "old"
    assert names(tmp_path) == ["a.jpg"]


def test_a_disk_without_links_that_fails_at_the_end_is_left_without_the_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", no_links)
    with pytest.raises(OutputError, match="cannot be written: no links here"):
        write(tmp_path / "a.jpg")
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refuse(self, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(type(tmp_path), "open", refuse)  # permissions do not bind root, who may run this
    with pytest.raises(OutputError, match=r"a\.jpg cannot be written: Permission denied"):
        write(tmp_path / "a.jpg")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_nothing(interruption, tmp_path):
    def parts():
        yield b"pic"
        raise interruption

    with pytest.raises(interruption):
        write_whole(tmp_path / "a.jpg", parts(), raw=None, overwrite=False)
    assert names(tmp_path) == []


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path):
    write(tmp_path / ("a" * 251 + ".jpg"))
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        write(tmp_path / ("a" * 252 + ".jpg"))
    assert names(tmp_path) == ["a" * 251 + ".jpg"]


@pytest.mark.parametrize("way", ["itself", "hard link", "symbolic link"])
def test_the_raw_is_never_written_to(way, tmp_path):
    raw, target = tmp_path / "raw.tif", tmp_path / "a.tif"
    raw.write_text("raw")
    if way == "itself":
        target = tmp_path / "." / "raw.tif"
    elif way == "hard link":
        os.link(raw, target)
    else:
        target.symlink_to(raw)
    with pytest.raises(OutputError, match="is the raw file itself"):
        write_whole(target, [b"picture"], raw=raw, overwrite=True)
    assert raw.read_text() == "raw"


@pytest.mark.parametrize("folder", ["missing", "file", "\0"])
def test_a_folder_that_is_none_is_refused(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"is not a folder\. .* needed\. Make it"):
        check_destination(tmp_path / folder / "a.jpg", raw=None, overwrite=True)
    with pytest.raises(OutputError, match="is a folder"):
        check_destination(tmp_path, raw=None, overwrite=True)
    assert names(tmp_path) == ["file"]


def test_a_link_that_leads_nowhere_is_a_file_that_exists(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match=r"exists already\. .* needed\. Choose another"):
        check_destination(tmp_path / "a.jpg", raw=None, overwrite=False)
    check_destination(tmp_path / "a.jpg", raw=None, overwrite=True)
    assert (tmp_path / "a.jpg").is_symlink()
