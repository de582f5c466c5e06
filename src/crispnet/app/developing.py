"""What ``crispnet develop`` does with each raw."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from crispnet.app import batch
from crispnet.app.reporting import report
from crispnet.darkroom.exiftool import ExifTool
from crispnet.darkroom.formats import kind_and_depth
from crispnet.darkroom.photo import develop
from crispnet.darkroom.preview import Preview
from crispnet.files import check_destination
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
    match_preview: bool
    format: str | None
    depth: int | None
    quality: int
    max_memory: int
    overwrite: bool

    def check(self, tasks: list[batch.Task]) -> None:
        """Refuse what no picture of this format can hold, before any work is done.

        Raises:
            OutputError: the format has no such depth.
        """
        for task in tasks:
            kind_and_depth(task.picture, self.format, self.depth)


def develop_all(tasks: list[batch.Task], wish: Wish, *, exiftool: ExifTool | None, jobs: int, as_json: bool) -> int:
    """Develop every raw, say what became of each, and return how many failed."""

    def work(task: batch.Task) -> dict[str, Any]:
        return _develop_one(task, wish, exiftool)

    outcomes = batch.run(tasks, work, jobs=jobs)
    return report(outcomes, count=len(tasks), doing="developing", as_json=as_json)


def _develop_one(task: batch.Task, wish: Wish, exiftool: ExifTool | None) -> dict[str, Any]:
    started = time.perf_counter()
    task.make_folder()
    check_destination(task.picture, raw=task.raw, overwrite=wish.overwrite)
    raw = open_raw(task.raw)
    kind, depth = kind_and_depth(task.picture, wish.format, wish.depth)
    balance = _multipliers(wish.white_balance, raw)
    photo = develop(
        raw,
        wish.look,
        white_balance=balance,
        exposure=wish.exposure,
        match_preview=wish.match_preview,
        depth=depth,
        max_memory=wish.max_memory,
    )
    photo.save(
        task.picture,
        format=kind,
        depth=depth,
        quality=wish.quality,
        overwrite=wish.overwrite,
        exiftool=exiftool,
    )
    height, width = raw.upright_size
    return {
        "picture": str(task.picture),
        "look": photo.look,
        "width": width,
        "height": height,
        **({"match": _fit(photo.preview)} if photo.preview else {}),
        "seconds": round(time.perf_counter() - started, 3),
        "notes": photo.notes,
    }


def _fit(preview: Preview) -> dict[str, Any] | None:
    """Say how well the colours of the camera's own picture were met, as mean ΔE76; None where they were not."""
    if preview.match is None:
        return None
    found = preview.match
    box = dict(zip(("top", "left", "height", "width"), (round(length, 1) for length in found.box), strict=True))
    return {
        "picture": preview.picture,
        "delta_e_before": round(found.before, 2),
        "delta_e": round(found.after, 2),
        "shows": box,
        "place_by_place": found.registration.local,
    }


def _multipliers(white_balance: str, raw: RawImage) -> np.ndarray | None:
    """Turn as-shot, a temperature, or R,G,B into multipliers for this camera; None for as shot."""
    if white_balance == "as-shot":
        return None
    values = [float(value) for value in white_balance.rstrip("k").split(",")]
    if len(values) == 1:
        return white_balance_at(raw.calibrations, values[0])
    red, green, blue = values
    return np.array([red, green, blue, green]) / green
