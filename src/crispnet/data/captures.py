"""Sets of virtual captures, frozen: which sources, which cameras, which split, which seeds.

A set is a JSON file. It names its sources by file and SHA-256, because photographs are not ours to ship: who has the
same files gets the same captures, to the last count. The sets in ``data/sets`` are the project's benchmarks:

- ``monitor-v1``: one phone, as in the paper: 80 % of the sources for training, 10 % for validation, 10 % for testing;
- ``cameras-v1``: the cameras that were measured, but a fifth of them only in the test;
- ``cameras-v2``: the same validation and test, and more to learn from: hand-held captures of its training scenes;
- ``real-v1``: the phone of ``monitor-v1``, but hand-held, before scenes of its splits: to fine-tune with.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from crispnet.data.camera import Shot, body_of
from crispnet.data.framing import Framing
from crispnet.data.pairs import SPLITS
from crispnet.data.sources import Source
from crispnet.data.spectra import camera
from crispnet.errors import DataError

Style = Literal["monitor", "hand-held"]
SHOWN_ON_MONITOR = 0.5  # of the photographs; views of panoramas are always scenes


@dataclass(frozen=True)
class Entry:
    """A source of a set.

    Attributes:
        file: its name, without a folder.
        digest: the first 16 hexadecimal digits of its SHA-256.
        split: one of ``pairs.SPLITS``.
        captures: how many there are of it; ``None``: as many as of others of its kind.
    """

    file: str
    digest: str
    split: str
    captures: int | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"expected a split of {', '.join(SPLITS)}, got {self.split!r}")
        if len(self.digest) != 16 or set(self.digest) - set("0123456789abcdef"):
            raise ValueError(f"expected 16 hexadecimal digits for {self.file}, got {self.digest!r}")
        if self.captures is not None and self.captures < 1:
            raise ValueError(f"expected one capture of {self.file} at least, got {self.captures}")


@dataclass(frozen=True)
class CaptureSet:
    """A set of captures.

    Attributes:
        name: of the set.
        seed: another seed, other shots.
        cameras: that training, validation and test scenes are shot with.
        unseen: that test scenes are shot with once more, in the same light.
        per_photograph, per_panorama: captures of each, unless its entry says otherwise.
        entries: the sources.
        style: "monitor" for a tripod, half of the time before a monitor; "hand-held" for real shots, all of scenes.
        further: hand-held captures of each photograph and of each panorama that is trained with, beside those above.
    """

    name: str
    seed: int
    cameras: tuple[str, ...]
    unseen: tuple[str, ...]
    per_photograph: int
    per_panorama: int
    entries: tuple[Entry, ...]
    style: Style = "monitor"
    further: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not self.cameras:
            raise ValueError("expected at least one camera, got none")
        if len(self.further) != 2:
            raise ValueError(f"expected two numbers of captures, of photographs and of panoramas, got {self.further}")
        if min(self.seed, self.per_photograph, self.per_panorama, *self.further) < 0:
            raise ValueError("expected a seed and numbers of captures that are not below 0, got one that is")
        if self.style not in get_args(Style):
            raise ValueError(f"expected a style of {', '.join(get_args(Style))}, got {self.style!r}")
        for model in self.cameras + self.unseen:
            camera(model)
        digest, times = Counter(entry.digest for entry in self.entries).most_common(1)[0] if self.entries else ("", 0)
        if times > 1:
            raise ValueError(f"expected every source once, got {digest} {times} times")


@dataclass(frozen=True)
class Capture:
    """One capture to be made.

    Attributes:
        source: what stands before the camera.
        scene: what the source is called in the manifest.
        split: that the scene is in.
        shot: how it is taken.
        name: what its files will be called; no two captures of a set share one.
        seed: of where to look in the source.
        tags: what a report may want to know of it.
        framing: how the phone is held, if it is; on a tripod, the seed decides.
    """

    source: Source
    scene: str
    split: str
    shot: Shot
    name: str
    seed: tuple[int, ...]
    tags: Mapping[str, object]
    framing: Framing | None = None


def freeze(
    sources: Sequence[Source],
    name: str,
    *,
    cameras: Sequence[str],
    unseen: Sequence[str] = (),
    seed: int = 1,
    per_photograph: int = 2,
    per_panorama: int = 4,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> CaptureSet:
    """Make a set of all sources: they are dealt to the splits by the digest of what they show.

    Args:
        sources: as ``sources.find_sources`` lists them; a file that is there twice counts once.
        name: of the set.
        cameras: names of measured cameras; each capture draws one.
        unseen: more of them, for the test only.
        seed: another seed, another deal and other shots.
        per_photograph: captures of each photograph.
        per_panorama: captures of each panorama, in different directions.
        shares: of photographs, and of panoramas, for ``pairs.SPLITS``; met to the rounding.

    Raises:
        DataError: a source cannot be read.
    """
    if len(shares) != len(SPLITS) or min(shares) < 0 or not math.isclose(sum(shares), 1):
        raise ValueError(f"expected {len(SPLITS)} shares that add up to 1, got {shares}")
    digests = {source.digest(): source for source in sources}  # the same file under two names is one scene
    groups = ([d for d, s in digests.items() if s.is_panorama is kind] for kind in (False, True))
    entries = []
    for group in groups:
        dealt = sorted(group, key=lambda digest: hashlib.sha256(f"{seed} {digest}".encode()).digest())
        ends = [round(len(dealt) * sum(shares[: place + 1])) for place in range(len(shares))]
        for place, digest in enumerate(dealt):
            split = SPLITS[sum(place >= end for end in ends)]
            entries.append(Entry(digests[digest].name, digest, split))
    entries.sort(key=lambda entry: entry.file)
    return CaptureSet(name, seed, tuple(cameras), tuple(unseen), per_photograph, per_panorama, tuple(entries))


def captures_of(captures: CaptureSet, sources: Sequence[Source]) -> list[Capture]:
    """List every capture of a set, given the sources at hand; others than the set's may be among them.

    Raises:
        DataError: a source of the set is missing, or is another picture under the same name.
    """
    at_hand = defaultdict(list)
    for source in sources:
        at_hand[source.name].append(source)
    missing = [entry.file for entry in captures.entries if entry.file not in at_hand]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(captures.entries)} sources of {captures.name} are missing, the first is "
            f"{missing[0]}. Name the folders that hold them, or freeze a set of your own from those you have."
        )
    found = [_original(captures, entry, at_hand[entry.file]) for entry in captures.entries]
    named = zip(captures.entries, found, _scenes(captures.entries), strict=True)
    return [capture for entry, source, scene in named for capture in _of_entry(captures, entry, source, scene=scene)]


def _original(captures: CaptureSet, entry: Entry, candidates: Sequence[Source]) -> Source:
    """Find, among files of the right name, the one that is the right picture."""
    for source in candidates:
        if source.digest() == entry.digest:
            return source
    raise DataError(
        f"{candidates[0].path} is not the picture that {captures.name} was frozen with. The file whose SHA-256 begins "
        f"with {entry.digest} was needed. Look for the original, or freeze a set of your own."
    )


def _scenes(entries: Sequence[Entry]) -> list[str]:
    """Name the scenes after their files, and those that would share a name after their digests, too."""
    stems = [Path(entry.file).stem for entry in entries]
    bearers = Counter(stem.casefold() for stem in stems)  # on some disks, A.dng and a.dng are one file
    return [
        stem if bearers[stem.casefold()] == 1 else f"{stem}-{entry.digest}"
        for stem, entry in zip(stems, entries, strict=True)
    ]


def _of_entry(captures: CaptureSet, entry: Entry, source: Source, *, scene: str) -> Iterator[Capture]:
    usual = captures.per_panorama if source.is_panorama else captures.per_photograph
    count = usual if entry.captures is None else entry.captures
    further = captures.further[source.is_panorama] if entry.split == "train" else 0
    for number in range(count + further):
        seed = (captures.seed, int(entry.digest[:8], 16), number)
        rng = np.random.default_rng(seed)
        style = captures.style if number < count else "hand-held"
        shot, framing = _drawn(captures, source, style=style, seed=seed, rng=rng)
        capture = Capture(source, scene, entry.split, shot, f"{scene}-{number + 1}", seed, {}, framing)
        yield _with_body_and_tags(capture, seen=True)
        if entry.split == "test" and captures.unseen:
            other = replace(shot, camera=_choice(captures.unseen, rng))
            yield _with_body_and_tags(replace(capture, shot=other, name=f"{capture.name}-unseen"), seen=False)


def _drawn(
    captures: CaptureSet, source: Source, *, style: Style, seed: tuple[int, ...], rng: np.random.Generator
) -> tuple[Shot, Framing | None]:
    if style == "hand-held":
        first = np.random.default_rng(seed[:-1]).uniform(0, 360)
        return Shot.draw_hand_held(rng, _choice(captures.cameras, rng)), Framing.draw(rng, first, number=seed[-1])
    shown = not source.is_panorama and rng.random() < SHOWN_ON_MONITOR
    return Shot.draw(rng, _choice(captures.cameras, rng), kind="display" if shown else "scene"), None


def _with_body_and_tags(capture: Capture, *, seen: bool) -> Capture:
    cfa, bits, black = body_of(capture.shot.camera)
    shot = replace(capture.shot, cfa=cfa, bits=bits, black=black)
    kelvin = round(shot.light.kelvin) if shot.light.kelvin else None
    tags = {"camera": shot.camera, "camera_seen": seen, "light": shot.light.name, "kelvin": kelvin, "shown": shot.kind}
    return replace(
        capture, shot=shot, tags=tags | {"source": capture.source.kind, "ev": round(shot.ev, 3), "iso": shot.iso}
    )


def _choice(models: Sequence[str], rng: np.random.Generator) -> str:
    return models[int(rng.integers(len(models)))]
