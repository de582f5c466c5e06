import json
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.log import LOG, frames_left, history_of, note
from crispnet.data.rig.marks import Layout


def begin(folder, rows=480):
    note(folder, "begun", camera="virtual", rows=rows, columns=640, version="1")


def shoot(folder, frame):
    note(folder, "shown", frame=frame)
    note(folder, "shot", frame=frame, raw=f"captures/{frame}.dng", picture=f"captures/{frame}.jpg")


def test_what_was_shot_is_not_shot_again(tmp_path):
    begin(tmp_path)
    shoot(tmp_path, 0)
    note(tmp_path, "missed", frame=1, reason="no JPEG")
    shoot(tmp_path, 2)
    history = history_of(tmp_path)
    assert history.shot[2] == Taken(tmp_path / "captures/2.dng", tmp_path / "captures/2.jpg")
    assert history.missed == {1: "no JPEG"}
    assert frames_left(range(4), history) == [1, 3]
    assert history.layout == Layout(480, 640)


def test_a_missed_frame_that_was_shot_later_is_no_miss(tmp_path):
    begin(tmp_path)
    note(tmp_path, "missed", frame=0, reason="no JPEG")
    shoot(tmp_path, 0)
    assert history_of(tmp_path).missed == {}


def test_what_was_rejected_is_shot_again_under_another_name(tmp_path):
    begin(tmp_path)
    shoot(tmp_path, 0)
    note(tmp_path, "rejected", frame=0, fault="blurred", reason="...")
    history = history_of(tmp_path)
    assert frames_left([0], history) == [0]
    assert history.tries == {0: 1}
    shoot(tmp_path, 1)
    shoot(tmp_path, 0)
    assert list(history_of(tmp_path).shot) == [1, 0]  # as they were taken


def test_interruptions_and_other_screens_are_counted(tmp_path):
    begin(tmp_path)
    shoot(tmp_path, 0)
    begin(tmp_path)
    note(tmp_path, "ended")
    begin(tmp_path, rows=600)
    history = history_of(tmp_path)
    assert (history.interruptions, history.sizes, history.ended) == (1, 2, False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(cut=st.integers(0, 400))
def test_a_log_that_was_cut_off_anywhere_goes_on(tmp_path, cut):
    path = tmp_path / LOG
    path.unlink(missing_ok=True)
    begin(tmp_path)
    shoot(tmp_path, 0)
    shoot(tmp_path, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    before = history_of(tmp_path).shot
    shoot(tmp_path, 5)
    after = history_of(tmp_path).shot
    assert after.keys() == before.keys() | {5}


def test_lines_that_are_no_events_are_passed_over(tmp_path):
    begin(tmp_path)
    with (tmp_path / LOG).open("a") as log:
        log.write('nonsense\n[1]\n{"event": "shot"}\n{"event": "shot", "frame": "x"}\n\x00\n')
    shoot(tmp_path, 3)
    assert list(history_of(tmp_path).shot) == [3]


def test_every_line_is_brought_to_the_disk(tmp_path, monkeypatch):
    brought = []
    monkeypatch.setattr(os, "fsync", lambda number: brought.append(os.fstat(number).st_size))
    for frame in range(2):
        note(tmp_path, "shown", frame=frame)
    assert len(brought) == 2
    assert brought[-1] == (tmp_path / LOG).stat().st_size


def test_every_line_says_when(tmp_path):
    begin(tmp_path)
    assert json.loads((tmp_path / LOG).read_text())["at"][:2] == "20"


def test_a_session_that_never_began_has_no_history():
    assert history_of(Path("nowhere")).layout is None
