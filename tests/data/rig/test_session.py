import pytest

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.log import history_of
from crispnet.data.rig.plan import planned
from crispnet.data.rig.session import MOST_MISSED, run
from crispnet.data.rig.virtual import Fault
from crispnet.errors import DataError, MissedShot, RigError
from rigging import LAYOUT, Wall, camera, write_photographs


@pytest.fixture
def plan(tmp_path):
    return planned(write_photographs(tmp_path / "photos", 4), chart_every=2, settle=0.0)


class Recorder:
    """A camera that is quick: it writes two small files, unless a frame is among those that fail."""

    name = "recorder"

    def __init__(self, wall, *, failing=(), broken=()):
        self.wall, self.failing, self.broken, self.shot = wall, set(failing), set(broken), []

    def prepare(self):
        pass

    def shoot(self, step, stem):
        if step.number in self.broken:
            raise RigError("unplugged")
        if step.number in self.failing:
            raise MissedShot("no file")
        self.shot.append((step.number, self.wall.shown, stem.name))
        for ending in (".dng", ".jpg"):
            stem.with_suffix(ending).write_bytes(b"x")
        return Taken(stem.with_suffix(".dng"), stem.with_suffix(".jpg"))


def test_every_frame_is_shown_before_it_is_shot(plan, tmp_path):
    wall, told = Wall(), []
    recorder = Recorder(wall)
    assert run(plan, tmp_path, wall, recorder, progress=lambda *done: told.append(done)) == 0
    assert [(number, shown) for number, shown, _ in recorder.shot] == [(n, n + 1) for n in range(7)]
    assert told[-1] == (7, 7)
    history = history_of(tmp_path)
    assert len(history.shot) == 7
    assert history.ended
    assert history.layout == LAYOUT


def test_a_session_that_was_interrupted_goes_on_where_it_was(plan, tmp_path):
    wall = Wall()
    with pytest.raises(RigError, match="unplugged"):
        run(plan, tmp_path, wall, Recorder(wall, broken={3}))
    assert sorted(history_of(tmp_path).shot) == [0, 1, 2]
    second, told = Recorder(wall), []
    run(plan, tmp_path, wall, second, progress=lambda *done: told.append(done))
    assert [number for number, *_ in second.shot] == [3, 4, 5, 6]
    assert told[0] == (4, 7)
    history = history_of(tmp_path)
    assert (history.interruptions, history.missed) == (1, {})
    assert history.shot[3].raw.name == "0003-2.dng"  # the first try may have left half a file


def test_what_is_taken_anew_is_followed_by_a_chart(plan, tmp_path):
    wall = Wall()
    run(plan, tmp_path, wall, Recorder(wall, failing={2}))
    second = Recorder(wall)
    run(plan, tmp_path, wall, second)
    assert [number for number, *_ in second.shot] == [2, 6]
    assert list(history_of(tmp_path).shot) == [0, 1, 3, 4, 5, 2, 6]
    third = Recorder(wall)
    run(plan, tmp_path, wall, third)
    assert third.shot == []


def test_a_missed_shot_is_noted_and_the_others_are_shot(plan, tmp_path):
    wall = Wall()
    assert run(plan, tmp_path, wall, Recorder(wall, failing={2, 5})) == 2
    history = history_of(tmp_path)
    assert history.missed == {2: "no file", 5: "no file"}
    assert sorted(history.shot) == [0, 1, 3, 4, 6]


def test_a_camera_that_only_fails_is_looked_at(plan, tmp_path):
    wall = Wall()
    with pytest.raises(RigError, match=f"{MOST_MISSED} captures in a row failed"):
        run(plan, tmp_path, wall, Recorder(wall, failing=range(7)))
    assert len(history_of(tmp_path).missed) == MOST_MISSED


def test_a_look_at_a_capture_may_end_the_session(plan, tmp_path):
    def look(*_):
        raise RigError("out of focus")

    wall = Wall()
    with pytest.raises(RigError, match="out of focus"):
        run(plan, tmp_path, wall, Recorder(wall), checked=look)
    assert list(history_of(tmp_path).shot) == [0]


def test_a_photograph_that_cannot_be_read_is_named(plan, tmp_path):
    next((tmp_path / "photos").iterdir()).write_bytes(b"no picture")
    wall = Wall()
    with pytest.raises(DataError, match=r"p\d\.png cannot be read as a picture.*another session"):
        run(plan, tmp_path, wall, Recorder(wall))


def test_the_virtual_camera_misses_what_is_planted(plan, tmp_path):
    wall = Wall()
    made = camera(wall, faults={1: Fault(lost=(".dng", ".jpg"))}, sensor=(240, 320))
    run(plan, tmp_path, wall, made)
    assert list(history_of(tmp_path).missed) == [1]
    assert len(list((tmp_path / "captures").iterdir())) == 12
