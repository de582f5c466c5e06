"""The desk where raws are taken in: what was asked for, whether it is done already, and where to note it."""

from dataclasses import dataclass

from crispnet.app.batch import Outcome, Task
from crispnet.app.ledger import Ledger, Made, digest_of, digest_of_settings
from crispnet.darkroom.formats import kind_and_depth
from crispnet.files import NOBODY, Handover, check_destination
from crispnet.raw.sidecar import sidecars
from crispnet.version import VERSION


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet develop --help``."""

    white_balance: str
    exposure: float
    match_preview: bool
    format: str | None
    depth: int | None
    quality: int
    max_memory: int
    overwrite: bool
    as_json: bool
    trust: bool = False

    def check(self, tasks: list[Task]) -> None:
        """Refuse what no picture of this format can hold, before any work is done.

        Raises:
            OutputError: the format has no such depth.
        """
        for task in tasks:
            kind_and_depth(task.picture, self.format, self.depth)

    def digest(self, task: Task) -> str:
        """Digest all of it that a picture depends on, and what is read beside the raw."""
        kind, depth = kind_and_depth(task.picture, self.format, self.depth)
        beside = sidecars(task.raw) if self.match_preview else []
        return digest_of_settings({
            "crispnet": VERSION,
            "white_balance": self.white_balance,
            "exposure": self.exposure,
            "match_preview": self.match_preview,
            "beside": [digest_of(path) for path in beside],
            "format": kind,
            "depth": depth,
            "quality": self.quality,
        })  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """What is known before a raw is read.

    Attributes:
        wish: what is wanted of all pictures.
        look: what tells the look from all others, see ``look.shelf.fingerprint``.
        ledger: what is known of the folder; None where nobody asked for a folder.
    """

    wish: Wish
    look: str
    ledger: Ledger | None = None

    def take(self, task: Task) -> Made | Outcome | None:
        """See whether anything is left to do, and refuse what could not be saved; give what the picture is made of."""
        task.make_folder()
        made = None
        if self.ledger:
            made = Made(digest_of(task.raw), self.wish.digest(task), self.look)
            before = self.ledger.picture_of(made, file=task.raw, picture=task.picture)
            if before:
                return Outcome(task, facts={"picture": str(before), "made_before": True})
        check_destination(task.picture, raw=task.raw, overwrite=self.wish.overwrite)
        return made

    def handover(self, task: Task, made: Made | None) -> Handover:
        """Give what notes a picture in the ledger."""
        return self.ledger.handover(made, file=task.raw) if self.ledger and made else NOBODY
