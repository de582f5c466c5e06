"""Scenes for the virtual phone: what stands before the camera, small, and the same on every machine."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from crispnet.colour import encode_srgb
from crispnet.darkroom.levels import positions, sampled, shrunk
from crispnet.data.camera import Shot, photograph
from crispnet.data.spectra import Light
from crispnet.raw.image import RawImage

PHONE, OTHER = "Apple iPhone 11", "Canon EOS R5"
SIZE = (368, 480)  # rows, columns
PLAIN = Shot(PHONE, light=Light("daylight", 6500), iso=50, seed=7)
CANDLES = Light("black body", 2400)


def flat(colour: object, size: tuple[int, int] = SIZE) -> np.ndarray:
    """One colour, or one grey, all over: (h, w, 3) float32 linear sRGB."""
    return np.broadcast_to(np.float32(colour), (*size, 3)).copy()


def meadow(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A sky that grows lighter downwards, over grass with texture, in which a red and a grey patch stand."""
    rows, columns = size
    scene = flat((0.07, 0.13, 0.03), size)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    scene *= (1 + 0.4 * np.sin(0.8 * x) * np.cos(0.5 * y))[..., None]
    above = slice(0, rows * 2 // 5)
    scene[above] = np.float32((0.16, 0.33, 0.72)) * (1 + y[above, :, None] / rows)
    return with_patches(scene)


def shore(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Snow and dark rock, without a sky, and the same two patches."""
    scene = flat((0.80, 0.82, 0.85), size)
    scene[size[0] * 3 // 4 :] = 0.05
    return with_patches(scene)


def with_patches(scene: np.ndarray) -> np.ndarray:
    """Put a red and a grey patch in the middle, 48 photosites wide each."""
    scene = scene.copy()
    row, column = scene.shape[0] // 2, scene.shape[1] // 2
    scene[row - 24 : row + 24, column - 64 : column - 16] = (0.25, 0.06, 0.04)
    scene[row - 24 : row + 24, column + 16 : column + 64] = 0.18
    return scene


def shot_of(scene: np.ndarray, shot: Shot = PLAIN, *, orientation: int = 1) -> RawImage:
    """A raw image of a scene."""
    return photograph(scene, shot, orientation=orientation)


def write_photograph(path: Path, scene: np.ndarray | None = None) -> Path:
    """Write a scene, the meadow unless another is given, as the picture that somebody took of it."""
    scene = meadow() if scene is None else scene
    Image.fromarray(np.round(encode_srgb(np.clip(scene, 0, 1)) * 255).astype(np.uint8)).save(path)
    return path


def sphere(rows: int = 96) -> np.ndarray:
    """A panorama, (rows, 2 rows, 3) float32: light that depends on the direction, smooth all around, a sun in it."""
    latitude = ((np.arange(rows) + 0.5) / rows - 0.5)[:, None] * np.pi  # downwards
    longitude = ((np.arange(2 * rows) + 0.5) / rows)[None] * np.pi
    red = 0.5 - 0.3 * np.sin(latitude) + 0.1 * np.cos(longitude)
    green = 0.5 - 0.2 * np.sin(latitude) + 0.1 * np.sin(longitude)
    blue = 0.6 - 0.4 * np.sin(latitude) + 0 * longitude
    sun = 30 * np.exp(-((latitude + 0.3) ** 2 + (longitude - 2.0) ** 2) / 0.02)
    return (np.stack([red, green, blue], axis=2) + sun[..., None]).astype(np.float32)


def write_panorama(path: Path, rows: int = 96) -> Path:
    """Write the sphere as a Radiance file."""
    cv2.imwrite(str(path), np.ascontiguousarray(sphere(rows)[..., ::-1]))
    return path


def street(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A street at night: next to no light, but for lamps that are 1 on a twentieth of it, mostly at the edges."""
    scene = flat(0.002, size)
    scene[:: size[0] // 8, :] = np.float32((1.0, 0.8, 0.5))
    scene[1 :: size[0] // 8, :] = np.float32((1.0, 0.8, 0.5))
    return scene


def market(size: tuple[int, int] = SIZE, seed: int = 1) -> np.ndarray:
    """Overlapping discs of many colours and sizes: edges everywhere, in every direction."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    scene = flat(0.2, size) + (x / size[1] * 0.2)[..., None]
    for _ in range(140):
        top, left = generator.uniform(0, size[0]), generator.uniform(0, size[1])
        inside = np.clip(generator.uniform(0.01, 0.1) * size[1] - np.hypot(y - top, x - left), 0, 1)[..., None]
        scene += inside * (generator.uniform(0.03, 0.9, 3).astype(np.float32) - scene)
    return scene


def bent(
    picture: np.ndarray, size: tuple[int, int], *, part: float, off: tuple[float, float], bend: float
) -> np.ndarray:
    """What a camera that crops, scales and straightens makes of a picture (h, w, 3) uint8.

    Args:
        picture: all of it.
        size: rows and columns of the result.
        part: of the picture's width that the result shows.
        off: by which its middle lies off the picture's, down and across, in pixels.
        bend: by how much more of the picture a corner half its width away shows.
    """
    down, across = positions(size, 1, size)
    y, x = np.meshgrid(down, across, indexing="ij")
    stretch = part * (1 + bend * (x * x + y * y))
    unit = 2 / picture.shape[1]
    places = off[1] * unit + x * stretch, off[0] * unit + y * stretch
    pixels, _ = sampled(picture.astype(np.float32), *places, pitch=1, size=picture.shape[:2])
    return np.rint(pixels).astype(np.uint8)


def shifts(one: np.ndarray, other: np.ndarray, *, blocks: int = 4) -> np.ndarray:
    """By how many pixels the blocks of one picture lie off those of another: least squares on their gradients."""
    first, second = (shrunk(each, 2).mean(axis=-1) for each in (one, other))
    gradient = np.stack(np.gradient((first + second) / 2), axis=-1)
    found = []
    for rows in np.array_split(np.arange(2, first.shape[0] - 2), blocks):
        for columns in np.array_split(np.arange(2, first.shape[1] - 2), blocks):
            at = np.ix_(rows, columns)
            slopes, rest = gradient[at].reshape(-1, 2), (first - second)[at].ravel()
            found.append(2 * np.hypot(*np.linalg.lstsq(slopes, rest, rcond=None)[0]))
    return np.array(found)
