"""Fills an order: one raw, many on this machine, or many on a cluster."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from crispnet.app import batch, line
from crispnet.app.batch import Outcome, Task
from crispnet.app.desk import Desk, Wish
from crispnet.app.developing import Decoded, Developer, Exposed
from crispnet.app.ledger import Ledger
from crispnet.app.reporting import report
from crispnet.darkroom.exiftool import ExifTool
from crispnet.files import clear_up
from crispnet.look.shelf import fingerprint, load_look
from crispnet.raw.apart import Decoders, Limits
from crispnet.raw.opening import HERE, Opening
from crispnet.strips import cores

MOST_JOBS = 4  # decoders that are started unasked; two keep up with any network so far
Begun = tuple[Generator[Outcome, None, None], Ledger | None]
GOES_ON = "The same command goes on with the others."


@dataclass(frozen=True)
class Order:
    """What is to be developed, and with what.

    Attributes:
        tasks: one, or many.
        wish: what is wanted of the pictures.
        look: its name, or its file.
        folder: where a ledger is kept; None for raws that were named one by one.
        exiftool: copies metadata, where it is installed.
        jobs: how many are decoded, and saved, at a time; None for as many as there are cores, within reason.
        ray: address of a cluster; None for this machine.
    """

    tasks: list[Task]
    wish: Wish
    look: str
    folder: Path | None
    exiftool: ExifTool | None
    jobs: int | None = None
    ray: str | None = None

    def fill(self) -> int:
        """Develop every raw, say what became of each, and return how many failed.

        Raises:
            LookError: there is no such look.
            OutputError: another run is developing into the folder, or nothing can be noted in it.
            CrispnetError: there is no such cluster.
        """
        if self.ray is None and self.folder is None and len(self.tasks) == 1:
            return self._alone(self.tasks[0])
        with ExitStack() as closing_time:
            begin = self._in_line if self.ray is None else self._on_cluster
            outcomes, ledger = begin(closing_time)
            noted = closing_time.enter_context(closing(_noted(outcomes, ledger)))
            return self._report(noted, after_a_stop=GOES_ON if ledger else "")

    def _report(self, outcomes: Iterable[Outcome], *, after_a_stop: str = "") -> int:
        return report(
            outcomes,
            count=len(self.tasks),
            doing="developing",
            as_json=self.wish.as_json,
            after_a_stop=after_a_stop,
        )

    def _alone(self, task: Task) -> int:
        """Develop a single raw in this process; it is decoded while the look is loaded."""
        with ThreadPoolExecutor(1) as aside:
            decoding = aside.submit(HERE.raw, task.raw)
            look = load_look(self.look)
            begun = Opening(raw=lambda _: decoding.result())
            developer = Developer(Desk(self.wish, fingerprint(look)), look, self.exiftool, begun, aside)
            return self._report(batch.run([task], developer.develop))

    def _in_line(self, closing_time: ExitStack) -> Begun:
        """Begin to develop many on this machine."""
        jobs = min(self.jobs or min(cores(), MOST_JOBS), len(self.tasks))
        memory = self.wish.max_memory
        room = memory // 3
        opening, stop = self._opening(jobs, closing_time)
        look = load_look(self.look)  # while the decoders start
        ledger = self._ledger(closing_time)
        desk = Desk(replace(self.wish, max_memory=memory - room), fingerprint(look), ledger)
        aside = closing_time.enter_context(ThreadPoolExecutor(1, thread_name_prefix="aside"))
        steps = _steps(Developer(desk, look, self.exiftool, opening, aside))
        return line.run(self.tasks, steps, jobs=jobs, room=room, stop=stop), ledger

    def _opening(self, jobs: int, closing_time: ExitStack) -> tuple[Opening, Callable[[], None]]:
        """Give what decodes, and what ends that early: processes apart, or this one where the raws are trusted."""
        if self.wish.trust:
            return HERE, lambda: None
        decoders = closing_time.enter_context(Decoders(jobs, Limits(self.wish.max_memory)))
        return decoders.opening, decoders.close

    def _on_cluster(self, closing_time: ExitStack) -> Begun:
        """Begin to develop many on a cluster."""
        from crispnet.app.cluster import connected
        from crispnet.app.errands import SentLook, develop_on

        look = SentLook.read(self.look)
        ledger = self._ledger(closing_time)
        cluster = closing_time.enter_context(connected(str(self.ray)))
        sent = look.to(cluster)
        return develop_on(cluster, self.tasks, Desk(self.wish, sent.fingerprint, ledger), sent), ledger

    def _ledger(self, closing_time: ExitStack) -> Ledger | None:
        """Open the ledger, and remove what a run that was killed left half-written: nobody else is writing there."""
        if self.folder is None:
            return None
        ledger = closing_time.enter_context(Ledger.open(self.folder))
        for folder in {task.picture.parent for task in self.tasks}:
            clear_up(folder, ledger.mark)
        return ledger


def _steps(developer: Developer) -> line.Steps[Decoded, Exposed]:
    return line.Steps(
        prepare=developer.prepare,
        weight=developer.weight,
        render=developer.expose,
        finish=developer.finish,
    )


def _noted(outcomes: Generator[Outcome, None, None], ledger: Ledger | None) -> Generator[Outcome, None, None]:
    """Note what failed; what did not has noted itself."""
    with closing(outcomes):
        for outcome in outcomes:
            if ledger and outcome.error:
                ledger.note_failure(outcome.task.raw, outcome.task.picture, outcome.error)
            yield outcome
