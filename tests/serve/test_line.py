import threading
import time

import pytest

from crispnet.serve import line as lines
from crispnet.serve.desk import Item, Missing
from crispnet.serve.line import MOST_MADE, Line
from crispnet.serve.worker import Busy, Refused, WorkerLost


class Hand:
    """Stands for a worker: writes what is asked for, when it is let."""

    def __init__(self):
        self.free, self.asked, self.interrupted = threading.Event(), [], threading.Event()
        self.free.set()

    def ask(self, request, *, limit):
        assert limit > 0
        self.asked.append(request)
        while not self.free.is_set() and not self.interrupted.is_set():
            time.sleep(0.01)
        if self.interrupted.is_set():
            self.interrupted.clear()
            raise WorkerLost("It was stopped.")
        if request["do"] == "fail":
            raise Refused("It is empty.")
        with open(request["target"], "w", encoding="utf-8") as file:
            file.write("picture")
        return {"seconds": 0.5, "look": "phone 1"}, b""

    def interrupt(self):
        self.interrupted.set()


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def line(hand):
    line = Line(hand, max_memory=1 << 30, limit=60)
    yield line
    hand.free.set()
    line.close()


@pytest.fixture
def item(tmp_path):
    return Item("photograph-id", "IMG_1.DNG", tmp_path / "photograph.dng")


def add(line, item, verb="develop"):
    return line.add(item, item.request(verb), kind="jpeg", ending=".jpg")


def wait(holds):
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_after_another_is_done(line, hand, item):
    jobs = [add(line, item) for _ in range(3)]
    wait(lambda: all(job.state == "done" for job in jobs))
    assert [request["target"] for request in hand.asked] == [str(job.target) for job in jobs]
    assert jobs[0].name == "IMG_1.jpg"
    assert jobs[0].seconds == 0.5
    assert hand.asked[0]["max_memory"] == 1 << 30


def test_a_failure_stops_no_other(line, item):
    failed, other = add(line, item, "fail"), add(line, item)
    wait(lambda: other.state == "done")
    assert (failed.state, failed.error) == ("failed", "It is empty.")


def test_who_waits_and_who_runs_can_leave(line, hand, item):
    hand.free.clear()
    running, waiting, last = (add(line, item) for _ in range(3))
    wait(lambda: running.state == "developing")
    line.cancel(waiting.id)
    line.cancel(running.id)
    hand.free.set()
    wait(lambda: last.state == "done")
    assert (running.state, waiting.state) == ("cancelled", "cancelled")
    assert len(hand.asked) == 2
    assert line.cancel(last.id).state == "done"


def test_the_line_is_bounded(line, hand, item, monkeypatch):
    monkeypatch.setattr(lines, "MOST_JOBS", 2)
    hand.free.clear()
    first = add(line, item)
    wait(lambda: first.state == "developing")
    add(line, item)
    add(line, item)
    with pytest.raises(Busy, match="cancel some"):
        add(line, item)


def test_only_the_last_pictures_of_a_photograph_are_kept(line, item):
    for _ in range(MOST_MADE + 3):
        job = add(line, item)
        wait(lambda job=job: job.state == "done")
    assert len(list(item.raw.parent.glob("*.jpg"))) <= MOST_MADE + 1
    assert len(line.jobs()) <= MOST_MADE + 1


def test_jobs_leave_with_their_photograph(line, hand, item):
    hand.free.clear()
    running, waiting = add(line, item), add(line, item)
    wait(lambda: running.state == "developing")
    line.leave([item.id])
    assert line.jobs() == []
    assert (running.state, waiting.state) == ("cancelled", "cancelled")
    with pytest.raises(Missing):
        line.job(running.id)
