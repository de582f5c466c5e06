"""Measures how near developers come to the camera's own picture of a raw: ours, with its colours matched, and others.

    python benchmarks/match_preview.py FOLDER|RAW[=PICTURE]... [--look NAME] [--write results/match.json] [--sheet JPEG]

RawTherapee runs with its default profile, whose curve is matched to the embedded picture; darktable as it comes. Both
pictures are averaged over equal parts, at several sizes, before their colours are compared. What matching costs is
measured by developing with and without it in turn, in one process.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

import crispnet
from crispnet.look import DEFAULT
from crispnet.look.contract import Look
from crispnet.raw.orientation import upright
from crispnet.raw.picture import camera_picture
from crispnet.raw.sidecar import picture_file
from laying_out import beside, labelled, stack
from others import MIRRORED, VERSIONS, colour_difference, developed_by, installed, raws_of, turned
from provenance import provenance, write

SIZES = ((240, 320), (375, 500), (480, 640), (750, 1000))  # rows, columns
WIDTH = 300  # of a picture of the sheet
ROUNDS = 3
CAMERA, PLAIN = "the camera", "plain"


def main() -> None:
    """Measure, and write down or show what came of it."""
    wish = _parser().parse_args()
    look, plain = crispnet.load_look(wish.look), crispnet.load_look(PLAIN)
    rows, photographs = [], []
    for path, picture in (found for words in wish.raws for found in raws_of(words)):
        photo = crispnet.develop(path, look, match_preview=True)
        if photo.preview is None or photo.preview.match is None:
            print(path.name, *photo.notes, sep="; ")
            continue
        pictures = _pictures(path, photo, [plain, look], picture)
        figures = {name: _distances(each, pictures[CAMERA]) for name, each in pictures.items() if name != CAMERA}
        photographs.append(
            {"raw": path.name, "fitted_to": Path(photo.preview.picture).name, "seconds": _costs(path, look)}
            | {"delta_e_76": figures}
        )
        print(path.name, {name: found.get("320x240") for name, found in figures.items()}, photographs[-1]["seconds"])
        rows.append(beside([labelled(_small(each), name) for name, each in pictures.items()]))
    if wish.sheet:
        stack(rows).save(wish.sheet, quality=84)
    if wish.write:
        facts = {"look": f"{look.name} {look.version}", "rounds": ROUNDS, "photographs": photographs}
        write(wish.write, {**provenance(programs=VERSIONS), **facts})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raws", nargs="+", metavar="FOLDER|RAW[=PICTURE]", help="raws that have a camera's picture")
    parser.add_argument("--look", default=DEFAULT, metavar="NAME|FILE", help="the look to begin with")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    parser.add_argument("--sheet", type=Path, metavar="JPEG", help="put the pictures beside each other")
    return parser


def _pictures(path: Path, matched: crispnet.Photo, looks: list[Look], picture: Path | None) -> dict[str, np.ndarray]:
    """Develop a raw in every way: (h, w, 3) uint8, upright, by who made it."""
    turn = matched.raw.orientation
    pictures = {CAMERA: _camera(path, picture), f"{looks[-1].name}, matched": _codes(matched)}
    for look in looks:
        pictures[look.name] = _codes(crispnet.develop(path, look))
    for name in installed():
        other = developed_by(name, path)
        pictures[name] = turned(other, pictures[PLAIN]) if turn in MIRRORED else other
    return pictures


def _camera(path: Path, picture: Path | None) -> np.ndarray:
    return picture_file(picture).pixels if picture else camera_picture(path).pixels


def _codes(photo: crispnet.Photo) -> np.ndarray:
    codes = (np.clip(photo.pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(upright(codes, photo.raw.orientation))


def _distances(picture: np.ndarray, camera: np.ndarray) -> dict[str, float]:
    """Measure the mean ΔE76 at every size that both pictures have."""
    smallest = [min(each.shape[axis] for each in (picture, camera)) for axis in range(2)]
    return {
        f"{size[1]}x{size[0]}": colour_difference(picture, camera, means=size)["delta_e_76_mean"]
        for size in SIZES
        if size[0] <= smallest[0] and size[1] <= smallest[1]
    }


def _costs(path: Path, look: Look) -> dict[str, float]:
    """Time developing without and with matching, in turn; medians."""
    times: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(ROUNDS):
        for name in times:
            started = time.perf_counter()
            crispnet.develop(path, look, match_preview=name == "with")
            times[name].append(time.perf_counter() - started)
    medians = {name: round(median(each), 3) for name, each in times.items()}
    return medians | {"more": round(medians["with"] - medians["without"], 3)}


def _small(picture: np.ndarray) -> Image.Image:
    height = round(WIDTH * picture.shape[0] / picture.shape[1])
    return Image.fromarray(picture).resize((WIDTH, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
