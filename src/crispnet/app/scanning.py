"""What ``crispnet data scan`` does with folders of raws and pictures.

manifest.jsonl      the pairs, with their scenes and splits; written last
left-out.jsonl      what is no pair, and why: {"raw": ..., "reason": ...} or {"picture": ..., "reason": ...}
picture/NAME.jpg    the pictures that were inside raws
sheet-1.jpg, ...    contact sheets of all that could be looked at
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import typer

from crispnet.alone import alone_in
from crispnet.app import batch
from crispnet.app.collecting import MANIFEST
from crispnet.app.contact import ContactSheet
from crispnet.app.previewing import as_jpeg
from crispnet.app.refusing import complain
from crispnet.app.splitting import say_gap, summary
from crispnet.app.watching import watched
from crispnet.data.finding import Candidate, Finder
from crispnet.data.gate import Gate, Verdict
from crispnet.data.pairs import Pair, write_manifest
from crispnet.data.scenes import dealt, scenes_of, small_picture
from crispnet.errors import DataError
from crispnet.files import check_destination, make_folder, whole_file
from crispnet.raw.apart import opening_for
from crispnet.raw.image import RawImage

LEFT_OUT, PICTURES = "left-out.jsonl", "picture"
NO_RAW = "There is no raw of its name. A raw file was needed beside it. Copy it from the card, too."
NAMED = 3  # lonely pictures that are named one by one
DELTA = "Δ"


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data scan --help``."""

    folders: tuple[Path, ...]
    output: Path
    minutes: float
    seed: int
    overwrite: bool


class Pictures(Protocol):
    """What knows the pictures that may belong to raws: ``data.finding.Finder``, or one that has them made."""

    def candidates(self, raw: Path) -> Iterator[Candidate]:
        """Give the pictures that may belong to a raw, the likeliest first."""

    def without_raw(self, raws: Iterable[Path]) -> list[Path]:
        """List the pictures that have no raw of their name."""


@dataclass
class Found:
    """What a scan has come to know so far.

    Attributes:
        pairs: that came through.
        smalls: the picture of each, small, by which scenes are told apart.
        left_out: what did not, and why.
        unreadable: how many raws could not be read.
        sheets: the pages of the contact sheet.
    """

    pairs: list[Pair] = field(default_factory=list)
    smalls: list[np.ndarray] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    unreadable: int = 0
    sheets: list[Path] = field(default_factory=list)


def scan(wish: Wish, *, as_json: bool) -> int:
    """Sort raws and pictures into pairs, say where they are, and return how many raws could not be read.

    Raises:
        CrispnetError: there is no raw file.
        DataError: no raw has a picture that belongs to it.
        OutputError: the results cannot be written there.
    """
    made = wish.output / PICTURES
    found = find_pairs(wish, Finder(wish.folders, passed_over=[made]))
    _say(found, wish.output / MANIFEST, as_json=as_json)
    return found.unreadable


def find_pairs(wish: Wish, finder: Pictures) -> Found:
    """Sort raws and what ``finder`` has for them into pairs, and write what came of it.

    Raises:
        CrispnetError: there is no raw file.
        DataError: no raw has a picture that belongs to it.
        OutputError: the results cannot be written there.
    """
    raws, pictures = batch.raws_in(wish.folders), wish.output / PICTURES
    make_folder(pictures, purpose="the pairs", advice="Choose another with -o.")
    with alone_in(wish.output, clearing=[pictures]):
        return _found(raws, finder, wish)


def _found(raws: Sequence[Path], finder: Pictures, wish: Wish) -> Found:
    manifest = wish.output / MANIFEST
    check_destination(manifest, raw=None, overwrite=wish.overwrite)
    found = _sorted(raws, finder, wish.output)
    lonely = finder.without_raw(raws)
    found.left_out += [{"picture": str(path), "reason": NO_RAW} for path in lonely]
    _write_left_out(found.left_out, wish.output / LEFT_OUT)
    _complain_of(lonely)
    if not found.pairs:
        raise DataError(
            f"None of {len(raws)} raws came through with a picture that belongs to it. One pair at least was needed. "
            f"{wish.output / LEFT_OUT} says why of each; set the camera to save JPEGs beside its raws."
        )
    found.pairs = _dealt(found, wish)
    write_manifest(found.pairs, manifest)
    return found


def _sorted(raws: Sequence[Path], finder: Pictures, folder: Path) -> Found:
    found, sheets = Found(), ContactSheet(folder)
    tasks = batch.plan(raws, folder / PICTURES, ".jpg")
    with watched(len(tasks), "looking") as tell, opening_for(len(tasks)) as opening:
        gate = Gate(opening=opening)
        for done, task in enumerate(tasks, 1):
            verdict = gate.judge(task.raw, finder.candidates(task.raw))
            _show(verdict, sheets)
            if verdict.reason:
                found.unreadable += verdict.unreadable
                found.left_out.append({"raw": str(task.raw), "reason": verdict.reason})
                complain(f"{task.raw} is left out: {verdict.reason}")
            else:
                found.pairs.append(_pair(verdict, task.picture))
                found.smalls.append(small_picture(_pixels(verdict)))
            tell(done, note=f"{len(found.pairs)} pairs")
    found.sheets = sheets.close()
    return found


def _show(verdict: Verdict, sheets: ContactSheet) -> None:
    """Put on the contact sheet what there is to see."""
    if verdict.proof is None:
        return
    if verdict.match and verdict.candidate:
        words = (
            f"{verdict.candidate.source}, {DELTA}E {verdict.match.before:.1f}, {verdict.match.after:.1f} once matched"
        )
        sheets.add(verdict.proof, _pixels(verdict), name=verdict.path.name, words=words, fault=False)
        return
    seen = next((refused for refused in verdict.refused if refused.pixels is not None), None)
    words = _first_sentence(seen.reason if seen else verdict.reason).removeprefix(f"{verdict.path} ")
    sheets.add(verdict.proof, seen.pixels if seen else None, name=verdict.path.name, words=words, fault=True)


def _first_sentence(reason: str) -> str:
    return reason.split(". ")[0]


def _pixels(verdict: Verdict) -> np.ndarray:
    if verdict.picture is None:
        raise ValueError("expected a raw that came through with a picture, got one without")
    return verdict.picture.pixels


def _pair(verdict: Verdict, embedded: Path) -> Pair:
    """Make a pair of a raw that came through; a picture that was inside it becomes a file."""
    candidate, picture, raw, match = verdict.candidate, verdict.picture, verdict.raw, verdict.match
    if candidate is None or picture is None or raw is None or match is None:
        raise ValueError("expected a raw that came through, got one that did not")
    if candidate.path is None:
        with whole_file(embedded, overwrite=True) as hidden:
            hidden.write_bytes(as_jpeg(picture))
    tags = {
        "source": candidate.source,
        "size": list(picture.pixels.shape[:2]),
        "box": [round(length, 1) for length in verdict.box()],
        "alike": round(match.registration.alike, 3),
        "delta_e_before": round(match.before, 2),
        "delta_e": round(match.after, 2),
        **_shooting_data(raw),
    }
    return Pair(verdict.path, candidate.path or embedded, verdict.path.stem, "train", tags)


def _shooting_data(raw: RawImage) -> dict[str, object]:
    make, model = (str(raw.exif.get(name, "")).strip() for name in ("make", "model"))
    camera = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    said = {"camera": camera, "time": raw.exif.get("datetime"), "iso": raw.exif.get("iso")}
    return {name: value for name, value in said.items() if value}


def _write_left_out(left_out: Iterable[dict[str, str]], path: Path) -> None:
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in left_out)
    with whole_file(path, overwrite=True) as hidden:
        hidden.write_text(lines, encoding="utf-8", newline="\n")


def _complain_of(lonely: Sequence[Path]) -> None:
    for path in lonely[:NAMED]:
        complain(f"{path} is left out: {NO_RAW}")
    if len(lonely) > NAMED:
        complain(f"{len(lonely) - NAMED} more pictures have no raw of their name.")


def _dealt(found: Found, wish: Wish) -> list[Pair]:
    """Hold scenes out; where there is just one, say so and hold out none."""
    scenes = scenes_of(found.pairs, found.smalls, minutes=wish.minutes)
    try:
        pairs = dealt(found.pairs, scenes, seed=wish.seed)
    except DataError as error:
        complain(f"{error} Until then nothing is held out.")
        return found.pairs
    say_gap(scenes)
    return pairs


def _say(found: Found, manifest: Path, *, as_json: bool) -> None:
    pairs, sheets = found.pairs, found.sheets
    raws_left_out = sum("raw" in each for each in found.left_out)
    if as_json:
        facts = {"manifest": str(manifest), **summary(pairs), "left_out": raws_left_out}
        facts |= {"pictures_without_raw": len(found.left_out) - raws_left_out, "sheets": [str(page) for page in sheets]}
        typer.echo(json.dumps(facts))
        return
    counts = summary(pairs)
    typer.echo(
        f"{counts['pairs']} of {counts['pairs'] + raws_left_out} raws came through, of {counts['scenes']} scenes. "
        f"{manifest.parent / LEFT_OUT} says why of the others; look at {sheets[0]}.",
        err=True,
    )
    typer.echo(manifest)
