"""What ``crispnet data describe`` does with the pairs of a manifest."""

from pathlib import Path

import typer

from crispnet.app.identifying import PAIRS
from crispnet.app.splitting import manifest_at
from crispnet.app.watching import watched
from crispnet.data.datasheet import OPEN, datasheet, facts_of
from crispnet.data.pairs import read_manifest
from crispnet.files import check_destination, whole_file

SHEET = "datasheet.md"


def describe(place: Path, output: Path | None, *, overwrite: bool) -> None:
    """Write the datasheet of a set of pairs, and say what is still to be answered.

    Raises:
        DataError: the manifest or a file of it cannot be read.
        OutputError: the datasheet cannot be written, or is there already.
    """
    manifest = manifest_at(place)
    pairs, path = read_manifest(manifest), output or manifest.parent / SHEET
    check_destination(path, raw=None, overwrite=overwrite)
    with watched(len(pairs), "looking") as tell:
        facts = facts_of(pairs, progress=tell)
    folder = manifest.parent.resolve()
    text = datasheet(folder.parent.name if folder.name == PAIRS else folder.name, facts)
    with whole_file(path, overwrite=overwrite) as hidden:
        hidden.write_text(text, encoding="utf-8", newline="\n")
    typer.echo(f"{text.count(OPEN)} questions in it are yours to answer.", err=True)
    typer.echo(path)
