"""The command line: one command per verb. Each command imports what it needs when it is called.

Results go to standard output, progress and complaints to standard error. Exit codes: 0 done; 1 some inputs failed, each
named, the others done; 2 usage; 3 nothing could be done.
"""

import re
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from crispnet.errors import CrispnetError
from crispnet.version import VERSION

if TYPE_CHECKING:
    import numpy as np

    from crispnet.raw.image import RawImage

SOME_FAILED, NOTHING_DONE = 1, 3
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

app = typer.Typer(
    name="crispnet",
    help="Develop raw files with the colours of a camera.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(str, Enum):
    """Formats of a picture."""

    jpeg = "jpeg"
    png = "png"
    tiff = "tiff"
    avif = "avif"


ENDINGS = {Format.jpeg: ".jpg", Format.png: ".png", Format.tiff: ".tif", Format.avif: ".avif"}


def main() -> None:
    """Run the command line."""
    app()


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crispnet {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and stop.")
    ] = False,
) -> None: ...


def _memory(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", text.strip().lower())
    if not found:
        raise typer.BadParameter(f"{text!r} is no amount of memory; 2GB or 800MB would be.")
    return int(float(found[1]) * UNITS[found[2]])


def _white_balance(text: str) -> str:
    number = r"\d+(\.\d+)?"
    if not re.fullmatch(rf"as-shot|{number}k?|{number},{number},{number}", text.strip().lower()):
        raise typer.BadParameter(
            f"{text!r} is none of: as-shot, a temperature such as 5200, multipliers such as 2.0,1,1.6."
        )
    return text.strip().lower()


Raws = Annotated[
    list[Path], typer.Argument(metavar="RAW...", help="Raw files, and folders of them.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")]


@app.command()
def develop(
    raws: Raws,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The picture, or a folder for the pictures [default: this folder]."),
    ] = None,
    look: Annotated[str, typer.Option(help="A look; `crispnet looks` lists them.")] = "plain",
    white_balance: Annotated[
        str,
        typer.Option(metavar="as-shot|KELVIN|R,G,B", callback=_white_balance, help="The light to make neutral."),
    ] = "as-shot",
    exposure: Annotated[float, typer.Option(metavar="EV", min=-5, max=5, help="Brighter or darker, in stops.")] = 0.0,
    format: Annotated[  # noqa: A002 - the word a photographer would use
        Format | None, typer.Option(help="Kind of picture [default: as OUTPUT's ending says, else jpeg].")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Bits per colour: 8 or 16 [default: 16 for TIFF, else 8].", min=8, max=16)
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and AVIF.")] = 95,
    max_memory: Annotated[
        str, typer.Option(help="Memory to stay within.", callback=lambda text: _memory(text) and text)
    ] = "2GB",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Photographs at a time.")] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace pictures that exist. Raws are never touched.")
    ] = False,
    json: Json = False,
) -> None:
    """Develop raw files into pictures."""
    from crispnet.app import batch, developing

    wish = developing.Wish(
        look, white_balance, exposure, format and format.value, depth, quality, _memory(max_memory), overwrite
    )
    try:
        tasks = batch.plan(raws, output, ENDINGS[format or Format.jpeg])
        if not tasks:
            raise CrispnetError(
                f"There is no raw file in {', '.join(map(str, raws))}. Name raw files, or a folder that holds some."
            )
        developing.check(wish, tasks, output)
    except CrispnetError as error:
        _give_up(error)
    raise typer.Exit(developing.develop_all(tasks, wish, jobs=jobs, as_json=json))
