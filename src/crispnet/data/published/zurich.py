"""The Zurich RAW-to-RGB set (Ignatov, Van Gool and Timofte 2020): a phone's mosaics, and another camera's pictures.

    train/huawei_raw/N.png   a mosaic of 448 x 448, 10-bit counts in 16 bits
    train/canon/N.jpg        what a Canon 5D Mark IV made of about the same view, 448 x 448
    test/...                 the same

That is what its authors' code (PyNET) reads. What the set does not say is inferred: a mosaic begins with red (PyNET's
planes); black is 63 and white 1020 (the levels that later papers use; PyNET has 0 and 1020); the light is estimated
once for the set, from all of its mosaics that are looked at. Neighbouring numbers may be cut out of one photograph, so
that what validates is the end of the training numbers, and not drawn from among them.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from crispnet.data.published.frame import Content, PublishedFrame, read_counts
from crispnet.errors import DataError
from crispnet.raw.white_balance import estimate

BLACK, WHITE, MOST = 63, 1020, 1023
FOLDERS = {"train": "train", "test": "test"}
VALIDATION = 0.05  # of the training numbers: the last
SCENE = 50  # neighbouring numbers that are taken for one scene
LOOKED_AT = 200  # mosaics from which the light is estimated
SOURCE = "Zurich RAW-to-RGB"


def frames_in(folder: Path) -> list[PublishedFrame]:
    """List the frames of the set in a folder.

    Raises:
        DataError: it is not of the set's form, or a picture has no mosaic.
    """
    numbered = {split: _numbers(folder / name) for split, name in FOLDERS.items()}
    if not any(numbered.values()):
        raise DataError(
            f"{folder} is not of the Zurich set's form: it has no train/huawei_raw/0.png with train/canon/0.jpg. The "
            "folder with `train` and `test` in it was needed. Name that."
        )
    balance = _light(folder, numbered)
    held = max(1, round(VALIDATION * len(numbered["train"]))) if len(numbered["train"]) > 1 else 0
    first_held = numbered["train"][-held] // SCENE if held else None
    frames = []
    for part, numbers in numbered.items():
        for number in numbers:
            validates = part == "train" and first_held is not None and number // SCENE >= first_held
            split = "validation" if validates else part
            frames.append(_frame(folder / FOLDERS[part], number, balance, part=part, split=split))
    return frames


def _numbers(folder: Path) -> list[int]:
    """List the numbers that have a picture, in order."""
    return sorted(int(path.stem) for path in (folder / "canon").glob("*.jpg") if path.stem.isdecimal())


def _frame(folder: Path, number: int, balance: np.ndarray, *, part: str, split: str) -> PublishedFrame:
    raw, picture = folder / "huawei_raw" / f"{number}.png", folder / "canon" / f"{number}.jpg"
    return PublishedFrame(
        name=f"{part}-{number}",
        scene=f"{part}-{number // SCENE}",
        split=split,
        content=partial(_content, raw, picture),
        picture=picture,
        black=BLACK,
        white=WHITE,
        white_balance=balance,
        exif={"model": "Zurich Huawei P20"},
        tags={"camera": "Huawei P20", "picture_of": "Canon 5D Mark IV", "source": SOURCE, "light": "estimated"},
    )


def _content(raw: Path, picture: Path) -> Content:
    counts = read_counts(raw, most=MOST)
    try:
        with Image.open(picture) as opened:
            size = opened.size[::-1]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{picture} cannot be read as a picture: {getattr(error, 'strerror', None) or error}. A JPEG was needed. "
            "Download the set again."
        ) from error
    if size != counts.shape:
        raise DataError(
            f"{picture} has {size[1]} x {size[0]} pixels, {raw} {counts.shape[1]} x {counts.shape[0]}. The same were "
            "needed. Download the set again."
        )
    return Content(counts)


def _light(folder: Path, numbered: dict[str, list[int]]) -> np.ndarray:
    """Estimate the set's one light, from mosaics evenly picked."""
    part, numbers = next((part, numbers) for part, numbers in numbered.items() if numbers)
    picked: Sequence[int] = numbers[:: max(1, len(numbers) // LOOKED_AT)]
    thumbnails = []
    for number in picked:
        counts = read_counts(folder / FOLDERS[part] / "huawei_raw" / f"{number}.png", most=MOST)
        light = (counts[::2, ::2], (counts[::2, 1::2].astype(np.float64) + counts[1::2, ::2]) / 2, counts[1::2, 1::2])
        thumbnails.append((np.array(light)[:, ::4, ::4].reshape(3, -1) - BLACK) / (WHITE - BLACK))
    together = np.concatenate(thumbnails, axis=1)[:, None]
    return estimate(together.astype(np.float32), ())[0]
