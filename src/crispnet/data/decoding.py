"""Decodes many files, in order and several at a time, and says of each that cannot be decoded why."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from crispnet.data.pool import pool_of
from crispnet.errors import CrispnetError, UnreadableRaw

Asked = TypeVar("Asked")
Given = TypeVar("Given")


def decoded(
    asked: Sequence[Asked], decode: Callable[[Asked], Given], *, workers: int, name: Callable[[Asked], object]
) -> Iterator[tuple[Asked, Given | CrispnetError]]:
    """Give each thing that is asked for and what it decodes to, or why it cannot be decoded.

    Args:
        asked: to decode, in this order.
        decode: a function of a module, so that another process finds it; what it refuses is passed on.
        workers: processes to decode with; with one, it is done in this process.
        name: of what is asked for, in messages.
    """
    if workers == 1:
        yield from ((each, _attempted(decode, each)) for each in asked)
        return
    done = 0
    try:
        for each in _pooled(asked, decode, min(workers, len(asked))):
            done += 1
            yield each
    except BrokenProcessPool:  # something ended a process, and took what the others did with it: find out what
        yield from ((each, _alone(decode, each, name(each))) for each in asked[done:])


def _attempted(decode: Callable[[Asked], Given], asked: Asked) -> Given | CrispnetError:
    try:
        return decode(asked)
    except CrispnetError as error:
        return error


def _pooled(
    asked: Sequence[Asked], decode: Callable[[Asked], Given], workers: int
) -> Iterator[tuple[Asked, Given | CrispnetError]]:
    running: deque[tuple[Asked, Future[Given | CrispnetError]]] = deque()
    with pool_of(workers) as pool:
        for each in asked:
            running.append((each, pool.submit(_attempted, decode, each)))
            if len(running) > 2 * workers:  # few wait at a time: each may be some megabytes
                yield _next(running)
        while running:
            yield _next(running)


def _next(
    running: deque[tuple[Asked, Future[Given | CrispnetError]]],
) -> tuple[Asked, Given | CrispnetError]:
    asked, future = running.popleft()
    return asked, future.result()


def _alone(decode: Callable[[Asked], Given], asked: Asked, name: object) -> Given | CrispnetError:
    with pool_of(1) as pool:
        try:
            return pool.submit(_attempted, decode, asked).result()
        except BrokenProcessPool:
            return UnreadableRaw(
                f"{name} cannot be decoded: the process that tried was ended by the system, as damaged files and those "
                "that need more memory than there is make it. A whole file, and memory, were needed. Take it out."
            )
