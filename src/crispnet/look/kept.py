"""Keeps what took long to make, such as compiled networks, in a folder of the user's own, from one run to the next.

It lies in ``$XDG_CACHE_HOME/crispnet`` or ``~/.cache/crispnet``; ``CRISPNET_CACHE`` names another, or is ``off``. What
is found there is handed to a runtime that trusts it. So nothing is read from a folder, or a file in it, that is not the
user's own or that others may use, and nothing whose digest is not right: then it is made afresh. Programs may share the
folder: a file is there whole or not at all.
"""

import contextlib
import hashlib
import logging
import mmap
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

FOLDER = "CRISPNET_CACHE"  # the variable
MOST_BYTES = 1 << 29  # in all; what was used longest ago makes room
DIGEST_BYTES = 32


def folder_of_user() -> Path | None:
    """Say where things are kept for this user; None where that is switched off, or where there is no such place."""
    wish = os.environ.get(FOLDER, "")
    if wish.lower() == "off" or os.open not in os.supports_dir_fd:  # Windows: no way to ask whose a folder is
        return None
    if wish:
        return Path(wish)
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "crispnet"
    except RuntimeError:  # a user without a home
        return None


@dataclass(frozen=True)
class Kept:
    """A folder of things by name.

    Attributes:
        folder: None for one in which nothing is ever found.
        most_bytes: that it may hold.
    """

    folder: Path | None
    most_bytes: int = MOST_BYTES

    def get(self, name: str) -> memoryview | None:
        """Find a thing, mapped into memory; None where it is not there, or not to be trusted."""
        with self._opened() as place:
            if place is None:
                return None
            try:
                number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place)
            except OSError:
                return None
            with open(number, "rb"):
                if not _is_private(os.fstat(number), stat.S_ISREG):
                    log.warning("%s is not used: it is not this user's alone.", self._path(name))
                    return None
                with contextlib.suppress(OSError):
                    os.utime(number)  # it is of use
                try:
                    content = memoryview(mmap.mmap(number, 0, access=mmap.ACCESS_COPY))
                except (OSError, ValueError):  # it is empty, or cannot be mapped
                    return None
        digest, thing = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return thing if digest == _digest(name, thing) else None

    def put(self, name: str, thing: bytes | memoryview) -> None:
        """Keep a thing, if the folder allows; there is no harm in its not being kept."""
        with self._opened() as place, contextlib.suppress(OSError):
            if place is None:
                return
            hidden = f".{secrets.token_hex(8)}"
            number = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place)
            try:
                # Not brought to the disk: what a crash of the system spoils is found by its digest.
                with open(number, "wb") as file:
                    file.write(_digest(name, thing))
                    file.write(thing)
                os.replace(hidden, name, src_dir_fd=place, dst_dir_fd=place)
            except OSError:
                os.unlink(hidden, dir_fd=place)
                raise
            self._make_room(place)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int | None]:
        """Open the folder, so that it cannot be exchanged for another meanwhile; None for one not to be trusted."""
        place = self._open()
        try:
            yield place
        finally:
            if place is not None:
                os.close(place)

    def _open(self) -> int | None:
        if self.folder is None:
            return None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        if _is_private(os.fstat(place), stat.S_ISDIR):
            return place
        os.close(place)
        log.warning(
            "%s is not used to keep compiled looks: it is not this user's alone. Run: chmod 700 on it, or let "
            "%s name another folder.",
            self.folder,
            FOLDER,
        )
        return None

    def _make_room(self, place: int) -> None:
        """Remove what was used longest ago, until the rest fits."""
        there = []
        for name in os.listdir(place):
            with contextlib.suppress(OSError):
                found = os.stat(name, dir_fd=place, follow_symlinks=False)
                there.append((found.st_mtime_ns, found.st_size, name))
        size = sum(size for _, size, _ in there)
        for _, its_size, name in sorted(there):
            if size <= self.most_bytes:
                return
            os.unlink(name, dir_fd=place)
            size -= its_size

    def _path(self, name: str) -> Path:
        return (self.folder or Path()) / name


def _is_private(found: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    return is_kind(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _digest(name: str, thing: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(name.encode() + b"\0")
    digest.update(thing)
    return digest.digest()
