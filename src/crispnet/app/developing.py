"""What ``crispnet develop`` does with each raw: decode it, let the look expose it, finish and save it."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.app import batch, line
from crispnet.app.batch import Outcome, Task
from crispnet.app.ledger import Ledger, Made, digest_of, digest_of_settings
from crispnet.app.reporting import report
from crispnet.app.stopping import terminable
from crispnet.darkroom.exiftool import ExifTool
from crispnet.darkroom.formats import kind_and_depth
from crispnet.darkroom.photo import Negative, Wanted, expose, finish
from crispnet.darkroom.preview import Preview
from crispnet.files import NOBODY, Handover, check_destination, clear_up
from crispnet.look.contract import Look
from crispnet.look.shelf import fingerprint, load_look
from crispnet.raw.apart import Decoders, Limits
from crispnet.raw.calibration import white_balance_at
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import sidecars
from crispnet.strips import cores
from crispnet.version import VERSION

MOST_JOBS = 4  # decoders that are started unasked; two keep up with any network so far
GOES_ON = "The same command goes on with the others."


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet develop --help``."""

    white_balance: str
    exposure: float
    match_preview: bool
    format: str | None
    depth: int | None
    quality: int
    max_memory: int
    overwrite: bool
    as_json: bool

    def check(self, tasks: list[Task]) -> None:
        """Refuse what no picture of this format can hold, before any work is done.

        Raises:
            OutputError: the format has no such depth.
        """
        for task in tasks:
            kind_and_depth(task.picture, self.format, self.depth)

    def digest(self, task: Task) -> str:
        """Digest all of it that a picture depends on, and what is read beside the raw."""
        kind, depth = kind_and_depth(task.picture, self.format, self.depth)
        beside = sidecars(task.raw) if self.match_preview else []
        return digest_of_settings({
            "crispnet": VERSION,
            "white_balance": self.white_balance,
            "exposure": self.exposure,
            "match_preview": self.match_preview,
            "beside": [digest_of(path) for path in beside],
            "format": kind,
            "depth": depth,
            "quality": self.quality,
        })  # fmt: skip


@dataclass(frozen=True, eq=False)
class Decoded:
    """A raw in memory, what its picture is made of, and the seconds that were spent on it."""

    task: Task
    raw: RawImage
    made: Made | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Exposed:
    """The same, as the look has rendered it."""

    decoded: Decoded
    pixels: np.ndarray
    wanted: Wanted
    seconds: float


@dataclass(frozen=True, eq=False)
class Developer:
    """The three steps for one wish.

    Attributes:
        wish: what is wanted of all pictures.
        look: which renders them.
        exiftool: copies their metadata, where it is installed.
        ledger: what is known of their folder; None where nobody asked for a folder.
    """

    wish: Wish
    look: Look
    exiftool: ExifTool | None
    ledger: Ledger | None = None

    def develop(self, task: Task, decode: Callable[[Path], RawImage]) -> dict[str, Any]:
        """Do all three, one after another, and give the facts."""
        decoded = self.prepare(task, decode)
        done = decoded if isinstance(decoded, Outcome) else self.finish(self.expose(decoded))
        return done.facts or {}

    def prepare(self, task: Task, decode: Callable[[Path], RawImage]) -> Decoded | Outcome:
        """Decode a raw, unless its picture was made before."""
        started = time.perf_counter()
        task.make_folder()
        made = None
        if self.ledger:
            made = Made(digest_of(task.raw), self.wish.digest(task), fingerprint(self.look))
            before = self.ledger.picture_of(made, file=task.raw, picture=task.picture)
            if before:
                return Outcome(task, facts={"picture": str(before), "made_before": True})
        check_destination(task.picture, raw=task.raw, overwrite=self.wish.overwrite)
        return Decoded(task, decode(task.raw), made, time.perf_counter() - started)

    def weight(self, decoded: Decoded) -> int:
        """Give the bytes of a mosaic and of the picture that comes of it."""
        depth = kind_and_depth(decoded.task.picture, self.wish.format, self.wish.depth)[1]
        bytes_each = 4 if self.wish.match_preview else depth // 8  # what is changed later is not quantised yet
        return decoded.raw.mosaic.nbytes + 3 * bytes_each * decoded.raw.crop.height * decoded.raw.crop.width

    def expose(self, decoded: Decoded) -> Exposed:
        """Let the look render it."""
        started = time.perf_counter()
        wish, raw = self.wish, decoded.raw
        _, depth = kind_and_depth(decoded.task.picture, wish.format, wish.depth)
        balance = _multipliers(wish.white_balance, raw)
        wanted = Wanted(balance, wish.exposure, wish.match_preview, depth, wish.max_memory)
        pixels = expose(Negative.of(raw), self.look, wanted)
        return Exposed(decoded, pixels, wanted, decoded.seconds + time.perf_counter() - started)

    def finish(self, exposed: Exposed) -> Outcome:
        """Finish and save the picture, and tell what a user may want to know of it."""
        started = time.perf_counter()
        wish, task, raw = self.wish, exposed.decoded.task, exposed.decoded.raw
        photo = finish(exposed.pixels, raw, self.look, exposed.wanted)
        kind, depth = kind_and_depth(task.picture, wish.format, wish.depth)
        photo.save(
            task.picture,
            format=kind,
            depth=depth,
            quality=wish.quality,
            overwrite=wish.overwrite,
            exiftool=self.exiftool,
            handover=self._handover(exposed.decoded),
        )
        height, width = raw.upright_size
        facts = {
            "picture": str(task.picture),
            "look": photo.look,
            "width": width,
            "height": height,
            **({"match": _fit(photo.preview)} if photo.preview else {}),
            "seconds": round(exposed.seconds + time.perf_counter() - started, 3),
            "notes": photo.notes,
        }
        return Outcome(task, facts=facts)

    def _handover(self, decoded: Decoded) -> Handover:
        if self.ledger and decoded.made:
            return self.ledger.handover(decoded.made, file=decoded.task.raw)
        return NOBODY


def develop_all(
    tasks: list[Task], wish: Wish, *, look: str, folder: Path | None, exiftool: ExifTool | None, jobs: int | None
) -> int:
    """Develop every raw, say what became of each, and return how many failed.

    Args:
        tasks: one, or many, which are decoded apart and several at a time.
        wish: what is wanted.
        look: its name, or its file.
        folder: where a ledger is kept; None for raws that were named one by one.
        exiftool: copies metadata, where it is installed.
        jobs: how many are decoded, and saved, at a time; None for as many as there are cores, within reason.

    Raises:
        LookError: there is no such look.
        OutputError: another run is developing into the folder, or nothing can be noted in it.
    """
    if len(tasks) == 1 and folder is None:
        return _develop_one(tasks[0], wish, look, exiftool)
    jobs = min(jobs or min(cores(), MOST_JOBS), len(tasks))
    room = wish.max_memory // 3
    with ExitStack() as closing_time:
        closing_time.enter_context(terminable())
        decoders = closing_time.enter_context(Decoders(jobs, Limits(wish.max_memory)))
        loaded = load_look(look)  # while the decoders start
        ledger = closing_time.enter_context(Ledger.open(folder)) if folder else None
        developer = Developer(replace(wish, max_memory=wish.max_memory - room), loaded, exiftool, ledger)
        _clear_up(tasks, ledger)
        outcomes = line.run(tasks, _steps(developer, decoders), jobs=jobs, room=room, stop=decoders.close)
        outcomes = closing_time.enter_context(closing(_noted(outcomes, ledger)))
        again = GOES_ON if ledger else ""
        return report(outcomes, count=len(tasks), doing="developing", as_json=wish.as_json, after_a_stop=again)


def _develop_one(task: Task, wish: Wish, look: str, exiftool: ExifTool | None) -> int:
    """Develop a single raw in this process; it is decoded while the look is loaded."""
    with ThreadPoolExecutor(1) as aside:
        decoding = aside.submit(open_raw, task.raw)
        developer = Developer(wish, load_look(look), exiftool)
        outcomes = batch.run([task], lambda each: developer.develop(each, lambda _: decoding.result()))
        return report(outcomes, count=1, doing="developing", as_json=wish.as_json)


def _steps(developer: Developer, decoders: Decoders) -> line.Steps[Decoded, Exposed]:
    return line.Steps(
        prepare=lambda task: developer.prepare(task, decoders.open),
        weight=developer.weight,
        render=developer.expose,
        finish=developer.finish,
    )


def _clear_up(tasks: list[Task], ledger: Ledger | None) -> None:
    """Remove what a run that was killed left half-written; the ledger is ours, so nobody is writing these."""
    if ledger:
        for folder in {task.picture.parent for task in tasks}:
            clear_up(folder, ledger.mark)


def _noted(outcomes: Generator[Outcome, None, None], ledger: Ledger | None) -> Generator[Outcome, None, None]:
    """Note what failed; what did not has noted itself."""
    with closing(outcomes):
        for outcome in outcomes:
            if ledger and outcome.error:
                ledger.note_failure(outcome.task.raw, outcome.task.picture, outcome.error)
            yield outcome


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
