"""Measures whole processes: wall time, processor time and memory, from the start of a program to its end.

This module and its callers import nothing large: Linux counts what the parent holds at the moment of the start among
the child's memory, so a parent with numpy would lift every small figure.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A command line to be measured.

    Attributes:
        name: what tables call it.
        command: the program and its arguments, or None where it is not installed.
        output: the file that it has to write, or None.
        environment: variables to set for it.
        forgets: a folder that is removed before each run, so that each is the first.
    """

    name: str
    command: tuple[str, ...] | None
    output: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()
    forgets: Path | None = None


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock, seconds of all processors, bytes of its largest process."""

    wall: float
    cpu: float
    memory: int


def run(program: Program) -> Cost:
    """Run a program once, from nothing, and measure it together with the processes that it starts and waits for.

    Raises RuntimeError, with what the program said, where it fails or its output is missing.
    """
    if program.output is not None:
        program.output.unlink(missing_ok=True)
    if program.forgets is not None:
        shutil.rmtree(program.forgets, ignore_errors=True)
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        child = subprocess.Popen(
            program.command,
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            env=os.environ | dict(program.environment),
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        written = program.output is None or (program.output.is_file() and program.output.stat().st_size > 0)
        if child.returncode or not written:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{program.name}: exit code {child.returncode}, output written: {written}\n{words}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def interleave(programs: Sequence[Program], *, runs: int, tell: Callable[[str], None]) -> dict[str, list[Cost]]:
    """Run programs in turn, A B C A B C, so that what else the machine does falls on all; the first round is dropped.

    Args:
        programs: those that are not installed are left out of the result.
        runs: rounds that count.
        tell: is given a line of progress for each round.
    """
    installed = [program for program in programs if program.command is not None]
    costs: dict[str, list[Cost]] = {program.name: [] for program in installed}
    for turn in range(runs + 1):
        tell(f"round {turn} of {runs}" if turn else "warming up")
        for program in installed:
            cost = run(program)
            if turn:
                costs[program.name].append(cost)
    return costs


def summary(costs: Sequence[Cost]) -> dict[str, object]:
    """Sum up the runs of one program: medians, and the range of the wall times."""
    walls = [cost.wall for cost in costs]
    return {
        "runs": len(costs),
        "wall_seconds": round(statistics.median(walls), 4),
        "wall_seconds_range": [round(min(walls), 4), round(max(walls), 4)],
        "cpu_seconds": round(statistics.median(cost.cpu for cost in costs), 4),
        "peak_memory_mb": round(statistics.median(cost.memory for cost in costs) / 1e6, 1),
    }
