"""Freezes ``real-v1``: a smaller set of hand-held captures, before scenes of another set's splits.

    python samples/freeze_real.py PHOTOGRAPHS PANORAMAS

A scene is in the split that ``monitor-v1`` has it in, so that who has trained on that and is tuned on this has never
seen a scene that either tests with. Of its photographs, those of full detail are taken. A third of each split are views
of panoramas; within each kind, all sources have as many captures, to one more or less, in the order of a hash.

Nineteen captures may by chance hold next to no low light. So the seed is the first by which it has its share in every
split; nothing else is looked at.
"""

import hashlib
import itertools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from crispnet.data.camera import LOW_LIGHT_ISO, Shot
from crispnet.data.captures import CaptureSet, Entry, captures_of
from crispnet.data.pairs import SPLITS
from crispnet.data.setfile import named_set, write_set
from crispnet.data.sources import Source, find_sources

SETS = Path(__file__).parents[1] / "src/crispnet/data/sets"
COUNTS = (160, 19, 19)  # captures of each split (paper, section 4.2)
VIEWS = 1 / 3  # of them, of panoramas
LOW_LIGHT = (0.22, 0.34)  # least and largest share of each split; 0.28 are expected
FULL_DETAIL = 1000  # pixels of a photograph's long side
PER_PHOTOGRAPH, PER_PANORAMA = 1, 2


def main(*folders: Path) -> None:
    """Write the set to where it ships from."""
    sources = find_sources(*folders)
    first = frozen("real-v1", named_set("monitor-v1"), sources)
    seeds = (replace(first, seed=seed) for seed in itertools.count(first.seed))
    found = next(each for each in seeds if all(map(has_low_light, shots_of(each, sources))))
    write_set(found, SETS / f"{found.name}.json")


def frozen(
    name: str, parent: CaptureSet, sources: Sequence[Source], *, counts: tuple[int, int, int] = COUNTS
) -> CaptureSet:
    """Make a set of hand-held captures of another set's sources, each in the split that it has there."""
    at_hand = {source.digest(): source for source in sources}
    entries = [entry for entry in parent.entries if has_detail(at_hand[entry.digest])]
    dealt: list[Entry] = []
    for split, count in zip(SPLITS, counts, strict=True):
        views = round(count * VIEWS)
        for panoramas, share, usual in ((False, count - views, PER_PHOTOGRAPH), (True, views, PER_PANORAMA)):
            group = [e for e in entries if e.split == split and at_hand[e.digest].is_panorama is panoramas]
            dealt += spread(sorted(group, key=lambda e: lot(name, e)), share, usual=usual)
    dealt.sort(key=lambda entry: entry.file)
    return CaptureSet(name, 1, parent.cameras, (), PER_PHOTOGRAPH, PER_PANORAMA, tuple(dealt), style="hand-held")


def shots_of(captures: CaptureSet, sources: Sequence[Source]) -> list[list[Shot]]:
    """List the shots of each split."""
    listed = captures_of(captures, sources)
    return [[capture.shot for capture in listed if capture.split == split] for split in SPLITS]


def has_low_light(shots: Sequence[Shot]) -> bool:
    """Say whether low light has its share of some shots."""
    low = sum(shot.iso > LOW_LIGHT_ISO[0] for shot in shots) / len(shots)
    return LOW_LIGHT[0] <= low <= LOW_LIGHT[1]


def has_detail(source: Source) -> bool:
    """Say whether a source is worth more than a monitor: panoramas are, and large photographs."""
    if source.is_panorama:
        return True
    with Image.open(source.path) as picture:
        return max(picture.size) >= FULL_DETAIL


def lot(name: str, entry: Entry) -> bytes:
    """Draw an entry's lot, by which it comes early or late."""
    return hashlib.sha256(f"{name} {entry.digest}".encode()).digest()


def spread(entries: Sequence[Entry], count: int, *, usual: int) -> list[Entry]:
    """Spread captures over entries, the first of which have one more where they cannot have as many.

    Entries without any are left out; those that have as many as is usual do not say how many.
    """
    each, more = divmod(count, len(entries))
    shares = [each + (place < more) for place in range(len(entries))]
    return [
        Entry(entry.file, entry.digest, entry.split, None if share == usual else share)
        for entry, share in zip(entries, shares, strict=True)
        if share
    ]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
