"""The ablations of the paper on ``monitor-v1``: trains each network alike, measures each, and the controls.

python benchmarks/study.py PHOTOS... --data FOLDER [--runs FOLDER] [--only NAME ...] [--set name=value ...]

Everything is done by the commands that users type, one after another, and goes on where it was stopped: captures that
are there are kept, runs are continued, results are written anew. ``benchmarks/report.py`` makes the tables from
``results/monitor-v1/*.json``. On two cores the five runs take about two and a half hours.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from crispnet.data.frames import open_frames
from crispnet.evaluate.controls import difficulty
from crispnet.evaluate.provenance import provenance
from crispnet.train.recipes import PAPER

ROOT = Path(__file__).resolve().parent.parent
SET = "monitor-v1"
CONTROLS = ("plain", "curve", "matrix-curve", "lut")


def main() -> None:
    """Do what is missing, one thing after another."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path, nargs="+", help="folders of the photographs and panoramas of monitor-v1")
    parser.add_argument("--data", type=Path, required=True, help="where the captures are, or are to be")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / SET, help="where the runs are, or are to be")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / SET, help="where the figures go")
    parser.add_argument("--only", nargs="+", default=[*CONTROLS, "difficulty", *PAPER], help="do only these")
    parser.add_argument("--set", nargs="+", default=[], help="changes to every recipe, alike")
    wish = parser.parse_args()
    wish.results.mkdir(parents=True, exist_ok=True)
    crispnet("data", "simulate", *wish.photos, "--set", SET, "-o", wish.data, "--jobs", 2)
    for name in wish.only:
        if name == "difficulty":
            write_difficulty(wish.data, wish.results / "difficulty.json")
            continue
        subject = name
        if name in PAPER:
            subject = wish.runs / name
            changes = [word for change in wish.set for word in ("--set", change)]
            crispnet("train", name, wish.data, "-o", subject, *changes)
        crispnet("evaluate", subject, wish.data, "--split", "test", "-o", wish.results / f"{name}.json")


def crispnet(*words: object) -> None:
    """Run a command, as a user would; its failure ends the study."""
    command = [str(Path(sys.executable).with_name("crispnet")), *map(str, words)]
    print("crispnet", *command[1:], flush=True)
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def write_difficulty(data: Path, path: Path) -> None:
    """Write what controls leave of the test split, and what the best control of each single picture leaves."""
    train, test = (open_frames(data / "frames", split) for split in ("train", "test"))
    document = {"what": f"difficulty of {SET}, test", "difficulty": difficulty(train, test)}
    document["provenance"] = provenance(precision="float64")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
