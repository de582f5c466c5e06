"""Publishes files whole or not at all, and never over something that nobody offered.

A file is written under a hidden name in its folder, brought to the disk, and only then given its name. Whatever goes
wrong on the way, an old file of that name stays as it was and no half-written one is left.
"""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from crispnet.errors import OutputError

Part = bytes | bytearray | memoryview  # of a file's content
HIDDEN = ".crispnet-"  # how names begin that a file has before its own


@dataclass(frozen=True)
class Handover:
    """Who has a say before a finished file gets its name.

    Attributes:
        mark: a word in the hidden names, by which those that a killed program left behind are known.
        witness: is shown the finished file under its hidden name, and the name it is about to get.
    """

    mark: str = ""
    witness: Callable[[Path, Path], None] = lambda hidden, path: None  # noqa: ARG005


NOBODY = Handover()


@contextmanager
def whole_file(path: Path, *, overwrite: bool, ending: str = ".part", handover: Handover = NOBODY) -> Iterator[Path]:
    """Give a hidden name to write to; when the block ends well, what was written there becomes ``path``.

        with whole_file(path, overwrite=False) as hidden:
            hidden.write_bytes(picture)

    Args:
        path: the file to make or, with ``overwrite``, to replace.
        overwrite: without it, not even a file that came while the block ran is replaced.
        ending: of the hidden name, for programs that judge a file by it.
        handover: who has a say before the file gets its name.

    Raises:
        OutputError: the file exists, or cannot be written (any OSError of the block). Nothing is left behind.
    """
    # Not named after the target, whose name may already be as long as the disk allows.
    hidden = path.with_name(f"{HIDDEN}{handover.mark}{secrets.token_hex(8)}{ending}")
    try:
        yield hidden
        with hidden.open("r+b") as file:
            os.fsync(file.fileno())
        handover.witness(hidden, path)
        _publish(hidden, path, overwrite=overwrite)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. A writable folder with enough free space was "
            "needed. Check the folder and the disk, or choose another destination."
        ) from error
    finally:
        with suppress(OSError):
            hidden.unlink()
    _sync_folder(path.parent)


def write_whole(path: Path, parts: Iterable[Part], *, raw: Path | None, overwrite: bool) -> None:
    """Write a file from its parts, in order; ``raw`` and ``overwrite`` are those of ``check_destination``.

    Raises:
        OutputError: it is not to be written there, or cannot be. Nothing is left behind.
    """
    check_destination(path, raw=raw, overwrite=overwrite)
    with whole_file(path, overwrite=overwrite) as hidden, hidden.open("xb") as file:
        file.writelines(parts)


def clear_up(folder: Path, mark: str) -> None:
    """Remove what a killed program left in a folder, of the files that it had marked so."""
    for left in folder.glob(f"{HIDDEN}{mark}*"):
        with suppress(OSError):
            left.unlink()


def check_destination(path: Path, *, raw: Path | None, overwrite: bool) -> None:
    """Refuse a destination before any work is done for it.

    Args:
        path: where a file is to be written.
        raw: the raw file it is made from, which is never replaced; None for one made in memory.
        overwrite: whether another file of that name may be replaced.

    Raises:
        OutputError: the folder is missing, the file exists and is not to be replaced, or it is the raw itself.
    """
    if not os.path.isdir(path.parent):  # unlike those of Path, these functions take an absurd name for a missing file
        raise OutputError(
            f"{path} cannot be written: {path.parent} is not a folder. An existing one was needed. Make it, or choose "
            "another."
        )
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder. The name of a file was needed. Add one.")
    if raw is not None and os.path.exists(raw) and os.path.exists(path) and os.path.samefile(raw, path):
        raise OutputError(f"{path} is the raw file itself. Raws are never changed. Choose another name.")
    if os.path.lexists(path) and not overwrite:
        _refuse_existing(path)


def make_folder(folder: Path, *, purpose: str, advice: str = "Choose another.") -> None:
    """Make a folder, and those above it, unless it is there.

    Args:
        folder: to make.
        purpose: what it is for, after "A folder for".
        advice: what to try where it cannot be made.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{folder} cannot be made: {reason}. A folder for {purpose} was needed. {advice}") from error


def _publish(hidden: Path, path: Path, *, overwrite: bool) -> None:
    """Give a file its name; without ``overwrite`` not even a file that came this moment is replaced."""
    if overwrite:
        os.replace(hidden, path)
        return
    try:
        _link(hidden, path)
    except FileExistsError:
        _refuse_existing(path)


def _link(hidden: Path, path: Path) -> None:
    try:
        os.link(hidden, path)
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links: FAT, some shares
        path.open("xb").close()
        try:
            os.replace(hidden, path)
        except OSError:
            path.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    """Bring the folder's list of names to the disk, where the system lets a folder be opened (Windows does not)."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _refuse_existing(path: Path) -> NoReturn:
    raise OutputError(f"{path} exists already. A new name was needed. Choose another, or allow overwriting.")
