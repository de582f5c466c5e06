"""How commands over many files speak: results on standard output, a bar and complaints on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from crispnet.app.batch import Outcome

Say = Callable[[str], None]


def report(outcomes: Iterable[Outcome], *, count: int, doing: str, as_json: bool) -> int:
    """Say what became of each of ``count`` tasks as it is known, and return how many failed."""
    failed = 0
    with _speaking(count, doing) as (say, complain, advance):
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
    if failed and count > 1:
        _complain(f"crispnet: {failed} of {count} failed; the reasons are above.")
    return failed


@contextmanager
def _speaking(count: int, doing: str) -> Iterator[tuple[Say, Say, Callable[[], None]]]:
    """Give ways to say, to complain and to advance; with a bar on a terminal if there is more than one task."""
    if count == 1 or not sys.stderr.isatty():
        yield _say, _complain, lambda: None
        return
    from crispnet.app.bar import Bar

    with Bar(count, doing) as bar:
        # On a terminal results have to go through the bar, which would else be torn.
        yield bar.say if sys.stdout.isatty() else _say, bar.say, bar.advance


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - results are what standard output is for


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
