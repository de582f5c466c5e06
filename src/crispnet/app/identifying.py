"""What ``crispnet data identify`` does with the captures of a session, and ``crispnet data capture`` at its end.

pairs/manifest.jsonl    the pairs, a scene for each photograph, with their splits; written last
pairs/raw/NAME.dng      what of a raw shows nothing but the photograph
pairs/picture/NAME.png  the same of its picture
pairs/left-out.jsonl    what is no pair, and why: {"raw": ..., "frame": ..., "fault": ..., "reason": ...}
pairs/report.html       the session in pictures and figures
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import typer

from crispnet.alone import alone_in
from crispnet.app import batch
from crispnet.app.collecting import MANIFEST
from crispnet.app.refusing import complain
from crispnet.app.scanning import LEFT_OUT
from crispnet.app.splitting import summary
from crispnet.app.watching import watched
from crispnet.data.pairs import Pair, write_manifest
from crispnet.data.rig.log import History, frames_left, history_of, note
from crispnet.data.rig.looking import Guess, Seen, captures_of, look_at
from crispnet.data.rig.marks import Layout
from crispnet.data.rig.pairing import Place, pair_of
from crispnet.data.rig.plan import Plan, Step, read_plan
from crispnet.data.rig.sorting import FAULTS, Limits, sort
from crispnet.data.scenes import Scenes, dealt
from crispnet.errors import DataError, RigError
from crispnet.evaluate.rig_page import rig_page
from crispnet.files import make_folder, whole_file

PAIRS, REPORT = "pairs", "report.html"
UNSEEN = "No good capture shows it."
AGAIN = "again"  # the fault that is none: another capture of the frame is kept


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data identify --help``."""

    session: Path
    folders: tuple[Path, ...] = ()
    seed: int = 1
    limits: Limits = field(default_factory=Limits)


@dataclass
class Outcome:
    """What came of a session.

    Attributes:
        seen: every capture that was looked at, or should have been.
        pairs: those that came through.
        never: frames that nobody photographed, and why.
        notes: what else is worth knowing.
    """

    seen: list[Seen]
    pairs: list[Pair] = field(default_factory=list)
    never: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def identify(wish: Wish, *, as_json: bool) -> int:
    """Make pairs of the captures of a session, say what became of each, and return how many failed.

    Raises:
        DataError: it has no plan, was never begun, or nothing came through.
        OutputError: the results cannot be written, or another process is working at the session.
    """
    plan, history = read_plan(wish.session), history_of(wish.session)
    if history.layout is None:
        raise DataError(
            f"The session in {wish.session} was never shown. Captures of it were needed. Run `crispnet data capture`."
        )
    with alone_in(wish.session):
        outcome = Outcome(_look(wish, plan, history, history.layout))
        outcome.notes += _told(history) + sort(outcome.seen, plan, history.layout, wish.limits)
        _pair(outcome, wish, plan)
        _reject(outcome, history, wish.session)
        outcome.never = _never(outcome, plan, history_of(wish.session))
        return _finish(outcome, wish, as_json=as_json)


def check(plan: Plan, session: Path, step: Step, layout: Layout) -> None:
    """Look at the first chart as soon as it is photographed, and refuse to go on where nothing would come of it.

    Raises:
        RigError: the screen is not found, or not sharp, or its grid shows.
    """
    taken = history_of(session).shot.get(step.number)
    if step.number != 0 or taken is None:
        return
    seen = look_at(taken, 0, plan, layout, guess=Guess())
    limits = Limits()
    if seen.reading is None:
        fault = "The screen is not found in the first capture"
    elif seen.reading.moire > limits.moire:
        fault = f"The screen's grid makes waves of {100 * seen.reading.moire:.1f} % in the first capture"
    elif not np.isfinite(seen.reading.greys).any():
        fault = "The first capture is all black or all white where the chart is"
    else:
        return
    note(session, "rejected", frame=0, fault="not found", reason=fault)
    raise RigError(
        f"{fault} ({taken.raw}). All of the screen, in focus, well exposed and not sampled by whole pixels of it was "
        "needed. Look at that file; move or turn the camera a little, or focus a little nearer, and call again."
    )


def _look(wish: Wish, plan: Plan, history: History, layout: Layout) -> list[Seen]:
    raws = batch.raws_in(wish.folders) if wish.folders else []
    captures, guess, found = list(captures_of(history, raws)), Guess(), []
    with watched(len(captures), "looking") as tell:
        for done, (taken, expected) in enumerate(captures, 1):
            found.append(look_at(taken, expected, plan, layout, guess=guess))
            tell(done)
    return found


def _told(history: History) -> list[str]:
    """Say what the log tells of the session as a whole."""
    notes = []
    if history.interruptions:
        times = "once" if history.interruptions == 1 else f"{history.interruptions} times"
        notes.append(f"The session was interrupted {times}, and went on.")
    if history.sizes > 1:
        notes.append("The screen changed its size on the way; frames shown before that are not found.")
    return notes


def _pair(outcome: Outcome, wish: Wish, plan: Plan) -> None:
    """Cut the pairs out of all good captures of photographs, and deal their scenes out."""
    folder, good = wish.session / PAIRS, [each for each in outcome.seen if not each.fault and _is_photograph(each)]
    for name in ("raw", "picture"):
        make_folder(folder / name, purpose="the pairs")
    scenes = _scenes(plan)
    with watched(len(good), "pairing") as tell:
        for done, each in enumerate(good, 1):
            name = f"{_step(each).number:04d}"
            place = Place(folder / "raw" / f"{name}.dng", folder / "picture" / f"{name}.png")
            pair = pair_of(each, place, scene=scenes[_step(each).photograph], licence=plan.licence)
            outcome.pairs += [pair] if pair else []
            tell(done)
    if len({pair.scene for pair in outcome.pairs}) > 1:
        named = Scenes(tuple(pair.scene for pair in outcome.pairs), 0.0, 0.0)
        outcome.pairs = dealt(outcome.pairs, named, seed=wish.seed)


def _is_photograph(each: Seen) -> bool:
    return each.step is not None and each.step.kind == "photograph"


def _step(each: Seen) -> Step:
    if each.step is None:
        raise ValueError("expected a capture that shows a frame, got another")
    return each.step


def _scenes(plan: Plan) -> dict[str, str]:
    """Name a scene after each photograph: by its name, or with a number where two share one."""
    names: Counter[str] = Counter()
    scenes = {}
    for path in plan.photographs():
        stem = Path(path).stem
        names[stem.casefold()] += 1
        scenes[path] = stem if names[stem.casefold()] == 1 else f"{stem}-{names[stem.casefold()]}"
    return scenes


def _reject(outcome: Outcome, history: History, session: Path) -> None:
    """Note what was left out in the log, so that another call of the session takes it anew."""
    for each in outcome.seen:
        if each.fault and each.expected is not None:
            note(session, "rejected", frame=each.expected, fault=each.fault, reason=each.reason)
    good = {each.step.number for each in outcome.seen if each.step and not each.fault}
    for number, taken in history.shot.items():
        if taken is None and number not in good:  # a camera that shoots by itself, and missed it
            note(session, "rejected", frame=number, fault="missing", reason=UNSEEN)


def _never(outcome: Outcome, plan: Plan, history: History) -> dict[int, str]:
    """Say why there is no capture at all of some frames."""
    have = {each.step.number for each in outcome.seen if each.step} | {each.expected for each in outcome.seen}
    return {
        number: history.missed.get(number, UNSEEN if number in history.tries else "It was not shown yet.")
        for number in frames_left([step.number for step in plan.steps], history)
        if number not in have
    }


def _left_out(outcome: Outcome) -> Iterator[dict[str, object]]:
    for each in outcome.seen:
        if each.fault:
            number = each.expected if each.expected is not None else each.step and each.step.number
            said = {"raw": str(each.taken.raw), "frame": number, "fault": each.fault, "reason": each.reason}
            yield {name: value for name, value in said.items() if value is not None}
    for number, reason in outcome.never.items():
        yield {"frame": number, "fault": "missing", "reason": reason}


def _finish(outcome: Outcome, wish: Wish, *, as_json: bool) -> int:
    """Write what came of the session, and say it."""
    folder, left_out = wish.session / PAIRS, list(_left_out(outcome))
    with whole_file(folder / LEFT_OUT, overwrite=True) as hidden:
        lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in left_out)
        hidden.write_text(lines, encoding="utf-8", newline="\n")
    if not outcome.pairs:
        raise DataError(
            f"Nothing came of the session in {wish.session}. One good capture at least was needed. "
            f"{folder / LEFT_OUT} says what is wrong with each."
        )
    report = rig_page(
        f"Session {wish.session.resolve().name}",
        outcome.seen,
        outcome.pairs,
        never=outcome.never,
        notes=outcome.notes,
    )
    with whole_file(folder / REPORT, overwrite=True) as hidden:
        hidden.write_text(report, encoding="utf-8")
    write_manifest(outcome.pairs, folder / MANIFEST)
    _say(outcome, folder, left_out, as_json=as_json)
    return sum(each["fault"] != AGAIN for each in left_out)


def _say(outcome: Outcome, folder: Path, left_out: Sequence[dict[str, object]], *, as_json: bool) -> None:
    counts = summary(outcome.pairs)
    if as_json:
        faults = Counter(str(each["fault"]) for each in left_out)
        facts = {"manifest": str(folder / MANIFEST), **counts, "left_out": dict(faults), "notes": outcome.notes}
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    for each in (each for each in left_out if each["fault"] != AGAIN):
        complain(f"frame {each.get('frame', '?')} is left out: {FAULTS[str(each['fault'])]}. {each['reason']}")
    for words in outcome.notes:
        typer.echo(words, err=True)
    typer.echo(
        f"{counts['pairs']} pairs of {counts['scenes']} scenes: {counts['train']} to train, {counts['validation']} to "
        f"validate, {counts['test']} to test with. Look at {folder / REPORT}.",
        err=True,
    )
    typer.echo(folder / MANIFEST)
