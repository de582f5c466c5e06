"""Measures what a second machine brings, and what the loss of one costs: Ray nodes of one core each, on this machine.

    python benchmarks/cluster.py [RAW] [--count 24] [--write results/cluster.json]

A head that does no work, and nodes that are each held to a core of their own. The folder holds copies of RAW (any DNG)
that differ in their last bytes. It is developed by one node, by two, by one again and two again; then by two of which
one is killed half-way.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from folder import copies, digests
from provenance import ROOT, provenance, write

BINARIES = Path(sys.executable).parent
CRISPNET = str(BINARIES / "crispnet")
STORE = {"object_store_memory": 256 << 20}  # bytes for objects on each node
AIM = 1.7  # times as fast with two nodes as with one
ROUNDS = 2


def main() -> None:
    """Measure, print what was found, and write the result where that is asked for."""
    wish = _parser().parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}  # a busy machine is slow
    mine = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shoot = copies(wish.raw, folder / "shoot", wish.count)
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(ROUNDS):
            for nodes in seconds:
                with _cluster((mine * nodes)[:nodes]) as (cluster, _):
                    _warm(shoot, folder / f"warm-{turn}-{nodes}", cluster.address, wish.look)
                    seconds[nodes].append(_run(shoot, folder / f"{turn}-{nodes}", cluster.address, wish.look))
        reference = digests(folder / "0-1")
        same = all(digests(folder / f"{turn}-{nodes}") == reference for turn in range(ROUNDS) for nodes in seconds)
        lost = _with_a_loss(shoot, folder / "lost", wish, mine, reference=reference)
    one, two = (statistics.median(seconds[nodes]) for nodes in (1, 2))
    result = {
        **provenance(precision="bf16 where the CPU has it"),
        "raw": wish.raw.name,
        "count": wish.count,
        "look": wish.look,
        "cores": len(mine),
        "seconds": {
            f"{nodes} node{'s' * (nodes > 1)}": [round(each, 2) for each in seconds[nodes]] for nodes in seconds
        },
        "two_over_one": {"measured": round(one / two, 3), "at_least": AIM},
        "every_run_made_the_same": same,
        "loss": lost,
    }
    shown = ("seconds", "two_over_one", "every_run_made_the_same", "loss")
    print(json.dumps({key: result[key] for key in shown}, indent=1))
    if wish.write:
        write(wish.write, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sample = ROOT / "samples" / "mural.dng"
    parser.add_argument("raw", nargs="?", type=Path, default=sample, help="a DNG [default: a sample]")
    parser.add_argument("--count", type=int, default=24, help="copies of it")
    parser.add_argument("--look", default="phone")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


@contextmanager
def _cluster(cores: list[int]) -> Iterator[tuple[Any, list[Any]]]:
    """Start a head, and a node on each core; give the cluster, and its nodes."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **STORE})
    try:
        yield cluster, [_node_on(core, cluster) for core in cores]
    finally:
        cluster.shutdown()


def _node_on(core: int, cluster: Any) -> Any:
    """Add a node whose processes are held to a core: they are held as this one is when they start."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return cluster.add_node(num_cpus=1, **STORE)
    finally:
        os.sched_setaffinity(0, mine)


def _command(shoot: Path, out: Path, address: str, look: str) -> list[str]:
    return [CRISPNET, "develop", str(shoot), "-o", str(out), "--look", look, "--ray", address]


def _warm(shoot: Path, out: Path, address: str, look: str) -> None:
    """Let each node start its process and load the look: what a long run does once."""
    some = copies(next(iter(sorted(shoot.iterdir()))), out.with_name(out.name + "-in"), 4)
    subprocess.run(_command(some, out, address, look), capture_output=True, check=True)


def _run(shoot: Path, out: Path, address: str, look: str) -> float:
    started = time.perf_counter()
    subprocess.run(_command(shoot, out, address, look), capture_output=True, check=True)
    return time.perf_counter() - started


def _with_a_loss(
    shoot: Path, out: Path, wish: argparse.Namespace, mine: list[int], *, reference: dict[str, str]
) -> dict[str, object]:
    """Kill one of two nodes when half of the photographs are there."""
    with _cluster((mine * 2)[:2]) as (cluster, nodes):
        address = cluster.address
        _warm(shoot, out.with_name("warm-lost"), address, wish.look)
        started = time.perf_counter()
        run = subprocess.Popen(
            _command(shoot, out, address, wish.look), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert run.stdout is not None
        for _ in range(wish.count // 2):
            run.stdout.readline()
        drain = threading.Thread(target=run.stdout.read)
        drain.start()
        cluster.remove_node(nodes[1], allow_graceful=False)
        drain.join()
        code = run.wait()
        seconds = time.perf_counter() - started
    lines = [json.loads(line) for line in (out / "developed.jsonl").read_text("utf-8").splitlines()]
    return {
        "seconds": round(seconds, 2),
        "exit_code": code,
        "every_photograph_once_and_undamaged": digests(out) == reference and len(lines) == wish.count,
    }


if __name__ == "__main__":
    main()
