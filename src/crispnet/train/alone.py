"""Keeps the folder of a run to one process, and clears away what one that was killed has left there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crispnet.errors import RunError

LOCK = ".lock"
LEFT_BEHIND = ".crispnet-*"  # what ``files.whole_file`` calls files that are not whole yet


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process have a folder while the block runs; the system lets go of it even when this one is killed.

    Raises:
        RunError: another process has it.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        yield
        return
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{folder} has a run that another process is working at. A folder of its own was needed. Wait for it, "
                "end it, or choose another folder."
            ) from None
        except OSError:  # a disk that knows no locks
            pass
        for left in (*folder.glob(LEFT_BEHIND), *folder.glob(f"pictures/{LEFT_BEHIND}")):
            with suppress(OSError):
                left.unlink()
        yield
