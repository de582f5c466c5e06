"""What stands before the virtual camera: photographs and panoramas as scenes of linear light.

A photograph has been given contrast and colour already; both are taken back, or the phone would give them twice. Its
white is 1. A panorama (Radiance .hdr, equirectangular) holds real light, many stops of it; a view cut out of it
exceeds any sensor's range.
"""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from crispnet.colour import decode_srgb
from crispnet.data.framing import Framing, cut_out, in_panorama, look_into, reduced
from crispnet.errors import DataError
from crispnet.raw.picture import to_srgb

PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
PANORAMAS = (".hdr",)
LEAST = (368, 480)  # rows, columns of the smallest scene: one patch (paper, section 4.2)
VIEW = (480, 720)  # rows, columns of a view cut out of a panorama
FIELD = 80.0  # degrees across it
GRADED = 1.25  # contrast that a photograph has over its scene, each colour by itself (so that it is richer, too)
MOST_PIXELS = 50_000_000  # of a photograph that is read


@dataclass(frozen=True)
class Source:
    """A photograph or panorama on disk.

    Attributes:
        path: the file.
    """

    path: Path

    @property
    def name(self) -> str:
        """The file's name, by which a set of captures knows it."""
        return self.path.name

    @property
    def is_panorama(self) -> bool:
        """Whether it surrounds the camera."""
        return self.path.suffix.lower() in PANORAMAS

    @property
    def kind(self) -> str:
        """What it is: "panorama" or "photograph"."""
        return "panorama" if self.is_panorama else "photograph"

    def digest(self) -> str:
        """Give the first 16 hexadecimal digits of the file's SHA-256.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be read: {error.strerror or error}. A photograph or panorama was needed. Check "
                "its name and permissions."
            ) from error


def find_sources(*folders: Path) -> list[Source]:
    """List the photographs and panoramas in folders and the folders within them, sorted by name.

    Raises:
        DataError: a folder is missing, or there are none in any of them.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder. One of photographs was needed. Check the path.")
    files = [path for folder in folders for path in folder.rglob("*")]
    found = [Source(path) for path in files if path.suffix.lower() in PHOTOGRAPHS + PANORAMAS and path.is_file()]
    if not found:
        places = ", ".join(str(folder) for folder in folders)
        raise DataError(
            f"There are no photographs in {places}. JPEG, PNG, TIFF, WebP or Radiance HDR files were needed. "
            "Name a folder that has some; any photographs will do, the more different the better."
        )
    return sorted(found, key=lambda source: (source.name, source.path))


def scene_of(source: Source, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Read a source as the sensor would see it.

    Args:
        source: the photograph or panorama.
        rng: decides where to look in a panorama, and to which side an upright phone was turned.

    Returns:
        (h, w, 3) float32 linear sRGB with h ≤ w, both even, and the EXIF orientation that makes it stand upright.
        Values may exceed 1 in a panorama only.

    Raises:
        DataError: the file cannot be read as a picture, or is smaller than a patch.
    """
    if source.is_panorama:
        return view(_panorama(source), rng), 1
    linear = _ungraded(_photograph(source).astype(np.float32) / 255)
    if linear.shape[0] <= linear.shape[1]:
        return _even(linear), 1
    # A phone held upright: its sensor lies on its side.
    return (_even(np.rot90(linear)), 6) if rng.random() < 0.5 else (_even(np.rot90(linear, -1)), 8)


def framed_scene_of(source: Source, framing: Framing) -> tuple[np.ndarray, int]:
    """Read a source as the sensor of a hand-held phone would see it.

    Args:
        source: the photograph or panorama.
        framing: where the phone looks, and how it is held.

    Returns:
        (480, 640, 3) float32 linear sRGB, and the EXIF orientation that makes it stand upright, as ``scene_of``.

    Raises:
        DataError: the file cannot be read as a picture, or is smaller than a patch.
    """
    if source.is_panorama:
        linear = look_into(_panorama(source), framing)
    else:
        linear = reduced(_ungraded(cut_out(_photograph(source), framing)))
    if linear.shape[0] <= linear.shape[1]:
        return linear, 1
    return np.ascontiguousarray(np.rot90(linear, 1 if framing.turn == 6 else -1)), framing.turn


def view(panorama: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Look into a panorama, (h, 2h, 3), in a random direction near the horizon, upright: (480, 720, 3)."""
    rows, columns = VIEW
    heading, pitch = rng.uniform(0, 2 * np.pi), np.radians(rng.normal(0, 8))
    reach = np.tan(np.radians(FIELD / 2))
    x, y = np.meshgrid(np.linspace(-reach, reach, columns), np.linspace(-reach, reach, rows) * rows / columns)
    at_columns, at_rows = in_panorama(x, y, panorama.shape[:2], heading=heading, pitch=pitch)
    wrapped = np.concatenate([panorama, panorama[:, :2]], axis=1)
    return np.maximum(cv2.remap(wrapped, at_columns, at_rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), 0)


def _ungraded(codes: np.ndarray) -> np.ndarray:
    return decode_srgb(codes) ** np.float32(1 / GRADED)


def _photograph(source: Source) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(source.path) as picture:
                _refuse_large(picture, source)
                pixels = np.asarray(to_srgb(ImageOps.exif_transpose(picture))[0].convert("RGB"))
    except DataError:
        raise
    except Exception as error:  # of many kinds: Pillow checks little of what it unpacks
        raise DataError(
            f"{source.path} cannot be read as a picture ({error}). A whole photograph was needed. Leave it out, or "
            "save it anew."
        ) from error
    return _large_enough(pixels, source)


def _refuse_large(picture: Image.Image, source: Source) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise DataError(
            f"{source.path} has {picture.width} x {picture.height} pixels. At most {MOST_PIXELS / 1e6:.0f} million "
            "were needed. Make it smaller, or leave it out."
        )


def _panorama(source: Source) -> np.ndarray:
    try:
        pixels = cv2.imread(str(source.path), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # larger than OpenCV dares
        pixels = None
    if pixels is None or pixels.ndim != 3 or pixels.dtype != np.float32 or not np.isfinite(pixels).all():
        raise DataError(
            f"{source.path} cannot be read as a panorama. A whole Radiance HDR file was needed. Leave it out, or save "
            "it anew."
        )
    height, width = pixels.shape[:2]
    if width != 2 * height:
        raise DataError(
            f"{source.path} has {width} x {height} pixels. A panorama all around, equirectangular and so twice as wide "
            "as high, was needed. Leave it out."
        )
    return pixels[..., ::-1]


def _large_enough(pixels: np.ndarray, source: Source) -> np.ndarray:
    short, long = sorted(pixels.shape[:2])
    if short < LEAST[0] or long < LEAST[1]:
        raise DataError(
            f"{source.path} has {long} x {short} pixels. At least {LEAST[1]} x {LEAST[0]}, one patch, were needed. "
            "Leave it out."
        )
    return pixels


def _even(pixels: np.ndarray) -> np.ndarray:
    height, width = (length // 2 * 2 for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])
