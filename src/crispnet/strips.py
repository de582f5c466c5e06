"""Walks a picture in strips of rows, on all cores: numpy lets go of the interpreter lock while it computes.

A strip is small enough that its temporaries stay in the processor's cache, which matters more than the threads.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def cores() -> int:
    """Count the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def strips(height: int, rows: int) -> Iterator[slice]:
    """Cut ``height`` rows into slices of at most ``rows``.

    >>> list(strips(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def for_each(items: Iterable[Item], work: Callable[[Item], object], *, threads: int | None = None) -> None:
    """Call ``work`` on each item, several at a time, and re-raise the first failure."""
    threads = threads or cores()
    if threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, item) for item in items]:
            done.result()
