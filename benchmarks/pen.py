"""A pen: a process apart that gives damaged files to one reader, with limits on memory and time.

LibRaw, Pillow and OpenVINO are not written in Python: what goes wrong in them may end the process. It says each
outcome as it is known, so that whoever watches knows which file ended it, or keeps it.

    outcomes, peak = drive("raw", seed=1, first=0, count=500)
"""

import json
import queue
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
MEMORY = 2 << 30  # bytes of address space beyond those of the idle process
SECONDS = 20.0  # for one file, by the clock
STARTING = 240.0  # for the process to be ready


class Finding(NamedTuple):
    """A damaged file that was neither read nor refused as it should have been."""

    target: str
    number: int
    what: str


class Driven(NamedTuple):
    """What became of the files of one range of numbers."""

    read: int
    refused: int
    findings: list[Finding]
    peak: int  # bytes, resident
    limit: int  # bytes that it may have
    seconds: float


def drive(target: str, *, seed: int, first: int, count: int) -> Driven:
    """Give files ``first`` to ``first + count - 1`` of a target to its reader."""
    began, at, peak, limit = time.monotonic(), first, 0, 0
    tally: dict[str, int] = {"read": 0, "refused": 0}
    findings: list[Finding] = []
    while at < first + count:
        with _Pen(target, seed, at, first + count - at) as pen:
            for number, said in pen:
                if said in tally:
                    tally[said] += 1
                else:
                    findings.append(Finding(target, number, said))
                at = number + 1
            peak, limit = max(peak, pen.peak), max(limit, pen.limit)
    return Driven(tally["read"], tally["refused"], findings, peak, limit, time.monotonic() - began)


class _Pen:
    """One such process; iterating gives (number, outcome) until it has done all, or ended at one."""

    def __init__(self, target: str, seed: int, first: int, count: int) -> None:
        self._first, self._last = first, first + count
        self.peak = self.limit = 0
        command = [sys.executable, __file__, target, str(seed), str(first), str(count)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def __enter__(self) -> "_Pen":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._listening.join()

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout as said:
            for line in said:
                self._lines.put(line)
        self._lines.put(None)

    def __iter__(self):
        at, ready = self._first, False
        while True:
            try:
                line = self._lines.get(timeout=SECONDS if ready else STARTING)
            except queue.Empty:
                yield at, "hung"
                return
            if line is None:
                break
            ready = True
            said = json.loads(line)
            self.peak, self.limit = max(self.peak, said.get("peak", 0)), said.get("limit", self.limit)
            if "number" in said:
                at = said["number"] + 1
                yield said["number"], said["outcome"]
        if at < self._last:
            code = self._process.wait()
            yield at, f"crashed: the process ended by {signal.Signals(-code).name if code < 0 else code}"


def content_of(target: str, *, seed: int, number: int) -> bytes:
    """Make a damaged file anew: the same for the same seed and number."""
    import numpy as np

    from mutating import mutated
    from strangers import TARGETS

    chosen = TARGETS[target]
    seeds = chosen.seeds()
    random = np.random.default_rng((seed, zlib.crc32(target.encode()), number))
    return chosen.finish(mutated(seeds[int(random.integers(len(seeds)))], random, seeds), random)


def _main() -> None:
    target, seed, first, count = sys.argv[1], *map(int, sys.argv[2:])
    sys.path.insert(0, str(TESTS))
    import warnings

    from strangers import TARGETS, outcome

    warnings.simplefilter("ignore")
    chosen = TARGETS[target]
    with tempfile.TemporaryDirectory(prefix="crispnet-pen-") as place:
        folder = Path(place)
        chosen.settle(folder)
        outcome(chosen, chosen.seeds()[0], folder / chosen.name)  # imports what is imported late
        _say(limit=_confine())
        for number in range(first, first + count):
            content = content_of(target, seed=seed, number=number)
            _say(number=number, outcome=outcome(chosen, content, folder / chosen.name), peak=_peak())


def _confine() -> int:
    """Limit the memory from here on; give what may be resident, which is less than what may be addressed."""
    pages, resident = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split()[:2])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return resident * resource.getpagesize() + MEMORY


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    _main()
