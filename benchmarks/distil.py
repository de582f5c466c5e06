"""Distils what other raw developers make of raws into looks, and judges those by raws that none of them has seen.

    python benchmarks/distil.py PHOTOGRAPHS [-o FOLDER] [--only NAME]... [--write results/distil.json]

Virtual captures of photographs by one camera, those with the most light: 20 to learn from, 20 to judge by. The camera
has large photosites, so that what differs is rendition and not noise, and none of the programs knows more of it than
the files say. RawTherapee and darktable render them with settings that depend on the scene
(``benchmarks/renderings``), and `crispnet fit` learns from each. Controls are fitted to all 20 that are learned from,
of which `fit` itself holds out some. What was done before is not done again.
"""

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from crispnet.app import aligning, evaluating, fitting
from crispnet.app.commanding import check_template, make_pictures
from crispnet.app.simulating import Wish as Captures
from crispnet.app.simulating import take_captures
from crispnet.data.pairs import Pair, read_manifest, write_manifest
from crispnet.look import DEFAULT
from crispnet.train.personal import STEPS
from provenance import provenance, write

HERE = Path(__file__).resolve().parent
RENDERINGS = HERE / "renderings"
LEARNED, JUDGED = 20, 20
PHOTOGRAPHS = 160  # that are captured, from which the best lit are taken
CAMERA, SEED = "ARRI D21", 7
CONTROLS = ("curve", "matrix-curve", "lut")
RAWTHERAPEE = "rawtherapee-cli -o {picture} -j97 -js3 -Y -p '%s' -c {raw}"
DARKTABLE = (
    "darktable-cli {raw} '%s' {picture} --core --library :memory: --configdir '%s' "
    "--conf plugins/imageio/format/jpeg/quality=97"
)
PROGRAMS = {"rawtherapee": "rawtherapee-cli", "darktable": "darktable-cli"}
VERSIONS = {"rawtherapee-cli": ("rawtherapee-cli", "-v"), "darktable-cli": ("darktable-cli", "--version")}


def main() -> None:
    """Distil, judge, and write down what came of it."""
    wish = _parser().parse_args()
    learned, judged = _raws(wish.photographs, wish.output)
    found = {}
    for settings in sorted(RENDERINGS.iterdir()):
        program = PROGRAMS[settings.stem.split("-")[0]]
        if (wish.only and settings.stem not in wish.only) or not shutil.which(program):
            print(f"{settings.stem}: left out" if shutil.which(program) else f"{program} is not installed")
            continue
        folder = wish.output / settings.stem
        kept = folder / "found.json"
        if not kept.exists():
            figures = distil(settings, learned, judged, folder, steps=wish.steps)
            kept.write_text(json.dumps(figures), encoding="utf-8")
        found[settings.stem] = json.loads(kept.read_text(encoding="utf-8"))
        print(settings.stem, found[settings.stem])
    if wish.write:
        facts = {"learned": len(learned), "judged": len(judged), "steps": wish.steps, "look": DEFAULT}
        write(wish.write, {**provenance(programs=VERSIONS), **facts, "renderings": found})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photographs", type=Path, metavar="PHOTOGRAPHS", help="a folder of photographs")
    parser.add_argument("-o", "--output", type=Path, default=Path("distil"), metavar="FOLDER", help="for all of it")
    parser.add_argument("--only", action="append", metavar="NAME", help="just these renderings")
    parser.add_argument("--steps", type=int, default=STEPS, help="of learning")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


def _raws(photographs: Path, folder: Path) -> tuple[list[Path], list[Path]]:
    """Take captures, and choose the best lit, one of each photograph; alternately to learn from and to judge by."""
    some = folder / "photographs"
    if not some.is_dir():
        some.mkdir(parents=True)
        chosen = sorted(path for path in photographs.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        for path in chosen[:: max(1, len(chosen) // PHOTOGRAPHS)][:PHOTOGRAPHS]:
            (some / path.name).symlink_to(path.resolve())
    manifest, _ = take_captures([some], folder / "captures", Captures(cameras=(CAMERA,), each=1, seed=SEED))
    pairs = sorted(read_manifest(manifest), key=lambda pair: float(str(pair.tags["iso"])))
    raws = [pair.raw for pair in pairs[: LEARNED + JUDGED]]
    return raws[::2], raws[1::2]


def distil(settings: Path, learned: Sequence[Path], judged: Sequence[Path], folder: Path, *, steps: int) -> dict:
    """Learn one rendering, and judge it: mean ΔE76 of the look and of each control on raws that nobody has seen."""
    folder.mkdir(parents=True, exist_ok=True)
    command = _command(settings, folder)
    look, began = folder / "look.onnx", time.perf_counter()
    if not look.exists():
        wish = fitting.Wish(tuple(learned), look, DEFAULT, command, steps, seed=1, overwrite=False)
        if not fitting.fit_and_say(wish, as_json=True):
            raise SystemExit(1)  # it was asked to stop
    seconds = time.perf_counter() - began
    made = {raw: path for raws in (learned, judged) for raw, path in _rendered(command, raws, folder).items()}
    pairs = [Pair(raw, picture, raw.stem, "train" if raw in learned else "test", {}) for raw, picture in made.items()]
    write_manifest(pairs, folder / "manifest.jsonl")
    aligning.align(aligning.Wish(folder / "manifest.jsonl", folder / "laid", None), as_json=True)
    means = {name: _mean(name, folder) for name in (*CONTROLS, DEFAULT, str(look))}
    best = min(CONTROLS, key=lambda name: means[name])
    return {
        "before": means[DEFAULT],
        "after": means[str(look)],
        **{name: means[name] for name in CONTROLS},
        "against_the_best_control": round(means[str(look)] / means[best] - 1, 4),
        "seconds_to_fit": round(seconds, 1),
    }


def _command(settings: Path, folder: Path) -> str:
    if settings.suffix == ".pp3":
        return RAWTHERAPEE % settings
    return DARKTABLE % (settings, folder / "darktable")


def _rendered(command: str, raws: Sequence[Path], folder: Path) -> Mapping[Path, Path]:
    return make_pictures(check_template(command), raws, folder / "pictures").pictures


def _mean(what: str, folder: Path) -> float:
    """Measure a look or a control on the raws to judge by."""
    figures = folder / "figures" / f"{Path(what).stem}.json"
    evaluating.evaluate(evaluating.Wish(what, folder / "laid", "test", figures, limit=None), as_json=True)
    summary = json.loads(figures.read_text(encoding="utf-8"))["summary"]
    return round(float(summary["metrics"]["delta_e"]["mean"]), 3)


if __name__ == "__main__":
    main()
