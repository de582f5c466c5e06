"""Measures what a folder of raws costs, beside the network alone, and what becomes of one whose run is killed.

    python benchmarks/folder.py [RAW] [--count 40] [--write results/folder.json]

The folder holds copies of RAW (any DNG) that differ in their last bytes. Its throughput is that of a whole process,
start and end included; the network's own is measured before and after it on the same raw. Then the folder is developed
again, into another folder: the run is killed half-way and started once more.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from provenance import ROOT, provenance, write
from whole_process import Program, interleave, run, summary

CRISPNET = (str(Path(sys.executable).parent / "crispnet"), "develop")
LEDGER = "developed.jsonl"
AIM = 0.9  # of the throughput that the network alone allows
PEERS = {"dcraw_emu": 1.5, "rawtherapee-cli": 0.3}  # at most so many times theirs
VERSIONS = {
    "dcraw_emu": ("dpkg-query", "--show", "--showformat=LibRaw ${Version}", "libraw-bin"),
    "rawtherapee-cli": ("rawtherapee-cli", "-v"),
    "exiftool": ("exiftool", "-ver"),
}


def main() -> None:
    """Measure, print what was found, and write the result where that is asked for."""
    wish = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shoot = copies(wish.raw, Path(folder) / "shoot", wish.count)
        result = {
            **provenance(precision="bf16 where the CPU has it", programs=VERSIONS),
            "raw": wish.raw.name,
            "count": wish.count,
            "look": wish.look,
            **_throughput(shoot, Path(folder) / "whole", wish),
            "killed": _killed(shoot, Path(folder) / "killed", wish, reference=Path(folder) / "whole"),
        }
    print(
        json.dumps({key: result[key] for key in ("folder", "network", "of_the_networks", "aims", "killed")}, indent=1)
    )
    if wish.write:
        write(wish.write, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sample = ROOT / "samples" / "mural.dng"
    parser.add_argument("raw", nargs="?", type=Path, default=sample, help="a DNG [default: a sample]")
    parser.add_argument("--count", type=int, default=40, help="copies of it")
    parser.add_argument("--rounds", type=int, default=5, help="of the network alone, before and after; and of peers")
    parser.add_argument("--look", default="phone")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


def copies(raw: Path, folder: Path, count: int) -> Path:
    """Fill a folder with copies of a raw that differ in their last bytes."""
    folder.mkdir()
    for number in range(count):
        copy = folder / f"{number:03}{raw.suffix}"
        shutil.copyfile(raw, copy)
        with copy.open("ab") as file:
            file.write(number.to_bytes(8, "big"))  # behind all that a TIFF points to
    return folder


def _throughput(shoot: Path, out: Path, wish: argparse.Namespace) -> dict[str, object]:
    raw = next(iter(sorted(shoot.iterdir())))
    network = _network_alone(raw, wish)
    whole = Program("folder", (*CRISPNET, str(shoot), "-o", str(out), "--look", wish.look))
    cost = run(whole)
    network += _network_alone(raw, wish)
    alone, each = statistics.median(network), cost.wall / wish.count
    peers = interleave(_peers(raw, out.parent), runs=wish.rounds, tell=lambda line: print(line, file=sys.stderr))
    aims = [
        {
            "what": f"seconds for each photograph, over {name}'s",
            "at_most": PEERS[name],
            "measured": round(each / statistics.median(one.wall for one in costs), 3),
        }
        for name, costs in peers.items()
    ]
    return {
        "network": {"seconds": round(alone, 4), "range": [min(network), max(network)]},
        "folder": summary([cost]) | {"seconds_each": round(each, 4)},
        "peers": {name: summary(costs) for name, costs in peers.items()},
        "of_the_networks": {"measured": round(alone / each, 3), "at_least": AIM},
        "aims": aims,
    }


def _network_alone(raw: Path, wish: argparse.Namespace) -> list[float]:
    script = Path(__file__).with_name("network_alone.py")
    command = [sys.executable, str(script), str(raw), "--look", wish.look, "--rounds", str(wish.rounds)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _peers(raw: Path, folder: Path) -> list[Program]:
    tiff, jpeg = folder / "peer.tiff", folder / "peer.jpg"
    words = {
        "dcraw_emu": ("-w", "-T", "-Z", str(tiff), str(raw)),
        "rawtherapee-cli": ("-o", str(jpeg), "-j95", "-js3", "-Y", "-c", str(raw)),
    }
    homes = tuple((home, str(folder)) for home in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"))
    outputs = {"dcraw_emu": tiff, "rawtherapee-cli": jpeg}
    found = {name: shutil.which(name) for name in words}
    return [
        Program(name, (program, *words[name]) if program else None, outputs[name], homes)
        for name, program in found.items()
    ]


def _killed(shoot: Path, out: Path, wish: argparse.Namespace, *, reference: Path) -> dict[str, object]:
    """Kill a run half-way, and say what it left and what the next one made of that."""
    command = (*CRISPNET, str(shoot), "-o", str(out), "--look", wish.look)
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    assert first.stdout is not None
    for _ in range(wish.count // 2):
        first.stdout.readline()
    time.sleep(0.3)  # in the middle of a photograph
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    wanted, left = digests(reference), digests(out)
    whole = {name: (out / name).stat().st_ino for name in left if left[name] == wanted.get(name)}
    damaged = [name for name in left if not name.startswith(".") and name not in whole]
    second = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in second.stdout.splitlines()]
    return {
        "whole_when_killed": len(whole),
        "damaged_when_killed": len(damaged),
        "made_before": sum("made_before" in line for line in told),
        "made_twice": sum((out / name).stat().st_ino != number for name, number in whole.items()),
        "failed": sum("error" in line for line in told),
        "every_photograph_once_and_undamaged": digests(out) == wanted and len(wanted) == wish.count,
    }


def digests(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of each file of a folder but the ledger."""
    files = (path for path in folder.iterdir() if path.name != LEDGER)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    main()
