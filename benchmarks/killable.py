"""The commands that ``kills.py`` ends: what they work on, how far they are, and whether they came to the same."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from folder import digests

SETTINGS = (
    "widths=4,8 blocks=1 precision=f32 stages=frames:16x20:2x1:1 log_every=1 steps=32 validate_every=8 save_every=3"
)
CLOCKS = {"seconds", "steps_per_second"}
SIZE = (72, 96)
PHOTOGRAPHS = 16
Finished = Mapping[str, tuple[int, int]]


class Command(Protocol):
    """A command that is killed, run in a folder of its own beside the material."""

    @property
    def words(self) -> tuple[str, ...]:
        """Give its words."""

    def steps(self, folder: Path) -> int:
        """Say how many steps it has done that need not be done again."""

    def finished(self, folder: Path) -> Finished:
        """Tell the files that have to stay as they are from all others of these names."""

    def is_same(self, folder: Path, whole: Path) -> bool:
        """Tell whether it came to what it comes to undisturbed, and left nothing beside that."""


@dataclass(frozen=True)
class Training:
    """A command that trains: ``run`` is the folder of its training, ``result`` what is there when it is done."""

    words: tuple[str, ...]
    run: str
    result: str

    def steps(self, folder: Path) -> int:
        """Say how many steps the saved state has."""
        from crispnet.train.log import read_log

        run = folder / self.run
        if not (run / "log.jsonl").exists():
            return 0
        return max((line["step"] for line in read_log(run)), default=0)

    def finished(self, folder: Path) -> Finished:  # noqa: ARG002
        """Name nothing: a run writes its files anew."""
        return {}

    def is_same(self, folder: Path, whole: Path) -> bool:
        """Tell whether it has the same weights, bit for bit, and the same losses."""
        from crispnet.train.log import read_log

        runs = folder / self.run, whole / self.run
        weights = [run / "last.safetensors" for run in runs]
        if not all(path.is_file() for path in (*weights, folder / self.result)) or not _equal(*weights):
            return False
        logs = [[{key: line[key] for key in line.keys() - CLOCKS} for line in read_log(run)] for run in runs]
        return logs[0] == logs[1]


def _equal(one: Path, other: Path) -> bool:
    from safetensors import safe_open

    with safe_open(one, "pt") as ours, safe_open(other, "pt") as theirs:
        names = list(ours.keys())
        return names == list(theirs.keys()) and all(ours.get_tensor(n).equal(theirs.get_tensor(n)) for n in names)


@dataclass(frozen=True)
class Developing:
    """A command that develops a folder into the folder ``pictures``."""

    words: tuple[str, ...]
    pictures: str

    def steps(self, folder: Path) -> int:
        """Say how many pictures there are."""
        return len(self.finished(folder))

    def finished(self, folder: Path) -> Finished:
        """Tell the pictures from others of their names: none is made a second time."""
        pictures = ((path, os.stat(path)) for path in (folder / self.pictures).glob("[!.]*.jpg"))
        return {str(path.relative_to(folder)): (facts.st_ino, facts.st_mtime_ns) for path, facts in pictures}

    def is_same(self, folder: Path, whole: Path) -> bool:
        """Tell whether every picture is there once, byte for byte, and in the ledger, and no other file."""
        from crispnet.app import ledger

        ours, theirs = (digests(place / self.pictures) for place in (folder, whole))
        known = {entry.picture: entry.digest for entry in ledger.read(folder / self.pictures)}
        return len(ours) == PHOTOGRAPHS and ours == theirs == known


TRAIN = ("train", "wb-level-1", "captures", "-o", "run", "--threads", "1", "--set", SETTINGS)
FIT = ("fit", "card", "-o", "mine.onnx", "--look", "../tiny.onnx", "--steps", "16", "--overwrite")
DEVELOP = ("develop", "shoot", "-o", "pictures", "--jobs", "2")
COMMANDS: dict[str, Command] = {
    "train": Training(TRAIN, "run", "run/best.safetensors"),
    "fit": Training(FIT, "mine.onnx.fit/run", "mine.onnx"),
    "develop": Developing(DEVELOP, "pictures"),
}
KINDS = ("captures", "card", "shoot")  # of material


def material(place: Path) -> None:
    """Make what the commands work on: captures, a card of raws with pictures, a folder of raws, and a small look."""
    import numpy as np
    from PIL import Image

    from crispnet.darkroom.photo import develop
    from crispnet.data.pairs import Pair, write_manifest
    from crispnet.look.file import CARD
    from crispnet.model.catalogue import build
    from crispnet.raw.orientation import upright
    from crispnet.raw.writer import write_dng
    from crispnet.train.export import export
    from crispnet.train.reopening import NETWORK
    from making import raw_image

    for kind in KINDS:
        (place / kind).mkdir()
    pairs = []
    for number, split in enumerate(("train", "train", "train", "validation")):
        raw = raw_image(height=SIZE[0], width=SIZE[1], seed=number)
        paths = place / "captures" / f"{number}.dng", place / "captures" / f"{number}.png"
        write_dng(raw, paths[0])
        develop(raw, "plain", depth=8).save(paths[1])
        pairs.append(Pair(*paths, f"scene {number}", split))
    write_manifest(pairs, place / "captures" / "manifest.jsonl")
    for number in range(5):
        raw = raw_image(height=280, width=360, seed=number, exif={"datetime": f"2026:05:0{number + 1} 10:00:00"})
        write_dng(raw, place / "card" / f"{number}.dng")
        pixels = np.clip(upright(develop(raw, "plain").pixels, raw.orientation), 0, 1) ** 1.25
        Image.fromarray((255 * pixels + 0.5).astype(np.uint8)).save(
            place / "card" / f"{number}.jpg", quality=97, subsampling=0
        )
    for number in range(PHOTOGRAPHS):
        write_dng(raw_image(height=480 + 2 * number, width=640, seed=number), place / "shoot" / f"{number:02}.dng")
    options = {"widths": [6, 8, 10], "blocks": 1, "dim": 16, "depth": 1}
    card = dict.fromkeys(CARD, "something") | {NETWORK: json.dumps({"model": "canonical", "options": options})}
    export(build("canonical", **options), place / "tiny.onnx", name="tiny", version="1", card=card)


def is_whole(path: Path) -> bool:
    """Tell whether a file is whole, by reading all of it as what its name says; a log may end within a line."""
    from PIL import Image
    from safetensors import safe_open

    from crispnet.errors import CrispnetError
    from crispnet.look.file import LookFile
    from crispnet.raw.reader import open_raw

    try:
        match path.suffix:
            case ".safetensors":
                with safe_open(path, "pt") as file:
                    [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
            case ".json":
                json.loads(path.read_bytes())
            case ".jsonl":
                lines = path.read_bytes().split(b"\n")
                [json.loads(line) for line in lines[:-1]]
            case ".png" | ".jpg":
                with Image.open(path) as picture:
                    picture.load()
            case ".onnx":
                LookFile.open(path)
            case ".dng":
                open_raw(path)
            case ".bin":
                index = path.with_name("frames.json")
                said = json.loads(index.read_bytes()) if index.exists() else {}
                return said.get("content") != path.name or said["bytes"] == path.stat().st_size
            case ".html":
                return path.read_bytes().rstrip().endswith(b"</html>")
            case _:
                return path.stat().st_size > 0
    except (OSError, ValueError, SyntaxError, CrispnetError):
        return False
    except Exception as error:  # safetensors has a family of its own
        print(f"{path}: {type(error).__name__}: {error}")
        return False
    return True
