"""The commands of the laboratory: train, evaluate, export, and the paper's study.

They need the packages of ``crispnet[train]``, which are imported when a command runs, and not before.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from crispnet.app.material import Ray
from crispnet.app.refusing import SOME_FAILED, refusals

Results = Annotated[Path, typer.Option(metavar="FOLDER", help="Where the results of the study are.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]


class Device(StrEnum):
    """What computes."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Profile(StrEnum):
    """A size of the paper's study."""

    laptop = "laptop"
    paper = "paper"


class Split(StrEnum):
    """A part of the captures, none of whose scenes is in another."""

    train = "train"
    validation = "validation"
    test = "test"


def _recipe(text: str) -> str:
    # It becomes the name of a folder where none is given.
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", text):
        raise typer.BadParameter(f"{text!r} is no name of a recipe. `crispnet recipes` lists them.")
    return text


def recipes(json: Json = False) -> None:
    """List the recipes that `crispnet train` follows."""
    with refusals():
        from crispnet.app import training

        training.list_recipes(as_json=json)


def train(
    recipe: Annotated[
        str, typer.Argument(callback=_recipe, help="How; `crispnet recipes` lists them.", show_default=False)
    ],
    data: Annotated[
        Path, typer.Argument(help="A folder of captures (manifest.jsonl), or of photographs to make some of.")
    ] = Path(),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="RUN", help="The folder of the run; else runs/RECIPE.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the recipe, such as steps=200; several if you like."),
    ] = None,
    device: Annotated[Device, typer.Option(help="What computes.")] = Device.auto,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the processor; else torch decides.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew; a run that is there is set aside in its folder.")
    ] = False,
    json: Json = False,
) -> None:
    """Train by a recipe, or go on with a run that is there; Ctrl-C saves it."""
    with refusals():
        from crispnet.app import training

        run = output or Path("runs") / recipe
        settings = tuple(word for change in changes or () for word in change.split())
        wish = training.Wish(recipe, data, run, settings, device.value, threads, fresh)
        finished = training.train(wish, as_json=json)
    if not finished:
        raise typer.Exit(SOME_FAILED)


def evaluate(
    what: Annotated[
        str, typer.Argument(help="A run, a look, or a control: plain, curve, matrix-curve, lut.", show_default=False)
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of captures (manifest.jsonl); else that of the run, or this.", show_default=False
        ),
    ] = None,
    split: Annotated[Split, typer.Option(help="Which captures.")] = Split.test,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep figures and rows here, as JSON.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Measure so many captures, evenly picked.")] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Keep what may be published of the pictures, too, beside FILE.")
    ] = False,
    ray: Ray = None,
    json: Json = False,
) -> None:
    """Measure how near a rendition comes to the camera's own pictures."""
    if pictures and not output:
        raise typer.BadParameter("pictures are kept beside the figures; say where with --output.")
    if pictures and ray:
        raise typer.BadParameter("a cluster sends figures back, and no pictures; leave out --pictures, or --ray.")
    with refusals():
        from crispnet.app import evaluating

        wish = evaluating.Wish(what, data, split.value, output, limit, pictures, ray=ray)
        evaluating.evaluate(wish, as_json=json)


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="LOOK.onnx", help="The look file.")],
    name: Annotated[str | None, typer.Option(help="Of the look; else that of the file.", show_default=False)] = None,
    summary: Annotated[str | None, typer.Option(help="A line about it, for its card.", show_default=False)] = None,
    licence: Annotated[str, typer.Option(help="Under which others may use it.")] = "not stated",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a look file that exists.")] = False,
    json: Json = False,
) -> None:
    """Make a look file of a run, for `crispnet develop --look`."""
    with refusals():
        from crispnet.app import exporting

        wish = exporting.Wish(run, output, name, summary, licence, overwrite)
        exporting.export_run(wish, as_json=json)


def study(
    photographs: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Folders of the sets' photographs and panoramas.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For captures and runs.")] = Path(
        "study"
    ),
    results: Annotated[Path, typer.Option(metavar="FOLDER", help="For the figures.")] = Path("results"),
    profile: Annotated[Profile, typer.Option(help="How large, and for how long.")] = Profile.laptop,
    only: Annotated[
        list[str] | None, typer.Option(metavar="SET/NAME", help="Only this run, and what it starts from; several.")
    ] = None,
    device: Annotated[Device, typer.Option(help="What computes.")] = Device.auto,
) -> None:
    """Make the paper's 21 runs and measure them, or go on doing so; Ctrl-C saves the run that is under way."""
    with refusals():
        from crispnet.app import studying

        wish = studying.Wish(tuple(photographs), output, results, profile.value, tuple(only or ()), device.value)
        finished = studying.study(wish)
    if not finished:
        raise typer.Exit(SOME_FAILED)


def tables(
    results: Results = Path("results"),
    profile: Annotated[Profile, typer.Option(help="Which study.")] = Profile.laptop,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the page here, replacing it.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the paper's five tables with our figures beside them, and which of its claims hold here."""
    with refusals():
        from crispnet.app import tabling

        damaged = tabling.tabulate(tabling.Wish(results, profile.value, output), as_json=json)
    if damaged:
        raise typer.Exit(SOME_FAILED)


def figures(
    results: Results = Path("results"),
    profile: Annotated[Profile, typer.Option(help="Which study.")] = Profile.laptop,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="For figures.md and figures/.")
    ] = Path("docs"),
    json: Json = False,
) -> None:
    """Draw the paper's figures from results and the pictures beside them."""
    with refusals():
        from crispnet.app import picturing

        picturing.draw_figures(results, profile.value, output, as_json=json)


COMMANDS = (train, recipes, evaluate, study, tables, figures, export)
