"""Shows what the gain map of the HERO7 does to the white surroundings of a chart.

    python benchmarks/shading.py GOPR8508.DNG [--write results/shading.json] [-o docs/sheets/hero7-shading.jpg]

The photograph shows a chart on white paper, and white cloth in its corners; the middle of the frame is the chart, so
everything is compared with the paper next to the chart's upper edge. The light itself is uneven and the cloth is no
paper: what the map does is the step from before to after, not the distance from 1.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

import crispnet
from crispnet.raw.bayer import area_average, pack_linear
from crispnet.raw.image import RawImage
from crispnet.raw.opcodes import GainMap
from crispnet.raw.orientation import upright
from crispnet.raw.shading import gain
from provenance import provenance, write

HALF = 12  # half a patch's side, in packed pixels
FIGURE = (300, 400)  # rows, columns
STRETCH = (0.2, 1.1)  # what is black and white in the figure, relative to the paper


@dataclass(frozen=True)
class Patch:
    """A place in the upright picture, as fractions of its width and height, and what is seen there."""

    name: str
    x: float
    y: float

    @property
    def radius(self) -> float:
        """Distance from the centre, as a fraction of half the diagonal of a 4 : 3 frame."""
        return float(np.hypot((self.x - 0.5) * 4, (self.y - 0.5) * 3) / 2.5)


REFERENCE = Patch("paper above the chart", 0.53, 0.10)
PATCHES = (
    REFERENCE,
    Patch("paper, left", 0.10, 0.45),
    Patch("paper, right", 0.935, 0.50),
    Patch("paper, top left", 0.20, 0.06),
    Patch("paper, top right", 0.89, 0.15),
    Patch("paper, bottom left", 0.115, 0.915),
    Patch("paper, bottom right", 0.905, 0.94),
    Patch("cloth, top left corner", 0.03, 0.04),
    Patch("cloth, top right corner", 0.97, 0.04),
    Patch("cloth, bottom left corner", 0.03, 0.97),
    Patch("cloth, bottom right corner", 0.97, 0.97),
)


def main() -> None:
    """Measure the patches before and after, print them, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raw", type=Path, help="GOPR8508.DNG")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    parser.add_argument("-o", "--output", type=Path, metavar="JPEG", help="draw before and after")
    wish = parser.parse_args()
    raw = crispnet.open_raw(wish.raw)
    before, after = (balanced(image) for image in (replace(raw, opcodes=()), raw))
    gains = map_gains(raw)
    patches = [
        {"place": patch.name, "radius": round(patch.radius, 2)}
        | {"before": _relative(before, patch), "after": _relative(after, patch), "gains": _at(gains, patch, digits=4)}
        for patch in PATCHES
    ]
    for patch in patches:
        print(patch)
    unequal = float((gains.max(axis=2) / gains.min(axis=2)).max() - 1)
    print(f"the maps of the four planes differ by at most {unequal:.2%}")
    if wish.write:
        facts = {"raw": wish.raw.name, "reference": REFERENCE.name, "maps_differ_by": round(unequal, 5)}
        write(wish.write, {**provenance(), **facts, "patches": patches})
    if wish.output:
        _draw([before, after], wish.output)


def balanced(raw: RawImage) -> np.ndarray:
    """Give upright, white-balanced, linear camera values: (h, w, 3), one pixel per 2 x 2 photosites."""
    red, green, blue, other_green = pack_linear(raw) * raw.white_balance.astype(np.float32)[:, None, None]
    return upright(np.stack([red, (green + other_green) / 2, blue], axis=-1), raw.orientation)


def map_gains(raw: RawImage) -> np.ndarray:
    """Give what the gain maps multiply the sites R, G, G, B of each 2 x 2 cell with: (h, w, 4), upright."""
    height, width = (length // 2 * 2 for length in raw.mosaic.shape)
    gains = np.ones((height, width), np.float32)
    for opcode in raw.opcodes:
        if isinstance(opcode, GainMap):
            gains *= gain(opcode, np.arange(height), np.arange(width), frame=raw.mosaic.shape)
    sites = [gains[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return upright(np.stack(sites, axis=-1), raw.orientation)


def _at(picture: np.ndarray, patch: Patch, *, digits: int) -> list[float]:
    return [round(float(value), digits) for value in _mean(picture, patch)]


def _mean(picture: np.ndarray, patch: Patch) -> np.ndarray:
    row, column = round(patch.y * picture.shape[0]), round(patch.x * picture.shape[1])
    return picture[row - HALF : row + HALF, column - HALF : column + HALF].mean(axis=(0, 1))


def _relative(picture: np.ndarray, patch: Patch) -> dict[str, float]:
    """Compare a patch with the reference: each colour, and the casts R/G and B/G."""
    red, green, blue = (float(value) for value in _mean(picture, patch) / _mean(picture, REFERENCE))
    values = {"red": red, "green": green, "blue": blue, "red_over_green": red / green, "blue_over_green": blue / green}
    return {name: round(value, 3) for name, value in values.items()}


def _draw(pictures: list[np.ndarray], path: Path) -> None:
    """Put pictures side by side, relative to the reference and stretched, so that small differences are seen."""
    dark, bright = STRETCH
    halves = []
    for picture in pictures:
        relative = picture / _mean(picture, REFERENCE)
        small = np.stack([area_average(relative[..., colour], *FIGURE) for colour in range(3)], axis=-1)
        halves.append(np.clip((small - dark) / (bright - dark), 0, 1))
    gap = np.ones((FIGURE[0], 8, 3))
    whole = (np.hstack([halves[0], gap, halves[1]]) * 255 + 0.5).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(whole).save(path, quality=88, subsampling="4:4:4")


if __name__ == "__main__":
    main()
