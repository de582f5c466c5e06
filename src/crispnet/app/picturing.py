"""What ``crispnet figures`` does: the paper's figures as JPEGs, and a page that shows them with their captions."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from crispnet.errors import RunError
from crispnet.evaluate.figures import Figure, figures
from crispnet.evaluate.renditions import write_jpeg
from crispnet.files import make_folder, whole_file

PAGE, FOLDER = "figures.md", "figures"
QUALITY = 90


def draw_figures(results: Path, profile: str, output: Path, *, as_json: bool) -> None:
    """Draw the figures that the results of a profile allow, write the page, and say where each is or why it is not.

    Args:
        results: the folder of all profiles' results.
        profile: whose to draw.
        output: for ``figures.md`` and, in ``figures/``, the pictures; files of those names are replaced.
        as_json: say it in JSON, one figure per line.

    Raises:
        RunError: there are no results of that profile.
        DataError: one of them is damaged.
        OutputError: a file cannot be written.
    """
    folder = results / profile
    if not folder.is_dir():
        raise RunError(
            f"There are no results in {folder}. Those of `crispnet evaluate RUN -o {folder}/SET/NAME.json` were "
            "needed. Measure a run first, or name another folder or profile."
        )
    make_folder(output / FOLDER, purpose="the figures", advice="Choose another with -o.")
    drawn = []
    for figure in figures(folder):
        path = picture_of(figure, output)
        if figure.picture is not None:
            write_jpeg(figure.picture, path, quality=QUALITY)
        drawn.append(figure)
        _say(figure, path, as_json=as_json)
    with whole_file(output / PAGE, overwrite=True) as hidden:
        hidden.write_text(page(drawn, profile), encoding="utf-8", newline="\n")
    typer.echo(output / PAGE, err=True)


def picture_of(figure: Figure, output: Path) -> Path:
    """Say where the picture of a figure is."""
    return output / FOLDER / f"figure-{figure.number}.jpg"


def page(drawn: Sequence[Figure], profile: str) -> str:
    """Compose the page: each figure with its caption, or why there is none."""
    parts = [
        "# Figures\n",
        f"The figures of the paper, drawn by `crispnet figures` from the results of the profile `{profile}`; do not "
        "edit. Which captures are shown follows from the rule in each caption.\n",
    ]
    for figure in drawn:
        parts.append(f"## Figure {figure.number}: {figure.title}\n")
        if figure.picture is not None:
            parts.append(f"![Figure {figure.number}: {figure.title}]({picture_of(figure, Path()).as_posix()})\n")
        parts.append(f"{figure.caption}\n")
    return "\n".join(parts)


def _say(figure: Figure, path: Path, *, as_json: bool) -> None:
    place = str(path) if figure.picture is not None else None
    if as_json:
        typer.echo(json.dumps({"figure": figure.number, "picture": place, "caption": figure.caption}))
    elif place is not None:
        typer.echo(place)
    else:
        typer.echo(f"Figure {figure.number}: {figure.caption}", err=True)
