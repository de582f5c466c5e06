"""Processes that share work, and end with the one that gave it to them, however that ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection


@contextmanager
def pool_of(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes; where the block is left early, they end at once, whatever they are doing."""
    spawning = multiprocessing.get_context("spawn")  # LibRaw's OpenMP deadlocks in a forked process
    theirs, ours = spawning.Pipe(duplex=False)
    with theirs, ours, ProcessPoolExecutor(workers, spawning, initializer=_follow, initargs=(theirs,)) as pool:
        try:
            yield pool
        except (KeyboardInterrupt, GeneratorExit):
            ours.close()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _follow(parent: Connection) -> None:
    """End this process when its parent closes its end of a pipe, or has ended itself: it would wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_wait_for_the_end, args=(parent,), daemon=True).start()


def _wait_for_the_end(parent: Connection) -> None:
    parent.poll(None)  # nothing is ever sent
    os._exit(1)
