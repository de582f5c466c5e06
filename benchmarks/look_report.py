"""Measures a look on captures it never learned from, beside simple controls, and shows where it is worst.

    python benchmarks/look_report.py LOOK CAPTURES [--run RUN] [-o results/looks/NAME.json] [--pictures docs/looks/NAME]

LOOK is the name or the file of a trained look, CAPTURES a folder of captures whose frames are written (``crispnet
train`` and ``evaluate`` do). The look renders the whole test split in bfloat16. In float32, and by the controls, only a
third of the captures of each scene is rendered, always those that share their light with one that is rendered too:
both are slow, and their differences are measured on the same pictures. Pictures are shown of scenes that may be shown:
views of Poly Haven's panoramas (CC0).
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from crispnet.app.collecting import Origin
from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.darkroom.output import srgb_profile
from crispnet.data.frames import Frame, open_frames
from crispnet.data.pairs import read_manifest
from crispnet.data.setfile import named_set, shipped_sets
from crispnet.evaluate.controls import Curve, Lut, MatrixCurve
from crispnet.evaluate.intervals import CONFIDENCE, DRAWS
from crispnet.evaluate.measure import Render, Row, as_look, measure, paired, summary
from crispnet.evaluate.metrics import colour_differences
from crispnet.evaluate.provenance import provenance
from crispnet.look.file import LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.plain import PlainLook
from crispnet.look.shelf import load_look, shipped
from laying_out import GAP, beside, labelled
from provenance import ROOT, write

EVERY = 3  # captures of a scene: what else is measured on the first of so many
GROUPS = ("camera_seen", "kind", "level", "shown")
SHELF = ROOT / "src" / "crispnet" / "look" / "shipped"
FAST, EXACT = "bf16", "f32"
CONTROLS: Mapping[str, Callable[[Sequence[Frame]], Render]] = {
    "curve": Curve.fit,
    "matrix-curve": MatrixCurve.fit,
    "lut": Lut.fit,
}
WORST, TYPICAL, LISTED = 6, 2, 10
PER_SCENE = 2  # of the pictures that are shown: the worst of a set are often one scene, again and again
WIDTH, QUALITY, MOST_BYTES = 900, 85, 1_000_000
FARTHEST = 20.0  # ΔE76 that is white in a map


def main() -> None:
    """Measure, write the result, and cut the pictures."""
    wish = _parser().parse_args()
    file = LookFile.open(_path_of(wish.look))
    name = wish.name or file.name
    frames = thinned(open_frames(wish.captures / "frames", "test"), wish.limit)
    learned = open_frames(wish.captures / "frames", "train")
    fitted = thinned(learned, wish.limit)
    renders = {
        FAST: remembered(as_look(OpenVinoLook(file, precision=FAST))),
        EXACT: remembered(as_look(OpenVinoLook(file, precision=EXACT))),
        "plain": as_look(load_look(PlainLook.name)),
        **{control: fit(fitted) for control, fit in CONTROLS.items()},
    }
    some = {frame.name for frame in some_of(frames)}
    rows, between = measure_all(renders, frames, some)
    origin = Origin.of(wish.captures, read_manifest(wish.captures / "manifest.jsonl"))
    pictures = choose(rows[FAST], may_be_shown(origin.name))
    content = {
        "what": f"the look {name}, {file.version}, on {len(frames)} captures of {origin.name}, test",
        **provenance(precision=f"{FAST}; {EXACT} on {len(some)} captures"),
        "look": {"name": name, "version": file.version, "sha256": hashlib.sha256(file.content).hexdigest()},
        "data": {"name": origin.name, "train": {"captures": origin.captures, "scenes": origin.scenes}},
        "limit": wish.limit,
        "run": _run_facts(wish.run) if wish.run else None,
        **figures(rows, between, some),
        "fitted_on": {"captures": len(fitted), "of": len(learned)},
        "pictures": pictures,
    }
    write(wish.output or ROOT / "results" / "looks" / f"{name}.json", rounded(content))
    show(frames, renders[FAST], pictures, wish.pictures or ROOT / "docs" / "looks" / name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("look", help="the name of a shipped look, or a look file")
    parser.add_argument("captures", type=Path, help="a folder of captures with their frames")
    parser.add_argument("--name", help="what the report calls the look [default: what it calls itself]")
    parser.add_argument("--run", type=Path, help="the folder of the run it was exported from, for how it was made")
    parser.add_argument("-o", "--output", type=Path, metavar="JSON", help="[default: results/looks/NAME.json]")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="[default: docs/looks/NAME]")
    parser.add_argument("--limit", type=int, help="measure so many captures only, to try it out")
    return parser


def _path_of(look: str) -> Path:
    return SHELF / f"{look}.onnx" if look in shipped() else Path(look)


def thinned(frames: Sequence[Frame], limit: int | None) -> list[Frame]:
    """Keep the frames of some scenes, evenly picked, so that about ``limit`` are left, and of one scene at least."""
    scenes = list(dict.fromkeys(frame.scene for frame in frames))
    count = max(1, min(len(scenes), (limit or len(frames)) * len(scenes) // len(frames)))
    kept = {scenes[place * len(scenes) // count] for place in range(count)}
    return [frame for frame in frames if frame.scene in kept]


def some_of(frames: Sequence[Frame], every: int = EVERY) -> list[Frame]:
    """Keep a third of each scene's captures with cameras seen, and the same third of those with cameras unseen.

    Both were taken in the same lights, in the same order, so that they stay comparable.
    """
    groups: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[frame.scene, frame.tags.get("camera_seen")].append(frame)
    return [frame for group in groups.values() for frame in group[::every]]


def remembered(render: Render) -> Render:
    """Make a render that does not do the same frame twice in a row."""
    last: dict[str, np.ndarray] = {}

    def again(frame: Frame) -> np.ndarray:
        if frame.name not in last:
            last.clear()
            last[frame.name] = render(frame)
        return last[frame.name]

    return again


def measure_all(
    renders: Mapping[str, Render], frames: Sequence[Frame], some: set[str]
) -> tuple[dict[str, list[Row]], list[float]]:
    """Measure the look on all frames and the rest on some; also mean ΔE76 between both precisions on each of some."""
    rows: dict[str, list[Row]] = {name: [] for name in renders}
    between = []
    ordered = sorted(frames, key=lambda frame: frame.packed.shape)  # each new size has to be compiled
    for number, frame in enumerate(ordered):
        names = renders if frame.name in some else (FAST,)
        for name in names:
            rows[name] += measure(renders[name], [frame])
        if frame.name in some:
            fast, exact = (np.clip(renders[name](frame), 0, 1) for name in (FAST, EXACT))
            between.append(float(np.mean(colour_differences(fast, exact).delta_e_76)))
        if number % 10 == 9 or number + 1 == len(frames):
            print(f"{number + 1} of {len(frames)}", file=sys.stderr)
    order = {frame.name: place for place, frame in enumerate(frames)}
    return {name: sorted(found, key=lambda row: order[row["name"]]) for name, found in rows.items()}, between


def figures(rows: Mapping[str, list[Row]], between: Sequence[float], some: set[str]) -> dict[str, object]:
    """Sum up everything that was measured."""
    every = rows[FAST]
    same = [row for row in every if row["name"] in some]
    seen, unseen = ([row for row in every if row["tags"].get("camera_seen") is known] for known in (True, False))
    beside = {
        name: {**summary(same if name == FAST else found), "more_than_the_look": paired_to(found, same)}
        for name, found in rows.items()
    }
    return {
        "test": summary(every, groups=GROUPS),
        "beside": beside,
        "unseen_over_seen": {metric: ratio(unseen, seen, metric) for metric in ("delta_e", "low_pass_delta_e")}
        if seen and unseen
        else None,
        "bf16_to_f32": {"captures": len(between), "delta_e": float(np.mean(between)), "worst": max(between)},
        "worst": [_named(row) for row in by_error(every)[:LISTED]],
        "captures": [_named(row) for row in every],
    }


def paired_to(found: list[Row], same: list[Row]) -> dict[str, float] | None:
    """Give by how much ΔE76 exceeds the look's on the same captures; nothing for the look itself."""
    wanted = {row["name"] for row in same}
    return paired(found, same, "delta_e")._asdict() if {row["name"] for row in found} == wanted else None


def ratio(over: Sequence[Row], under: Sequence[Row], metric: str, *, seed: int = 0) -> dict[str, float]:
    """Divide the mean of some rows by that of others of the same scenes, with a 95 % interval.

    Each draw of the bootstrap takes scenes, and of each scene the rows of both.
    """
    scenes = sorted({str(row["scene"]) for row in over} & {str(row["scene"]) for row in under})
    place = {scene: number for number, scene in enumerate(scenes)}

    def sums_and_counts(rows: Sequence[Row]) -> np.ndarray:
        table = np.zeros((2, len(scenes)))
        for row in rows:
            if row["scene"] in place:
                table[:, place[row["scene"]]] += (row[metric], 1)
        return table

    tables = [sums_and_counts(rows) for rows in (over, under)]

    def divided(drawn: np.ndarray) -> np.ndarray:
        above, below = (table[0][drawn].sum(axis=-1) / table[1][drawn].sum(axis=-1) for table in tables)
        return above / below

    drawn = np.random.default_rng(seed).integers(len(scenes), size=(DRAWS, len(scenes)))
    low, high = np.percentile(divided(drawn), (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)))
    alone = len(scenes) == 1  # which says nothing of other scenes
    mean = float(divided(np.arange(len(scenes))))
    return {"mean": mean, "low": np.nan if alone else float(low), "high": np.nan if alone else float(high)}


def by_error(rows: Sequence[Row]) -> list[Row]:
    """Put the worst first."""
    return sorted(rows, key=lambda row: (-row["delta_e"], row["name"]))


def may_be_shown(name: str) -> set[str]:
    """Name the scenes of a set that are panoramas; of photographs, only the captures are ours, not what they show."""
    if name not in shipped_sets():
        return set()
    return {Path(entry.file).stem for entry in named_set(name).entries if entry.file.endswith(".hdr")}


def choose(rows: Sequence[Row], showable: set[str]) -> list[dict[str, object]]:
    """Choose what to show: the worst captures, then those nearest to the median, none of them twice."""
    ranked = list(enumerate(by_error(rows), 1))
    near_median = sorted(ranked, key=lambda pair: abs(pair[0] - (len(ranked) + 1) / 2))
    taken: list[dict[str, object]] = []
    for why, count, order in (("worst", WORST, ranked), ("typical", TYPICAL, near_median)):
        found = [(rank, row) for rank, row in order if row["scene"] in showable]
        per_scene, number = defaultdict(int), 0
        for rank, row in found:
            known = row["name"] in [picture["name"] for picture in taken]
            if known or number == count or per_scene[row["scene"]] == (PER_SCENE if why == "worst" else 1):
                continue
            per_scene[row["scene"]] += 1
            number += 1
            taken.append({"file": f"{why}-{number}.jpg", "why": why, "rank": rank, "of": len(ranked), **_named(row)})
    return taken


def _named(row: Row) -> dict[str, object]:
    said = {tag: row["tags"].get(tag) for tag in ("camera", "camera_seen", "light", "kelvin", "kind", "level", "iso")}
    return {"name": row["name"], **said, **{metric: row[metric] for metric in ("delta_e", "low_pass_delta_e", "psnr")}}


def show(frames: Sequence[Frame], render: Render, pictures: Sequence[Mapping[str, object]], folder: Path) -> None:
    """Write a strip for each picture that was chosen, in place of what the folder held."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    frame_of = {frame.name: frame for frame in frames}
    for picture in pictures:
        frame = frame_of[picture["name"]]
        strip = strip_of(render(frame), np.asarray(frame.target, np.float32) / 255, delta_e=picture["delta_e"])
        strip.save(folder / picture["file"], quality=QUALITY, icc_profile=srgb_profile(), optimize=True)
    size = sum(path.stat().st_size for path in folder.glob("*.jpg"))
    if size > MOST_BYTES:
        raise SystemExit(f"{folder} has {size} bytes of pictures; at most {MOST_BYTES} were wanted")


def strip_of(ours: np.ndarray, target: np.ndarray, *, delta_e: float) -> Image.Image:
    """Put our rendition, the target and the map of ΔE76 side by side, each a third of the width."""
    width = (WIDTH - 2 * GAP) // 3
    size = (width, round(width * ours.shape[0] / ours.shape[1]))
    ours = np.clip(ours, 0, 1)
    differences = np.asarray(delta_e_76(srgb_to_lab(ours), srgb_to_lab(target)), np.float32)
    small = np.clip(cv2.resize(differences, size, interpolation=cv2.INTER_AREA) / FARTHEST, 0, 1)
    coloured = cv2.applyColorMap((255 * small).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    pictures = [Image.fromarray(np.round(255 * pixels).astype(np.uint8)) for pixels in (ours, target)]
    halves = [picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures]
    words = (f"the look, {delta_e:.1f} off", "what it should be", f"the error: black 0, yellow {FARTHEST:.0f}")
    panels = [*halves, Image.fromarray(np.ascontiguousarray(coloured))]
    return beside([labelled(panel, text) for panel, text in zip(panels, words, strict=True)])


def _run_facts(run: Path) -> dict[str, object]:
    """Read how a run went: its recipe, and what its log says at the end."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    last = max((line for line in lines if "seconds" in line), key=lambda line: line["step"])
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    return {"recipe": recipe, "steps": last["step"], "hours": last["seconds"] / 3600}


def rounded(value: object) -> object:
    """Keep five digits, which is more than is known; what is no finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value


if __name__ == "__main__":
    main()
