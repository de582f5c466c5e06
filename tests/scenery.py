"""Scenes for the virtual phone: what stands before the camera, small, and the same on every machine."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from crispnet.colour import encode_srgb
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
