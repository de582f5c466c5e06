"""Judges several renditions on the same frames: a look before and after it learned, and what is simpler than a look.

A **contender** is a rendition by its name. Of contenders that are equally good the simpler one should win, so they are
given from the simplest to the most elaborate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from PIL import Image

from crispnet.data.frames import Frame
from crispnet.evaluate.intervals import Interval
from crispnet.evaluate.measure import Render
from crispnet.evaluate.page import Shown, photograph
from crispnet.evaluate.score import Score, score
from crispnet.evaluate.score_page import Case, jnd_map, summary
from crispnet.raw.orientation import upright

LONGEST = 420  # pixels of a picture in a report


@dataclass(frozen=True, eq=False)
class Strip:
    """A frame, to be looked at.

    Attributes:
        camera: the camera's own picture of it.
        results: by contender, what became of it.
        maps: by contender, where that differs.
    """

    camera: Shown
    results: Mapping[str, Shown]
    maps: Mapping[str, Shown]


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of each contender.

    Attributes:
        cases: by contender, a case for each frame, in the order of the frames.
        strips: the frames, in their order.
    """

    cases: Mapping[str, Sequence[Case]]
    strips: Sequence[Strip]

    def summary(self, name: str) -> Mapping[str, Interval]:
        """Average a contender's figures over frames."""
        return summary(self.cases[name])

    def mean(self, name: str) -> float:
        """Give a contender's mean ΔE76."""
        return fmean(case.score.figures["delta_e"] for case in self.cases[name])

    def best(self, names: Sequence[str]) -> str:
        """Name the best of some contenders, the first of equals."""
        return min(names, key=self.mean)


def judge(
    contenders: Mapping[str, Render], frames: Sequence[Frame], *, tell: Callable[[int], object] = lambda _: None
) -> Verdict:
    """Let each contender render each frame, and measure how far that is from the camera's own picture.

    Args:
        contenders: by name.
        frames: none of which they learned from.
        tell: is told how many frames are done.
    """
    cases: dict[str, list[Case]] = {name: [] for name in contenders}
    strips = []
    for done, frame in enumerate(frames, 1):
        reference = np.asarray(frame.target, np.float32) / np.float32(255)
        results: dict[str, Shown] = {}
        maps: dict[str, Shown] = {}
        strip = Strip(Shown(_picture(reference, frame), "the camera"), results, maps)
        for name, render in contenders.items():
            result = np.clip(render(frame), 0, 1)
            found = score(result, reference)
            results[name] = Shown(_picture(result, frame), f"{name}: ΔE76 {found.figures['delta_e']:.1f}")
            maps[name] = Shown(_map(found, frame), f"{name}: where it differs", drawn=True)
            size = reference.shape[1], reference.shape[0]
            cases[name].append(Case(frame.name, size, found).without_pictures())
        strips.append(strip)
        tell(done)
    return Verdict(cases, strips)


def _picture(pixels: np.ndarray, frame: Frame) -> Image.Image:
    return photograph(upright(pixels, _orientation(frame)), LONGEST)


def _map(found: Score, frame: Frame) -> Image.Image:
    return jnd_map(np.ascontiguousarray(upright(found.delta_e, _orientation(frame))), LONGEST)


def _orientation(frame: Frame) -> int:
    return int(str(frame.tags.get("orientation", 1)))
