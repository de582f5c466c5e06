"""Measures the page's server: how soon a raw is seen, how soon a slider moves it, and what many uploads leave behind.

    python benchmarks/serve.py RAW [--rounds 7] [--uploads 50] [--write results/serve.json]

The server is started as people start it. Quick rendering: from the end of the upload to the last byte of the picture.
Slider: one draft, of an exposure that was not rendered before. Memory is that of all processes of the server together,
after what was brought has been removed again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance import provenance, write

QUICK, SLIDER, FULL = "first quick rendering", "slider", "full size, through the queue"
GROWTH = "memory after uploads"


def main() -> None:
    """Measure, print, and write the result where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raw", type=Path, help="a raw file")
    parser.add_argument("--rounds", type=int, default=7, help="times that each is measured")
    parser.add_argument("--uploads", type=int, default=50, help="after which memory is measured")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    wish = parser.parse_args()
    content = wish.raw.read_bytes()
    with serving() as (address, process):
        client = Client(address)
        client.rendered(client.bring(content), size="draft")  # the first one waits until the server is warm
        client.clear()
        before = cpu(process.pid)
        quick = [first_quick(client, content) for _ in range(wish.rounds)]
        quick_cpu, before = (cpu(process.pid) - before) / wish.rounds, cpu(process.pid)
        photograph = client.bring(content)
        client.rendered(photograph, size="quick")
        steps = [0.1 + step / 50 for step in range(3 * wish.rounds)]
        slider = [seconds(client.rendered, photograph, size="draft", exposure=step) for step in steps]
        slider_cpu = (cpu(process.pid) - before) / len(steps)
        full = client.full(photograph)
        growth = memory_left(client, process, content, uploads=wish.uploads)
    result = {
        **provenance(precision="as the look runs here"),
        "raw": {"name": wish.raw.name, "megabytes": round(len(content) / 1e6, 1)},
        "rounds": wish.rounds,
        "uploads": wish.uploads,
        "load_before": os.getloadavg()[0],
        "seconds": {QUICK: spread(quick), SLIDER: spread(slider), FULL: spread([full])},
        "cpu_seconds": {QUICK: round(quick_cpu, 3), SLIDER: round(slider_cpu, 3)},
        "memory_mb": growth,
        "aims": [
            {"what": QUICK, "at_most": 1.5, "unit": "s", "measured": round(statistics.median(quick), 3)},
            {"what": SLIDER, "at_most": 0.15, "unit": "s", "measured": round(statistics.median(slider), 3)},
            {"what": GROWTH, "at_most": 100, "unit": "MB more", "measured": round(growth["after"] - growth["before"])},
        ],
    }
    print(json.dumps({name: result[name] for name in ("seconds", "cpu_seconds", "memory_mb", "aims")}, indent=1))
    if wish.write:
        write(wish.write, result)


@contextmanager
def serving() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the server; give its address and its process."""
    command = [sys.executable, "-c", "from crispnet.app.cli import main; main()", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.terminate()


class Client:
    """Asks the server."""

    def __init__(self, address: str) -> None:
        self._address = f"{address}api/"
        for _ in range(200):
            try:
                self._ask("photographs")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server does not answer")

    def bring(self, content: bytes) -> str:
        """Upload a raw file."""
        return str(json.loads(self._ask("photographs?name=raw.dng", content))["id"])

    def rendered(self, photograph: str, *, size: str, exposure: float = 0.0) -> bytes:
        """Have it rendered small."""
        return self._ask(f"photographs/{photograph}/proof?size={size}&exposure={exposure}")

    def full(self, photograph: str) -> float:
        """Have it developed at full size, and give the seconds that it took."""
        job = json.loads(self._ask("jobs", json.dumps({"photograph": photograph}).encode(), kind="application/json"))
        while job["state"] in ("waiting", "developing"):
            time.sleep(0.1)
            job = json.loads(self._ask(f"jobs/{job['id']}"))
        return float(job["seconds"])

    def clear(self) -> None:
        """Remove everything."""
        for each in json.loads(self._ask("photographs")):
            self._ask(f"photographs/{each['id']}", method="DELETE")

    def _ask(
        self, path: str, body: bytes | None = None, *, kind: str = "application/octet-stream", method: str = ""
    ) -> bytes:
        request = urllib.request.Request(self._address + path, body, {"Content-Type": kind}, method=method or None)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return bytes(answer.read())


def seconds(work: Callable[..., object], *arguments: object, **named: object) -> float:
    """Say how long a call takes."""
    started = time.perf_counter()
    work(*arguments, **named)
    return time.perf_counter() - started


def first_quick(client: Client, content: bytes) -> float:
    """Upload a raw that the server does not know, and say how long its quick rendering takes from then on."""
    photograph = client.bring(content)
    took = seconds(client.rendered, photograph, size="quick")
    client.clear()
    return took


def memory_left(client: Client, process: subprocess.Popen[str], content: bytes, *, uploads: int) -> dict[str, float]:
    """Upload many times, see each, remove each; give the memory of the server's processes before and after, in MB."""
    before = memory(process.pid)
    for _ in range(uploads):
        client.rendered(client.bring(content), size="draft")
        client.clear()
    return {"before": before, "after": memory(process.pid)}


def memory(process: int) -> float:
    """Add up the resident memory of a process and of those it started, in MB."""
    status = Path(f"/proc/{process}/status").read_text("ascii", "replace")
    own = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    return round(own + sum(map(memory, children(process))), 1)


def cpu(process: int) -> float:
    """Add up the processor time that a process and those it started have taken, in seconds, uploads included."""
    ticks = Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") + sum(map(cpu, children(process)))


def children(process: int) -> set[int]:
    """List the processes that a process has started."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return {int(child) for each in threads for child in (each / "children").read_text("ascii").split()}


def spread(measured: list[float]) -> dict[str, float]:
    """Sum up seconds."""
    figures = {"median": statistics.median(measured), "least": min(measured), "most": max(measured)}
    return {name: round(figure, 3) for name, figure in figures.items()}


if __name__ == "__main__":
    main()
