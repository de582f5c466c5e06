"""What is done on a cluster: raws are sent out, and pictures are brought back.

Files travel as bytes. The program that asked takes raws in, publishes pictures and keeps the ledger, as for work of its
own; so however often a machine dies, a picture is there once. A machine keeps what it will need again: the look,
exiftool, and the process that decodes.
"""

import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from crispnet.app.batch import Outcome, Task
from crispnet.app.cluster import Cluster, Errand, Shared
from crispnet.app.desk import Desk, Wish
from crispnet.app.developing import Developer
from crispnet.app.ledger import Made
from crispnet.darkroom.exiftool import ExifTool, installed
from crispnet.errors import CrispnetError, UnreadableRaw
from crispnet.files import whole_file
from crispnet.look.contract import Look
from crispnet.look.file import LookFile
from crispnet.look.plain import PlainLook
from crispnet.look.shelf import file_of, fingerprint, running
from crispnet.raw.apart import Decoder, Limits
from crispnet.raw.opening import HERE
from crispnet.raw.sidecar import sidecars


@dataclass(frozen=True)
class SentLook:
    """A look, as it is sent.

    Attributes:
        name: what to call it.
        fingerprint: see ``look.shelf.fingerprint``.
        content: of its file, or where that is on the cluster; None for the plain look.
    """

    name: str
    fingerprint: str
    content: bytes | Shared | None

    @classmethod
    def read(cls, name: str) -> "SentLook":
        """Read a look of the shelf, or a look file.

        Raises:
            LookError: there is none of that name, or its file cannot be used.
        """
        if name == PlainLook.name:
            return cls(name, fingerprint(PlainLook()), None)
        file = LookFile.open(file_of(name))
        return cls(file.origin, file.digest, file.content)

    def to(self, cluster: Cluster) -> "SentLook":
        """Send its file to a cluster, to be read there by whoever needs it."""
        return self if self.content is None else replace(self, content=cluster.share(self.content))

    def load(self) -> Look:
        """Load it, on a machine of the cluster, to run on one core."""
        if self.content is None:
            return PlainLook()
        content = self.content.read() if isinstance(self.content, Shared) else self.content
        return running(LookFile.parse(content, origin=self.name), threads=1)


@dataclass(frozen=True)
class SentRaw:
    """A raw, as it is sent.

    Attributes:
        folder: where it is, for messages.
        name: of the file.
        files: its content, and that of the pictures beside it, by name.
        picture: the name of the picture that is wanted.
    """

    folder: str
    name: str
    files: Mapping[str, bytes]
    picture: str


@dataclass(frozen=True)
class Brought:
    """What comes back: a picture file, and facts for the user."""

    content: bytes
    facts: dict[str, Any]


class _Asked(NamedTuple):
    """A task, and what its picture is made of."""

    task: Task
    made: Made | None


def develop_on(cluster: Cluster, tasks: Iterable[Task], desk: Desk, look: SentLook) -> Generator[Outcome, None, None]:
    """Have raws developed on a cluster, publish their pictures, and give the outcomes as they come."""
    settled: deque[Outcome] = deque()  # which nobody has to be sent out for
    for asked, brought in cluster.run(develop_sent, _errands(tasks, desk, look, settled)):
        while settled:
            yield settled.popleft()
        yield _published(asked, brought, desk)
    yield from settled


def _errands(tasks: Iterable[Task], desk: Desk, look: SentLook, settled: deque[Outcome]) -> Iterator[Errand[_Asked]]:
    for task in tasks:
        try:
            made = desk.take(task)
            if isinstance(made, Outcome):
                settled.append(made)
                continue
            beside = sidecars(task.raw) if desk.wish.match_preview else []
            files = {path.name: path.read_bytes() for path in (task.raw, *beside)}
        except CrispnetError as error:
            settled.append(Outcome(task, error=error))
        except OSError as error:
            settled.append(Outcome(task, error=_unreadable(task.raw, error)))
        else:
            sent = SentRaw(str(task.raw.parent), task.raw.name, files, task.picture.name)
            yield Errand(_Asked(task, made), (sent, look, desk.wish))


def _unreadable(raw: Path, error: OSError) -> UnreadableRaw:
    return UnreadableRaw(
        f"{raw} cannot be read: {error.strerror or error}. A raw file on a working disk was needed. Check the name, "
        "and the disk or the card."
    )


def _published(asked: _Asked, brought: Brought | CrispnetError, desk: Desk) -> Outcome:
    task = asked.task
    if isinstance(brought, CrispnetError):
        return Outcome(task, error=brought)
    try:
        handover = desk.handover(task, asked.made)
        with whole_file(task.picture, overwrite=desk.wish.overwrite, handover=handover) as hidden:
            hidden.write_bytes(brought.content)
    except CrispnetError as error:
        return Outcome(task, error=error)
    return Outcome(task, facts=brought.facts | {"picture": str(task.picture)})


def develop_sent(sent: SentRaw, look: SentLook, wish: Wish) -> Brought | CrispnetError:
    """Develop a raw, on a machine of the cluster."""
    with tempfile.TemporaryDirectory(prefix="crispnet-") as place:
        raws, pictures = Path(place) / "raws", Path(place) / "pictures"
        raws.mkdir()
        for name, content in sent.files.items():
            (raws / name).write_bytes(content)
        task = Task(raws / sent.name, pictures / sent.picture, pictures)
        try:
            opening = HERE if wish.trust else _decoder(wish.max_memory).opening
            developer = Developer(Desk(wish, look.fingerprint), _loaded(look), _exiftool(), opening, _aside())
            facts = developer.develop(task)
        except CrispnetError as error:
            return type(error)(str(error).replace(str(raws), sent.folder))
        notes = tuple(note.replace(str(raws), sent.folder) for note in facts["notes"])
        return Brought(task.picture.read_bytes(), facts | {"notes": notes})


_looks: dict[str, Look] = {}


def _loaded(look: SentLook) -> Look:
    if look.fingerprint not in _looks:
        _looks.clear()  # one at a time: the process outlives the run that began it
        _looks[look.fingerprint] = look.load()
    return _looks[look.fingerprint]


@cache
def _exiftool() -> ExifTool | None:
    return installed().__enter__()


@cache
def _aside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="aside")


@cache
def _decoder(memory: int) -> Decoder:
    return Decoder(Limits(memory))
