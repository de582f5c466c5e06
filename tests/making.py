"""Builds what more than one test file needs: a scene, the raw image of it, corrections."""

import io
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from crispnet.colour import D65_XY, SRGB_TO_XYZ
from crispnet.darkroom.photo import Photo
from crispnet.raw.calibration import Calibration, neutral_of
from crispnet.raw.image import RawImage
from crispnet.raw.opcodes import (
    FixBadPixelsConstant,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    Opcode,
    WarpRectilinear,
    WarpRectilinear2,
)

XYZ_TO_CAMERA = np.array([[0.9847, -0.3091, -0.0928], [-0.8485, 1.6345, 0.2225], [-0.0715, 0.0595, 0.7442]])
XYZ_TO_CAMERA_LIGHT_A = np.array([[1.08, -0.42, -0.06], [-0.8, 1.56, 0.27], [-0.1, 0.12, 0.66]])
CALIBRATIONS = (Calibration(17, XYZ_TO_CAMERA_LIGHT_A), Calibration(21, XYZ_TO_CAMERA))
BLACK = np.array([[512, 514], [516, 518]])
WHITE = 16383
FRAME = (46, 62)  # what the corrections below are made for

EXIF = {
    "make": "Crispnet", "model": "Virtual One", "lens": "35mm f/2", "iso": 400.0, "exposure_time": 1 / 125,
    "aperture": 2.8, "focal_length": 35.0, "datetime": "2024:05:06 07:08:09", "software": "test",
    "artist": "Zoë", "copyright": "nobody", "serial_number": "12345", "baseline_exposure": -0.25,
}  # fmt: skip


def scene_rgb(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth coloured scene with fine texture: (height, width, 3) linear sRGB, all of it within 0.12 and 0.69."""
    y, x = np.mgrid[:height, :width][..., None]
    across, down, texture = np.random.default_rng(seed).uniform(0, 2 * np.pi, (3, 3))
    colour = 0.38 + 0.14 * np.sin(2.5 * np.pi * x / width + across) + 0.1 * np.cos(2 * np.pi * y / height + down)
    return colour * (1 + 0.1 * np.sin(0.9 * x + texture[0]) * np.cos(0.7 * y + texture[1]))


def mosaiced(camera: np.ndarray, *, cfa: str, black: np.ndarray, white: float) -> np.ndarray:
    """Linear camera R, G, B in [0, 1] as (h, w) uint16 counts, one colour per photosite."""
    counts = np.empty(camera.shape[:2], np.uint16)
    for site, letter in enumerate(cfa):
        row, column = divmod(site, 2)
        dark, light = black[row, column], camera[row::2, column::2, "RGB".index(letter)]
        counts[row::2, column::2] = np.round(dark + light * (white - dark)).clip(0, white)
    return counts


def raw_image(*, height: int = 48, width: int = 64, cfa: str = "RGGB", seed: int = 0, **changes: object) -> RawImage:
    """The raw image of ``scene_rgb`` in daylight (D65), free of noise; a scene's white 1 just saturates green.

    ``changes`` are fields of RawImage; the counts follow ``black`` and ``white``, everything else is taken as it is.
    """
    neutral = neutral_of(CALIBRATIONS, np.array(D65_XY))
    to_camera = XYZ_TO_CAMERA @ SRGB_TO_XYZ
    camera = scene_rgb(height, width, seed) @ to_camera.T / to_camera[1].sum()
    values: dict[str, object] = {
        "cfa": cfa,
        "black": BLACK,
        "white": WHITE,
        "white_balance": (1 / neutral)[[0, 1, 2, 1]],
        "calibrations": CALIBRATIONS,
    }
    values |= changes
    counts = mosaiced(camera, cfa=cfa, black=np.asarray(values["black"]), white=values["white"])
    return RawImage(**{"mosaic": counts} | values)


def gain_map(
    *,
    stage: int = 2,
    optional: bool = True,
    area: tuple[int, int, int, int] = (0, 0, *FRAME),
    plane: int = 0,
    planes: int = 1,
    pitch: tuple[int, int] = (1, 1),
    grid: tuple[int, int] = (5, 7),
    maps: int = 1,
    spacing: tuple[float, float] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
) -> GainMap:
    """A map of gains between 1 and 3, stretched over the whole frame unless ``spacing`` says otherwise."""
    gains = np.random.default_rng(3).uniform(1, 3, (*grid, maps)).astype(np.float32)
    spacing = spacing or (1 / (grid[0] - 1 or 1), 1 / (grid[1] - 1 or 1))
    return GainMap(stage, optional, *area, plane, planes, *pitch, spacing, origin, gains)


def one_of_each() -> tuple[Opcode, ...]:
    """One opcode of each kind that we know, each in a list where it belongs."""
    warp = np.array([[1.01, -0.02, 0.003, 0.001, 1e-4, -2e-4]])
    odd = np.array([[0.98, 0.01, *[0.002] * 13, 1e-4, 0.0, 0.0, 1.0]] * 3)
    return (
        gain_map(pitch=(2, 2)),
        FixVignetteRadial(2, True, (0.3, 0.1, -0.05, 0.02, 0.01), (0.5, 0.45)),
        WarpRectilinear(3, False, warp, (0.5, 0.5)),
        WarpRectilinear2(3, True, odd, (0.5, 0.4), True),
        FixBadPixelsConstant(1, False, 0, 1),
        FixBadPixelsList(2, True, np.array([[3, 4]], np.int32), np.array([[0, 1, 9, 2]], np.int32), 2),
    )


SHOT = {  # shooting data as LibRaw gives it, in text that is not ASCII
    "make": "Jürgens Kamera",
    "model": "K 1",
    "lens": "Objektiv 35 mm",
    "iso": 200.0,
    "exposure_time": float(np.float32(1 / 240)),
    "aperture": float(np.float32(2.8)),
    "focal_length": 35.0,
    "datetime": "2024:02:29 12:34:56",
    "artist": "Zoë",
    "copyright": "© Zoë",
}
FORMS = [("a.jpg", 8), ("a.png", 8), ("a.png", 16), ("a.tif", 8), ("a.tif", 16), ("a.avif", 8)]  # name, depth


def picture(height: int = 70, width: int = 90) -> np.ndarray:
    """Smooth colours, different in each corner, float32."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height - 1, width - 1]).reshape(2, 1, 1)
    return np.stack([x, y, 0.5 * (1 - x)], axis=-1).astype(np.float32)


def photo(
    pixels: np.ndarray | None = None,
    *,
    orientation: int = 1,
    exif: dict[str, object] = SHOT,
    path: Path | None = None,
) -> Photo:
    """A developed photograph, of ``picture`` unless pixels are given."""
    raw = raw_image(height=4, width=4, orientation=orientation, exif=exif, path=path)
    return Photo(picture() if pixels is None else pixels, raw, "plain 0.1.0")


def names(folder: Path) -> list[str]:
    """The names of the files in a folder, hidden ones too, sorted."""
    return sorted(path.name for path in folder.iterdir())


def jpeg_picture(size: tuple[int, int] = (48, 32), *, exif_first: bool = True) -> bytes:
    """A camera's picture: an EXIF block that begins the file, as cameras write it, and a colour profile."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[271] = "Maker"
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "JPEG", exif=exif, icc_profile=b"profile" * 20)
    content = file.getvalue()
    jfif_ends = 4 + int.from_bytes(content[4:6], "big")
    return content[:2] + content[jfif_ends:] if exif_first else content


def first_page(path: Path) -> dict[str, object]:
    """The tags of a TIFF's first directory, as tifffile reads them."""
    with tifffile.TiffFile(path) as file:
        return {tag.name: tag.value for tag in file.pages[0].tags}
