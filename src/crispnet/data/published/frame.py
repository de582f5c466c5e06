"""What every published set comes down to: counts, what they mean, and the picture to learn; and how that is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from crispnet.alone import alone_in
from crispnet.colour import SRGB_TO_XYZ
from crispnet.data.pairs import Pair, write_manifest
from crispnet.errors import DataError
from crispnet.files import make_folder, whole_file
from crispnet.raw.calibration import Calibration
from crispnet.raw.image import EVERYTHING, Box, RawImage
from crispnet.raw.writer import write_dng

D65 = 21  # EXIF's code
UNMEASURED = (Calibration(D65, np.linalg.inv(SRGB_TO_XYZ)),)  # a camera that nobody has measured sees in sRGB


@dataclass(frozen=True, eq=False)
class Content:
    """The pixels of a frame.

    Attributes:
        mosaic: (h, w) uint16 counts that begin with a red photosite.
        crop: the part of it that the picture shows.
        picture: (h, w, 3) uint8 sRGB of that part; None where the frame's own file is one.
    """

    mosaic: np.ndarray
    crop: Box = EVERYTHING
    picture: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class PublishedFrame:
    """A frame of a published set.

    Attributes:
        name: of its files; unique in the set.
        scene: what it shows.
        split: one of ``pairs.SPLITS``.
        content: reads its pixels.
        picture: the picture's file, where it is one.
        black, white: counts of no light and of saturation.
        white_balance: multipliers of R, G, B, G.
        exif: shooting data that the set tells.
        tags: for the manifest.
    """

    name: str
    scene: str
    split: str
    content: Callable[[], Content]
    picture: Path | None
    black: int
    white: int
    white_balance: np.ndarray
    exif: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)


def write_set(
    frames: Sequence[PublishedFrame],
    folder: Path,
    *,
    calibrations: tuple[Calibration, ...] = UNMEASURED,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the frames of a set as DNGs, with their pictures where these are no files, and a manifest, last.

    What an earlier call has written is kept, so that one that was interrupted goes on.

    Args:
        frames: of the set.
        folder: where to; made if need be.
        calibrations: the camera's colour; the sets do not tell it.
        progress: told how many are done, of how many.

    Returns:
        The manifest's path.

    Raises:
        DataError: a file cannot be read, or is not of the set's form.
        OutputError: the folder cannot be written to, or another process is working at it.
    """
    places = [folder / "raw", folder / "picture"]
    for place in places:
        make_folder(place, purpose="the pairs", advice="Choose another with -o.")
    with alone_in(folder, clearing=places):
        pairs = []
        for done, frame in enumerate(frames, 1):
            pairs.append(_written(frame, folder, calibrations))
            if progress is not None:
                progress(done, len(frames))
        return write_manifest(pairs, folder / "manifest.jsonl")


def _written(frame: PublishedFrame, folder: Path, calibrations: tuple[Calibration, ...]) -> Pair:
    raw_path, made = folder / "raw" / f"{frame.name}.dng", folder / "picture" / f"{frame.name}.png"
    picture = frame.picture or made
    if not (raw_path.exists() and picture.exists()):
        content = frame.content()
        if content.picture is not None:
            with whole_file(made, overwrite=True) as hidden:
                Image.fromarray(content.picture).save(hidden, "PNG", compress_level=1)
        raw = RawImage(
            mosaic=content.mosaic,
            cfa="RGGB",
            black=np.full((2, 2), frame.black),
            white=frame.white,
            white_balance=frame.white_balance,
            calibrations=calibrations,
            crop=content.crop,
            # Another maker's name: a developer that knows the camera would use levels of its own.
            exif={"make": "crispnet", **frame.exif},
        )
        write_dng(raw, raw_path, overwrite=True)
    return Pair(raw_path, picture, frame.scene, frame.split, frame.tags)


def read_counts(path: Path, *, most: int) -> np.ndarray:
    """Read a mosaic from a 16-bit PNG: (h, w) uint16, both even.

    Raises:
        DataError: it cannot be read, is no mosaic, or holds counts above ``most``.
    """
    counts = _decoded(path)
    if counts.ndim != 2 or counts.dtype != np.uint16 or counts.shape[0] % 2 or counts.shape[1] % 2:
        raise DataError(
            f"{path} holds {_said(counts)}. A mosaic of 16-bit counts with even sides was needed. Download it again, "
            "and do not convert it."
        )
    if counts.max() > most:
        raise DataError(
            f"{path} holds counts up to {counts.max()}. At most {most} were needed: this set's counts are not scaled. "
            "Download it again, and do not convert it."
        )
    return counts


def read_colours(path: Path) -> np.ndarray:
    """Read a picture from a PNG: (h, w, 3) uint8 sRGB.

    Raises:
        DataError: it cannot be read, or is none.
    """
    pixels = _decoded(path)
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        raise DataError(
            f"{path} holds {_said(pixels)}. A picture of three colours of 8 bits was needed. Download it again, and do "
            "not convert it."
        )
    return pixels[..., :3]


def _decoded(path: Path) -> np.ndarray:
    try:
        return np.asarray(imagecodecs.png_decode(path.read_bytes()))
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. A whole PNG was needed. Download the "
            "set again."
        ) from error


def _said(pixels: np.ndarray) -> str:
    return f"{' x '.join(map(str, pixels.shape[::-1]))} values of {8 * pixels.dtype.itemsize} bits"
