"""Ends ``crispnet train`` and ``crispnet fit`` with SIGKILL at random moments, and says what that costs.

After each kill every file has to be whole, or not there. The same command goes on, is killed again, and at last has to
finish, and to end exactly as one that nobody disturbed: the same weights, the same losses.

python benchmarks/kills.py [--times 20] [--seed 1] [--only train] [--output FILE]
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance import RESULTS, provenance, write

TESTS = Path(__file__).resolve().parent.parent / "tests"
SETTINGS = (
    "widths=4,8 blocks=1 precision=f32 stages=frames:16x20:2x1:1 log_every=1 steps=32 validate_every=8 save_every=3"
)
CLOCKS = {"seconds", "steps_per_second"}
LONGEST = 600.0  # seconds for a command
IN_A_ROW = 4  # kills of one run, before it may finish
SIZE = (72, 96)


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    Attributes:
        words: of it, run in a folder of its own beside the material.
        run: the folder of its training, in that.
        result: what is there when it is done.
    """

    words: tuple[str, ...]
    run: str
    result: str


TRAIN = ("train", "wb-level-1", "captures", "-o", "run", "--threads", "1", "--set", SETTINGS)
FIT = ("fit", "card", "-o", "mine.onnx", "--look", "../tiny.onnx", "--steps", "16", "--overwrite")
COMMANDS = {
    "train": Command(TRAIN, "run", "run/best.safetensors"),
    "fit": Command(FIT, "mine.onnx.fit/run", "mine.onnx"),
}


def main() -> None:
    """Kill each command so many times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=20, help="kills of each command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=COMMANDS)
    parser.add_argument("--output", type=Path, help="the result's file, with --only; else one for each command")
    wish = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    lost = 0
    for name in COMMANDS if wish.only is None else [wish.only]:
        with tempfile.TemporaryDirectory(prefix="crispnet-kills-") as place:
            found = killed(name, Path(place), times=wish.times, seed=wish.seed)
        write(wish.output or RESULTS / "reliability" / f"kills-{name}.json", provenance() | {"commands": {name: found}})
        lost += found["times"] - found["survived"]
    sys.exit(1 if lost else 0)


def killed(name: str, place: Path, *, times: int, seed: int) -> dict[str, Any]:
    """Kill a command so many times, each in a folder of its own, and sum up what became of it."""
    command, moments = COMMANDS[name], random.Random(seed)
    material(place)
    whole = _folder(place, "whole")
    began = time.monotonic()
    stretches = _watched(command, whole)
    outcomes = []
    while len(outcomes) < times:
        folder, row = _folder(place, f"killed-{len(outcomes)}"), min(IN_A_ROW, times - len(outcomes))
        found = _disturbed(command, folder, whole, [moments.random() * stretches[at % 2] / 2 for at in range(row)])
        if not found:  # it was done before; the machine was busier when it was timed
            stretches = [0.8 * stretch for stretch in stretches]
        outcomes += found
        shutil.rmtree(folder)
        print(f"{name}: {len(outcomes)} kills of {times}: {found}", flush=True)
    return {
        "times": times,
        "survived": sum(outcome["survived"] for outcome in outcomes),
        "files": sum(outcome["files"] for outcome in outcomes),
        "damaged_files": [name for outcome in outcomes for name in outcome["damaged"]],
        "bytes_left_behind": round(sum(outcome["left_behind"] for outcome in outcomes)),
        "steps_when_killed": sorted(outcome["step"] for outcome in outcomes),
        "steps": _steps(whole / command.run),
        "seconds": round(time.monotonic() - began, 1),
    }


def material(place: Path) -> None:
    """Make what the commands work on: captures, a card of raws with pictures, and a small look."""
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

    (place / "captures").mkdir()
    (place / "card").mkdir()
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
    options = {"widths": [6, 8, 10], "blocks": 1, "dim": 16, "depth": 1}
    card = dict.fromkeys(CARD, "something") | {NETWORK: json.dumps({"model": "canonical", "options": options})}
    export(build("canonical", **options), place / "tiny.onnx", name="tiny", version="1", card=card)


def _folder(place: Path, name: str) -> Path:
    """Make a folder with the material in it, for one process after another."""
    for kind in ("captures", "card"):
        shutil.copytree(place / kind, place / name / kind)
    return place / name


def _disturbed(command: Command, folder: Path, whole: Path, moments: Sequence[float]) -> list[dict[str, Any]]:
    """Kill the command in a folder, begin it again and kill it again; then let it finish, and see what it came to."""
    kills = []
    for number, moment in enumerate(moments):
        step = _killed_at(command, folder, moment, learning=number % 2 == 1)
        if step is None:
            break
        visible = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        damaged = [str(path.relative_to(folder)) for path in visible if not is_whole(path)]
        kills.append({"step": step, "files": len(visible), "damaged": damaged})
    finished = _started(command, folder).wait(LONGEST)
    same = finished == 0 and (folder / command.result).is_file() and _is_same(folder / command.run, whole / command.run)
    left = sum(path.stat().st_size for path in folder.rglob(".crispnet-*") if path.is_file())
    return [kill | {"survived": same and not kill["damaged"], "left_behind": left / len(kills)} for kill in kills]


def _killed_at(command: Command, folder: Path, moment: float, *, learning: bool) -> int | None:
    """Kill the command a moment after its first new file, or after its next step; None where it was faster."""
    run = folder / command.run
    has_begun = _going_on(run) if learning else _beginning(folder)
    process = _started(command, folder)
    _wait(lambda: process.poll() is not None or has_begun())
    time.sleep(moment)
    process.kill()
    return _steps(run) if process.wait() == -signal.SIGKILL else None


def _watched(command: Command, folder: Path) -> list[float]:
    """Run the command undisturbed; the seconds from its first file to its first step, and from there to its end."""
    has_begun, learns, process = _beginning(folder), _going_on(folder / command.run), _started(command, folder)
    _wait(lambda: process.poll() is not None or has_begun())
    first = time.monotonic()
    _wait(lambda: process.poll() is not None or learns())
    learning = time.monotonic()
    if process.wait(LONGEST):
        raise SystemExit(f"expected {' '.join(command.words)} to succeed, got exit code {process.returncode}")
    return [learning - first, time.monotonic() - learning]


def _going_on(run: Path) -> Callable[[], bool]:
    """Give what tells whether a run has done more steps than now."""
    before = _steps(run)
    return lambda: _steps(run) > before


def _beginning(folder: Path) -> Callable[[], bool]:
    """Give what tells whether there is anything in a folder that is not there now."""
    before = set(folder.rglob("*"))
    return lambda: not before.issuperset(folder.rglob("*"))


def _started(command: Command, folder: Path) -> "subprocess.Popen[bytes]":
    program = "from crispnet.app.cli import main; main()"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-c", program, *command.words], cwd=folder, **quiet)


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)


def _steps(run: Path) -> int:
    """Say how many steps the saved state has."""
    from crispnet.train.log import read_log

    if not (run / "log.jsonl").exists():
        return 0
    return max((line["step"] for line in read_log(run)), default=0)


def _is_same(run: Path, other: Path) -> bool:
    """Tell whether two runs have the same weights, bit for bit, and the same losses."""
    from crispnet.train.log import read_log

    weights = [(folder / "last.safetensors") for folder in (run, other)]
    if not all(path.is_file() for path in weights) or not _equal(*weights):
        return False
    logs = [
        [{key: value for key, value in line.items() if key not in CLOCKS} for line in read_log(folder)]
        for folder in (run, other)
    ]
    return logs[0] == logs[1]


def _equal(one: Path, other: Path) -> bool:
    from safetensors import safe_open

    with safe_open(one, "pt") as ours, safe_open(other, "pt") as theirs:
        names = list(ours.keys())
        return names == list(theirs.keys()) and all(ours.get_tensor(n).equal(theirs.get_tensor(n)) for n in names)


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


if __name__ == "__main__":
    main()
