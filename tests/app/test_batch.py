import pytest

from crispnet.app.batch import Outcome, Task, find_raws, plan, run
from crispnet.errors import CrispnetError, OutputError


@pytest.fixture
def shoot(tmp_path):
    for name in ("b.DNG", "a.cr3", "deep/c.nef", "deep/.hidden.dng", ".trash/d.dng", "e.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_folders_give_their_raws_in_order_and_nothing_hidden(shoot):
    assert [raw.relative_to(shoot).as_posix() for raw, _ in find_raws([shoot])] == ["a.cr3", "b.DNG", "deep/c.nef"]


def test_a_named_file_is_taken_whatever_it_is(shoot):
    assert [raw.name for raw, _ in find_raws([shoot / "e.jpg"])] == ["e.jpg"]


def test_a_raw_named_twice_is_developed_once(shoot):
    assert len(plan([shoot / "a.cr3", shoot / "a.cr3"], shoot, ".jpg")) == 1


def test_no_two_pictures_share_a_name_even_where_case_does_not_count(tmp_path):
    raws = [tmp_path / name for name in ("1/a.dng", "2/A.dng", "3/a.cr2", "4/a.dng")]
    pictures = [str(task.picture).casefold() for task in plan(raws, tmp_path, ".jpg")]
    assert len(set(pictures)) == len(raws)


def test_every_picture_lies_in_the_chosen_folder(shoot, tmp_path):
    out = tmp_path / "out"
    assert all(task.picture.is_relative_to(out) and task.folder == out for task in plan([shoot], out, ".jpg"))


def test_a_single_picture_may_be_named_but_not_for_several_raws(shoot):
    (task,) = plan([shoot / "a.cr3"], shoot / "mine.png", ".jpg")
    assert task.picture.name == "mine.png"
    with pytest.raises(OutputError, match="is one picture, but 3 raw files"):
        plan([shoot], shoot / "mine.png", ".jpg")


def test_no_raw_at_all_is_said(tmp_path):
    with pytest.raises(CrispnetError, match="no raw file"):
        plan([tmp_path], None, ".jpg")


def test_a_failure_stops_no_other(tmp_path):
    def work(task):
        if task.raw.name == "2":
            raise CrispnetError("broken")
        return {"name": task.raw.name}

    tasks = [Task(tmp_path / str(number), tmp_path / "x", tmp_path) for number in range(6)]
    outcomes = list(run(tasks, work))
    assert sorted(outcome.task.raw.name for outcome in outcomes) == list("012345")
    (failed,) = (outcome for outcome in outcomes if outcome.facts is None)
    assert isinstance(failed, Outcome)
    assert str(failed.error) == "broken"


def test_a_mistake_of_ours_is_not_hidden(tmp_path):
    with pytest.raises(ZeroDivisionError):
        list(run([Task(tmp_path, tmp_path, tmp_path)], lambda _: 1 / 0))
