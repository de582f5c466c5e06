"""Sorts the captures of a session: which are good, and what is wrong with each of the others.

Some faults show in a capture alone, some only beside the others: a bumped tripod, a screen that drifted, a frame that
was photographed twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from crispnet.data.rig.charting import Drift, drift
from crispnet.data.rig.looking import Seen
from crispnet.data.rig.marks import Layout
from crispnet.data.rig.plan import Plan

FAULTS = {
    "missing": "a file did not arrive",
    "unreadable": "the raw cannot be read",
    "not found": "no frame of the session was found in it",
    "wrong frame": "it shows another frame than was to be photographed",
    "moved": "the camera stood elsewhere",
    "blurred": "it is not sharp",
    "clipped": "it is overexposed",
    "dark": "it is underexposed",
    "covered": "it does not look like what was shown",
    "out of frame": "hardly any of the photograph is in it",
    "drifted": "the screen had drifted",
    "moire": "the screen's grid shows",
    "again": "there is a sharper capture of the same frame",
    "misfit": "its picture does not lie over its raw",
}


@dataclass(frozen=True)
class Limits:
    """From where on a capture is left out.

    Attributes:
        blur: times as far as is usual in the sharper half of the session that edges may be spread.
        clipped: share of saturated photosites where neither dark nor bright is shown.
        level: mean light, of white, below which there is mostly noise.
        alike: correlation with what was shown.
        moved: photosites by which the screen may lie elsewhere than in neighbouring captures, in a frame of ``SCALE``.
        light, tone, colour: stops of drift.
        moire: amplitude of a wave, of the flat grey it shows in.
        side: photosites of the shorter side.
    """

    blur: float = 1.5
    clipped: float = 0.3
    level: float = 0.01
    alike: float = 0.6
    moved: float = 6.0
    light: float = 0.15
    tone: float = 0.15
    colour: float = 0.05
    moire: float = 0.015
    side: int = 128


SCALE = 4000
NEIGHBOURS, AGREEING = 3, 2  # captures before and after that are asked; of those that must have the screen where it is


def sort(seen: Sequence[Seen], plan: Plan, layout: Layout, limits: Limits = Limits()) -> list[str]:
    """Say of each capture what is wrong with it, if anything is; return what else is worth knowing, in sentences.

    Args:
        seen: the captures, as they were taken one after the other.
        plan: of the session.
        layout: of its screen.
        limits: from where on a capture is left out.
    """
    for each in seen:
        _alone(each, plan, limits)
    found = [each for each in seen if each.sighting and each.step]
    _refuse_moved(found, layout, limits)
    _refuse_blurred(seen, limits)
    _keep_the_sharpest(found)
    notes = _refuse_drifted(found, limits)
    return notes + _moves(found, layout, limits)


def _alone(each: Seen, plan: Plan, limits: Limits) -> None:
    """Judge what a capture shows by itself."""
    if each.missing:
        each.refuse("missing", f"{' and '.join(each.missing)} did not arrive.")
    elif each.unreadable:
        each.refuse("unreadable", each.unreadable)
    elif each.sighting is None:
        _refuse_exposure(each, limits)  # if it is not that, it may be blurred: that is said below
    elif each.step is None:
        each.refuse(
            "not found", f"Its markers are those of session {each.sighting.identity.session}, not {plan.session}."
        )
    elif each.expected is not None and each.step.number != each.expected:
        each.refuse("wrong frame", f"It shows frame {each.step.number}, and {each.expected} was to be photographed.")
    elif min(each.box.height, each.box.width) < limits.side:
        each.refuse("out of frame", f"{each.box.width} x {each.box.height} photosites show nothing but the photograph.")
    elif each.step.kind == "photograph":
        _refuse_exposure(each, limits)
    if each.alike is not None and each.alike < limits.alike:
        each.refuse("covered", f"It is correlated by {each.alike:.2f} with what was shown.")


def _refuse_exposure(each: Seen, limits: Limits) -> None:
    if each.clipped > limits.clipped:
        each.refuse("clipped", f"{100 * each.clipped:.0f} % of its middle tones are saturated.")
    elif each.level < limits.level:
        each.refuse("dark", f"Its mean is {100 * each.level:.2f} % of white.")


def _refuse_blurred(seen: Iterable[Seen], limits: Limits) -> None:
    spreads = [each.blur for each in seen if each.blur is not None and each.sighting]
    usual = median(sorted(spreads)[: (len(spreads) + 1) // 2]) if spreads else 0.0
    for each in seen:
        if each.blur is not None and each.blur > usual * limits.blur:
            each.refuse("blurred", f"Edges are spread by {each.blur:.1f} photosites; {usual:.1f} is usual here.")
        elif each.sighting is None:
            each.refuse("not found", "Its markers cannot be read: covered, out of the picture, or far out of focus.")


def _corners(each: Seen, layout: Layout) -> np.ndarray:
    """Give where the corners of the field lie in a capture, on a scale on which its longer side is ``SCALE``."""
    if each.sighting is None:
        raise ValueError("expected a capture in which the screen was found, got another")
    field = layout.field
    on_screen = np.array([(x, y) for x in (field.left, field.right) for y in (field.top, field.bottom)])
    return each.sighting.places(on_screen) * SCALE / max(each.size)


def _refuse_moved(found: Sequence[Seen], layout: Layout, limits: Limits) -> None:
    """Refuse captures in which the screen lies elsewhere than in those before and after."""
    corners = [_corners(each, layout) for each in found]
    for place, each in enumerate(found):
        near = [k for k in range(place - NEIGHBOURS, place + NEIGHBOURS + 1) if k != place and 0 <= k < len(found)]
        off = [float(np.linalg.norm(corners[place] - corners[k], axis=1).max()) for k in near]
        if sum(far <= limits.moved for far in off) < min(AGREEING, len(near)):
            far = min(off) * max(each.size) / SCALE
            each.refuse("moved", f"The screen lies {far:.0f} photosites off where it lies in the captures around.")


def _moves(found: Sequence[Seen], layout: Layout, limits: Limits) -> list[str]:
    """Say where the camera was moved for good."""
    good, notes = [each for each in found if not each.fault], []
    for before, after in pairwise(good):
        far = float(np.linalg.norm(_corners(before, layout) - _corners(after, layout), axis=1).max())
        if far > limits.moved and before.step and after.step:
            notes.append(
                f"The camera was moved between frames {before.step.number} and {after.step.number}; what is cut out of "
                "captures was found anew."
            )
    return notes


def _keep_the_sharpest(found: Iterable[Seen]) -> None:
    """Of several good captures of one frame, keep the sharpest."""
    best: dict[int, Seen] = {}
    for each in found:
        if each.fault or each.step is None:
            continue
        other = best.setdefault(each.step.number, each)
        if other is not each:
            worse, better = (each, other) if (other.blur or 0) <= (each.blur or 0) else (other, each)
            worse.refuse("again", f"{better.taken.raw.name} shows the same frame, and is no worse.")
            best[each.step.number] = better


def _refuse_drifted(found: Sequence[Seen], limits: Limits) -> list[str]:
    """Refuse photographs beside a chart that is off the first one, or in which the screen's grid shows."""
    charts = [each for each in found if each.reading and not each.fault]
    if not charts:
        return ["There is no good capture of a chart: whether the screen drifted is not known."]
    drifted = {number: off for number, off in drifts(charts).items() if off and _is_far(off, limits)}
    waves = {number: wave for number, wave in _waves(charts).items() if wave > limits.moire}
    for place, each in enumerate(found):
        if each.step is None or each.step.kind == "chart":
            continue
        for number in _charts_around(place, found):
            if number in drifted:
                each.refuse("drifted", f"The chart of frame {number} is off the first: {_in_words(drifted[number])}.")
            if number in waves:
                each.refuse("moire", f"Waves of {100 * waves[number]:.1f} % show in the chart of frame {number}.")
    if waves:
        return ["The screen's grid makes waves. Turn the camera by some degrees, move it, or focus a little nearer."]
    return []


def drifts(charts: Sequence[Seen]) -> dict[int, Drift | None]:
    """Compare charts with the first of them, by the numbers of their frames; None where that cannot be told."""
    first = charts[0].reading
    return {each.step.number: drift(first, each.reading) for each in charts if each.step and each.reading and first}


def _waves(charts: Iterable[Seen]) -> dict[int, float]:
    return {each.step.number: each.reading.moire for each in charts if each.reading and each.step}


def _is_far(off: Drift, limits: Limits) -> bool:
    return abs(off.light) > limits.light or off.tone > limits.tone or off.colour > limits.colour


def _charts_around(place: int, found: Sequence[Seen]) -> list[int]:
    """Give the frames of the last good chart that was taken before a capture, and of the first after it."""
    around = []
    for side in (reversed(found[:place]), found[place + 1 :]):
        charts = (each.step.number for each in side if each.step and each.reading and not each.fault)
        around += [number for number in (next(charts, None),) if number is not None]
    return around


def _in_words(off: Drift) -> str:
    return f"{off.light:+.2f} EV in light, {off.tone:.2f} in tone, {off.colour:.3f} in colour"
