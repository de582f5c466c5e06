"""What ``crispnet develop`` does with each raw, and what it says about it."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from crispnet.app import batch
from crispnet.darkroom.exif import ExifTool
from crispnet.darkroom.output import check_destination, save
from crispnet.darkroom.photo import develop
from crispnet.errors import OutputError
from crispnet.look.contract import Look
from crispnet.raw.calibration import white_balance_at
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet develop --help``."""

    look: Look
    white_balance: str
    exposure: float
    format: str | None
    depth: int | None
    quality: int
    max_memory: int
    overwrite: bool


def develop_all(tasks: list[batch.Task], wish: Wish, *, jobs: int, as_json: bool) -> int:
    """Develop every raw, say what became of each, and return how many failed."""
    failed = 0
    with _exiftool() as exiftool, _progress(len(tasks)) as (say, complain, advance):

        def work(task: batch.Task) -> dict[str, object]:
            return _develop_one(task, wish, share=wish.max_memory // jobs, exiftool=exiftool)

        for outcome in batch.run(tasks, work, jobs=jobs):
            advance()
            if outcome.error is not None:
                failed += 1
                complain(f"crispnet: {outcome.error}")
                if as_json:
                    say(json.dumps({"raw": str(outcome.task.raw), "error": str(outcome.error)}))
                continue
            for note in outcome.result["notes"]:
                complain(f"{outcome.task.raw}: {note}")
            say(json.dumps(outcome.result) if as_json else str(outcome.result["picture"]))
    return failed


def _develop_one(task: batch.Task, wish: Wish, *, share: int, exiftool: ExifTool | None) -> dict[str, object]:
    started = time.perf_counter()
    picture = task.picture
    _make_folder(task)
    check_destination(picture, raw=task.raw, overwrite=wish.overwrite)
    raw = open_raw(task.raw)
    balance = _multipliers(wish.white_balance, raw)
    depth = wish.depth or (16 if picture.suffix.lower() in (".tif", ".tiff") or wish.format == "tiff" else 8)
    photo = develop(raw, wish.look, white_balance=balance, exposure=wish.exposure, depth=depth, max_memory=share)
    save(
        photo,
        picture,
        format=wish.format,
        depth=depth,
        quality=wish.quality,
        overwrite=wish.overwrite,
        exiftool=exiftool,
    )
    height, width = raw.upright_size
    return {
        "raw": str(task.raw),
        "picture": str(picture),
        "look": photo.look,
        "width": width,
        "height": height,
        "seconds": round(time.perf_counter() - started, 3),
        "notes": list(photo.notes),
    }


def _make_folder(task: batch.Task) -> None:
    """Make the folder for a picture, and refuse one that a link leads out of the folder the user chose."""
    folder = task.picture.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made: {error.strerror or error}. A folder for the pictures was needed. Choose another with -o."
        ) from error
    if not folder.resolve().is_relative_to(task.folder.resolve()):
        raise OutputError(
            f"{folder} leads out of {task.folder} through a link. Remove the link, or choose another folder with -o."
        )


def _multipliers(white_balance: str, raw: RawImage) -> np.ndarray | None:
    """Turn the wish (as-shot, a temperature, or R,G,B) into multipliers for this camera; None for as shot."""
    if white_balance == "as-shot":
        return None
    values = [float(value) for value in white_balance.rstrip("k").split(",")]
    if len(values) == 1:
        return white_balance_at(raw.calibrations, values[0])
    red, green, blue = values
    return np.array([red, green, blue, green]) / green


@contextmanager
def _exiftool() -> Iterator[ExifTool | None]:
    """Run one exiftool for the whole batch, where it is installed."""
    with ExifTool() if shutil.which("exiftool") else nullcontext() as exiftool:
        yield exiftool


Say = Callable[[str], None]


@contextmanager
def _progress(count: int) -> Iterator[tuple[Say, Say, Callable[[], None]]]:
    """Show a bar on a terminal if there is more than one photograph; give ways to say, to complain and to advance."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def complain(text: str) -> None:
        console.print(text, markup=False)

    if count == 1 or not console.is_terminal:
        yield print, complain, lambda: None
        return
    columns = (TextColumn("developing"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("", total=count)
        # On a terminal the results have to go through the bar, which would else be torn.
        yield complain if sys.stdout.isatty() else print, complain, lambda: bar.advance(task)


class _Rate(ProgressColumn):
    """Photographs per minute."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed * 60:.0f}/min" if task.speed else "", style="progress.data.speed")
