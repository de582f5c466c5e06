"""Gives damaged files to everything that reads files of strangers, and says what became of them.

Each file follows from the seed and its number. A run that was stopped goes on where it was; a finding is shown with
``--show TARGET NUMBER``, which writes the file. The zoo of sound raws is read back as well.

python benchmarks/fuzz.py [--seed 1] [--times 1.0] [--only TARGET] [--fresh] [--output results/reliability/damage.json]
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pen
from crispnet.evaluate.provenance import commit
from fuzz_develop import damaged_raw, drive_develop
from fuzz_serve import damaged_file, drive_serve
from provenance import RESULTS, provenance, write

AT_ONCE = 500  # files until the results are written
PARSERS = {  # files for each
    "tags": 8_000, "opcodes": 10_000, "raw": 8_000, "whole raw": 600, "camera's picture": 2_000, "sidecar": 5_000,
    "picture": 10_000, "look": 22_000, "look in use": 2_000, "table": 13_000, "manifest": 12_000, "recipe": 4_000,
    "frames": 8_000, "set of captures": 5_000, "checkpoint": 800, "state": 600,
}  # fmt: skip
WHOLE = {"crispnet develop": 2_400, "crispnet serve": 1_000}
DRIVES = {"crispnet develop": drive_develop, "crispnet serve": drive_serve}
MAKES = {"crispnet develop": damaged_raw, "crispnet serve": damaged_file}
WANTED = PARSERS | WHOLE
ZOO = 5_000  # members that are read back
Result = dict[str, Any]


def main() -> None:
    """Go on until every target has had its files."""
    wish = _wish()
    if wish.show:
        target, number = wish.show
        name = Path(f"{target.replace(' ', '-')}-{number}")
        sys.path.insert(0, str(pen.TESTS))
        made = MAKES.get(target, partial(pen.content_of, target))
        name.write_bytes(made(seed=wish.seed, number=int(number)))
        print(name)
        return
    result = _begun(wish)
    for target, wanted in WANTED.items():
        if wish.only in (None, target):
            _work_through(result, target, round(wanted * wish.times), wish)
    if wish.only is None:
        _visit_the_zoo(result, round(ZOO * wish.times), wish)
    _keep(result, wish.output)
    findings = sum(len(tally["findings"]) for tally in result["targets"].values())
    print(f"{sum(tally['tried'] for tally in result['targets'].values())} files, {findings} findings: {wish.output}")
    sys.exit(1 if findings else 0)


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="another seed, other damage")
    parser.add_argument("--times", type=float, default=1.0, help="so many times the usual number of files")
    parser.add_argument("--only", choices=WANTED, help="one target alone")
    parser.add_argument("--fresh", action="store_true", help="begin anew, with --only that target alone")
    parser.add_argument("--output", type=Path, default=RESULTS / "reliability" / "damage.json")
    parser.add_argument("--show", nargs=2, metavar=("TARGET", "NUMBER"), help="write a file that was found")
    return parser.parse_args()


def _begun(wish: argparse.Namespace) -> Result:
    """Take up the results that are there, if they are of the same seed."""
    if wish.output.exists() and (wish.only or not wish.fresh):
        there = json.loads(wish.output.read_text(encoding="utf-8"))
        if wish.fresh:
            there["targets"].pop(wish.only, None)
        if there["seed"] == wish.seed:
            return there
    return {"seed": wish.seed, "targets": {}, "zoo": {}}


def _work_through(result: Result, target: str, wanted: int, wish: argparse.Namespace) -> None:
    nothing = {"tried": 0, "read": 0, "refused": 0, "findings": [], "peak_mb": 0, "limit_mb": 0, "seconds": 0.0}
    tally = result["targets"].setdefault(target, nothing)
    drive = DRIVES.get(target, pen.drive)
    while tally["tried"] < wanted:
        count = min(AT_ONCE, wanted - tally["tried"])
        done = drive(target, seed=wish.seed, first=tally["tried"], count=count)
        tally["tried"] += count
        tally["read"] += done.read
        tally["refused"] += done.refused
        tally["findings"] += [f"{finding.number}: {finding.what}" for finding in done.findings]
        tally["peak_mb"] = max(tally["peak_mb"], round(done.peak / 1e6))
        tally["limit_mb"] = round(done.limit / 1e6)
        tally["seconds"] = round(tally["seconds"] + done.seconds, 1)
        tally["commit"] = commit()
        _keep(result, wish.output)
        print(f"{target}: {tally['tried']} of {wanted}, {len(tally['findings'])} findings", flush=True)


def _visit_the_zoo(result: Result, wanted: int, wish: argparse.Namespace) -> None:
    """Read members of the zoo back, each another one."""
    sys.path.insert(0, str(pen.TESTS))
    import tempfile

    import numpy as np

    import zoo
    from crispnet.raw.reader import open_raw

    if result["zoo"].get("tried", 0) >= wanted:
        return
    numbers = np.random.default_rng(wish.seed).choice(zoo.COUNT, wanted, replace=False)
    began, unlike = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers.tolist():
            member = zoo.member(number)
            fields = zoo.differences(open_raw(zoo.write(member, Path(folder) / "a.dng")), member)
            if fields:
                unlike.append(f"{number}: {', '.join(fields)}")
    seconds = round(time.monotonic() - began, 1)
    result["zoo"] = {"members": zoo.COUNT, "tried": wanted, "unlike": unlike, "seconds": seconds}
    _keep(result, wish.output)


def _keep(result: Result, output: Path) -> None:
    write(output, provenance() | {name: result[name] for name in ("seed", "targets", "zoo")})


if __name__ == "__main__":
    main()
