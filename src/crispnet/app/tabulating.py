"""What ``crispnet lut`` does: a look becomes a table of colours, and how much of it that is becomes plain."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import typer

from crispnet.app.batch import raws_in
from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.darkroom.output import png_chunk
from crispnet.darkroom.proof import Proof
from crispnet.errors import CrispnetError, LookError, OutputError
from crispnet.evaluate.cube import Likeness, Sitting, evened, explained, fit_table, measure, measure_held_out
from crispnet.files import check_destination, write_whole
from crispnet.look.contract import Look
from crispnet.look.cube import SIZES, cube_text, to_hald
from crispnet.look.plain import PlainLook
from crispnet.look.shelf import load_look
from crispnet.raw.reader import open_raw
from crispnet.version import VERSION

LONGEST = 384  # pixels along the longer side of what is compared
CUBE, HALD = ".cube", ".png"
USUAL_SIZE = {CUBE: 33, HALD: 64}
HALD_SIZES = tuple(level**2 for level in range(2, 13))
COLUMNS = ("plain", "table", "exposure set")


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet lut --help``."""

    look: str
    raws: tuple[Path, ...]
    output: Path
    size: int | None
    overwrite: bool


class Sat(NamedTuple):
    """A raw, with its sitting or the reason why there is none."""

    raw: Path
    sitting: Sitting | None = None
    error: CrispnetError | None = None


class Report(NamedTuple):
    """What a table was fitted to, and how near it comes, measured on raws it was not fitted to where there are some."""

    look: Look
    raws: Sequence[Path]
    likenesses: Sequence[Likeness]

    @property
    def mean(self) -> Likeness:
        """The mean over the raws."""
        return Likeness(*map(float, np.mean(self.likenesses, axis=0)))

    @property
    def held_out(self) -> bool:
        """Whether each raw was measured with a table that was fitted to the others."""
        return len(self.raws) > 1


def tabulate_look(wish: Wish, *, as_json: bool) -> int:
    """Write a look's table, say how near it comes to the look, and return how many raws could not be read.

    Raises:
        CrispnetError: there is no raw that can be read.
        LookError: there is no such look, or it is the plain one.
        OutputError: the table cannot be written there, or not of that size.
    """
    size = _size(wish)
    raws = raws_in(wish.raws)
    for raw in raws:
        check_destination(wish.output, raw=raw, overwrite=wish.overwrite)
    look = load_look(wish.look)
    if isinstance(look, PlainLook):
        raise LookError(
            "The look plain is where tables start from, and its own would change nothing. Another look was needed. See "
            "`crispnet looks`."
        )
    sat = list(_sit(raws, look))
    sittings = [each.sitting for each in sat if each.sitting]
    if not sittings:
        raise CrispnetError(f"None of {len(raws)} raw files could be read. One at least was needed. Name others.")
    with watched(2, "fitting") as tell:
        sittings = evened(sittings)
        table = fit_table(sittings, size=size)
        tell(1)
        likenesses = measure_held_out(sittings, size=size) or measure(sittings, table)
        tell(2)
    report = Report(look, [each.raw for each in sat if each.sitting], likenesses)
    content = _file(table, wish.output, report)
    write_whole(wish.output, [content], raw=None, overwrite=wish.overwrite)
    typer.echo(json.dumps(_facts(report, wish, size, sat)) if as_json else wish.output)
    if not as_json:
        typer.echo("\n".join(_lines(report)), err=True)
    return len(sat) - len(sittings)


def _size(wish: Wish) -> int:
    """Settle the number of nodes along each axis."""
    ending = wish.output.suffix.lower()
    if ending not in USUAL_SIZE:
        raise OutputError(f"{wish.output} is no name of a table. One that ends in {CUBE} or {HALD} was needed.")
    size = wish.size or USUAL_SIZE[ending]
    low, high = SIZES
    if ending == CUBE and not low <= size <= high:
        raise OutputError(f"{wish.output} cannot have {size} nodes along each axis. From {low} to {high} are possible.")
    if ending == HALD and size not in HALD_SIZES:
        raise OutputError(
            f"{wish.output} cannot have {size} nodes along each axis. A HaldCLUT has a square number of them: "
            f"{', '.join(map(str, HALD_SIZES))}. Choose one, or write a {CUBE}."
        )
    return size


def _sit(raws: Sequence[Path], look: Look) -> Iterator[Sat]:
    """Render every raw small, and complain of those that cannot be read."""
    with watched(len(raws), "rendering") as tell:
        for number, raw in enumerate(raws, 1):
            try:
                proof = Proof.of(open_raw(raw), longest=LONGEST)
                yield Sat(raw, Sitting(_colours(proof, look, 0.0), partial(_colours, proof, PlainLook())))
            except CrispnetError as error:
                complain(error)
                yield Sat(raw, error=error)
            tell(number)


def _colours(proof: Proof, look: Look, exposure: float) -> np.ndarray:
    return proof.develop(look, exposure=exposure).reshape(-1, 3).clip(0, 1)


def _file(table: np.ndarray, output: Path, report: Report) -> bytes:
    title, comments = f"{report.look.name} {report.look.version}", list(_comments(report))
    if output.suffix.lower() == CUBE:
        return cube_text(table, title=title, comments=comments)
    encoded = bytes(imagecodecs.png_encode(to_hald(table)))
    header = 8 + 25  # the signature and IHDR
    text = "\n".join([title, *comments]).encode("latin-1", "replace")
    return encoded[:header] + png_chunk(b"tEXt", b"Comment\0" + text) + encoded[header:]


def _comments(report: Report) -> Iterator[str]:
    """Say in the file what it is; in ASCII."""
    mean = report.mean
    how = "raws that it was not fitted to" if report.held_out else "the raw that it was fitted to"
    yield f"The look {report.look.name}, version {report.look.version}, as a table; made by crispnet {VERSION}"
    yield "Input and output: sRGB-encoded, 0 to 1. Input is the look plain's rendering, or a similarly plain one"
    yield f"Fitted to {_raws(report)}. What of the look depends on the scene or the place is not in it"
    yield (
        f"Mean delta E 76 to the look, on {how}: {mean.plain:.1f} of plain, {mean.table:.1f} through the table, "
        f"{mean.exposed:.1f} where the exposure is set to suit"
    )


def _raws(report: Report) -> str:
    return f"{len(report.raws)} raws" if report.held_out else "1 raw"


def _lines(report: Report) -> Iterator[str]:
    """Say how near the table comes, raw by raw, and what that means."""
    look, width = f"{report.look.name} {report.look.version}", max(len(raw.name) for raw in report.raws)
    width = max(width, len("mean"))
    yield f"{look}, as a table fitted to {_raws(report)}. Mean ΔE76 to the look:"
    yield ""
    yield "  ".join([" " * width, *COLUMNS])
    rows = list(zip((raw.name for raw in report.raws), report.likenesses, strict=True))
    for name, likeness in [*rows, ("mean", report.mean)] if report.held_out else rows:
        figures = (likeness.plain, likeness.table, likeness.exposed)
        cells = [f"{figure:{len(column)}.1f}" for figure, column in zip(figures, COLUMNS, strict=True)]
        by = "" if name == "mean" or not likeness.exposure else f"  {likeness.exposure:+.1f} EV"
        yield "  ".join([name.ljust(width), *cells]) + by
    yield ""
    yield _verdict(report)
    if report.held_out:
        yield "Each raw was measured with a table that was fitted to the others."
    else:
        yield "Measured on the raw that it was fitted to: on others it will do less. Name more raws to know how much."


def _verdict(report: Report) -> str:
    mean = report.mean
    alone, exposed = explained(mean.plain, mean.table), explained(mean.plain, mean.exposed)
    if alone is None or exposed is None:
        return "On these raws the look hardly differs from plain."
    if exposed <= 0:
        return "No table comes nearer to this look than plain does: what it does depends on the scene or the place."
    said = f"a table explains {_percent(alone)}" if alone > 0 else "a table alone explains nothing"
    return (
        f"Of the look's difference to plain, {said}; with the exposure of each picture set to suit, "
        f"{_percent(exposed)}. The rest depends on the scene or the place."
    )


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 0.5)} %"


def _facts(report: Report, wish: Wish, size: int, sat: Sequence[Sat]) -> dict[str, object]:
    mean = report.mean
    return {
        "table": str(wish.output),
        "look": report.look.name,
        "version": report.look.version,
        "size": size,
        "held_out": report.held_out,
        "mean": _rounded(mean),
        "explained": explained(mean.plain, mean.table),
        "explained_exposure_set": explained(mean.plain, mean.exposed),
        "raws": [
            {"raw": str(raw), **_rounded(likeness)}
            for raw, likeness in zip(report.raws, report.likenesses, strict=True)
        ],
        "failed": [{"raw": str(each.raw), "error": str(each.error)} for each in sat if each.error],
    }


def _rounded(likeness: Likeness) -> dict[str, float]:
    return {name: round(value, 3) for name, value in likeness._asdict().items()}
