"""The verbs of colour: how far pictures are apart, and what of a look other programs can have.

They need the packages of ``crispnet[train]``, which are imported when a command runs, and not before.
"""

from pathlib import Path
from typing import Annotated

import typer

from crispnet.app.laboratory import Json
from crispnet.app.refusing import SOME_FAILED, refusals
from crispnet.look import DEFAULT


def score(
    result: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.", show_default=False)],
    reference: Annotated[
        Path, typer.Argument(help="What it should look like; of a folder, by the same names.", show_default=False)
    ],
    align: Annotated[
        bool, typer.Option("--align", help="Lay them over each other first; else pairs that are shifted are refused.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures, map and tables.")
    ] = None,
    drawing: Annotated[
        Path | None, typer.Option("--map", metavar="FILE.png", help="Write the map of the differences of two pictures.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page or a map that exists.")] = False,
    json: Json = False,
) -> None:
    """Say how far pictures are from others: ΔE76, ΔE2000, per hue and lightness, per patch of a ColorChecker."""
    with refusals():
        from crispnet.app import scoring

        wish = scoring.Wish(result, reference, align, html, drawing, overwrite)
        complete = scoring.score_and_say(wish, as_json=json)
    if not complete:
        raise typer.Exit(SOME_FAILED)


def lut(
    look: Annotated[str, typer.Argument(metavar="LOOK", help="A look's name, or a look file.", show_default=False)],
    raws: Annotated[
        list[Path],
        typer.Argument(
            metavar="RAW...", help="Raw files like those it is for, and folders of them.", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The table: .cube, or .png for a HaldCLUT.")
    ],
    size: Annotated[
        int | None,
        typer.Option(metavar="N", help="Nodes along each axis; else 33, or 64 for a HaldCLUT.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that exists.")] = False,
    json: Json = False,
) -> None:
    """Make a table of what a look does to every scene alike, for other programs, and say how much that is."""
    with refusals():
        from crispnet.app import tabulating

        failed = tabulating.tabulate_look(tabulating.Wish(look, tuple(raws), output, size, overwrite), as_json=json)
    if failed:
        raise typer.Exit(SOME_FAILED)


def fit(
    raws: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Raw files, and the pictures of them.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="LOOK.onnx", help="The look; its report goes to LOOK.onnx.fit/.")
    ],
    look: Annotated[str, typer.Option(metavar="NAME|FILE", help="The look to begin with.")] = DEFAULT,
    command: Annotated[
        str | None,
        typer.Option(
            "--from-command",
            metavar="COMMAND",
            help="Learn from pictures that this makes of the raws and of parts of them, such as "
            "'isp --in {raw} --out {picture}'.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of learning.")] = 6000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other scenes held out.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a look that exists.")] = False,
    json: Json = False,
) -> None:
    """Fit a look to your own raws and the pictures of them; Ctrl-C saves, and the same command goes on."""
    with refusals():
        from crispnet.app import fitting

        wish = fitting.Wish(tuple(raws), output, look, command, steps, seed, overwrite)
        finished = fitting.fit_and_say(wish, as_json=json)
    if not finished:
        raise typer.Exit(SOME_FAILED)


COMMANDS = (score, fit, lut)
