"""Runs the monitor rig from end to end with the virtual camera before the page, with faults planted, and counts.

    python benchmarks/rig.py FOLDER... [-o SESSION] [--captures 200] [--write results/rig.json]

plan → show → shoot (killed half-way, and gone on with) → identify → align → split → train two steps → score, and then
once more for what was left out. Every tenth capture has a fault; where the screen is in each is known exactly.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from crispnet.app import capturing, evaluating, identifying, training
from crispnet.data.pairs import read_manifest
from crispnet.data.rig.browser import Browser
from crispnet.data.rig.log import LOG, history_of
from crispnet.data.rig.looking import Guess, look_at
from crispnet.data.rig.marks import Layout
from crispnet.data.rig.plan import Plan, photographs_in, planned, read_plan, write_plan
from crispnet.data.rig.screen import Screen
from crispnet.data.rig.virtual import Fault, VirtualCamera, standing
from provenance import provenance, write

CHART_EVERY, SETTLE, SEED = 20, 0.02, 1
SHARE = 0.1  # of captures that have a fault
EXPOSURES, GAINS = (0.0, -1.0, 0.7), (50, 200, 800)
PLANTED = {  # by the name that they are to be found under
    "wrong frame": Fault(stale=True),
    "moved": Fault(moved=(14.0, -6.0)),
    "blurred": Fault(blur=1.6),
    "clipped": Fault(ev=6.0),
    "missing": Fault(lost=(".jpg",)),
}
RECIPE, STEPS = "crispnet", ("steps=2", "widths=8,16", "blocks=1", "dim=32", "depth=1")
GRID = 15  # places along each side of the photographs' field where errors are measured


def main() -> None:
    """Run it all, or be the process that is killed."""
    wish = _parser().parse_args()
    if wish.shoot:
        shoot(wish.output, read_plan(wish.output), with_faults=wish.shoot == "faulty")
        return
    shutil.rmtree(wish.output, ignore_errors=True)
    wish.output.mkdir(parents=True)
    plan = plan_for(wish.folders, wish.captures)
    write_plan(plan, wish.output)
    begun = time.monotonic()
    _be_interrupted(wish.output, after=len(plan.steps) // 2)
    shooting = time.monotonic() - begun
    left_out = identifying.identify(identifying.Wish(wish.output), as_json=False)
    result = _counted(wish.output, plan) | {"left_out": left_out, "shooting_s": round(shooting, 1)}
    result |= {"identifying_s": round(time.monotonic() - begun - shooting, 1)}
    result |= {"error_px": _errors(wish.output, plan), "learned": _learned(wish.output)}
    _call(wish.output, "sound").wait()
    result["left_out_once_taken_anew"] = identifying.identify(identifying.Wish(wish.output), as_json=False)
    result["pairs_once_taken_anew"] = len(read_manifest(wish.output / "pairs" / "manifest.jsonl"))
    print(json.dumps(result, indent=1))
    if wish.write:
        write(wish.write, {**provenance(programs={"chromium": ("chromium", "--version")}), **result})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="photographs to show")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/rig"), help="the folder of the session")
    parser.add_argument("--captures", type=int, default=200, help="charts included")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    parser.add_argument("--shoot", choices=("faulty", "sound"), help=argparse.SUPPRESS)
    return parser


def plan_for(folders: list[Path], captures: int) -> Plan:
    """Plan so many captures, charts included."""
    photographs, count = photographs_in(folders), captures
    while True:
        picked = [photographs[place * len(photographs) // count] for place in range(count)]
        plan = planned(
            picked, exposures=EXPOSURES, gains=GAINS, chart_every=CHART_EVERY, settle=SETTLE, licence="mixed", seed=SEED
        )
        if len(plan.steps) <= captures:
            return plan
        count -= 1


def faults_of(plan: Plan) -> dict[int, str]:
    """Say which captures have which fault: as many of each, at drawn places, never two in a row."""
    chance = np.random.default_rng(SEED)
    free = [step.number for step in plan.steps if step.kind == "photograph"]
    names, found = list(PLANTED), {}
    for number in chance.permutation(free).tolist():
        if len(found) < round(SHARE * len(plan.steps)) and not {number - 1, number + 1} & found.keys():
            found[number] = names[len(found) % len(names)]
    return found


def shoot(session: Path, plan: Plan, *, with_faults: bool) -> None:
    """Photograph what is left of a plan with the virtual camera before the page in a headless browser."""
    rows, columns = capturing.WINDOW
    before = history_of(session)
    faults = {number: PLANTED[name] for number, name in faults_of(plan).items() if number not in before.missed}
    with Screen() as screen, Browser(f"{screen.address}?begin", rows=rows, columns=columns) as browser:
        capturing.shoot(plan, session, screen, VirtualCamera(browser.see, faults=faults if with_faults else {}))


def _call(session: Path, how: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, __file__, "-o", str(session), "--shoot", how]
    return subprocess.Popen(words, start_new_session=True)


def _be_interrupted(session: Path, *, after: int) -> None:
    """Shoot in a process that is killed after so many captures, and in another one to the end."""
    first = _call(session, "faulty")
    while len(history_of(session).shot) < after and first.poll() is None:
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    _call(session, "faulty").wait()


def _counted(session: Path, plan: Plan) -> dict[str, object]:
    """Compare what was found with what was planted."""
    planted = faults_of(plan)
    found = {said["frame"]: "missing" for said in _lines(session / LOG) if said["event"] == "missed"}
    found |= {said["frame"]: said["fault"] for said in _lines(session / "pairs" / "left-out.jsonl")}
    missing = {number for number, name in planted.items() if name == "missing"}  # some were taken anew by then
    photographs = {step.number for step in plan.steps if step.kind == "photograph"}
    good = photographs - planted.keys()
    paired = {int(pair.raw.stem) for pair in read_manifest(session / "pairs" / "manifest.jsonl")}
    return {
        "captures": len(plan.steps),
        "planted": dict(Counter(planted.values())),
        "named": dict(Counter(name for number, name in planted.items() if found.get(number) == name)),
        "misnamed": {number: found.get(number) for number, name in planted.items() if found.get(number) != name},
        "interruptions": history_of(session).interruptions,
        "good": len(good),
        "good_lost": sorted(good - paired),
        "bad_kept": sorted(paired - good - missing),
    }


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _errors(session: Path, plan: Plan) -> dict[str, float]:
    """Measure how far the screen is found from where it is, in photosites, over the field of photographs."""
    history, faults = history_of(session), faults_of(plan)
    layout = history.layout or Layout(*capturing.WINDOW)
    field, errors = layout.field, []
    down, across = np.linspace(field.top, field.bottom - 1, GRID), np.linspace(field.left, field.right - 1, GRID)
    places = np.dstack(np.meshgrid(across, down)).reshape(-1, 2)
    for number, taken in history.shot.items():
        if taken is None or number in faults:
            continue
        seen = look_at(taken, number, plan, layout, guess=Guess())
        truth = standing((layout.rows, layout.columns))
        if seen.sighting is None:
            raise ValueError(f"expected the screen to be found in capture {number}, got nothing")
        there = cv2.perspectiveTransform(places[:, None], truth)[:, 0]
        errors.append(np.linalg.norm(seen.sighting.places(places) - there, axis=1))
    pairs = read_manifest(session / "pairs" / "manifest.jsonl")
    return {
        "captures": len(errors),
        "mean": round(float(np.mean(errors)), 3),
        "largest_mean": round(float(np.mean(errors, axis=1).max()), 3),
        "largest": round(float(np.max(errors)), 3),
        "raw_against_picture_mean": round(float(np.mean([pair.tags["misfit"] for pair in pairs])), 3),
    }


def _learned(session: Path) -> dict[str, object]:
    """Train two steps on the pairs, and score the run on what was held out."""
    run, pairs = session / "run", session / "pairs"
    done = training.train(training.Wish(RECIPE, pairs, run, STEPS, "cpu", 1, fresh=False), as_json=False)
    figures = session / "figures.json"
    evaluating.evaluate(evaluating.Wish(str(run), pairs, "test", figures, None, pictures=False), as_json=False)
    said = json.loads(figures.read_text("utf-8"))
    counts = Counter(pair.split for pair in read_manifest(pairs / "manifest.jsonl"))
    return {"finished": done, "pairs": dict(counts), "scored": len(said["rows"])}


if __name__ == "__main__":
    main()
