"""What may happen to a command at any moment: a disk that is full, and a signal in the middle of writing a file."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def full_disk(*, most: int = 300) -> Iterator[None]:
    """Let no file become larger: the system refuses to write on in the same way as a full disk does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def signalled(number: signal.Signals, *, at: int) -> Iterator[None]:
    """Send this process a signal when it brings something to the disk for that many times, and before it has a name."""
    real, calls = os.fsync, itertools.count(1)

    def fsync(file: int) -> None:
        if next(calls) == at:
            signal.raise_signal(number)
        real(file)

    with mock.patch("os.fsync", fsync):
        yield
