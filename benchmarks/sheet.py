"""Puts our renderings beside the camera's own picture and other raw developers', to be looked at.

    python benchmarks/sheet.py FOLDER|RAW[=PICTURE]... [--look NAME|FILE] [-o docs/sheets] [--write results/plain.json]

One sheet per raw, with a column for each rendition: the plain look, the trained look that is asked for, the camera's
own picture, RawTherapee and darktable as they come, where they are installed. Below each, details at 100 %, one pixel
of the sheet for one of the photograph. One more sheet shows all of them small. In a folder, a JPEG of the same name is
the camera's picture of a raw. The differences in colour are for reference: no look was made to imitate these cameras.
"""

import argparse
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import crispnet
from crispnet.colour import JND
from crispnet.darkroom.output import srgb_profile
from crispnet.look.contract import Look
from crispnet.raw.orientation import upright
from crispnet.raw.picture import camera_picture
from crispnet.raw.sidecar import picture_file
from laying_out import GAP, PAPER, beside, labelled, stack
from others import (
    MEANS,
    MIRRORED,
    OTHERS,
    VERSIONS,
    colour_difference,
    developed_by,
    installed,
    lab_of_means,
    raws_of,
    turned,
)
from provenance import provenance, write

COLUMN = 272  # pixels of a sheet
WIDTH = 1280  # of the two pictures of ``--picture``
SMALL = 200  # the columns of the sheet of all
MOST_BYTES = 500_000
ALIKE = 0.03  # by how much the sizes of two pictures of one raw may differ, for details to show the same place
PLAIN, CAMERA = "plain", "camera"


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
    raws = [found for words in wish.raws for found in raws_of(words)]
    if wish.picture:
        chosen = [read(raw, picture, looks, others=()) for raw, picture in raws]
        shown = looks[-1].name
        _save(stack([_overview(each, (shown, CAMERA), width=(WIDTH - GAP) // 2) for each in chosen]), wish.picture)
        return
    wish.output.mkdir(parents=True, exist_ok=True)
    photographs, rows = [], []
    for raw, picture in raws:
        each = read(raw, picture, looks, others=installed())
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
        picture = developed_by(name, raw_path)
        pictures[name] = turned(picture, pictures[PLAIN]) if raw.orientation in MIRRORED else picture
    return Renditions(raw_path.name, raw, camera, pictures)


def _their_picture(raw_path: Path, picture_path: Path | None) -> np.ndarray | None:
    if picture_path is not None:
        return picture_file(picture_path).pixels
    try:
        return camera_picture(raw_path).pixels
    except crispnet.NoCameraPicture:
        return None


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


def exposure_difference(each: Renditions) -> dict[str, float]:
    """Find the EV to add to our rendering so that it is as light, on the mean, as the camera's picture."""
    if each.theirs is None:
        return {}
    wanted = lab_of_means(each.theirs)[..., 0].mean()
    low, high = -3.0, 3.0
    while high - low > 0.01:
        middle = (low + high) / 2
        ours = crispnet.develop(each.raw, "plain", exposure=middle, depth=8).pixels
        low, high = (middle, high) if lab_of_means(ours)[..., 0].mean() < wanted else (low, middle)
    return {"exposure_to_the_cameras_ev": round((low + high) / 2, 2)}


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
