"""Makes pairs of good captures: what shows nothing but the photograph is cut out of the raw and out of its picture.

A raw is cut as a DNG of that part alone, so that nothing of the markers reaches the thumbnail. The picture is cut just
as far where it lies over the raw pixel by pixel; where the camera cropped, scaled or straightened it, it is laid over
the photosites first (``data.align``).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from crispnet.data.align import aligned
from crispnet.data.cut import cut_out
from crispnet.data.laid import facts_of, write_laid
from crispnet.data.pairs import Pair
from crispnet.data.rig.looking import Seen
from crispnet.data.rig.sighting import view_of, view_of_picture
from crispnet.data.target import BACK, LAID
from crispnet.errors import ForeignPicture, NoCameraPicture, RawError
from crispnet.files import whole_file
from crispnet.raw.image import Box, RawImage
from crispnet.raw.opcodes import WarpRectilinear
from crispnet.raw.orientation import upright
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import picture_file
from crispnet.raw.writer import write_dng

WINDOW = 256  # photosites along the windows in which raw and picture are compared
MOST_MISFIT = 0.75  # photosites that half of the windows may be off
LEAST_RESPONSE = 0.05  # of a window that tells
ROOM = 0.01  # of a side by which a picture is cut more widely where it has to be found first


@dataclass(frozen=True)
class Place:
    """Where the files of a pair go."""

    raw: Path
    picture: Path


def pair_of(seen: Seen, place: Place, *, scene: str, licence: str) -> Pair | None:
    """Cut a pair out of a good capture, and write it; None, and the capture refused, where its picture does not fit.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        raw, pixels = open_raw(seen.taken.raw), picture_file(seen.taken.picture).pixels
    except (RawError, NoCameraPicture) as error:
        seen.refuse("unreadable", str(error))
        return None
    cut, lying = cut_out(raw, seen.box), upright(pixels, BACK.get(raw.orientation, raw.orientation))
    off = None
    if lying.shape[:2] == (raw.crop.height, raw.crop.width) and not _bent(raw):
        part = lying[_less(seen.box.rows, raw.crop.top), _less(seen.box.columns, raw.crop.left)]
        off = misfit(view_of(cut), view_of_picture(part))
    write_dng(cut, place.raw, overwrite=True)
    if off is not None and off <= MOST_MISFIT:
        with whole_file(place.picture, overwrite=True) as hidden:
            standing = np.ascontiguousarray(upright(part, raw.orientation))
            Image.fromarray(standing).save(hidden, "PNG", compress_level=1)
        facts: dict[str, object] = {"misfit": round(off, 3)}
    else:
        try:
            laid = aligned(cut, np.ascontiguousarray(upright(_about(lying, raw, seen.box), raw.orientation)))
        except ForeignPicture as error:
            place.raw.unlink()
            seen.refuse("misfit", str(error))
            return None
        write_laid(laid, place.picture, orientation=raw.orientation, origin="")
        facts = {LAID: facts_of(laid)}
    return Pair(place.raw, place.picture, scene, "train", _tags(seen, raw, licence) | facts)


def misfit(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """Say by how many pixels half of the windows of two views of one size are off at least; None where none tells."""
    far = []
    rows, columns = (max(1, length // WINDOW) for length in ours.shape)
    detail = [_detail(view) for view in (ours, theirs)]
    for down in np.array_split(np.arange(ours.shape[0]), rows):
        for across in np.array_split(np.arange(ours.shape[1]), columns):
            window = slice(down[0], down[-1] + 1), slice(across[0], across[-1] + 1)
            bell = cv2.createHanningWindow((len(across), len(down)), cv2.CV_32F)
            moved, response = cv2.phaseCorrelate(detail[0][window], detail[1][window], bell)
            if response > LEAST_RESPONSE:
                far.append(math.hypot(*moved))
    return float(np.median(far)) if far else None


def _detail(view: np.ndarray) -> np.ndarray:
    """Give what of a view does not depend on how tones were mapped, hardly."""
    encoded = np.cbrt(np.clip(view, 0, 1))
    return encoded - cv2.GaussianBlur(encoded, (0, 0), 8)


def _bent(raw: RawImage) -> bool:
    """Tell whether the maker straightens the raw, and so its picture."""
    return any(isinstance(opcode, WarpRectilinear) for opcode in raw.opcodes)


def _less(part: slice, corner: int) -> slice:
    return slice(part.start - corner, part.stop - corner)


def _about(lying: np.ndarray, raw: RawImage, box: Box) -> np.ndarray:
    """Cut out of a picture of any size, lying as the sensor does, about what a rectangle of the raw shows."""
    parts = []
    for length, side, begin, end, first in (
        (lying.shape[0], raw.crop.height, box.top, box.bottom, raw.crop.top),
        (lying.shape[1], raw.crop.width, box.left, box.right, raw.crop.left),
    ):
        room = ROOM * (end - begin)
        inner = (begin - first - room) / side * length, (end - first + room) / side * length
        parts.append(slice(max(0, round(inner[0])), min(length, round(inner[1]))))
    return lying[parts[0], parts[1]]


def _tags(seen: Seen, raw: RawImage, licence: str) -> dict[str, object]:
    """Say what a report may want to know of a capture."""
    step, exif = seen.step, raw.exif
    if step is None:
        raise ValueError("expected a capture that shows a frame, got another")
    said = {
        "camera": seen.camera,
        "shown": "display",
        "frame": step.number,
        "photograph": Path(step.photograph).name,
        "licence": licence,
        "ev": step.ev,
        "iso": exif.get("iso"),
        "exposure_time": exif.get("exposure_time"),
        "time": exif.get("datetime"),
        "box": [seen.box.top, seen.box.left, seen.box.height, seen.box.width],
        "blur": None if seen.blur is None else round(seen.blur, 2),
        "clipped": round(seen.clipped, 4),
    }
    return {name: value for name, value in said.items() if value not in (None, "")}
