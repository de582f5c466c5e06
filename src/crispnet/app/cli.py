"""The command line: one command per verb. Each command imports what it needs when it is called.

Results go to standard output, progress and complaints to standard error. Exit codes: 0 done; 1 some inputs failed, each
named, the others done, or a run was stopped; 2 usage; 3 nothing could be done.
"""

import gc
import io
import json as json_format
import os
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from crispnet.app import colours, laboratory, material, serving
from crispnet.app.leaving import leaving_at_once
from crispnet.app.material import Ray
from crispnet.app.refusing import SOME_FAILED, refusals
from crispnet.look import DEFAULT
from crispnet.version import VERSION

OBJECTS_BETWEEN_COLLECTIONS = 100_000
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

app = typer.Typer(
    name="crispnet",
    help="Develop raw files with the colours of a camera.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help needs no rich, which takes longer to import than all the rest
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """Formats of a picture."""

    jpeg = "jpeg"
    png = "png"
    tiff = "tiff"
    avif = "avif"


def main() -> None:
    """Run the command line."""
    # Strips of a picture run on all cores already (crispnet.strips); a second layer of threads only gets in their way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Modules stay for as long as the program does: not looked through again and again for what could be given back.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files need not be text
    with leaving_at_once():
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
    """Read an amount of memory, such as 2GB or 800M, in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", text.strip().lower())
    if not found:
        raise typer.BadParameter(f"{text!r} is no amount of memory; 2GB or 800MB would be.")
    return int(float(found[1]) * UNITS[found[2]])


def _white_balance(text: str) -> str:
    number = r"\d+(?:\.\d+)?"
    text = text.strip().lower()
    if text == "as-shot":
        return text
    if re.fullmatch(f"{number}k?", text) and 1700 <= float(text.rstrip("k")) <= 25000:
        return text
    if re.fullmatch(f"{number},{number},{number}", text) and all(0.05 <= float(part) <= 20 for part in text.split(",")):
        return text
    raise typer.BadParameter(
        f"{text!r} is none of: as-shot; a temperature from 1700 to 25000, such as 5200; multipliers R,G,B, such as "
        "2,1,1.6."
    )


def _depth(value: int | None) -> int | None:
    if value not in (None, 8, 16):
        raise typer.BadParameter(f"{value} bits are neither 8 nor 16.")
    return value


Raws = Annotated[
    list[Path], typer.Argument(metavar="RAW...", help="Raw files, and folders of them.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace pictures that exist. Raws are never touched.")]
MatchPreview = Annotated[
    bool,
    typer.Option("--match-preview", help="Take the colours of the camera's own picture, beside the raw or in it."),
]
WhiteBalance = Annotated[
    str, typer.Option(metavar="as-shot|KELVIN|R,G,B", callback=_white_balance, help="The light to make neutral.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, max=64, help="Photographs decoded, and saved, at a time; else one for each core.")
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Decode in this process, without limits: quicker, for raws of your own camera."),
]


@app.command()
def develop(
    raws: Raws,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The picture, or a folder for pictures; else this folder.")
    ] = None,
    look: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A look that `crispnet looks` lists, or a look file.")
    ] = DEFAULT,
    match_preview: MatchPreview = False,
    white_balance: WhiteBalance = "as-shot",
    exposure: Annotated[float, typer.Option(metavar="EV", min=-5, max=5, help="Brighter or darker, in stops.")] = 0.0,
    format: Annotated[  # noqa: A002 - the word a photographer would use
        Format | None, typer.Option(help="Kind of picture; else what OUTPUT ends in, else jpeg.", show_default=False)
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(metavar="8|16", callback=_depth, help="Bits per colour; else 16 for TIFF, 8 for others."),
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and AVIF.")] = 95,
    max_memory: Annotated[
        int, typer.Option(metavar="AMOUNT", parser=_memory, help="Memory to stay within, where the frame allows.")
    ] = "2GB",  # type: ignore[assignment]  # typer parses the default too
    jobs: Jobs = None,
    ray: Ray = None,
    trust: Trust = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Develop raw files into pictures. A folder that was begun is gone on with."""
    if match_preview and (exposure or white_balance != "as-shot"):
        raise typer.BadParameter("with --match-preview the camera's picture says how light it is; leave them out.")
    if ray and jobs:
        raise typer.BadParameter("a cluster has cores of its own to fill; leave out --jobs, or --ray.")
    from crispnet.app import batch
    from crispnet.darkroom.exiftool import installed
    from crispnet.darkroom.formats import usual_ending

    with refusals():
        tasks = batch.plan(raws, output, usual_ending(format or Format.jpeg))
        with installed() as exiftool:  # it starts while Python is still busy importing
            from crispnet.app.desk import Wish
            from crispnet.app.order import Order

            wish = Wish(
                white_balance, exposure, match_preview, format, depth, quality, max_memory, overwrite, json, trust
            )
            wish.check(tasks)
            failed = Order(tasks, wish, look, batch.folder_of(raws, tasks), exiftool, jobs, ray).fill()
    if failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def inspect(raws: Raws, json: Json = False) -> None:
    """Say every value that a raw file holds, and where each came from."""
    from crispnet.app import inspecting

    with refusals():
        failed = inspecting.inspect_all(raws, as_json=json)
    if failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def preview(
    raws: Raws,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The picture (JPEG), or a folder; else this folder.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Take the camera's own picture out of raw files, upright and in sRGB."""
    from crispnet.app import batch, previewing

    with refusals():
        failed = previewing.preview_all(batch.plan(raws, output, "-camera.jpg"), overwrite=overwrite, as_json=json)
    if failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def looks(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="Show the card of this look.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the looks at hand, or show the card of one."""
    from crispnet.look.shelf import read_card, shipped

    with refusals():
        cards = [read_card(each) for each in ([name] if name else shipped())]
    for card in cards:
        if json:
            typer.echo(json_format.dumps(card))
        elif name:
            width = max(map(len, card))
            typer.echo("\n".join(f"{field:<{width}}  {value}" for field, value in card.items()))
        else:
            typer.echo(f"{card['name']:<12}{card['summary']}")


for _command in (serving.serve, *colours.COMMANDS, *laboratory.COMMANDS):
    app.command()(_command)
app.add_typer(material.data, name="data")
