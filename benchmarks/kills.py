"""Ends ``crispnet train``, ``fit`` and ``develop`` with SIGKILL at random moments, and says what that costs.

All that a command has started is ended with it, as when the power is cut. After each kill every file has to be whole,
or not there. The same command goes on, is killed again, and at last has to finish, and to come to exactly what one does
that nobody disturbed: the same weights and losses; each picture once, byte for byte, and none made a second time.

python benchmarks/kills.py [--times 20] [--seed 1] [--only train] [--output FILE]
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from killable import COMMANDS, KINDS, Command, Finished, is_whole, material
from provenance import RESULTS, provenance, write

TESTS = Path(__file__).resolve().parent.parent / "tests"
LONGEST = 600.0  # seconds for a command
IN_A_ROW = 4  # kills of one run, before it may finish


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
        "made_again": [name for outcome in outcomes for name in outcome["made_again"]],
        "steps": command.steps(whole),
        "seconds": round(time.monotonic() - began, 1),
    }


def _folder(place: Path, name: str) -> Path:
    """Make a folder with the material in it, for one process after another."""
    for kind in KINDS:
        shutil.copytree(place / kind, place / name / kind)
    return place / name


def _disturbed(command: Command, folder: Path, whole: Path, moments: Sequence[float]) -> list[dict[str, Any]]:
    """Kill the command in a folder, begin it again and kill it again; then let it finish, and see what it came to."""
    kills, finished = [], {}
    for number, moment in enumerate(moments):
        step = _killed_at(command, folder, moment, going_on=number % 2 == 1)
        if step is None:
            break
        visible = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        damaged = [str(path.relative_to(folder)) for path in visible if not is_whole(path)]
        now = command.finished(folder)
        again, finished = _changed(finished, now), now
        kills.append({"step": step, "files": len(visible), "damaged": damaged, "made_again": again})
    same = _started(command, folder).wait(LONGEST) == 0 and command.is_same(folder, whole)
    if kills:
        kills[-1]["made_again"] += _changed(finished, command.finished(folder))
    left = sum(path.stat().st_size for path in folder.rglob(".crispnet-*") if path.is_file())
    sound = same and not any(kill["made_again"] for kill in kills)
    return [kill | {"survived": sound and not kill["damaged"], "left_behind": left / len(kills)} for kill in kills]


def _changed(before: Finished, after: Finished) -> list[str]:
    """Name what was finished, and is not what it was."""
    return [name for name in before if after.get(name) != before[name]]


def _killed_at(command: Command, folder: Path, moment: float, *, going_on: bool) -> int | None:
    """Kill the command a moment after its first new file, or after its next step; None where it was faster."""
    has_begun = _going_on(command, folder) if going_on else _beginning(folder)
    process = _started(command, folder)
    _wait(lambda: process.poll() is not None or has_begun())
    time.sleep(moment)
    started = [process.pid, *_started_by(process.pid)]
    for number in started:
        with suppress(ProcessLookupError):  # it had ended
            os.kill(number, signal.SIGKILL)
    return command.steps(folder) if process.wait() == -signal.SIGKILL else None


def _started_by(number: int) -> Iterator[int]:
    """List the processes that one has started, and those that they have."""
    for listed in Path(f"/proc/{number}/task").glob("*/children"):
        for child in map(int, listed.read_text("ascii").split()):
            yield child
            yield from _started_by(child)


def _watched(command: Command, folder: Path) -> list[float]:
    """Run the command undisturbed; the seconds from its first file to its first step, and from there to its end."""
    has_begun, goes_on, process = _beginning(folder), _going_on(command, folder), _started(command, folder)
    _wait(lambda: process.poll() is not None or has_begun())
    first = time.monotonic()
    _wait(lambda: process.poll() is not None or goes_on())
    second = time.monotonic()
    if process.wait(LONGEST):
        raise SystemExit(f"expected {' '.join(command.words)} to succeed, got exit code {process.returncode}")
    return [second - first, time.monotonic() - second]


def _going_on(command: Command, folder: Path) -> Callable[[], bool]:
    """Give what tells whether it has done more steps than now."""
    before = command.steps(folder)
    return lambda: command.steps(folder) > before


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


if __name__ == "__main__":
    main()
