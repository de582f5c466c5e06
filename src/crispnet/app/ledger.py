"""What became of each raw of a folder: a line of JSON in the folder of the pictures, by which a run goes on.

A picture's line is written before the picture gets its name, and holds its digest. So at whatever moment a run is
killed, a picture that has its line is whole, and a line without its picture says nothing. A raw is done if a line has
its content, the same settings and the same look, and the picture is still what the line says; names alone count for
nothing.

Whoever holds the ledger is alone: a second run on the folder is refused until the first has ended, however it ended.
"""

import contextlib
import datetime
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crispnet.alone import lock
from crispnet.errors import OutputError
from crispnet.files import Handover, make_folder

NAME = "developed.jsonl"


@dataclass(frozen=True)
class Made:
    """What a picture is made of; where all three are the same, so is the picture.

    Attributes:
        raw: SHA-256 of the raw file.
        settings: of all that was asked for, and of what else was read.
        look: of the look file.
    """

    raw: str
    settings: str
    look: str


@dataclass(frozen=True)
class Entry:
    """A line: a picture, or why there is none.

    Attributes:
        file: the raw.
        picture: where the picture is, from the folder.
        made: what of; None where that could not be read.
        digest: SHA-256 of the picture; "" where there is none.
        error: why there is none.
    """

    file: str
    picture: str
    made: Made | None
    digest: str = ""
    error: str = ""

    def as_json(self) -> str:
        """Give the line."""
        told = {key: value for key, value in asdict(self).items() if value}
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return json.dumps({"at": now} | told, ensure_ascii=True)

    @classmethod
    def read(cls, line: bytes) -> "Entry | None":
        """Read a line; None for one that is none of ours."""
        try:
            told = json.loads(line)
            del told["at"]
            made = told.pop("made", None)
            entry = cls(**{"made": Made(**made) if made else None, **told})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return entry if all(isinstance(value, str) for value in (entry.file, entry.picture, entry.digest)) else None


@dataclass
class Ledger:
    """The ledger of a folder, which is ours until it is closed. Threads may share it.

    Attributes:
        folder: of the pictures.
    """

    folder: Path
    _number: int = -1  # of the open file
    _known: dict[Made, list[Entry]] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, folder: Path) -> "Ledger":
        """Open the ledger of a folder, which is made if need be.

        Raises:
            OutputError: another run has it, or it cannot be written.
        """
        make_folder(folder, purpose="the pictures", advice="Choose another with -o.")
        path, ledger = folder / NAME, cls(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            ledger._number = os.open(path, flags, 0o666)
            lock(ledger._number)
            ledger._read()
        except BlockingIOError as error:
            ledger.close()
            raise OutputError(
                f"{folder} is being developed into by another run of crispnet. A folder of one's own was needed. Wait "
                "until that run has ended, or choose another folder with -o."
            ) from error
        except OSError as error:
            ledger.close()
            raise OutputError(
                f"{path} cannot be written: {error.strerror or error}. A writable folder with enough free space was "
                "needed, for what was done is noted there. Check the folder and the disk, or choose another with -o."
            ) from error
        return ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another run have it."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    @property
    def mark(self) -> str:
        """Give a word for the hidden names of files that runs on this folder, and no others, are writing."""
        return hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:12] + "-"

    def picture_of(self, made: Made, *, file: Path, picture: Path) -> Path | None:
        """Find the picture that was made before, if it is whole: that of this name, or that of the same raw file."""
        for entry in self._known.get(made, ()):
            there = self.folder / entry.picture
            if (entry.file == _named(file) or there == picture) and digest_of(there) == entry.digest:
                return there
        return None

    def handover(self, made: Made, *, file: Path) -> Handover:
        """Give what notes a finished picture before it gets its name."""

        def note(hidden: Path, picture: Path) -> None:
            self._add(Entry(_named(file), self._below(picture), made, digest=digest_of(hidden)))

        return Handover(self.mark, note)

    def note_failure(self, file: Path, picture: Path, error: Exception) -> None:
        """Note why there is no picture, as far as the disk lets us."""
        with contextlib.suppress(OSError):
            self._add(Entry(_named(file), self._below(picture), None, error=str(error)))

    def _below(self, picture: Path) -> str:
        return picture.relative_to(self.folder).as_posix()

    def _add(self, entry: Entry) -> None:
        line = entry.as_json().encode() + b"\n"
        with self._turn:
            size = os.fstat(self._number).st_size
            try:
                if os.write(self._number, line) < len(line):
                    raise OSError("the disk is full")
                os.fsync(self._number)
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(self._number, size)  # never half a line
                raise
            self._know(entry)

    def _read(self) -> None:
        """Read what earlier runs have noted, and cut off the half of a line that one was killed in."""
        with open(self._number, "rb", closefd=False) as file:
            content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._number, whole)
        for entry in _entries(content[:whole].splitlines()):
            self._know(entry)

    def _know(self, entry: Entry) -> None:
        if entry.made and entry.digest:
            self._known.setdefault(entry.made, []).append(entry)


def read(folder: Path) -> list[Entry]:
    """Read the ledger of a folder: what every run has noted, in order; nothing where there is none."""
    try:
        return list(_entries((folder / NAME).read_bytes().splitlines()))
    except FileNotFoundError:
        return []


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file; "" for one that is not there, or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""


def digest_of_settings(settings: dict[str, Any]) -> str:
    """Give the SHA-256 of settings: equal ones have equal digests, in whichever order they are."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    return (entry for entry in map(Entry.read, lines) if entry)


def _named(file: Path) -> str:
    return str(file.absolute())
