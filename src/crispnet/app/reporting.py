"""How commands over many files speak: results on standard output, a bar and complaints on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from crispnet.app.batch import Outcome

Say = Callable[[str], None]


def report(outcomes: Iterable[Outcome], *, count: int, doing: str, as_json: bool, after_a_stop: str = "") -> int:
    """Say what became of each of ``count`` tasks as it is known, and return how many failed.

    Where the user interrupts work that can be gone on with, ``after_a_stop`` is said, and all that is left has failed.
    """
    told = _Told(as_json)
    try:
        with _speaking(count, doing) as (say, complain, advance):
            for outcome in outcomes:
                advance()
                told.tell(outcome, say, complain)
    except KeyboardInterrupt:
        if not after_a_stop:
            raise
        _complain(f"crispnet: stopped; {told.done} of {count} are done. {after_a_stop}")
        return count - told.done
    if told.before:
        _complain(f"crispnet: {told.before} of {count} had been made before, of the same raws and in the same way.")
    if told.failed and count > 1:
        _complain(f"crispnet: {told.failed} of {count} failed; the reasons are above.")
    return told.failed


@dataclass
class _Told:
    """What has been told so far.

    Attributes:
        as_json: whether it is told in JSON.
        done: pictures there are.
        before: those of them that had been there.
        failed: raws of which there are none.
    """

    as_json: bool
    done: int = 0
    before: int = 0
    failed: int = 0

    def tell(self, outcome: Outcome, say: Say, complain: Say) -> None:
        """Say what became of a task."""
        raw, facts = str(outcome.task.raw), outcome.facts
        if facts is None:
            self.failed += 1
            complain(f"crispnet: {outcome.error}")
            if self.as_json:
                say(json.dumps({"raw": raw, "error": str(outcome.error)}))
            return
        self.done += 1
        self.before += "made_before" in facts
        for note in facts.get("notes", ()):
            complain(f"{raw}: {note}")
        say(json.dumps({"raw": raw, **facts}) if self.as_json else str(facts.get("picture", outcome.task.picture)))


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
