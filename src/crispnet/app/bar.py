"""The bar that long commands show on a terminal: how much is done, how fast, and how long it will take."""

from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class Bar:
    """A bar on standard error, and lines above it."""

    def __init__(self, count: int, doing: str) -> None:
        """Make a bar of ``count`` steps, labelled with what is being done."""
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        said = TextColumn("{task.fields[note]}")
        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), said, _Rate(), _TimeLeft())
        self._progress = Progress(*columns, console=self._console, redirect_stdout=False, redirect_stderr=False)
        self._task = self._progress.add_task("", total=count, note="", left=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False)

    def advance(self) -> None:
        """Move the bar on by one step."""
        self._progress.advance(self._task)

    def reach(self, done: int, *, note: str = "", left: float | None = None) -> None:
        """Move the bar to a step, with a word beside it, and the seconds left where the work knows better."""
        self._progress.update(self._task, completed=done, note=note, left=left)


class _Rate(ProgressColumn):
    """Steps per minute."""

    def render(self, task: Task) -> Text:
        """Show how fast it goes, once that is known."""
        return Text(f"{task.speed * 60:.0f}/min" if task.speed else "", style="progress.data.speed")


class _TimeLeft(TimeRemainingColumn):
    """The time left, as the work told it, or at the present rate."""

    def render(self, task: Task) -> Text:
        """Show it in hours, minutes and seconds."""
        left = task.fields["left"]
        return (
            super().render(task)
            if left is None
            else Text(str(timedelta(seconds=round(left))), style="progress.remaining")
        )
