"""Brings together what commands learn from and are measured on: captures as frames, and the memory of them in a run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.data.frames import Frame, LeaveOut, write_frames
from crispnet.data.pairs import Pair, read_manifest
from crispnet.errors import OutputError
from crispnet.files import whole_file

MANIFEST, SET, ORIGIN = "manifest.jsonl", "set.json", "data.json"
FEW = 16  # captures that are decoded sooner than processes have started


def pairs_in(data: Path) -> list[Pair]:
    """Read the pairs of a folder of captures.

    Raises:
        DataError: it has no manifest, or one that cannot be used.
    """
    return read_manifest(data / MANIFEST)


def frames_of(
    pairs: Sequence[Pair], split: str, *, places: Sequence[Path], leave_out: LeaveOut | None = None
) -> Sequence[Frame]:
    """Open the frames of a split, written before or now, in the first of some folders that can be written to.

    Args:
        pairs: of any split.
        split: which of them.
        places: folders for frames.
        leave_out: told of each pair that cannot be decoded, and why; without it, that is an error.

    Raises:
        DataError: there is no pair in the split, or one cannot be learned from.
        RawError: a raw file cannot be read.
        OutputError: none of the folders can be written to.
    """
    count = sum(pair.split == split for pair in pairs)
    for place in places[:-1]:
        try:
            return _written(pairs, split, place, count, leave_out)
        except OutputError:
            continue
    return _written(pairs, split, places[-1], count, leave_out)


def _written(pairs: Sequence[Pair], split: str, place: Path, count: int, leave_out: LeaveOut | None) -> Sequence[Frame]:
    with watched(count, "decoding") as tell:

        def progress(done: int, _: int) -> None:
            tell(done)

        workers = 1 if count <= FEW else None
        return write_frames(pairs, place, split, workers=workers, progress=progress, leave_out=leave_out)


def complain_of(raw: str, reason: str) -> None:
    """Say on standard error which raw nothing is learned from, and why."""
    complain(f"{raw} is left out: {reason}")


@dataclass(frozen=True)
class Origin:
    """What a run learned from, kept beside it in ``data.json``.

    Attributes:
        data: the folder of the captures, when the run began.
        name: of the set of captures, or of its folder.
        captures: that it learned from.
        scenes: how many different ones those showed.
        cameras: that took them, where their tags tell.
    """

    data: str
    name: str
    captures: int
    scenes: int
    cameras: tuple[str, ...]

    @classmethod
    def of(cls, data: Path, pairs: Sequence[Pair]) -> "Origin":
        """Describe the captures of a folder."""
        learned = [pair for pair in pairs if pair.split == "train"]
        cameras = {str(pair.tags["camera"]) for pair in learned if "camera" in pair.tags}
        scenes = {pair.scene for pair in learned}
        return cls(str(data.resolve()), _name_of(data), len(learned), len(scenes), tuple(sorted(cameras)))

    @classmethod
    def read(cls, run: Path) -> "Origin | None":
        """Read what a run learned from; None where that is not known."""
        try:
            said = json.loads((run / ORIGIN).read_text(encoding="utf-8"))
            return cls(**said | {"cameras": tuple(said["cameras"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, run: Path) -> None:
        """Keep it in the folder of a run.

        Raises:
            OutputError: it cannot be written there.
        """
        with whole_file(run / ORIGIN, overwrite=True) as hidden:
            hidden.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def is_like(self, other: "Origin") -> bool:
        """Tell whether two folders hold what may be the same captures."""
        return asdict(self) | {"data": ""} == asdict(other) | {"data": ""}


def _name_of(data: Path) -> str:
    try:
        return str(json.loads((data / SET).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, TypeError, KeyError):
        return data.resolve().name
