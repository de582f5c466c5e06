"""Damaged raws through the whole of ``crispnet develop``, a folder of them at a time, as strangers' cards come in."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

import pen
from pen import Driven, Finding

MEMORY = 6 << 30  # bytes of address space, of which networks' runtimes reserve much and use little
SECONDS = 20.0  # for each file
STARTING = 120.0
OF_A_WHOLE = 10  # every tenth file is a whole photograph, the others are small
WITH_THE_NETWORK = 5  # every fifth folder is developed by the look that ships, the others by the plain one
MATCHED = 3  # every third folder is brought to the colours of the camera's pictures
FOLDER = 100  # files


def drive_develop(target: str, *, seed: int, first: int, count: int) -> Driven:
    """Develop the damaged files ``first`` to ``first + count - 1``."""
    sys.path.insert(0, str(pen.TESTS))
    began, read, refused, peak = time.monotonic(), 0, 0, 0
    findings: list[Finding] = []
    for start in range(first, first + count, FOLDER):
        numbers = range(start, min(start + FOLDER, first + count))
        options = ["--look", "phone" if start // FOLDER % WITH_THE_NETWORK == 0 else "plain"]
        options += ["--match-preview"] if start // FOLDER % MATCHED == 0 else []
        with tempfile.TemporaryDirectory(prefix="crispnet-fuzz-") as place:
            raws = {number: _write(Path(place), seed, number) for number in numbers}
            outcomes, most = _developed(raws, Path(place) / "pictures", options)
        peak = max(peak, most)
        for number, what in outcomes.items():
            if what in ("read", "refused"):
                read, refused = read + (what == "read"), refused + (what == "refused")
            else:
                findings.append(Finding(target, number, what))
    return Driven(read, refused, findings, peak, MEMORY, time.monotonic() - began)


def damaged_raw(*, seed: int, number: int) -> bytes:
    """Make a damaged file anew."""
    kind = "whole raw" if number % OF_A_WHOLE == 0 else "raw"
    return pen.content_of(kind, seed=seed + 1000, number=number)  # others than the parsers had


def _write(folder: Path, seed: int, number: int) -> Path:
    content = damaged_raw(seed=seed, number=number)
    path = folder / f"{number:06d}{'.crw' if content[6:14] == b'HEAPCCDR' else '.dng'}"
    path.write_bytes(content)
    return path


def _developed(raws: dict[int, Path], output: Path, options: list[str]) -> tuple[dict[int, str], int]:
    """Develop raws in one process; where that ends before its time, go on with those of which it said nothing."""
    outcomes: dict[int, str] = {}
    peak = 0
    while left := {number: path for number, path in raws.items() if number not in outcomes}:
        code, said, most = _run(list(left.values()), output, options)
        peak = max(peak, most)
        by_raw = {fact["raw"]: fact for fact in said}
        for number, path in left.items():
            if str(path) in by_raw:
                outcomes[number] = _judged(by_raw[str(path)])
        if code in (0, 1) and all(number in outcomes for number in raws):
            break
        silent = next((number for number in left if number not in outcomes), None)
        if silent is None:
            number = next(reversed(outcomes))
            outcomes[number] = f"crashed: exit code {code} after everything was said"
        elif code in (0, 1):
            outcomes[silent] = "wrong: nothing was said of it"
        else:
            outcomes[silent] = f"crashed: crispnet develop ended by {code}"
    return outcomes, peak


def _run(raws: list[Path], output: Path, wanted: list[str]) -> tuple[int, list[dict[str, object]], int]:
    """Run the command; its exit code (negative: the signal that ended it), what it said, and its peak memory."""
    program = "from crispnet.app.cli import main; main()"
    options = ["--output", str(output), *wanted, "--json", "--overwrite"]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "develop", *map(str, raws), *options],
            stdout=said,
            stderr=subprocess.DEVNULL,
            preexec_fn=_confine,
        )
        watch = threading.Timer(STARTING + SECONDS * len(raws), process.kill)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return process.returncode, [json.loads(line) for line in said], usage.ru_maxrss * 1024


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _judged(fact: dict[str, object]) -> str:
    """Judge what was said of a raw, and the picture that was made of it."""
    if "error" in fact:
        return "refused" if fact["error"] else "wrong: a refusal without words"
    try:
        with Image.open(str(fact["picture"])) as picture:
            picture.load()
            size = picture.size
    except (OSError, SyntaxError) as error:
        return f"wrong: no picture ({error})"
    return "read" if size == (fact["width"], fact["height"]) else f"wrong: a picture of {size}"
