"""Which pairs show one scene, as far as time and likeness tell, and how few of them are dealt out.

Shots that follow one another within some minutes are of one scene, and so are shots that look alike whenever they were
taken: what was learned on one would be tested on the other. Where that leaves too few scenes to hold any out, the time
is made shorter, and that is said.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np
from PIL import Image

from crispnet.colour import srgb_to_lab
from crispnet.data.pairs import Pair, split_by_scene
from crispnet.errors import DataError

TIME = "%Y:%m:%d %H:%M:%S"  # as EXIF writes it
SIDE = 16  # of the small pictures whose likeness is measured
ALIKE = 0.9  # the least correlation of two pictures of one scene
LEAST, MOST, EACH = 2, 6, 4  # scenes that there should be: one for so many pairs, within limits
SECOND = 1.0
VALIDATED = 5  # scenes of which one can be spared to stop training by, beside that to test with
SHARE = 0.1  # of the scenes, for each of the two
DEALS = 100  # that are looked at for one that leaves enough to learn from


@dataclass(frozen=True)
class Scenes:
    """The scene of each pair.

    Attributes:
        names: one for each pair.
        gap: seconds; shots that followed one another within it are of one scene.
        asked: seconds that were asked for.
    """

    names: tuple[str, ...]
    gap: float
    asked: float


def small_picture(pixels: np.ndarray) -> np.ndarray:
    """Make what likeness is measured by: (n,) float32 of mean 0 and length 1, from the Lab values of 16 x 16 pixels.

    Args:
        pixels: (h, w, 3) uint8 sRGB, upright.
    """
    small = Image.fromarray(np.ascontiguousarray(pixels)).resize((SIDE, SIDE), Image.Resampling.BOX)
    lab = srgb_to_lab(np.asarray(small, np.float64) / 255)
    lab -= lab.mean(axis=(0, 1))
    return (lab / max(float(np.linalg.norm(lab)), 1e-6)).astype(np.float32).ravel()


def scenes_of(pairs: Sequence[Pair], smalls: Sequence[np.ndarray], *, minutes: float) -> Scenes:
    """Group pairs by the time in their tags and by how alike their pictures are.

    Args:
        pairs: whose tag ``time`` is as EXIF writes it; without one, likeness alone counts.
        smalls: the ``small_picture`` of each.
        minutes: between two shots of one scene. Halved until there are two scenes, or more where pairs are many, or
            until nothing is to be gained.
    """
    times = [_time(pair) for pair in pairs]
    alike = _alike(np.stack(smalls)) if smalls else []
    gap = asked = 60 * minutes
    groups = wanted = _grouped(len(pairs), [*alike, *_near(times, asked)])
    while gap > SECOND and _too_coarse(groups):
        gap /= 2
        groups = _grouped(len(pairs), [*alike, *_near(times, gap)])
    if len(set(groups)) == len(set(wanted)):  # shorter was no better
        gap, groups = asked, wanted
    names = {group: pairs[group].raw.stem for group in groups}
    shared = Counter(names.values())
    unique = {group: name if shared[name] == 1 else f"{name} ({group + 1})" for group, name in names.items()}
    return Scenes(tuple(unique[group] for group in groups), gap, asked)


def _time(pair: Pair) -> float | None:
    try:
        # A clock without a zone: its differences count, and no zone's summer time may change them.
        return (datetime.strptime(str(pair.tags.get("time")), TIME) - datetime.min).total_seconds()
    except ValueError:
        return None


def _near(times: Sequence[float | None], gap: float) -> Iterable[tuple[int, int]]:
    """Give the shots that follow one another within so many seconds."""
    known = sorted((time, place) for place, time in enumerate(times) if time is not None)
    for (before, one), (after, other) in pairwise(known):
        if after - before <= gap:
            yield one, other


def _alike(smalls: np.ndarray) -> list[tuple[int, int]]:
    ones, others = np.nonzero(np.triu(smalls @ smalls.T >= ALIKE, 1))
    return list(zip(ones.tolist(), others.tolist(), strict=True))


def _grouped(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """Give each of ``count`` things the first of those that it is linked with, directly or by way of others."""
    first = list(range(count))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = place = first[first[place]]
        return place

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return [root(place) for place in range(count)]


def _too_coarse(groups: Sequence[int]) -> bool:
    """Tell whether scenes are too few to hold some out and learn from the others."""
    return len(set(groups)) < min(max(LEAST, len(groups) // EACH), MOST)


def dealt(pairs: Sequence[Pair], scenes: Scenes, *, seed: int) -> list[Pair]:
    """Give pairs their scenes, and deal these out so that one at least is held out to test with.

    From five scenes on, one in ten, but at least one, is to test with, and as many to validate with; of fewer, one is
    to test with. A deal that leaves too few pairs to learn from is dealt again, some times.

    Raises:
        DataError: there is just one scene.
    """
    named = [replace(pair, scene=name) for pair, name in zip(pairs, scenes.names, strict=True)]
    count = len(set(scenes.names))
    if count < 2:
        raise DataError(
            f"{_said(len(pairs))} of one scene cannot be split. Two scenes at least were needed, one to learn from and "
            "one to test with; better some dozens. Add raws of other places and other light."
        )
    held = max(1, round(SHARE * count))
    validation = held if count >= VALIDATED else 0
    shares = ((count - held - validation) / count, validation / count, held / count)
    enough = shares[0] * len(pairs)
    best = split_by_scene(named, seed=seed, shares=shares)
    for further in range(1, DEALS):
        if _taught(best) >= enough:
            break
        best = max(best, split_by_scene(named, seed=seed + further, shares=shares), key=_taught)
    return best


def _taught(pairs: Iterable[Pair]) -> int:
    return sum(pair.split == "train" for pair in pairs)


def _said(count: int) -> str:
    return "A single pair" if count == 1 else f"{count} pairs"
