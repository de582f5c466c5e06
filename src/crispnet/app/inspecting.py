"""What ``crispnet inspect`` says about a raw file: every value, and where it came from."""

from rich import box
from rich.console import Console
from rich.table import Table

from crispnet.raw.facts import facts, in_words
from crispnet.raw.image import RawImage


def show(raw: RawImage) -> None:
    """Print what was read, in words: name, value, source; then what a user should know."""
    table = Table(title=str(raw.path), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, style in (("value", "bold"), ("", ""), ("from", "dim")):
        table.add_column(heading, style=style, overflow="fold")
    for name, fact in facts(raw).items():
        table.add_row(name.replace("_", " "), in_words(name, fact["value"], raw), str(fact["source"]))
    console = Console(highlight=False)
    console.print(table)
    for note in raw.notes:
        console.print(f"Note: {note}", markup=False)
