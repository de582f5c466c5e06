"""Damaged raws and pictures through the routes of ``crispnet serve``, as strangers' files come to a page."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

import pen
from pen import Driven, Finding

MEMORY = 6 << 30  # bytes of address space that a worker may take: ``serve.shop.Shop``
SECONDS = 60.0  # for an answer
PROGRAM = "from crispnet.app.cli import main; main()"


def drive_serve(target: str, *, seed: int, first: int, count: int) -> Driven:
    """Bring the damaged files ``first`` to ``first + count - 1``."""
    sys.path.insert(0, str(pen.TESTS))
    from bringing import damaged, outcome

    began = time.monotonic()
    tally: dict[str, int] = {"read": 0, "refused": 0}
    findings: list[Finding] = []
    with _server() as (ask, process):
        for number in range(first, first + count):
            what = outcome(ask, *damaged(number, seed=seed))
            if what in tally:
                tally[what] += 1
            else:
                findings.append(Finding(target, number, what))
        peak = _ended(process)
    return Driven(tally["read"], tally["refused"], findings, peak, MEMORY, time.monotonic() - began)


def damaged_file(*, seed: int, number: int) -> bytes:
    """Make a damaged file anew: the picture beside a raw where there is one, else the raw."""
    from bringing import damaged

    raw, picture = damaged(number, seed=seed)
    return raw if picture is None else picture


@contextmanager
def _server() -> Iterator[tuple[httpx.Client, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            with httpx.Client(base_url=f"{address}api", timeout=SECONDS) as ask:
                yield ask, process
        finally:
            process.kill()


def _ended(process: "subprocess.Popen[str]") -> int:
    """End the server, and give the most memory that it or one of its workers had."""
    process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"expected the server to end well, got exit code {process.returncode}")
    return usage.ru_maxrss * 1024
