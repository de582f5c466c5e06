"""Photographs on a line: all leave it, in whatever order; few are on it at a time; what fails stops no other."""

import random
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.app.batch import Outcome, Task
from crispnet.app.line import Steps, run
from crispnet.errors import CrispnetError


def tasks(count):
    return [Task(Path(str(number)), Path(f"{number}.jpg"), Path()) for number in range(count)]


class Watch:
    """Steps that note who is where, and what is weighed."""

    def __init__(self, *, weight=1, faults=None, patience=0.0, seed=0):
        self.faults, self.patience, self.unit = faults or {}, patience, weight
        self.noise, self.turn = random.Random(seed), threading.Lock()
        self.on_line = self.most = self.weighed = self.heaviest = self.stopped = 0
        self.rendering, self.threads = 0, set()

    def steps(self):
        return Steps(prepare=self.prepare, weight=lambda _: self.unit, render=self.render, finish=self.finish)

    def prepare(self, task):
        with self.turn:
            self.on_line += 1
            self.most = max(self.most, self.on_line)
        self.wait()
        if self.faults.get(task.raw.name) == "done":
            return self.left(task)
        return self.passing(task, "prepare")

    def render(self, task):
        with self.turn:
            self.weighed += self.unit
            self.heaviest = max(self.heaviest, self.weighed)
            self.rendering += 1
            self.threads.add(threading.get_ident())
        assert self.rendering == 1
        self.wait()
        self.rendering -= 1
        return self.passing(task, "render")

    def finish(self, task):
        self.wait()
        self.passing(task, "finish")
        with self.turn:
            self.weighed -= self.unit
        return self.left(task)

    def passing(self, task, step):
        fault = self.faults.get(task.raw.name)
        if fault == step:
            with self.turn:
                self.on_line -= 1
                self.weighed -= self.unit * (step == "finish" or step == "render")
            raise CrispnetError(f"broken at {step}")
        if fault == f"mistake at {step}":
            raise ZeroDivisionError(step)
        return task

    def left(self, task):
        with self.turn:
            self.on_line -= 1
        return Outcome(task, facts={"name": task.raw.name})

    def wait(self):
        if self.patience:
            time.sleep(self.noise.random() * self.patience)

    def stop(self):
        self.stopped += 1


FAULTS = st.sampled_from(["prepare", "render", "finish", "done", ""])


@settings(deadline=None, max_examples=40)
@given(st.lists(FAULTS, max_size=25), st.integers(1, 5), st.integers(1, 9), st.integers(0, 99))
def test_everyone_leaves_once_whatever_fails_and_in_whatever_order(faults, jobs, room, seed):
    watch = Watch(faults=dict(zip(map(str, range(25)), faults, strict=False)), patience=0.002, seed=seed)
    outcomes = list(run(tasks(len(faults)), watch.steps(), jobs=jobs, room=room, stop=watch.stop))
    assert sorted(int(outcome.task.raw.name) for outcome in outcomes) == list(range(len(faults)))
    for outcome in outcomes:
        fault = watch.faults[outcome.task.raw.name]
        assert (
            (str(outcome.error) == f"broken at {fault}") if fault in ("prepare", "render", "finish") else outcome.facts
        )
    assert watch.most <= 2 * jobs + 1
    assert watch.threads <= {threading.get_ident()}
    assert watch.stopped == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_are_on_the_line_than_there_are_places_for_however_many_there_are(jobs):
    watch, endless = Watch(patience=0.001), (task for task in tasks(300))
    assert len(list(run(endless, watch.steps(), jobs=jobs, room=1000, stop=watch.stop))) == 300
    assert 1 < watch.most <= 2 * jobs + 1


@pytest.mark.parametrize(("weight", "room", "most"), [(40, 100, 80), (40, 30, 40), (1, 100, 100)])
def test_they_weigh_no_more_together_than_there_is_room_for_and_a_heavy_one_is_alone(weight, room, most):
    watch = Watch(weight=weight, patience=0.002)
    assert len(list(run(tasks(30), watch.steps(), jobs=4, room=room, stop=watch.stop))) == 30
    assert watch.heaviest <= most


@pytest.mark.parametrize("step", ["prepare", "render", "finish"])
def test_a_mistake_of_ours_is_not_hidden(step):
    watch = Watch(faults={"3": f"mistake at {step}"})
    with pytest.raises(ZeroDivisionError):
        list(run(tasks(9), watch.steps(), jobs=2, room=9, stop=watch.stop))
    assert watch.stopped == 1


def test_whoever_stops_asking_waits_for_what_is_being_finished_and_for_nothing_else():
    watch = Watch(patience=0.01)
    line = run(tasks(1000), watch.steps(), jobs=2, room=100, stop=watch.stop)
    for _ in range(3):
        next(line)
    began = time.monotonic()
    line.close()
    assert time.monotonic() - began < 2
    assert watch.stopped == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("finishing")]
