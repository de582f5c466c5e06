"""MetaISP's set (Souza and Heidrich, VMV 2023), by CRISPnet's authors and with its phone: monitor and real captures.

    iphone/raw/SPLIT/NAME_K.png         patch K of a mosaic, 16-bit counts: column K mod 6, row K div 6 of the frame
    iphone/rgb/SPLIT/NAME_K.png         the same of the phone's picture
    iphone/bilinear/raw/SPLIT/NAME.png  the whole frame small, blue, green, red, 16-bit counts
    iphone/full/raw/SPLIT/NAME.png      the whole frame, and
    iphone/full/rgb/SPLIT/NAME.png      its picture, for some splits
    meta/iphone/meta_SPLIT_patch.csv    name, r, g, b, exposure, iso: a line per patch; meta_SPLIT.csv: per frame

That is what the authors' code (data/meta_dataset.py, util/util.py) reads; nothing else of it is documented. From the
code, too: a mosaic begins with red; black is 528 and white 4095; r, g and b are multipliers. Whole frames are put
together of their patches, so that thumbnails show whole scenes. The pictures of the other two phones do not lie over
the iPhone's mosaic, and are left alone.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import cv2
import imagecodecs
import numpy as np

from crispnet.data.published.frame import Content, PublishedFrame, read_colours, read_counts
from crispnet.errors import DataError
from crispnet.raw.image import EVERYTHING, Box
from crispnet.raw.white_balance import green_one

BLACK, WHITE = 528, 4095
ACROSS = 6  # patches along a side of a frame
FOLDERS = {"train": "train", "validation": "val", "test": "test"}
COLUMNS = ("name", "r", "g", "b", "exposure", "iso")
SOURCE = "MetaISP"


@dataclass(frozen=True)
class _Facts:
    """What a line of a table says: multipliers of red, green and blue, seconds and ISO."""

    balance: tuple[float, float, float]
    exposure: float
    iso: float


@dataclass
class _Scene:
    """A frame: what is known of it, and which of its patches there are."""

    facts: _Facts
    patches: list[int] = field(default_factory=list)


def frames_in(folder: Path) -> list[PublishedFrame]:
    """List the frames of the set in a folder: ``monitor``, ``real``, or any that has ``iphone`` and ``meta`` in it.

    Raises:
        DataError: it is not of the set's form.
    """
    tables = folder / "meta" / "iphone"
    if not tables.is_dir() or not (folder / "iphone").is_dir():
        raise DataError(
            f"{folder} is not of MetaISP's form: it has no {tables.relative_to(folder)} and iphone. One of the set's "
            "two parts was needed. Name its folder `monitor` or `real`."
        )
    frames = [frame for split, name in FOLDERS.items() for frame in _of_split(folder, split, name)]
    if not frames:
        raise DataError(
            f"{tables} lists no frame. Tables such as meta_train_patch.csv were needed. Download the set again."
        )
    return frames


def _of_split(folder: Path, split: str, name: str) -> Iterator[PublishedFrame]:
    scenes: dict[str, _Scene] = {}
    for stem, facts in _table(folder / "meta" / "iphone" / f"meta_{name}.csv"):
        scenes[stem] = _Scene(facts)
    for stem, facts in _table(folder / "meta" / "iphone" / f"meta_{name}_patch.csv"):
        scene, _, number = stem.rpartition("_")
        if not scene or not number.isdecimal() or int(number) >= ACROSS**2:
            raise DataError(
                f"{folder} lists the patch {stem!r}. A name that ends in _0 to _{ACROSS**2 - 1} was needed. Download "
                "the set's tables again."
            )
        found = scenes.setdefault(scene, _Scene(facts))
        if found.facts != facts:
            raise DataError(
                f"{folder} has two white balances or exposures for {scene!r}. One for all patches of a frame was "
                "needed. Download the set's tables again."
            )
        found.patches.append(int(number))
    for scene, found in sorted(scenes.items()):
        yield _frame(folder / "iphone", scene, found, split=split, name=name)


def _table(path: Path) -> Iterator[tuple[str, _Facts]]:
    """Read a table: the name without its ending, and the facts, of each line; nothing where there is no such table."""
    if not path.is_file():
        return
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                said = {(key or "").strip(): value for key, value in row.items()}
                red, green, blue, exposure, iso = (float(said[column] or "") for column in COLUMNS[1:])
                yield Path((said["name"] or "").strip()).stem, _Facts((red, green, blue), exposure, iso)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as a table ({error}). Columns {', '.join(COLUMNS)} were needed. Download it again."
        ) from error


def _frame(phone: Path, scene: str, found: _Scene, *, split: str, name: str) -> PublishedFrame:
    balance = green_one(*found.facts.balance)
    if balance is None:
        raise DataError(
            f"{scene!r} has the multipliers {found.facts.balance}. Positive ones were needed. Download the set's "
            "tables again."
        )
    whole = phone / "full" / "raw" / name / f"{scene}.png", phone / "full" / "rgb" / name / f"{scene}.png"
    is_whole = all(path.is_file() for path in whole)
    if is_whole:
        content = partial(_whole, *whole)
    else:
        content = partial(_of_patches, phone, name, scene, sorted(set(found.patches)))
    return PublishedFrame(
        name=f"{split}-{scene}",
        scene=f"{split}-{scene}",  # numbers may begin anew in each split
        split=split,
        content=content,
        picture=whole[1] if is_whole else None,
        black=BLACK,
        white=WHITE,
        white_balance=balance,
        exif={"model": "MetaISP iPhone XR", "exposure_time": found.facts.exposure, "iso": found.facts.iso},
        tags={"camera": "Apple iPhone XR", "source": SOURCE, "iso": found.facts.iso, "exposure": found.facts.exposure}
        | ({} if is_whole else {"patches": len(set(found.patches))}),
    )


def _whole(raw: Path, picture: Path) -> Content:
    counts, pixels = read_counts(raw, most=WHITE), read_colours(picture)
    if counts.shape != pixels.shape[:2]:
        raise _unequal(raw, counts, picture, pixels)
    return Content(counts)


def _of_patches(phone: Path, name: str, scene: str, numbers: list[int]) -> Content:
    """Put a frame together of its patches; where some are missing, of the largest rectangle of them that there is.

    The rest of the mosaic is then taken from the small frame, if there is one: the thumbnail sees it, nothing else.
    """
    patches = {number: _patch(phone, name, f"{scene}_{number}.png") for number in numbers}
    side = next(iter(patches.values()))[0].shape[0]
    for number, (counts, _) in patches.items():
        if counts.shape != (side, side):
            raise DataError(
                f"Patch {number} of {scene!r} has {counts.shape[1]} x {counts.shape[0]} pixels, and not {side} x "
                f"{side}. Patches of one size were needed. Download the set again."
            )
    top, left, bottom, right = _largest(frozenset(numbers))
    crop = Box(top * side, left * side, (bottom - top) * side, (right - left) * side)
    mosaic = _small_frame(phone / "bilinear" / "raw" / name / f"{scene}.png", ACROSS * side)
    picture = np.empty((crop.height, crop.width, 3), np.uint8)
    background = np.zeros((ACROSS * side, ACROSS * side), np.uint16) if mosaic is None else mosaic
    for row, column in product(range(top, bottom), range(left, right)):
        counts, pixels = patches[row * ACROSS + column]
        background[row * side : (row + 1) * side, column * side : (column + 1) * side] = counts
        down, across = (row - top) * side, (column - left) * side
        picture[down : down + side, across : across + side] = pixels
    if mosaic is None:
        return Content(np.ascontiguousarray(background[crop.rows, crop.columns]), EVERYTHING, picture)
    return Content(background, crop, picture)


def _patch(phone: Path, name: str, file: str) -> tuple[np.ndarray, np.ndarray]:
    paths = phone / "raw" / name / file, phone / "rgb" / name / file
    counts, pixels = read_counts(paths[0], most=WHITE), read_colours(paths[1])
    if counts.shape != pixels.shape[:2]:
        raise _unequal(paths[0], counts, paths[1], pixels)
    return counts, pixels


def _unequal(raw: Path, counts: np.ndarray, picture: Path, pixels: np.ndarray) -> DataError:
    return DataError(
        f"{picture} has {pixels.shape[1]} x {pixels.shape[0]} pixels, {raw} {counts.shape[1]} x {counts.shape[0]}. The "
        "same were needed. Download the set again."
    )


def _largest(numbers: frozenset[int]) -> tuple[int, int, int, int]:
    """Find the largest rectangle of patches that are all there: top, left, bottom, right.

    >>> _largest(frozenset(range(36)) - {8})
    (2, 0, 6, 6)
    """
    there = np.zeros((ACROSS, ACROSS), bool)
    there.flat[sorted(numbers)] = True
    best = (0, 0, 0, 0)
    for top, left in product(range(ACROSS), repeat=2):
        for bottom, right in product(range(top + 1, ACROSS + 1), range(left + 1, ACROSS + 1)):
            if (bottom - top) * (right - left) > (best[2] - best[0]) * (best[3] - best[1]):
                best = (top, left, bottom, right) if there[top:bottom, left:right].all() else best
    return best


def _small_frame(path: Path, side: int) -> np.ndarray | None:
    """Spread a small frame of blue, green and red over a mosaic of ``side`` photosites along both sides."""
    if not path.is_file():
        return None
    try:
        small = np.asarray(imagecodecs.png_decode(path.read_bytes()))
        if small.ndim != 3 or small.shape[2] != 3 or small.dtype != np.uint16:
            raise ValueError(f"expected three colours of 16 bits, got {small.shape} {small.dtype}")
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. A small frame of the set was needed. "
            "Download it again."
        ) from error
    # Authors read it with OpenCV, which gives blue first; what the file itself holds is red first.
    large = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    mosaic = np.ascontiguousarray(large[..., 1])
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = large[0::2, 0::2, 0], large[1::2, 1::2, 2]
    return mosaic
