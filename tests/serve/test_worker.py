"""Whatever a worker meets, the server goes on: the next request is answered."""

import os
import threading
import time
from functools import partial

import pytest

import misbehaving
from crispnet.serve import worker as workers
from crispnet.serve.worker import Busy, Refused, Worker, WorkerLost


@pytest.fixture(scope="module")
def worker():
    worker = Worker(partial(misbehaving.make, "good day"), niceness=3, memory=1 << 30)
    yield worker
    worker.close()


def greeted(worker):
    return worker.ask({"do": "greet"}, limit=20)


def test_a_request_is_answered_with_facts_and_bytes(worker):
    facts, blob = greeted(worker)
    assert (facts["said"], facts["niceness"], blob) == ("good day", os.nice(0) + 3, b"blob")
    assert facts["pid"] == worker.pid


@pytest.mark.parametrize(("verb", "words"), [("crash", "ended unexpectedly"), ("leave", r"code 3")])
def test_a_crash_is_one_failed_request(worker, verb, words):
    before = greeted(worker)[0]["pid"]
    with pytest.raises(WorkerLost, match=words):
        worker.ask({"do": verb}, limit=20)
    assert greeted(worker)[0]["pid"] != before


def test_one_that_hangs_is_stopped(worker, monkeypatch):
    monkeypatch.setattr(workers, "STARTING", 0.2)
    greeted(worker)
    began = time.monotonic()
    with pytest.raises(WorkerLost, match="was stopped"):
        worker.ask({"do": "slow", "seconds": 60}, limit=0.3)
    assert time.monotonic() - began < 5
    monkeypatch.undo()
    assert greeted(worker)[0]["said"] == "good day"


@pytest.mark.parametrize(
    ("verb", "words"),
    [("bomb", "more memory than there is"), ("stumble", "KeyError"), ("refuse", "It is empty"), ("nan", "ValueError")],
)
def test_a_failure_has_a_reason(worker, verb, words):
    with pytest.raises((Refused, WorkerLost), match=words):
        worker.ask({"do": verb}, limit=20)
    assert greeted(worker)[0]["said"] == "good day"


def test_one_that_is_interrupted_says_so(worker):
    greeted(worker)
    threading.Timer(0.3, worker.interrupt).start()
    with pytest.raises(WorkerLost, match="by the user"):
        worker.ask({"do": "slow", "seconds": 60}, limit=30)


def test_too_many_are_told_that_it_is_busy():
    worker = Worker(misbehaving.make, waiting=2)
    try:
        greeted(worker)
        waiting = [
            threading.Thread(target=worker.ask, args=({"do": "slow", "seconds": 0.6},), kwargs={"limit": 20})
            for _ in range(2)
        ]
        for each in waiting:
            each.start()
        time.sleep(0.2)
        with pytest.raises(Busy, match="Try in a moment"):
            greeted(worker)
        for each in waiting:
            each.join()
        assert greeted(worker)[0]["said"] == "hello"
    finally:
        worker.close()


def test_a_closed_worker_stays_closed():
    worker = Worker(misbehaving.make)
    greeted(worker)
    worker.close()
    for _ in range(2):
        with pytest.raises(WorkerLost, match="closing"):
            greeted(worker)
