"""What ``crispnet evaluate`` does: a rendition, the captures to measure it on, a table."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import typer

from crispnet.app.collecting import Origin, frames_of, pairs_in
from crispnet.app.watching import watched
from crispnet.data.frames import Frame
from crispnet.errors import LookError
from crispnet.evaluate.controls import Curve, Lut, MatrixCurve
from crispnet.evaluate.measure import Render, Row, as_look, measure, summary, write_results
from crispnet.evaluate.renditions import free_to_publish, keeping
from crispnet.files import make_folder
from crispnet.look.shelf import ENDING, load_look, shipped

CONTROLS: Mapping[str, Callable[[Sequence[Frame]], Render]] = {
    "curve": Curve.fit,
    "matrix-curve": MatrixCurve.fit,
    "lut": Lut.fit,
}
WEIGHTS = "best.safetensors"
GROUPS = {"kind": "scene", "level": "light", "camera_seen": "camera"}  # tags, and what they tell of
SAID = {"camera True": "camera seen", "camera False": "camera unseen"}


class Column(NamedTuple):
    """A column of the table: its heading, and how its numbers are written."""

    heading: str
    form: str


COLUMNS = {
    "delta_e": Column("ΔE76", ".2f"),
    "delta_e_rms": Column("RMS", ".2f"),
    "delta_e_2000": Column("ΔE2000", ".2f"),
    "low_pass_delta_e": Column("low-pass", ".2f"),
    "psnr": Column("PSNR/dB", ".2f"),
    "ssim": Column("SSIM", ".3f"),
    "below_jnd": Column("below 2.3", ".1%"),
}


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet evaluate --help``; and what the figures are to call it, if otherwise."""

    what: str
    data: Path | None
    split: str
    output: Path | None
    limit: int | None
    pictures: bool = False
    called: str = ""
    ray: str | None = None


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        render: makes pictures of frames.
        kind: run, look or control.
        precision: of its arithmetic.
        facts: what tells it from others of its name.
    """

    render: Render
    kind: str
    precision: str
    facts: Mapping[str, object]


def evaluate(wish: Wish, *, as_json: bool) -> None:
    """Measure a rendition on a split, and say its figures.

    Raises:
        LookError: there is no such run, look or control.
        DataError: there is nothing to measure it on.
        OutputError: the result cannot be written.
    """
    run = Path(wish.what) if _is_run(wish.what) else None
    origin = Origin.read(run) if run else None
    data = wish.data or (Path(origin.data) if origin else Path())
    if wish.output:
        make_folder(wish.output.parent, purpose="the figures", advice="Choose another with -o.")
    pairs = pairs_in(data)
    places = (data / "frames", (run or Path()) / "frames")
    subject = find_subject(wish.what, lambda: frames_of(pairs, "train", places=places))
    frames = _some(frames_of(pairs, wish.split, places=places), wish.limit)
    with watched(len(frames), "measuring") as tell:
        done: list[object] = []

        def one_more(row: object) -> None:
            done.append(row)
            tell(len(done))

        rows = _rows(subject, frames, wish, one_more)
    groups = [tag for tag in GROUPS if any(tag in frame.tags for frame in frames)]
    name = Origin.of(data, pairs).name
    if wish.output:
        called = wish.called or wish.what
        said = f"the {subject.kind} {called} on {len(rows)} captures of {name}, {wish.split}"
        facts = {"subject": called, "data": name, "split": wish.split, "limit": wish.limit, **subject.facts}
        write_results(wish.output, rows, what=said, precision=subject.precision, groups=groups, facts=facts)
        typer.echo(wish.output, err=True)
    lines = list(_lines(summary(rows, groups=groups)))
    title = f"{subject.kind} {wish.what} on {name}, {wish.split}"
    typer.echo("\n".join(map(_as_json, lines)) if as_json else f"{title}\n\n{_table(lines)}")


def _rows(subject: Subject, frames: Sequence[Frame], wish: Wish, progress: Callable[[Row], object]) -> list[Row]:
    """Measure here, or on a cluster."""
    if wish.ray is None:
        return measure(_kept(subject.render, frames, wish), frames, progress=progress)
    from crispnet.app.cluster import connected
    from crispnet.app.measuring import SentSubject, measure_on

    with connected(wish.ray) as cluster:
        sent = SentSubject.send(wish.what, subject.render, cluster)
        return measure_on(cluster, sent, frames, progress=progress)


def _kept(render: Render, frames: Sequence[Frame], wish: Wish) -> Render:
    """Let the pictures that may be published be kept beside the figures, where that is wanted."""
    if not (wish.pictures and wish.output):
        return render
    captures = {frame.name for frame in free_to_publish(frames)}
    return keeping(render, wish.output.parent, name=wish.output.stem, captures=captures)


def _is_run(what: str) -> bool:
    return (Path(what) / WEIGHTS).is_file()


def find_subject(what: str, learned: Callable[[], Sequence[Frame]], *, threads: int | None = None) -> Subject:
    """Find what is to be measured.

    Args:
        what: see ``crispnet evaluate --help``.
        learned: gives what controls are fitted on.
        threads: for a look to run with; None for as many as there are cores.

    Raises:
        LookError: there is no such run, look or control.
    """
    if what in CONTROLS:
        return Subject(CONTROLS[what](learned()), "control", "float64", {})
    if what in shipped() or what.lower().endswith(ENDING):
        look = load_look(what, threads=threads)
        precision = str(getattr(look, "precision", "float32"))
        return Subject(as_look(look), "look", precision, {"version": look.version})
    if _is_run(what):
        return _run(Path(what))
    raise LookError(
        f"There is no run in {what}, and no look or control of that name. A folder with {WEIGHTS}, a file that ends in "
        f"{ENDING}, or one of {', '.join((*shipped(), *CONTROLS))} was needed. Check the name."
    )


def _run(folder: Path) -> Subject:
    from crispnet.look.torch import TorchLook
    from crispnet.model import checkpoint
    from crispnet.train.device import find_device

    isp, facts = checkpoint.load(folder / WEIGHTS)
    look = TorchLook(isp.to(find_device()), name=folder.name)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    kept: dict[str, object] = {name: facts[name] for name in ("recipe", "model", "options", "step") if name in facts}
    return Subject(as_look(look), "run", "float32", {**kept, "sha256": digest})


def _some(frames: Sequence[Frame], limit: int | None) -> Sequence[Frame]:
    count = min(limit or len(frames), len(frames))
    return [frames[place * len(frames) // count] for place in range(count)]


class Line(NamedTuple):
    """A line of the table: which captures, how many, and mean, low and high of each metric."""

    label: str
    images: int
    metrics: Mapping[str, Mapping[str, float]]


def _lines(figures: Mapping[str, Any]) -> Iterator[Line]:
    yield Line("all", figures["images"], figures["metrics"])
    for tag, parts in figures.get("groups", {}).items():
        for value, part in parts.items():
            label = f"{GROUPS[tag]} {value}"
            yield Line(SAID.get(label, label), part["images"], part["metrics"])


def _as_json(line: Line) -> str:
    figures = {
        name: {key: value if math.isfinite(value) else None for key, value in line.metrics[name].items()}
        for name in COLUMNS
    }
    return json.dumps({"of": line.label, "captures": line.images, **figures})


def _table(lines: Sequence[Line]) -> str:
    headings = ["", "captures", *(column.heading for column in COLUMNS.values())]
    headings.insert(3, "95 %")
    rows = [headings, *map(_cells, lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(headings))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def _cells(line: Line) -> list[str]:
    cells = [format(line.metrics[name]["mean"], column.form) for name, column in COLUMNS.items()]
    low, high = (line.metrics["delta_e"][end] for end in ("low", "high"))
    sure = f"{low:.2f} to {high:.2f}" if math.isfinite(low) else "-"  # a single scene says nothing of others
    return [line.label, str(line.images), cells[0], sure, *cells[1:]]
