"""Processes that share work, and end with the one that gave it to them, however that ends."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor


def pool_of(workers: int) -> ProcessPoolExecutor:
    """Make a pool of processes; they are started afresh, since LibRaw's OpenMP deadlocks in forked ones."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_follow)


def _follow() -> None:
    """End this process as soon as its parent has: it would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which takes back what is not begun
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
