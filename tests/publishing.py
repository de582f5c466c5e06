"""Makes small trees of the form that published sets have, and says what should be read out of them."""

import csv
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

ACROSS = 6
BALANCE = (1.9, 1.0, 1.7)
HEAD = ["name", "r", "g", "b", "exposure", "iso"]


def counts_of(side: int, seed: int, *, least: int = 528, most: int = 4095) -> np.ndarray:
    """A mosaic that differs everywhere: (side, side) uint16."""
    return np.random.default_rng(seed).integers(least, most + 1, (side, side), np.uint16)


def colours_of(side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    return path


def metaisp_scene(
    folder: Path, name: str, seed: int, *, split: str = "train", side: int = 32, without: tuple[int, ...] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Write the patches of a frame and its small frame, list them, and give the frame's mosaic and picture."""
    mosaic, picture, phone = counts_of(ACROSS * side, seed), colours_of(ACROSS * side, seed), folder / "iphone"
    rows = []
    for number in sorted(set(range(ACROSS**2)) - set(without)):
        part = np.s_[number // 6 * side : number // 6 * side + side, number % 6 * side : number % 6 * side + side]
        write_png(phone / "raw" / split / f"{name}_{number}.png", mosaic[part])
        write_png(phone / "rgb" / split / f"{name}_{number}.png", picture[part])
        rows.append([f"{name}_{number}.png", *BALANCE, 0.01, 100])
    red, blue = mosaic[0::2, 0::2], mosaic[1::2, 1::2]
    green = (mosaic[0::2, 1::2].astype(float) + mosaic[1::2, 0::2]) / 2
    small = np.dstack([red, green, blue]).reshape(side, 3, side, 3, 3).mean(axis=(1, 3))
    write_png(phone / "bilinear" / "raw" / split / f"{name}.png", small.astype(np.uint16))
    list_in(folder / "meta" / "iphone" / f"meta_{split}_patch.csv", rows)
    return mosaic, picture


def list_in(path: Path, rows: list[list[object]]) -> None:
    """Add lines to a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begins = not path.exists()
    with path.open("a", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows] if begins else rows)


def zurich_pair(folder: Path, number: int, *, split: str = "train", side: int = 448) -> np.ndarray:
    """Write a pair, and give its mosaic."""
    mosaic = counts_of(side, number, least=63, most=1023)
    write_png(folder / split / "huawei_raw" / f"{number}.png", mosaic)
    picture = folder / split / "canon" / f"{number}.jpg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colours_of(side, number)).save(picture)
    return mosaic
