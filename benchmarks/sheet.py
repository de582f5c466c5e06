"""Puts our renderings beside the camera's own picture and other raw developers', to be looked at.

    python benchmarks/sheet.py FOLDER|RAW[=PICTURE]... [--look NAME|FILE] [-o docs/sheets] [--write results/plain.json]

One sheet per raw, with a column for each rendition: the plain look, the trained look that is asked for, the camera's
own picture, RawTherapee and darktable as they come, where they are installed. Below each, details at 100 %, one pixel
of the sheet for one of the photograph. One more sheet shows all of them small. In a folder, a JPEG of the same name is
the camera's picture of a raw. The differences in colour are for reference: no look was made to imitate these cameras.
"""

import argparse
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import crispnet
from crispnet.colour import JND, decode_srgb, delta_e_76, encode_srgb, srgb_to_lab
from crispnet.darkroom.output import srgb_profile
from crispnet.look.contract import Look
from crispnet.raw.bayer import area_average
from crispnet.raw.orientation import upright
from crispnet.raw.picture import camera_picture, to_srgb
from laying_out import GAP, PAPER, beside, labelled, stack
from provenance import provenance, write

COLUMN = 272  # pixels of a sheet
WIDTH = 1280  # of the two pictures of ``--picture``
SMALL = 200  # the columns of the sheet of all
MOST_BYTES = 500_000
MEANS = (240, 320)  # rows, columns of the means whose colours are compared
ALIKE = 0.03  # by how much the sizes of two pictures of one raw may differ, for details to show the same place
RAWS, JPEGS = (".crw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".rw2", ".orf", ".pef"), (".jpg", ".JPG")
MIRRORED = (2, 4, 5, 7)  # EXIF orientations
PLAIN, CAMERA = "plain", "camera"
OTHERS: Mapping[str, tuple[str, ...]] = {
    "RawTherapee": ("rawtherapee-cli", "-o", "{picture}", "-j98", "-js3", "-Y", "-d", "-c", "{raw}"),
    "darktable": ("darktable-cli", "{raw}", "{picture}", "--core", "--library", ":memory:", "--configdir", "{home}"),
}
VERSIONS = {"rawtherapee-cli": ("rawtherapee-cli", "-v"), "darktable-cli": ("darktable-cli", "--version")}


@dataclass(frozen=True, eq=False)
class Renditions:
    """A raw as several developers render it.

    Attributes:
        name: of the raw's file.
        raw: what is in it.
        camera: that took it.
        pictures: (h, w, 3) uint8, upright, by who made them; None where there is none.
    """

    name: str
    raw: crispnet.RawImage
    camera: str
    pictures: Mapping[str, np.ndarray | None]

    @property
    def ours(self) -> np.ndarray:
        """The plain look's, which all others are laid out by."""
        return self.pictures[PLAIN]

    @property
    def theirs(self) -> np.ndarray | None:
        """The camera's own."""
        return self.pictures[CAMERA]


def main() -> None:
    """Make the sheets, and measure the colours where that is asked for."""
    wish = _parser().parse_args()
    looks = [crispnet.load_look(name) for name in dict.fromkeys((PLAIN, wish.look))]
    raws = [found for words in wish.raws for found in _raws_of(words)]
    if wish.picture:
        chosen = [read(raw, picture, looks, others=()) for raw, picture in raws]
        shown = looks[-1].name
        _save(stack([_overview(each, (shown, CAMERA), width=(WIDTH - GAP) // 2) for each in chosen]), wish.picture)
        return
    wish.output.mkdir(parents=True, exist_ok=True)
    photographs, rows = [], []
    for raw, picture in raws:
        each = read(raw, picture, looks, others=[name for name in OTHERS if shutil.which(OTHERS[name][0])])
        _save(sheet(each), wish.output / f"{each.name.lower().replace('.', '-')}.jpg")
        rows.append(_overview(each, tuple(each.pictures), width=SMALL))
        photographs.append(_measured(each))
        print(each.name, {name: found.get("delta_e_76_mean") for name, found in photographs[-1]["renditions"].items()})
    _save(stack(rows), wish.output / "all.jpg")
    if wish.write:
        facts = {"looks": {look.name: look.version for look in looks}, "means": f"{MEANS[1]} x {MEANS[0]}", "jnd": JND}
        write(wish.write, {**provenance(programs=VERSIONS), **facts, "photographs": photographs})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "raws", nargs="+", metavar="FOLDER|RAW[=PICTURE]", help="raws, and the camera's picture of each"
    )
    parser.add_argument("--look", default=PLAIN, metavar="NAME|FILE", help="a trained look for a column of its own")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/sheets"), help="a folder for the sheets")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the colour differences to a file")
    words = "write just the look's and the camera's picture of each raw to a file"
    parser.add_argument("--picture", type=Path, metavar="JPEG", help=words)
    return parser


def _raws_of(words: str) -> list[tuple[Path, Path | None]]:
    """Find the raws of a folder and their pictures, or split what was typed for one raw."""
    folder = Path(words)
    if folder.is_dir():
        return [(path, _beside(path)) for path in sorted(folder.iterdir()) if path.suffix.lower() in RAWS]
    raw, _, picture = words.partition("=")
    return [(Path(raw), Path(picture) if picture else None)]


def _beside(raw: Path) -> Path | None:
    return next((found for ending in JPEGS if (found := raw.with_suffix(ending)).is_file()), None)


def read(raw_path: Path, picture_path: Path | None, looks: list[Look], *, others: list[str] | tuple[()]) -> Renditions:
    """Develop a raw in all ways, and find the camera's picture: the one that is named, else the one in the raw."""
    raw = crispnet.open_raw(raw_path)
    camera = " ".join(str(raw.exif.get(word, "")) for word in ("make", "model")).strip()
    pictures: dict[str, np.ndarray | None] = {}
    for look in looks:
        photo = crispnet.develop(raw, look, depth=8)
        pictures[look.name] = np.ascontiguousarray(upright(photo.pixels, raw.orientation))
    pictures[CAMERA] = _their_picture(raw_path, picture_path)
    for name in others:
        picture = _developed_by(name, raw_path)
        pictures[name] = _turned(picture, pictures[PLAIN]) if raw.orientation in MIRRORED else picture
    return Renditions(raw_path.name, raw, camera, pictures)


def _their_picture(raw_path: Path, picture_path: Path | None) -> np.ndarray | None:
    if picture_path is not None:
        return _opened(picture_path)
    try:
        return camera_picture(raw_path).pixels
    except crispnet.NoCameraPicture:
        return None


def _opened(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        turn = picture.getexif().get(274, 1)
        return upright(np.asarray(to_srgb(picture)[0].convert("RGB")), turn)


def _developed_by(name: str, raw: Path) -> np.ndarray | None:
    """Develop a raw with another program as it comes, with settings and caches that nobody has touched."""
    with tempfile.TemporaryDirectory() as home:
        picture = Path(home) / "picture.jpg"
        words = [word.format(raw=raw.resolve(), picture=picture, home=home) for word in OTHERS[name]]
        homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)
        subprocess.run(words, env=os.environ | homes, capture_output=True, check=True)
        return _opened(picture)


def _turned(picture: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """Mirror the picture of a program that does not mirror what the camera says it should (RawTherapee 5.9)."""
    candidates = (picture, np.ascontiguousarray(picture[:, ::-1]))
    lab = _lab_of_means(ours)
    return min(candidates, key=lambda candidate: float(delta_e_76(_lab_of_means(candidate), lab).mean()))


def sheet(each: Renditions) -> Image.Image:
    """Lay out one raw: a column for each rendition, the whole on top, details of it below where the sizes allow."""
    details = places(each.ours)
    parts = [_overview(each, tuple(each.pictures), width=COLUMN)]
    parts += [_detail(each, place, corner) for place, corner in details.items()]
    return stack(parts)


def places(picture: np.ndarray) -> dict[str, tuple[int, int]]:
    """Choose what to look at closely: name → (top, left) of a square of ``COLUMN`` pixels."""
    height, width = picture.shape[:2]
    rows, columns = (range(0, length - COLUMN + 1, COLUMN // 2) for length in (height, width))
    squares = {(top, left): _lightness(picture, top, left) for top in rows for left in columns}

    def busyness(corner: tuple[int, int]) -> float:
        return sum(float(np.square(step).mean()) for step in np.gradient(squares[corner]))

    return {
        "centre": ((height - COLUMN) // 2, (width - COLUMN) // 2),
        "corner": (0, 0),
        "edges": max(squares, key=busyness),
        "brightest": max(squares, key=lambda corner: squares[corner].mean()),
    }


def _lightness(picture: np.ndarray, top: int, left: int) -> np.ndarray:
    """Average blocks of 4 x 4 pixels of a square, so that noise does not count for detail."""
    square = picture[top : top + COLUMN // 4 * 4, left : left + COLUMN // 4 * 4]
    return square.reshape(COLUMN // 4, 4, COLUMN // 4, 4, 3).mean(axis=(1, 3, 4))


def colour_difference(picture: np.ndarray, theirs: np.ndarray | None) -> dict[str, float]:
    """Measure ΔE76 between the means, in linear light, of equal parts of both pictures; empty without the camera's."""
    if theirs is None:
        return {}
    differences = delta_e_76(*(_lab_of_means(each) for each in (picture, theirs)))
    median, high = np.percentile(differences, (50, 95))
    return {
        "delta_e_76_mean": round(float(differences.mean()), 2),
        "delta_e_76_median": round(float(median), 2),
        "delta_e_76_p95": round(float(high), 2),
    }


def exposure_difference(each: Renditions) -> dict[str, float]:
    """Find the EV to add to our rendering so that it is as light, on the mean, as the camera's picture."""
    if each.theirs is None:
        return {}
    wanted = _lab_of_means(each.theirs)[..., 0].mean()
    low, high = -3.0, 3.0
    while high - low > 0.01:
        middle = (low + high) / 2
        ours = crispnet.develop(each.raw, "plain", exposure=middle, depth=8).pixels
        low, high = (middle, high) if _lab_of_means(ours)[..., 0].mean() < wanted else (low, middle)
    return {"exposure_to_the_cameras_ev": round((low + high) / 2, 2)}


def _lab_of_means(picture: np.ndarray) -> np.ndarray:
    linear_of_code = decode_srgb(np.arange(256, dtype=np.float32) / 255)
    means = [area_average(linear_of_code[picture[..., colour]], *MEANS) for colour in range(3)]
    return srgb_to_lab(encode_srgb(np.stack(means, axis=-1)))


def _measured(each: Renditions) -> dict[str, object]:
    """Compare each rendition with the camera's own picture; the plain look's figures stand on top, by themselves."""
    others = {
        name: colour_difference(picture, each.theirs)
        for name, picture in each.pictures.items()
        if name != CAMERA and picture is not None
    }
    plain = colour_difference(each.ours, each.theirs) | exposure_difference(each)
    return {"raw": each.name, "camera": each.camera, **plain, "renditions": others}


def _overview(each: Renditions, names: tuple[str, ...], *, width: int) -> Image.Image:
    rows = round(width * each.ours.shape[0] / each.ours.shape[1])
    return beside([labelled(_small(each.pictures[name], width, rows), _words(each, name, width)) for name in names])


def _words(each: Renditions, name: str, width: int) -> str:
    short = width < COLUMN
    if name == CAMERA:
        return "the camera" if short else each.camera
    said = name if name in OTHERS else f"crispnet, {name}"
    return f"{each.name}: {name}" if short and name == PLAIN else said


def _small(picture: np.ndarray | None, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), PAPER) if picture is None else _shrunk(picture, width, height)


def _detail(each: Renditions, place: str, corner: tuple[int, int]) -> Image.Image:
    return beside([
        labelled(_cut(picture, corner, size=each.ours.shape[:2]), f"{name}: {place}, 100 %")
        for name, picture in each.pictures.items()
    ])  # fmt: skip


def _cut(picture: np.ndarray | None, corner: tuple[int, int], *, size: tuple[int, ...]) -> Image.Image:
    """Cut the same place out of a picture that may have lost, or kept, some more of the sensor's edge than ours."""
    blank = Image.new("RGB", (COLUMN, COLUMN), PAPER)
    if picture is None or any(abs(a - b) > ALIKE * b for a, b in zip(picture.shape[:2], size, strict=True)):
        return blank
    pairs = zip(corner, picture.shape[:2], size, strict=True)
    top, left = (min(max(at + (theirs - ours) // 2, 0), theirs - COLUMN) for at, theirs, ours in pairs)
    return Image.fromarray(np.ascontiguousarray(picture[top : top + COLUMN, left : left + COLUMN]))


def _shrunk(picture: np.ndarray, width: int, height: int) -> Image.Image:
    return Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)


def _save(picture: Image.Image, path: Path) -> None:
    """Save as JPEG, with the best quality that keeps it small enough for a repository."""
    for quality in range(92, 40, -4):
        file = io.BytesIO()
        picture.save(file, "jpeg", quality=quality, subsampling="4:4:4", icc_profile=srgb_profile())
        if file.tell() <= MOST_BYTES:
            break
    path.write_bytes(file.getvalue())


if __name__ == "__main__":
    main()
