"""What ``crispnet inspect`` says about raw files: every value, and where it came from."""

import json
from collections.abc import Iterable
from pathlib import Path

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from crispnet.app import batch
from crispnet.app.refusing import complain
from crispnet.errors import CrispnetError
from crispnet.raw.apart import opening_for
from crispnet.raw.facts import facts, in_words
from crispnet.raw.image import RawImage


def inspect_all(raws: Iterable[Path], *, as_json: bool) -> int:
    """Say what each raw holds, and return how many cannot be read.

    Raises:
        CrispnetError: there is no raw file.
    """
    found, failed = batch.raws_in(raws), 0
    with opening_for(len(found)) as opening:
        for path in found:
            try:
                raw = opening.raw(path)
            except CrispnetError as error:
                failed += 1
                complain(error)
                if as_json:
                    typer.echo(json.dumps({"raw": str(path), "error": str(error)}))
                continue
            if as_json:
                typer.echo(json.dumps({"raw": str(path), "values": facts(raw), "notes": raw.notes}))
            else:
                show(raw)
    return failed


def show(raw: RawImage) -> None:
    """Print what was read, in words: name, value, source; then what a user should know."""
    table = Table(title=str(raw.path), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, style in (("value", "bold"), ("", ""), ("from", "dim")):
        table.add_column(heading, style=style, overflow="fold")
    for name, fact in facts(raw).items():
        table.add_row(name.replace("_", " "), in_words(name, fact["value"], raw), str(fact["source"]))
    console = Console(highlight=False, markup=False)  # what a file says is no markup
    console.print(table)
    for note in raw.notes:
        console.print(f"Note: {note}")
