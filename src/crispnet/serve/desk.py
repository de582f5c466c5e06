"""What lies on the server's desk: photographs that were brought, in a folder of their own, for a limited time.

A client knows a photograph by a random id. Names that clients give are words to show: no file is ever called after
them, and nothing that a client says becomes part of a path.
"""

import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from crispnet.serve.worker import Busy, Facts

LONGEST_NAME = 120
UNNAMED = "photograph"
TAKEN_APART = {".jpg", ".jpeg"}  # endings under which a raw would be taken for its own picture


class Missing(LookupError):
    """There is nothing of this id: it was removed, or its time is over."""


@dataclass(eq=False)
class Item:
    """A photograph on the desk.

    Attributes:
        id: random.
        name: what the client calls it.
        raw: where its raw file lies.
        size: of it, in bytes.
        touched: when it was last used.
        picture: what the client calls the camera's picture that was brought with it; "" for none.
        version: counts what changed about it.
    """

    id: str
    name: str
    raw: Path
    size: int = 0
    touched: float = field(default_factory=time.monotonic)
    picture: str = ""
    version: int = 0

    @property
    def beside(self) -> Path:
        """Where the camera's picture lies, so that whoever develops the raw finds it."""
        return self.raw.with_suffix(".jpg")

    def request(self, verb: str) -> Facts:
        """Begin a request to a worker."""
        names = {str(self.beside): self.picture or "the picture beside it", str(self.raw): self.name}
        return {"do": verb, "id": self.id, "version": self.version, "path": str(self.raw), "names": names}


class Desk:
    """Photographs by id; threads may share it."""

    def __init__(self, folder: Path, *, most_items: int, most_bytes: int, seconds: float) -> None:
        """Begin with nothing.

        Args:
            folder: where to keep files; whoever made it removes it.
            most_items: photographs that may lie here.
            most_bytes: bytes that their files may have together.
            seconds: after which what nobody used is removed.
        """
        self._folder, self._most_items, self._most_bytes, self._seconds = folder, most_items, most_bytes, seconds
        self._items: dict[str, Item] = {}
        self._coming = 0
        self._lock = threading.Lock()

    def items(self) -> list[Item]:
        """List what lies here, in the order in which it came."""
        with self._lock:
            return list(self._items.values())

    def take(self, key: str) -> Item:
        """Give a photograph, and let its time begin anew.

        Raises:
            Missing: there is none.
        """
        with self._lock:
            if key not in self._items:
                raise Missing(key)
            self._items[key].touched = time.monotonic()
            return self._items[key]

    @contextmanager
    def coming(self, name: str, *, size: int) -> Iterator[Item]:
        """Make room for a photograph; when the block ends well, it lies here, else nothing is left of it.

        Args:
            name: what the client calls it.
            size: bytes it may have at most.

        Raises:
            Busy: there is no room.
        """
        with self._lock:
            taken = sum(item.size for item in self._items.values())
            if len(self._items) + self._coming >= self._most_items or taken + size > self._most_bytes:
                raise Busy("The desk is full. Room for one more photograph was needed. Remove some first.")
            self._coming += 1
        key = secrets.token_urlsafe(16)
        item = Item(key, shown_name(name), self._folder / key / f"photograph{_ending(name)}")
        try:
            item.raw.parent.mkdir()
            yield item
            item.size = item.raw.stat().st_size
            with self._lock:
                self._items[key] = item
        except BaseException:
            shutil.rmtree(item.raw.parent, ignore_errors=True)
            raise
        finally:
            with self._lock:
                self._coming -= 1

    def remove(self, key: str) -> None:
        """Remove a photograph, and all that was made of it.

        Raises:
            Missing: there is none.
        """
        with self._lock:
            item = self._items.pop(key, None)
        if item is None:
            raise Missing(key)
        shutil.rmtree(item.raw.parent, ignore_errors=True)

    def sweep(self) -> list[str]:
        """Remove what nobody used for long, and say what."""
        now = time.monotonic()
        old = [item.id for item in self.items() if now - item.touched > self._seconds]
        for key in old:
            self.remove(key)
        return old


def shown_name(name: str) -> str:
    r"""Make what a client calls a file fit to be shown, and to be offered as the name of a download.

    >>> shown_name("../../etc/passwd"), shown_name("C:\\Photos\\IMG_1.DNG"), shown_name("\n")
    ('passwd', 'IMG_1.DNG', 'photograph')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    readable = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    return readable.encode("utf-8", "replace").decode()[-LONGEST_NAME:] or UNNAMED


def _ending(name: str) -> str:
    """Keep the ending of a raw's name, by which decoders may tell its kind, if it is a plain one."""
    found = re.fullmatch(r".*(\.[a-z0-9]{2,4})", name.lower(), re.DOTALL)
    return found[1] if found and found[1] not in TAKEN_APART else ".raw"
