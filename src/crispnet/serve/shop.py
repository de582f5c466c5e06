"""Everything that stands behind the page: the desk, the gate, the line, the two workers."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crispnet.serve.bench import small
from crispnet.serve.desk import Desk
from crispnet.serve.full import full
from crispnet.serve.incoming import PATIENCE, Gate
from crispnet.serve.line import Line
from crispnet.serve.looks import check_name
from crispnet.serve.wish import Wish
from crispnet.serve.worker import Busy, Worker, WorkerLost

FULL_SECONDS = 600.0  # that a photograph may take at full size
FORGETTING = 60.0  # seconds that it may take until what was removed is forgotten
BACKGROUND = 5  # niceness of full renderings: sliders go before them


@dataclass(frozen=True)
class Limits:
    """What clients may ask for.

    Attributes:
        most_bytes: of one file.
        most_photographs: on the desk at a time.
        most_together: bytes of all their files.
        minutes: after which what nobody used is removed.
        max_memory: bytes to stay within while developing.
        patience: seconds until the next part of a file has to come.
    """

    most_bytes: int = 256 << 20
    most_photographs: int = 100
    most_together: int = 8 << 30
    minutes: float = 120.0
    max_memory: int = 2 << 30
    patience: float = PATIENCE


class Shop:
    """What the routes use; ``close`` ends its processes."""

    def __init__(self, folder: Path, looks: Mapping[str, str], limits: Limits) -> None:
        """Open it.

        Args:
            folder: for files; whoever made it removes it.
            looks: what to offer, see ``looks.offered``.
            limits: what clients may ask for.
        """
        self.looks, self.limits = dict(looks), limits
        self._gone: set[str] = set()  # removed, and not forgotten by the worker yet
        self.desk = Desk(
            folder,
            most_items=limits.most_photographs,
            most_bytes=limits.most_together,
            seconds=60 * limits.minutes,
        )
        self.gate = Gate(most_bytes=limits.most_bytes, patience=limits.patience)
        memory = 3 * limits.max_memory  # address space, of which threads reserve more than they use
        self.small = Worker(partial(small, self.looks), memory=memory)
        self._full = Worker(partial(full, self.looks), niceness=BACKGROUND, memory=memory)
        self.line = Line(self._full, max_memory=limits.max_memory, limit=FULL_SECONDS)

    def check(self, wish: Wish) -> None:
        """Refuse looks that are not offered.

        Raises:
            LookError: there is none of such a name.
        """
        for name in filter(None, (wish.look, wish.other)):
            check_name(self.looks, name)

    def remove(self, photograph: str) -> None:
        """Remove a photograph, and all that was made of it.

        Raises:
            Missing: there is none.
        """
        self.desk.remove(photograph)
        self._forget([photograph])

    def sweep(self) -> None:
        """Remove what nobody used for long."""
        old = self.desk.sweep()
        if old:
            self._forget(old)

    def _forget(self, photographs: list[str]) -> None:
        """Leave the line, and have the worker forget them in its own time: it may be busy, or still starting."""
        self.line.leave(photographs)
        self._gone.update(photographs)
        threading.Thread(target=self._tell_worker, name="forgetting", daemon=True).start()

    def _tell_worker(self) -> None:
        gone = self._gone.copy()
        with suppress(Busy, WorkerLost):  # then it is told with the next ones, or has nothing left to forget
            self.small.ask({"do": "forget", "ids": sorted(gone)}, limit=FORGETTING)
            self._gone -= gone

    def close(self) -> None:
        """End the processes."""
        self.line.close()
        for worker in (self.small, self._full):
            worker.close()
