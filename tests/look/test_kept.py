"""What is kept from run to run is the user's own, whole, and of this look, CPU and runtime; else it is made afresh."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from crispnet.look import compiling
from crispnet.look.compiling import Plan
from crispnet.look.contract import Depths
from crispnet.look.kept import DIGEST_BYTES, FOLDER, Kept, folder_of_user
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.shelf import file_of
from making import names


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "cache")


def test_what_was_put_is_got_and_nothing_else(kept):
    assert kept.get("a") is None
    kept.put("a", b"thing")
    kept.put("b", memoryview(b""))
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (b"thing", b"", None)
    assert kept.folder.stat().st_mode & 0o777 == 0o700
    assert (kept.folder / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:DIGEST_BYTES] + b"other"),
        lambda path: path.write_bytes(path.with_name("b").read_bytes()),  # sound, but another thing
        lambda path: path.chmod(0o644),
        lambda path: path.chmod(0o660),
        lambda path: path.parent.chmod(0o755),
        lambda path: path.parent.chmod(0o770),
        lambda path: (path.rename(path.with_name("c")), path.symlink_to("c")),
    ],
)
def test_what_was_tampered_with_or_could_have_been_is_not_used(change, kept):
    kept.put("b", b"other thing")
    kept.put("a", b"thing")
    change(kept.folder / "a")
    assert kept.get("a") is None


def test_a_folder_of_somebody_else_or_behind_a_link_is_not_used(kept, tmp_path, monkeypatch):
    kept.put("a", b"thing")
    (tmp_path / "link").symlink_to(kept.folder)
    assert Kept(tmp_path / "link").get("a") is None
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert kept.get("a") is None
    kept.put("c", b"thing")
    assert names(kept.folder) == ["a"]


def test_a_folder_that_cannot_be_made_or_is_none_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for kept in (Kept(None), Kept(tmp_path / "file" / "cache"), Kept(tmp_path / "file")):
        kept.put("a", b"thing")
        assert kept.get("a") is None


def test_what_was_used_longest_ago_makes_room(tmp_path):
    kept = Kept(tmp_path / "cache", most_bytes=3 * (100 + DIGEST_BYTES))
    for place, name in enumerate("abc"):
        kept.put(name, bytes(100))
        os.utime(kept.folder / name, (place, place))
    assert kept.get("a")  # it is of use
    kept.put("d", bytes(100))
    assert names(kept.folder) == ["a", "c", "d"]


def test_many_may_write_at_once_and_all_read_whole_things(kept):
    things = [bytes([number]) * 50_000 for number in range(8)]
    found = []

    def write(number):
        for _ in range(20):
            kept.put("a", things[number])
            found.append(bytes(kept.get("a")))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert set(found) <= set(things)
    assert names(kept.folder) == ["a"]


def test_the_folder_is_the_users_own_or_named_or_off(monkeypatch):
    for name in (FOLDER, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert folder_of_user() == Path("/home/somebody/.cache/crispnet")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard says to ignore
    assert folder_of_user() == Path("/home/somebody/.cache/crispnet")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert folder_of_user() == Path("/elsewhere/crispnet")
    monkeypatch.setenv(FOLDER, "/mine")
    assert folder_of_user() == Path("/mine")
    monkeypatch.setenv(FOLDER, "OFF")
    assert folder_of_user() is None


@pytest.mark.parametrize("depths", [None, Depths(4, 16, 4, 44, 1000)])
def test_a_plan_is_read_as_it_was_written(depths):
    packed = {"packed": (1, 4, None, None), "scene": (1, 9)}
    plan = Plan({"see": {"thumbnail": (1, 3, 368, 480)}, "render": packed}, depths)
    assert Plan.read(plan.write()) == plan


def develop_a_window(look):
    light = np.array([[2.0, 1, 1.5, 1]])
    from crispnet.look.contract import Metadata

    scene = look.scene(np.full((1, 3, 368, 480), 0.2, np.float32), Metadata(light, np.eye(3)[None], *np.zeros((2, 1))))
    return look.render(np.random.default_rng(0).random((1, 4, 64, 64), np.float32), scene)


def test_a_look_found_compiled_renders_the_same_without_reading_its_graph(kept, monkeypatch):
    cut = []
    monkeypatch.setattr(compiling, "halves", lambda *each, halves=compiling.halves: cut.append(each) or halves(*each))
    first = develop_a_window(OpenVinoLook(file_of("phone"), kept=kept))
    assert len(cut) == 1
    again = OpenVinoLook(file_of("phone"), kept=kept)
    np.testing.assert_array_equal(develop_a_window(again), first)
    assert len(cut) == 1
    assert again.depths == OpenVinoLook(file_of("phone"), kept=Kept(None)).depths


def test_what_is_kept_is_of_one_precision_cpu_runtime_and_look(kept, monkeypatch):
    def parts():
        return len(names(kept.folder))

    develop_a_window(OpenVinoLook(file_of("phone"), precision="f32", kept=kept))
    own = parts()
    develop_a_window(OpenVinoLook(file_of("phone"), precision="f32", kept=kept))
    assert parts() == own == 3  # the plan, what sees, what renders
    develop_a_window(OpenVinoLook(file_of("phone"), precision="bf16", kept=kept))
    assert parts() == own + 1
    for name, other in (("_processor", lambda _: ["another"]), ("_version", lambda: "another")):
        before = parts()
        monkeypatch.setattr(compiling, name, other)
        develop_a_window(OpenVinoLook(file_of("phone"), precision="f32", kept=kept))
        assert parts() == before + own


def test_a_part_that_the_runtime_refuses_is_compiled_afresh(kept):
    first = develop_a_window(OpenVinoLook(file_of("phone"), kept=kept))
    for path in kept.folder.iterdir():
        kept.put(path.name, b"sound, and no compiled part")
    np.testing.assert_array_equal(develop_a_window(OpenVinoLook(file_of("phone"), kept=kept)), first)
    np.testing.assert_array_equal(develop_a_window(OpenVinoLook(file_of("phone"), kept=kept)), first)
