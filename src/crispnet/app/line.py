"""An assembly line: photographs go through three steps, and several are on their way at a time.

    prepare, several at a time ── render, one after another ── finish, several at a time ── outcome

The middle step is the caller's own thread, so that what is slowest never waits for its turn, and what interrupts the
caller interrupts it. What fails at a step leaves the line with its reason, and the others go on. However many
photographs there are, no more are on the line than it has places for, and than there is room for in memory.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeVar

from crispnet.app.batch import Outcome, Task
from crispnet.errors import CrispnetError

Prepared = TypeVar("Prepared")
Rendered = TypeVar("Rendered")


@dataclass(frozen=True)
class Steps(Generic[Prepared, Rendered]):
    """What is done with each photograph.

    Attributes:
        prepare: gives what is to be rendered, or an outcome where nothing is left to do.
        weight: bytes that it occupies from then on, until it is finished.
        render: comes second.
        finish: comes last.
    """

    prepare: Callable[[Task], Prepared | Outcome]
    weight: Callable[[Prepared], int]
    render: Callable[[Prepared], Rendered]
    finish: Callable[[Rendered], Outcome]


def run(
    tasks: Iterable[Task], steps: Steps[Prepared, Rendered], *, jobs: int, room: int, stop: Callable[[], object]
) -> Generator[Outcome, None, None]:
    """Take photographs through the steps, and give the outcomes as they come.

    Args:
        tasks: in the order in which they are begun.
        steps: of which the first and the last may be called by several threads at a time.
        jobs: how many threads prepare, and how many finish.
        room: bytes that those on the line may weigh together; a heavier one is there alone.
        stop: lets steps that are under way end soon; is called when nobody asks for outcomes any more.
    """
    with closing(_Line(tasks, steps, jobs=jobs, room=room, stop=stop)) as line:
        yield from line.outcomes()


@dataclass
class _Places:
    """The places on a line, and the room in memory.

    Attributes:
        free: places.
        room: bytes in all.
        taken: bytes that are taken.
        heavy: photographs that have taken some.
    """

    free: int
    room: int
    taken: int = 0
    heavy: int = 0
    shut: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def enter(self) -> bool:
        """Wait for a place; False where the line is shut."""
        with self._changed:
            self._changed.wait_for(lambda: self.shut or self.free > 0)
            self.free -= 1
            return not self.shut

    def put_down(self, weight: int) -> bool:
        """Wait for room for so many bytes, or to be alone; False where the line is shut."""
        with self._changed:
            self._changed.wait_for(lambda: self.shut or not self.heavy or self.taken + weight <= self.room)
            self.taken, self.heavy = self.taken + weight, self.heavy + 1
            return not self.shut

    def leave(self, weight: int | None) -> None:
        """Leave the place, and the room if some was taken."""
        with self._changed:
            self.free += 1
            if weight is not None:
                self.taken, self.heavy = self.taken - weight, self.heavy - 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self.shut = True
            self._changed.notify_all()


class _Ended:
    """A thread that prepares has found no more tasks."""


@dataclass(frozen=True)
class _Mistake:
    """What went wrong that was not the photograph's fault."""

    error: BaseException


@dataclass(frozen=True)
class _OnItsWay(Generic[Prepared]):
    """A photograph on the line."""

    task: Task
    item: Prepared
    weight: int


class _Line(Generic[Prepared, Rendered]):
    def __init__(
        self,
        tasks: Iterable[Task],
        steps: Steps[Prepared, Rendered],
        *,
        jobs: int,
        room: int,
        stop: Callable[[], object],
    ) -> None:
        self._steps, self._stop = steps, stop
        self._tasks, self._turn, self._begun = iter(tasks), threading.Lock(), 0
        self._places = _Places(2 * jobs + 1, room)
        self._news: SimpleQueue[Outcome | _OnItsWay[Prepared] | _Ended | _Mistake] = SimpleQueue()
        self._finishing = ThreadPoolExecutor(jobs, thread_name_prefix="finishing")
        self._preparing = [threading.Thread(target=self._prepare_all, daemon=True) for _ in range(jobs)]
        for thread in self._preparing:
            thread.start()

    def outcomes(self) -> Iterator[Outcome]:
        """Render what has been prepared, and give what leaves the line."""
        preparing, left = len(self._preparing), 0
        while preparing or left < self._begun:
            news = self._news.get()
            if isinstance(news, _Mistake):
                raise news.error
            if isinstance(news, _Ended):
                preparing -= 1
            elif isinstance(news, _OnItsWay):
                self._render(news)
            else:
                left += 1
                yield news

    def close(self) -> None:
        """Stop, once what is being finished is finished."""
        self._places.close()
        self._stop()
        self._finishing.shutdown(cancel_futures=True)
        for thread in self._preparing:
            thread.join()

    def _prepare_all(self) -> None:
        try:
            while self._places.enter() and (task := self._next()) is not None:
                self._prepare(task)
        except BaseException as error:  # whoever asks for outcomes is told
            self._news.put(_Mistake(error))
        self._news.put(_Ended())

    def _next(self) -> Task | None:
        with self._turn:
            task = next(self._tasks, None)
            self._begun += task is not None
            return task

    def _prepare(self, task: Task) -> None:
        try:
            item = self._steps.prepare(task)
        except CrispnetError as error:
            item = Outcome(task, error=error)
        if isinstance(item, Outcome):
            self._leave(item, None)
            return
        weight = self._steps.weight(item)
        if self._places.put_down(weight):
            self._news.put(_OnItsWay(task, item, weight))

    def _render(self, way: _OnItsWay[Prepared]) -> None:
        try:
            rendered = self._steps.render(way.item)
        except CrispnetError as error:
            self._leave(Outcome(way.task, error=error), way.weight)
            return
        self._finishing.submit(self._finish, way.task, rendered, way.weight)

    def _finish(self, task: Task, rendered: Rendered, weight: int) -> None:
        try:
            self._leave(self._steps.finish(rendered), weight)
        except CrispnetError as error:
            self._leave(Outcome(task, error=error), weight)
        except BaseException as error:  # as above
            self._news.put(_Mistake(error))

    def _leave(self, outcome: Outcome, weight: int | None) -> None:
        self._places.leave(weight)
        self._news.put(outcome)
