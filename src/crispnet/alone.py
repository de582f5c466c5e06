"""Keeps a folder to one process, and clears away what one that was killed has left there."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crispnet.errors import OutputError
from crispnet.files import clear_up

LOCK = ".lock"


@contextmanager
def alone_in(folder: Path, *, clearing: Iterable[Path] = ()) -> Iterator[None]:
    """Let no other process have a folder while the block runs; the system lets go of it even when this one is killed.

    Args:
        folder: which has to be there.
        clearing: folders of which no other work makes use; what is left half-written there is removed.

    Raises:
        OutputError: another process has it, or it cannot be written to.
    """
    number = _opened(folder)
    try:
        with _cleared(tuple(clearing)):
            yield
    finally:
        os.close(number)


def _opened(folder: Path) -> int:
    """Open the lock of a folder, and lock it."""
    try:
        number = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to: {error.strerror or error}. A writable folder was needed. Check it and the "
            "disk, or choose another."
        ) from error
    try:
        lock(number)
    except BlockingIOError:
        os.close(number)
        raise OutputError(
            f"Another process is working at {folder}. A folder of its own was needed. Wait for it, end it, or choose "
            "another folder."
        ) from None
    return number


@contextmanager
def _cleared(places: Sequence[Path]) -> Iterator[None]:
    """Remove what is left half-written in some folders, before the block and after it: it may end processes of ours."""
    for place in places:
        clear_up(place, "")
    try:
        yield
    finally:
        for place in places:
            clear_up(place, "")


def lock(number: int) -> None:
    """Lock an open file for as long as it is open, where the system and the disk know locks.

    Raises:
        BlockingIOError: another process has it.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: nothing is damaged by two processes there, but both do the work
        return
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a disk that knows no locks
        return
