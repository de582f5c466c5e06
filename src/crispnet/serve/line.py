"""What waits to be done at full size, one after another: a bounded line that can be left."""

import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crispnet.serve.desk import Item, Missing
from crispnet.serve.worker import Busy, Facts, Refused, Worker, WorkerLost

Ordered = Literal["view", "jpeg", "png", "tiff", "avif", "report"]  # of a photograph
Kind = Literal[Ordered, "score"]
State = Literal["waiting", "developing", "done", "failed", "cancelled"]
OVER: tuple[State, ...] = ("done", "failed", "cancelled")
MOST_JOBS = 128  # that wait at a time
MOST_OVER = 400  # that are remembered
MOST_MADE = 6  # pictures that are kept of one photograph


@dataclass(eq=False)
class Job:
    """A photograph to develop, or a page to make about it.

    Attributes:
        id: random.
        item: the photograph.
        kind: of what is made: a format to keep, a picture to look at, a page.
        request: to the worker.
        target: where it goes.
        name: under which it is offered.
        state: what became of it.
        error: why it failed.
        facts: what is known of it once it is done.
        began: when it was begun; 0 before.
    """

    id: str
    item: Item
    kind: Kind
    request: Facts
    target: Path
    name: str
    state: State = "waiting"
    error: str = ""
    facts: Facts = field(default_factory=dict)
    began: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it has been worked on."""
        return float(self.facts.get("seconds", 0)) or (time.monotonic() - self.began if self.began else 0.0)


class Line:
    """Jobs in the order in which they came; a thread of its own has a worker do them."""

    def __init__(self, worker: Worker, *, max_memory: int, limit: float) -> None:
        """Begin to wait for jobs.

        Args:
            worker: does them.
            max_memory: bytes to stay within while developing.
            limit: seconds that one may take.
        """
        self._worker, self._max_memory, self._limit = worker, max_memory, limit
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()

    def jobs(self) -> list[Job]:
        """List all jobs that are remembered, in the order in which they came."""
        with self._changed:
            return list(self._jobs.values())

    def job(self, key: str) -> Job:
        """Give a job.

        Raises:
            Missing: there is none.
        """
        with self._changed:
            if key not in self._jobs:
                raise Missing(key)
            return self._jobs[key]

    def add(self, item: Item, request: Facts, *, kind: Kind, ending: str) -> Job:
        """Let something wait for being done.

        Args:
            item: the photograph that it is about.
            request: to the worker, which is also told where to write.
            kind: of what is made.
            ending: of its name, with the dot.

        Raises:
            Busy: too much waits.
        """
        key = secrets.token_urlsafe(16)
        target, name = item.raw.parent / f"{key}{ending}", f"{Path(item.name).stem}{ending}"
        to_worker = request | {"target": str(target), "max_memory": self._max_memory}
        with self._changed:
            if sum(job.state == "waiting" for job in self._jobs.values()) >= MOST_JOBS:
                raise Busy(f"{MOST_JOBS} orders wait already. A shorter line was needed. Wait, or cancel some.")
            self._jobs[key] = Job(key, item, kind, to_worker, target, name)
            self._forget()
            self._changed.notify()
            return self._jobs[key]

    def cancel(self, key: str) -> Job:
        """Take a job out of the line, or stop it; what is done stays done.

        Raises:
            Missing: there is none.
        """
        job = self.job(key)
        with self._changed:
            running = job.state == "developing"
            if job.state not in OVER:
                job.state = "cancelled"
            if running:  # still under the lock, so that it cannot be the next one that is stopped
                self._worker.interrupt()
        return job

    def leave(self, ids: Iterable[str]) -> None:
        """Cancel and forget the jobs of photographs that were removed."""
        gone = set(ids)
        for job in self.jobs():
            if job.item.id in gone:
                self.cancel(job.id)
                with self._changed:
                    self._jobs.pop(job.id, None)

    def close(self) -> None:
        """Stop working."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _forget(self) -> None:
        """Forget jobs that are over: the oldest of all, and what was made before of one photograph."""
        over = [job for job in self._jobs.values() if job.state in OVER]
        made: dict[str, int] = {}
        for place, job in enumerate(reversed(over)):
            made[job.item.id] = made.get(job.item.id, 0) + 1
            if place >= MOST_OVER or made[job.item.id] > MOST_MADE:
                del self._jobs[job.id]
                job.target.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not (job := self._next()):
                    self._changed.wait()
                if self._closed or job is None:
                    return
                job.state, job.began = "developing", time.monotonic()
            self._do(job)

    def _next(self) -> Job | None:
        return next((job for job in self._jobs.values() if job.state == "waiting"), None)

    def _do(self, job: Job) -> None:
        state: State = "done"
        try:
            job.facts, _ = self._worker.ask(job.request, limit=self._limit)
        except (Refused, WorkerLost) as error:
            state, job.error = "failed", f"{job.item.name}: {error}" if isinstance(error, WorkerLost) else str(error)
        with self._changed:
            if job.state == "developing":
                job.state = state
