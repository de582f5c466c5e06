"""How long work is watched, on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import typer

SILENCE = 30.0  # seconds between two lines where there is no terminal


class Tell(Protocol):
    """Says how far the work is."""

    def __call__(self, done: int, *, note: str = "", left: float | None = None) -> None:
        """Say how many steps are done, what else is worth knowing, and the seconds left where the work knows them."""


@contextmanager
def watched(count: int, doing: str) -> Iterator[Tell]:
    """Give a way to say how far work of ``count`` steps is."""
    if not sys.stderr.isatty():
        yield _lines(count, doing)
        return
    from crispnet.app.bar import Bar

    with Bar(count, doing) as bar:
        yield bar.reach


def _lines(count: int, doing: str) -> Tell:
    said_at, said = time.monotonic(), 0

    def tell(done: int, *, note: str = "", left: float | None = None) -> None:
        nonlocal said_at, said
        passed = time.monotonic() - said_at
        if said and passed < SILENCE:
            return
        pace = f"{60 * (done - said) / passed:.0f}/min" if said else ""
        said_at, said = time.monotonic(), done
        time_left = f"{left / 60:.0f} min left" if left is not None else ""
        typer.echo(", ".join(filter(None, (f"{doing}: {done} of {count}", note, pace, time_left))), err=True)

    return tell
