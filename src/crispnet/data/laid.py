"""Pictures that were laid over their photosites, as files: PNGs that stand upright, believed as far as they are opaque.

A viewer shows what is to be learned, and leaves out what is not. Each says what it was made from, so that it need not
be made again.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from crispnet.data.align import Aligned
from crispnet.data.finding import OURS, SOFTWARE
from crispnet.data.pairs import Pair, files_of
from crispnet.data.target import BACK, whole_cells
from crispnet.errors import DataError
from crispnet.files import whole_file
from crispnet.raw.image import RawImage
from crispnet.raw.orientation import upright
from crispnet.version import VERSION

HARDLY = 128  # of 255, the mean of a row or column that is cut off
FACTS = "crispnet laid 1"  # the name of a PNG's text


def made_from(pair: Pair, *, longest: int | None) -> str:
    """Sum up what a pair is laid from: another sum, another picture.

    Raises:
        DataError: one of its files cannot be read.
    """
    return hashlib.sha256(json.dumps([VERSION, longest, *files_of(pair)]).encode()).hexdigest()


def facts_of(aligned: Aligned) -> dict[str, object]:
    """Say what is worth knowing of a picture that was laid: the tag of its pair."""
    return {
        "scale": round(aligned.scale, 4),
        "misfit": round(aligned.misfit, 3),
        "alike": round(aligned.alike, 3),
        "believed": round(float(aligned.weights.mean()), 4),
        "local": aligned.local,
        "full_size": aligned.full_size,
    }


def write_laid(aligned: Aligned, path: Path, *, orientation: int, origin: str) -> None:
    """Write a picture that was laid, whole or not at all; an old one is replaced.

    Raises:
        OutputError: it cannot be written there.
    """
    codes = np.rint(255 * aligned.weights).astype(np.uint8)
    pixels = upright(np.dstack([aligned.target, codes]), orientation)
    text, exif = PngImagePlugin.PngInfo(), Image.Exif()
    exif[SOFTWARE] = f"{OURS} {VERSION}"
    text.add_text(FACTS, json.dumps({"origin": origin, **facts_of(aligned)}))
    with whole_file(path, overwrite=True, ending=".png") as hidden:
        Image.fromarray(np.ascontiguousarray(pixels)).save(hidden, pnginfo=text, exif=exif, compress_level=1)


def laid_before(path: Path, origin: str) -> dict[str, object] | None:
    """Give the facts of a picture that was laid from the same files before; None where there is none."""
    try:
        with Image.open(path) as picture:
            said: Any = json.loads(picture.info[FACTS])
    except (OSError, ValueError, KeyError, TypeError, SyntaxError):
        return None
    return said if isinstance(said, dict) and said.pop("origin", None) == origin else None


def laid_target(pair: Pair, raw: RawImage) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture that was laid over the cells of a raw's crop, lying as the sensor does.

    Returns:
        (2h, 2w, 3) uint8 sRGB, and (2h, 2w) uint8: how far to believe it.

    Raises:
        DataError: it cannot be read, or was not laid.
    """
    try:
        with Image.open(pair.picture) as picture:
            pixels = np.asarray(picture)
        if pixels.ndim != 3 or pixels.shape[2] != 4:
            raise ValueError("it does not say how far to believe it")
        lying = upright(pixels, BACK.get(raw.orientation, raw.orientation))
        _check_size(lying, raw)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{pair.picture} is no picture that was laid over its raw ({getattr(error, 'strerror', None) or error}). A "
            "PNG by `crispnet data align` was needed. Align the pairs again."
        ) from error
    return np.ascontiguousarray(lying[..., :3]), np.ascontiguousarray(lying[..., 3])


def believed(weights: np.ndarray) -> tuple[slice, slice]:
    """Find the rows and columns of cells that a picture shows: its edges are cut while they are hardly believed.

    Args:
        weights: (2h, 2w) uint8, as ``laid_target`` gives them. Places inside that are not believed stay: they are few.
    """
    return _inner(weights.mean(axis=1)), _inner(weights.mean(axis=0))


def _inner(means: np.ndarray) -> slice:
    """Cut what is hardly believed off both ends of an axis, in steps of two photosites; an axis of that stays."""
    shown = np.flatnonzero((means.reshape(-1, 2) >= HARDLY).all(axis=1))
    return slice(int(shown[0]), int(shown[-1]) + 1) if len(shown) else slice(0, len(means) // 2)


def _check_size(lying: np.ndarray, raw: RawImage) -> None:
    """Refuse a picture that cannot show the cells of a raw's crop, each length rounded to whole cells."""
    cells, _, _ = whole_cells(raw.crop, raw.cfa)
    (rows, odd_row), (columns, odd_column) = divmod(lying.shape[0], 2), divmod(lying.shape[1], 2)
    fits = rows <= cells.height and columns <= cells.width
    skew = abs(rows * cells.width - columns * cells.height)
    if odd_row or odd_column or not fits or skew > max(cells.height, cells.width):
        raise ValueError(f"{lying.shape[1]} x {lying.shape[0]} pixels for {cells.width} x {cells.height} cells")
