"""What ``crispnet data import`` does with a set that others have published."""

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from crispnet.app.collecting import MANIFEST
from crispnet.app.splitting import VERBS, summary
from crispnet.app.watching import watched
from crispnet.data.pairs import SPLITS, read_manifest
from crispnet.data.published import metaisp, zurich
from crispnet.data.published.frame import UNMEASURED, write_set
from crispnet.errors import DataError
from crispnet.files import check_destination, make_folder
from crispnet.raw.reader import open_raw

SETS = {"metaisp": metaisp.frames_in, "zurich": zurich.frames_in}


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data import --help``."""

    kind: str
    folder: Path
    output: Path
    like: Path | None
    limit: int | None
    overwrite: bool


def bring_in(wish: Wish, *, as_json: bool) -> None:
    """Write a published set as pairs, and say where they are.

    Raises:
        DataError: the folder is not of the set's form, or a file of it is damaged.
        RawError: the raw to take colours from cannot be read.
        OutputError: the results cannot be written.
    """
    frames = SETS[wish.kind](wish.folder)
    if wish.limit is not None and len(frames) > wish.limit:
        frames = [frames[place * len(frames) // wish.limit] for place in range(wish.limit)]
    make_folder(wish.output, purpose="the pairs", advice="Choose another with -o.")
    check_destination(wish.output / MANIFEST, raw=None, overwrite=wish.overwrite)
    calibrations = UNMEASURED if wish.like is None else open_raw(wish.like).calibrations
    if not calibrations:
        raise DataError(
            f"{wish.like} does not say how its camera sees colours. A DNG of the set's camera was needed. Name one, or "
            "leave --like out."
        )
    with watched(len(frames), "importing") as tell:
        manifest = write_set(frames, wish.output, calibrations=calibrations, progress=lambda done, _: tell(done))
    counts = summary(read_manifest(manifest))
    if as_json:
        typer.echo(json.dumps({"manifest": str(manifest), **counts}))
        return
    said = ", ".join(f"{counts[split]} to {verb} with" for split, verb in zip(SPLITS, VERBS, strict=True))
    typer.echo(f"{counts['pairs']} pairs of {counts['scenes']} scenes: {said}.", err=True)
    typer.echo(manifest)
