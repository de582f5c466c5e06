"""Ends a run when the user, the system or whoever started it asks for that."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop(stop: threading.Event) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM set an event, and a second do what it did before."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(*_: object) -> None:
        stop.set()
        put_back()

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        put_back()
