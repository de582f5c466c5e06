"""How commands over many files speak: results on standard output, a bar and complaints on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from crispnet.app.batch import Outcome

Say = Callable[[str], None]


def report(outcomes: Iterable[Outcome], *, count: int, doing: str, as_json: bool) -> int:
    """Say what became of each of ``count`` tasks as it is known, and return how many failed."""
    failed = 0
    with _progress(count, doing) as (say, complain, advance):
        for outcome in outcomes:
            advance()
            raw = str(outcome.task.raw)
            if outcome.facts is None:
                failed += 1
                complain(f"crispnet: {outcome.error}")
                if as_json:
                    say(json.dumps({"raw": raw, "error": str(outcome.error)}))
                continue
            for note in outcome.facts.get("notes", ()):
                complain(f"{raw}: {note}")
            say(json.dumps({"raw": raw, **outcome.facts}) if as_json else str(outcome.task.picture))
    return failed


@contextmanager
def _progress(count: int, doing: str) -> Iterator[tuple[Say, Say, Callable[[], None]]]:
    """Show a bar on a terminal if there is more than one task; give ways to say, to complain and to advance."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def complain(text: str) -> None:
        console.print(text, markup=False)

    def say(text: str) -> None:
        print(text, flush=True)  # noqa: T201 - results are what standard output is for

    if count == 1 or not console.is_terminal:
        yield say, complain, lambda: None
        return
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("", total=count)
        # On a terminal results have to go through the bar, which would else be torn.
        yield complain if sys.stdout.isatty() else say, complain, lambda: bar.advance(task)


class _Rate(ProgressColumn):
    """Files per minute."""

    def render(self, task: Task) -> Text:
        """Show how fast it goes, once that is known."""
        return Text(f"{task.speed * 60:.0f}/min" if task.speed else "", style="progress.data.speed")
