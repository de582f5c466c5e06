"""Looks at the captures of a session one by one: what each shows, where, and what is wrong with it by itself."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.charting import Reading, read_chart
from crispnet.data.rig.judging import blur_of, clipped_share, level_of, resemblance
from crispnet.data.rig.log import History
from crispnet.data.rig.marks import Layout
from crispnet.data.rig.plan import Plan, Step
from crispnet.data.rig.sighting import Sighting, cut_for, sighted, view_of
from crispnet.data.rig.stage import Frame, drawn
from crispnet.errors import RawError
from crispnet.raw.image import Box, RawImage
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import sidecars

NOWHERE = Box(0, 0, 0, 0)


@dataclass(eq=False)
class Seen:
    """What is known of one capture.

    Attributes:
        taken: its files.
        expected: number of the frame that was to be photographed; None where the camera shot by itself.
        unreadable: why its raw cannot be read, or "".
        missing: which of its files are not there.
        sighting: of the screen; None where it was not found.
        step: of the plan that it shows; None where it shows none.
        box: what of the raw shows nothing but the photograph.
        blur: of edges, in photosites; None where it cannot be told.
        clipped, level: share of saturated photosites where neither dark nor bright is shown, and mean light of all; of
            where the screen may be in a capture in which it was not found.
        alike: how it is correlated with what was shown; None where that is too plain.
        reading: of a chart.
        size: rows and columns of the raw.
        orientation: EXIF's, by which its picture stands upright.
        camera: that took it, as its raw says.
        fault, reason: what is wrong with it: a word, and a sentence.
    """

    taken: Taken
    expected: int | None = None
    unreadable: str = ""
    missing: tuple[str, ...] = ()
    sighting: Sighting | None = None
    step: Step | None = None
    box: Box = NOWHERE
    blur: float | None = None
    clipped: float = 0.0
    level: float = 1.0
    alike: float | None = None
    reading: Reading | None = None
    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    camera: str = ""
    fault: str = ""
    reason: str = ""

    def refuse(self, fault: str, reason: str) -> None:
        """Say what is wrong, unless something is already."""
        if not self.fault:
            self.fault, self.reason = fault, reason


@dataclass
class Guess:
    """Where the screen was when it was last found: where it may be in a capture whose markers cannot be read."""

    sighting: Sighting | None = None


def captures_of(history: History, raws: Iterable[Path]) -> Iterator[tuple[Taken, int | None]]:
    """List the captures of a log as they were taken, and raws that came by themselves, with pictures beside them."""
    for number, taken in history.shot.items():
        if taken is not None:
            yield taken, number
    for raw in raws:
        beside = sidecars(raw)
        yield Taken(raw, beside[0] if beside else raw.with_suffix(".jpg")), None


def look_at(taken: Taken, expected: int | None, plan: Plan, layout: Layout, *, guess: Guess) -> Seen:
    """Look at one capture."""
    files = taken.raw, taken.picture
    seen = Seen(taken, expected, missing=tuple(path.suffix for path in files if not path.is_file()))
    if seen.missing:
        return seen
    try:
        raw = open_raw(taken.raw)
    except RawError as error:
        seen.unreadable = str(error)
        return seen
    seen.size, seen.orientation, seen.camera = raw.mosaic.shape, raw.orientation, _name_of(raw.exif)
    view = view_of(raw)
    seen.sighting = sighted(view, layout)
    known = seen.sighting or guess.sighting
    if known is not None:
        seen.blur = blur_of(view, known, layout)
    if seen.sighting is None:
        if guess.sighting is not None and expected is not None:
            _expose(seen, raw, guess.sighting, drawn(plan.steps[expected], layout, plan.session))
        return seen
    guess.sighting = seen.sighting
    if seen.sighting.identity.session == plan.session and seen.sighting.identity.number < len(plan.steps):
        seen.step = plan.steps[seen.sighting.identity.number]
        frame = drawn(seen.step, layout, plan.session)
        _measure(seen, raw, view, seen.sighting, frame)
        if seen.step.kind == "chart":
            seen.reading = read_chart(raw, seen.sighting, layout)
    return seen


def _measure(seen: Seen, raw: RawImage, view: np.ndarray, sighting: Sighting, frame: Frame) -> None:
    """Measure what depends on what is shown."""
    seen.alike = resemblance(view, sighting, frame)
    seen.box = cut_for(sighting, frame.box, raw.crop)
    _expose(seen, raw, sighting, frame)


def _expose(seen: Seen, raw: RawImage, sighting: Sighting, frame: Frame) -> None:
    """Measure how a capture of a frame is exposed."""
    box = cut_for(sighting, frame.box, raw.crop)
    if box.height and box.width:
        seen.clipped, seen.level = clipped_share(raw, sighting, frame), level_of(raw, box)


def _name_of(exif: Mapping[str, object]) -> str:
    make, model = (str(exif.get(name, "")).strip() for name in ("make", "model"))
    return model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
