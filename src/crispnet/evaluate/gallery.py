"""What figures may show of a set: its results and the pictures beside them, and rules that choose among these.

A rule sees rows and tags of results only, or the camera's own picture; never how well a rendition compares with
another. Captures whose pictures are at hand are called **pictured**; a rule about all test captures (a median, say) is
about all of them, and takes the nearest that is pictured.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from crispnet.colour import srgb_to_lab
from crispnet.errors import DataError
from crispnet.evaluate.renditions import TARGET, picture_path

Row = Mapping[str, Any]
SUBJECT = "crispnet"  # without which there is nothing to show
THERMAL = ("daylight", "black body")  # lights that have a colour temperature, by the tag ``light``
LEVELS = ("low", "half")  # of light, the lowest first, by the tag ``level``
FINE = 8  # pixels along the squares whose mean colours count for a crop


@dataclass(frozen=True)
class Gallery:
    """Results of a set, and their pictures.

    Attributes:
        folder: that holds both.
        rows: method → capture → its row.
    """

    folder: Path
    rows: Mapping[str, Mapping[str, Row]]

    @property
    def measured(self) -> list[Row]:
        """The rows of all test captures, by CRISPnet."""
        return list(self.rows.get(SUBJECT, {}).values())

    @property
    def pictured(self) -> list[Row]:
        """Those of them whose pictures are at hand, the camera's own and CRISPnet's."""
        return [row for row in self.measured if self._has(row, TARGET) and self._has(row, SUBJECT)]

    def methods(self, wanted: Iterable[str], rows: Sequence[Row]) -> list[str]:
        """Say which of some methods have results and pictures of all these captures."""
        return [
            name
            for name in wanted
            if all(row["name"] in self.rows.get(name, {}) and self._has(row, name) for row in rows)
        ]

    def picture(self, row: Row, name: str = TARGET) -> Image.Image:
        """Open the picture of a capture by a method, or the camera's own.

        Raises:
            DataError: it cannot be read.
        """
        path = picture_path(self.folder, row["name"], name)
        try:
            with Image.open(path) as picture:
                return picture.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(
                f"{path} cannot be read as a picture ({error}). One that `crispnet evaluate` wrote was needed. Measure "
                f"{name} again."
            ) from error

    def rendition(self, row: Row, name: str) -> Image.Image:
        """Open the picture of a capture by a method, which is as large as the camera's own.

        Raises:
            DataError: it is not, or cannot be read.
        """
        picture, target = self.picture(row, name), self.picture(row)
        if picture.size != target.size:
            raise DataError(
                f"{picture_path(self.folder, row['name'], name)} has {picture.width} x {picture.height} pixels. The "
                f"{target.width} x {target.height} of {TARGET}.jpg beside it were needed. Measure {name} again."
            )
        return picture

    def _has(self, row: Row, name: str) -> bool:
        return picture_path(self.folder, row["name"], name).is_file()


def gallery(folder: Path, names: Iterable[str]) -> Gallery:
    """Read those results of a set, ``NAME.json`` in a folder, that are there.

    Raises:
        DataError: one is damaged.
    """
    paths = {name: folder / f"{name}.json" for name in names}
    return Gallery(folder, {name: _rows(path) for name, path in paths.items() if path.is_file()})


def _rows(path: Path) -> dict[str, Row]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return {str(row["name"]): _checked(row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path} cannot be read as a result ({type(error).__name__}: {error}). One that `crispnet evaluate` wrote "
            "was needed. Measure again."
        ) from error


def _checked(row: Row) -> Row:
    tags, decibels = dict(row.get("tags", {})), row["psnr"]
    return {
        "name": str(row["name"]),
        "scene": str(row["scene"]),
        "tags": tags,
        "delta_e": float(row["delta_e"]),
        "psnr": math.inf if decibels is None else float(decibels),  # of equal pictures; JSON has no word for it
    }


def typical(shown: Gallery) -> list[Row]:
    """Choose the pictured capture nearest to the median ΔE76 of all."""
    return _nearest(shown, [50])


def spread(shown: Gallery) -> list[Row]:
    """Choose the pictured captures nearest to the quartiles of ΔE76: one that is easy, a usual and a hard one."""
    return _nearest(shown, [25, 50, 75])


def _nearest(shown: Gallery, shares: Sequence[float]) -> list[Row]:
    """Choose, for each percentile of ΔE76, the nearest pictured capture; of different scenes if there are so many."""
    chosen: list[Row] = []
    for share in shares if shown.pictured else ():
        wanted = np.percentile([row["delta_e"] for row in shown.measured], share)
        left = [row for row in shown.pictured if row not in chosen]
        left.sort(key=lambda row: abs(row["delta_e"] - wanted))
        chosen += _apart(left, 1, known=[row["scene"] for row in chosen])
    return chosen


def lights(shown: Gallery) -> list[Row]:
    """Choose the pictured captures in the warmest, the middle and the coolest light whose temperature is known."""
    known = [row for row in shown.pictured if row["tags"].get("light") in THERMAL and row["tags"].get("kelvin")]
    known.sort(key=lambda row: (row["tags"]["kelvin"], row["name"]))
    places = sorted({0, len(known) // 2, len(known) - 1}) if known else []
    return [known[place] for place in places]


def darkest(shown: Gallery) -> list[Row]:
    """Choose up to three pictured captures of the lowest level of light there is, but for full light.

    Those with the least light on the sensor go first; of different scenes if there are so many.
    """
    levels = (_of_level(shown, level) for level in LEVELS)
    dark = sorted(next(filter(None, levels), []), key=lambda row: (-_dimness(row), row["name"]))
    return _apart(dark, 3)


def _of_level(shown: Gallery, level: str) -> list[Row]:
    return [row for row in shown.pictured if row["tags"].get("level") == level]


def _dimness(row: Row) -> float:
    """Say how little light a sensor got for what it made of it: ISO sensitivity, and exposure below the meter's."""
    iso, ev = (row["tags"].get(tag) for tag in ("iso", "ev"))
    return float(iso or 0) / 2 ** float(ev or 0)


def _apart(rows: Sequence[Row], count: int, *, known: Sequence[str] = ()) -> list[Row]:
    """Take rows from the first on, of scenes that were not taken yet while there are any."""
    scenes = set(known)
    first: list[Row] = []
    others: list[Row] = []
    for row in rows:
        (others if row["scene"] in scenes else first).append(row)
        scenes.add(row["scene"])
    return [*first, *others][:count]


def most_varied(picture: Image.Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Find the part of a picture whose hues vary most: the variance of a* and b* of squares of 8 x 8 pixels.

    Args:
        picture: the camera's own.
        size: width and height of the part; no more than the picture's is taken.

    Returns:
        left, top, right, bottom.
    """
    width, height = (min(pair) for pair in zip(size, picture.size, strict=True))
    squares = [max(pixels // FINE, 1) for pixels in picture.size]
    small = cv2.resize(np.asarray(picture, np.float32) / 255, squares, interpolation=cv2.INTER_AREA)
    hues = srgb_to_lab(small)[..., 1:]
    window = min(max(width // FINE, 1), squares[0]), min(max(height // FINE, 1), squares[1])
    variance = (_means(hues**2, window) - _means(hues, window) ** 2).sum(axis=-1).round(6)
    row, column = np.unravel_index(np.argmax(variance), variance.shape)
    left = min(round(float(column) * picture.width / squares[0]), picture.width - width)
    top = min(round(float(row) * picture.height / squares[1]), picture.height - height)
    return left, top, left + width, top + height


def _means(values: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """Average (h, w, n) over every window, so many columns and rows, that lies wholly inside."""
    means = cv2.blur(values, window, anchor=(0, 0))
    return means[: values.shape[0] - window[1] + 1, : values.shape[1] - window[0] + 1]
