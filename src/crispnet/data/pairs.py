"""Which raws and pictures belong together, which scene they show, and whether they teach or examine.

A **pair** is a raw file and the picture that is to be learned from it. Pairs are listed in a **manifest**: a text
file of one JSON object per line, whose paths are relative to the manifest's own folder:

    {"raw": "raw/0001.dng", "picture": "jpeg/0001.jpg", "scene": "harbour", "split": "train", "tags": {"iso": 100}}

A **scene** is everything shot at one place and time. What a network has seen of a scene in training says nothing
about what it has learned, so that all pairs of a scene are in the same **split**.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from crispnet.errors import DataError
from crispnet.files import whole_file

SPLITS = ("train", "validation", "test")
WORDS = ("raw", "picture", "scene", "split")  # that every line says
EXAMPLE = '{"raw": "a.dng", "picture": "a.jpg", "scene": "harbour", "split": "train"}'
MOST_BYTES, LONGEST_LINE = 1 << 28, 1 << 16


@dataclass(frozen=True)
class Pair:
    """A raw file and the picture to be learned from it.

    Attributes:
        raw: the raw file.
        picture: the picture file, showing the same pixels.
        scene: what it shows; pairs of one scene are never in two splits.
        split: one of ``SPLITS``.
        tags: anything else that is worth knowing of it (JSON values), for buckets in reports.
    """

    raw: Path
    picture: Path
    scene: str
    split: str
    tags: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"expected a split of {', '.join(SPLITS)}, got {self.split!r}")


def write_manifest(pairs: Iterable[Pair], path: str | Path) -> Path:
    """Write pairs to a manifest, whole or not at all, and return its path; an old one is replaced.

    Raises:
        OutputError: it cannot be written there.
        ValueError: a scene is in two splits.
    """
    path, pairs = Path(path), list(pairs)
    divided = _divided_scene(pairs)
    if divided:
        raise ValueError(f"expected every scene in one split, got {divided!r} in two")
    lines = "".join(json.dumps(_as_json(pair, path.parent), ensure_ascii=False) + "\n" for pair in pairs)
    with whole_file(path, overwrite=True) as hidden:
        hidden.write_text(lines, encoding="utf-8", newline="\n")
    return path


def _as_json(pair: Pair, folder: Path) -> dict[str, object]:
    said: dict[str, object] = {"raw": _from(folder, pair.raw), "picture": _from(folder, pair.picture)}
    said |= {"scene": pair.scene, "split": pair.split}
    return said | ({"tags": dict(pair.tags)} if pair.tags else {})


def _from(folder: Path, path: Path) -> str:
    """Say where a file is, seen from a folder."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()


def read_manifest(path: str | Path) -> list[Pair]:
    """Read the pairs of a manifest; whether their files exist is found out when they are opened.

    Empty lines, and words that we do not know, are passed over.

    Raises:
        DataError: it is missing, is no manifest, lists nothing, or has a scene in two splits; a bad line is named.
    """
    path = Path(path)
    lines = _text_of(path).split("\n")  # and not splitlines, which also breaks at characters that a name may hold
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    pairs = [_pair_of(line, path, number) for number, line in numbered]
    if not pairs:
        raise DataError(f"{path} lists no pair. A line like {EXAMPLE} was needed for each. Add some.")
    divided = _divided_scene(pairs)
    if divided:
        raise DataError(
            f"{path} has the scene {divided!r} in more than one split. All pairs of a scene were needed in the same, "
            "for a test on scenes that were learned proves nothing. Split again by scene."
        )
    return pairs


def _text_of(path: Path) -> str:
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise DataError(
                f"{path} has more than {MOST_BYTES >> 20} MiB. A manifest (JSON lines) was needed. Name the manifest, "
                "and not a picture or an archive."
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. A manifest (JSON lines) was needed. Check its name."
        ) from error
    except ValueError as error:  # not UTF-8, or an absurd path
        raise DataError(
            f"{path} is no text in UTF-8. A manifest (JSON lines) was needed. Name the manifest, or save it as UTF-8."
        ) from error


def _pair_of(line: str, path: Path, number: int) -> Pair:
    """Read one line of a manifest."""
    if len(line) > LONGEST_LINE:
        _refuse(path, number, f"has more than {LONGEST_LINE} characters")
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        _refuse(path, number, f"is no JSON ({error})")
    if not isinstance(said, dict):
        _refuse(path, number, "is no JSON object")
    for word in WORDS:
        if not isinstance(said.get(word), str) or not said[word] or "\0" in said[word]:
            _refuse(path, number, f"has no text for {word!r}" if word in said else f"does not say {word!r}")
    if said["split"] not in SPLITS:
        _refuse(path, number, f"names the split {said['split'][:40]!r} instead of one of {', '.join(SPLITS)}")
    tags = said.get("tags", {})
    if not isinstance(tags, dict):
        _refuse(path, number, "has tags that are no JSON object")
    return Pair(path.parent / said["raw"], path.parent / said["picture"], said["scene"], said["split"], tags)


def _refuse(path: Path, number: int, fault: str) -> NoReturn:
    raise DataError(
        f"{path}, line {number} {fault}. A line like {EXAMPLE} was needed. Correct that line, or take it out."
    )


def _divided_scene(pairs: Iterable[Pair]) -> str | None:
    """Give a scene that is in more than one split, if there is any."""
    split_of: dict[str, str] = {}
    return next((pair.scene for pair in pairs if split_of.setdefault(pair.scene, pair.split) != pair.split), None)


def distinct_names(pairs: Sequence[Pair]) -> list[str]:
    """Name pairs after their raws: by as much of the path as tells them apart.

    Raises:
        DataError: a raw is in more than one pair.
    """
    raws = [pair.raw.absolute() for pair in pairs]
    above = os.path.commonpath([raw.parent for raw in raws])
    paths = [raw.relative_to(above) for raw in raws]
    candidates: list[list[str]] = [
        [path.stem for path in paths],
        [path.with_suffix("").as_posix() for path in paths],
        [path.as_posix() for path in paths],
    ]
    names = next((names for names in candidates if len(set(names)) == len(names)), None)
    if names is None:
        raise DataError(
            f"A raw file below {above} is in more than one pair. Each was needed once. Take the others out of the "
            "manifest."
        )
    return names


def fingerprint(pairs: Sequence[Pair], *made_by: object) -> str:
    """Sum up what is made of pairs: another sum, other files.

    Args:
        pairs: in their order.
        made_by: what else it depends on.

    Raises:
        DataError: a file of theirs is missing.
    """
    said: list[object] = [*made_by]
    for pair in pairs:
        said += [pair.scene, dict(pair.tags), pair.raw.stem, *files_of(pair)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def files_of(pair: Pair) -> list[str | int]:
    """Say which files a pair has, and how they are: the place, the size and the time of each.

    Raises:
        DataError: one of them is missing.
    """
    said: list[str | int] = []
    for path in (pair.raw, pair.picture):
        try:
            facts = os.stat(path)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. The raw and the picture of every "
                "pair were needed. Check the manifest."
            ) from error
        said += [str(path.absolute()), facts.st_size, facts.st_mtime_ns]
    return said


def split_by_scene(
    pairs: Sequence[Pair], *, seed: int, shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
) -> list[Pair]:
    """Deal the scenes out anew, and return the pairs in their order with their new splits.

    Where a scene goes depends on its name, the seed, and what other scenes there are; not on the order of the pairs.

    Args:
        pairs: whatever their splits are now.
        seed: another seed, another deal.
        shares: of the scenes, for ``SPLITS``; met to the rounding.
    """
    if len(shares) != len(SPLITS) or min(shares) < 0 or not math.isclose(sum(shares), 1):
        raise ValueError(f"expected {len(SPLITS)} shares that add up to 1, got {shares}")
    scenes = sorted({pair.scene for pair in pairs}, key=lambda scene: _drawn(scene, seed))
    ends = [round(len(scenes) * sum(shares[: place + 1])) for place in range(len(shares))]
    split_of = {scene: SPLITS[sum(place >= end for end in ends)] for place, scene in enumerate(scenes)}
    return [replace(pair, split=split_of[pair.scene]) for pair in pairs]


def _drawn(scene: str, seed: int) -> bytes:
    """Draw a number for a scene that is the same on every machine."""
    return hashlib.sha256(f"{seed} {scene}".encode()).digest()
