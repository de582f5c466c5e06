"""Puts our plain rendering beside the camera's own picture, to be looked at.

    python benchmarks/sheet.py RAW... [RAW=PICTURE ...] [-o docs/sheets] [--write results/plain.json]

One sheet per raw: both pictures, then details at 100 %, one pixel of the sheet for one of the photograph. One more
sheet shows all of them small. The differences in colour are for reference: the plain look does not imitate a camera.
"""

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import crispnet
from crispnet.colour import JND, decode_srgb, delta_e_76, encode_srgb, srgb_to_lab
from crispnet.darkroom.output import srgb_profile
from crispnet.raw.bayer import area_average
from crispnet.raw.orientation import upright
from crispnet.raw.picture import camera_picture, to_srgb
from provenance import provenance, write

WIDTH, GAP, LABEL = 1280, 8, 22  # pixels of a sheet
DETAIL = (WIDTH - 3 * GAP) // 4
MOST_BYTES = 500_000
MEANS = (240, 320)  # rows, columns of the means whose colours are compared
INK, PAPER = (225, 225, 225), (40, 40, 40)


@dataclass(frozen=True, eq=False)
class Pair:
    """A raw as we render it and as its camera did: (h, w, 3) uint8, both upright; None: no such picture."""

    name: str
    raw: crispnet.RawImage
    camera: str
    ours: np.ndarray
    theirs: np.ndarray | None


def main() -> None:
    """Make the sheets, and measure the colours where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raws", nargs="+", metavar="RAW[=PICTURE]", help="a raw file, and the camera's picture of it")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/sheets"), help="a folder for the sheets")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the colour differences to a file")
    parser.add_argument(
        "--picture", type=Path, metavar="JPEG", help="write just the two pictures of each raw to a file"
    )
    wish = parser.parse_args()
    if wish.picture:
        _save(_stack([_both(read_pair(*words.split("=", 1)), width=WIDTH) for words in wish.raws]), wish.picture)
        return
    wish.output.mkdir(parents=True, exist_ok=True)
    differences, rows = [], []
    for words in wish.raws:
        pair = read_pair(*words.split("=", 1))
        _save(sheet(pair), wish.output / f"{pair.name.lower().replace('.', '-')}.jpg")
        rows.append(_both(pair, width=WIDTH // 2))
        difference = colour_difference(pair) | exposure_difference(pair)
        print(pair.name, difference or "no picture of the camera's own")
        differences.append({"raw": pair.name, "camera": pair.camera, **difference})
    _save(_stack(rows), wish.output / "all.jpg")
    if wish.write:
        write(wish.write, {**provenance(), "means": f"{MEANS[1]} x {MEANS[0]}", "jnd": JND, "photographs": differences})


def read_pair(raw_path: str, picture_path: str | None = None) -> Pair:
    """Develop a raw, and find the camera's picture: the one that is named, else the one in the raw, else none."""
    raw = crispnet.open_raw(raw_path)
    photo = crispnet.develop(raw, depth=8)
    camera = " ".join(str(raw.exif.get(word, "")) for word in ("make", "model")).strip()
    ours = np.ascontiguousarray(upright(photo.pixels, raw.orientation))
    return Pair(Path(raw_path).name, raw, camera, ours, _their_picture(raw_path, picture_path))


def _their_picture(raw_path: str, picture_path: str | None) -> np.ndarray | None:
    if picture_path is None:
        try:
            return camera_picture(raw_path).pixels
        except crispnet.NoCameraPicture:
            return None
    with Image.open(picture_path) as picture:
        turn = picture.getexif().get(274, 1)
        return upright(np.asarray(to_srgb(picture)[0].convert("RGB")), turn)


def sheet(pair: Pair) -> Image.Image:
    """Lay out one pair: both pictures, and four details of each that is large enough for them."""
    parts = [_both(pair, width=WIDTH)]
    details = places(pair.ours)
    parts.append(_details(pair.ours, details, "crispnet, plain"))
    if pair.theirs is not None and pair.theirs.shape == pair.ours.shape:
        parts.append(_details(pair.theirs, details, "camera"))
    return _stack(parts)


def places(picture: np.ndarray) -> dict[str, tuple[int, int]]:
    """Choose what to look at closely: name → (top, left) of a square of ``DETAIL`` pixels."""
    height, width = picture.shape[:2]
    rows, columns = (range(0, length - DETAIL + 1, DETAIL // 2) for length in (height, width))
    squares = {(top, left): _lightness(picture, top, left) for top in rows for left in columns}

    def busyness(corner: tuple[int, int]) -> float:
        return sum(float(np.square(step).mean()) for step in np.gradient(squares[corner]))

    return {
        "centre": ((height - DETAIL) // 2, (width - DETAIL) // 2),
        "corner": (0, 0),
        "edges": max(squares, key=busyness),
        "brightest": max(squares, key=lambda corner: squares[corner].mean()),
    }


def _lightness(picture: np.ndarray, top: int, left: int) -> np.ndarray:
    """Average blocks of 4 x 4 pixels of a square, so that noise does not count for detail."""
    square = picture[top : top + DETAIL // 4 * 4, left : left + DETAIL // 4 * 4]
    return square.reshape(DETAIL // 4, 4, DETAIL // 4, 4, 3).mean(axis=(1, 3, 4))


def colour_difference(pair: Pair) -> dict[str, float]:
    """Measure ΔE76 between the means, in linear light, of equal parts of both pictures; empty without the camera's."""
    if pair.theirs is None:
        return {}
    differences = delta_e_76(*(_lab_of_means(picture) for picture in (pair.ours, pair.theirs)))
    median, high = np.percentile(differences, (50, 95))
    return {
        "delta_e_76_mean": round(float(differences.mean()), 2),
        "delta_e_76_median": round(float(median), 2),
        "delta_e_76_p95": round(float(high), 2),
    }


def exposure_difference(pair: Pair) -> dict[str, float]:
    """Find the EV to add to our rendering so that it is as light, on the mean, as the camera's picture."""
    if pair.theirs is None:
        return {}
    wanted = _lab_of_means(pair.theirs)[..., 0].mean()
    low, high = -3.0, 3.0
    while high - low > 0.01:
        middle = (low + high) / 2
        ours = crispnet.develop(pair.raw, exposure=middle, depth=8).pixels
        low, high = (middle, high) if _lab_of_means(ours)[..., 0].mean() < wanted else (low, middle)
    return {"exposure_to_the_cameras_ev": round((low + high) / 2, 2)}


def _lab_of_means(picture: np.ndarray) -> np.ndarray:
    linear_of_code = decode_srgb(np.arange(256, dtype=np.float32) / 255)
    means = [area_average(linear_of_code[picture[..., colour]], *MEANS) for colour in range(3)]
    return srgb_to_lab(encode_srgb(np.stack(means, axis=-1)))


def _both(pair: Pair, *, width: int) -> Image.Image:
    half = (width - GAP) // 2
    rows = round(half * pair.ours.shape[0] / pair.ours.shape[1])
    ours = _labelled(_shrunk(pair.ours, half, rows), f"{pair.name}: crispnet, plain")
    if pair.theirs is None:
        theirs = _labelled(Image.new("RGB", (half, rows), PAPER), "no picture of the camera's own")
    else:
        size = f"{pair.theirs.shape[1]} x {pair.theirs.shape[0]}"
        theirs = _labelled(_shrunk(pair.theirs, half, rows), f"{pair.camera}, {size}")
    return _beside([ours, theirs])


def _details(picture: np.ndarray, details: dict[str, tuple[int, int]], whose: str) -> Image.Image:
    cut = {name: picture[top : top + DETAIL, left : left + DETAIL] for name, (top, left) in details.items()}
    return _beside([_labelled(Image.fromarray(part), f"{whose}: {name}, 100 %") for name, part in cut.items()])


def _shrunk(picture: np.ndarray, width: int, height: int) -> Image.Image:
    return Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)


def _labelled(picture: Image.Image, words: str) -> Image.Image:
    whole = Image.new("RGB", (picture.width, picture.height + LABEL), PAPER)
    whole.paste(picture, (0, LABEL))
    ImageDraw.Draw(whole).text((4, 3), words, fill=INK, font=ImageFont.load_default(14))
    return whole


def _beside(pictures: list[Image.Image]) -> Image.Image:
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, max(picture.height for picture in pictures)), PAPER)
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP
    return whole


def _stack(pictures: list[Image.Image]) -> Image.Image:
    height = sum(picture.height for picture in pictures) + GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (max(picture.width for picture in pictures), height), PAPER)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height + GAP
    return whole


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
