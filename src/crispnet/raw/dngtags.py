"""What a DNG says about its counts and LibRaw keeps to itself.

Tags are read with tifffile; every number is checked to be finite and of the expected count before anybody sees it, and
a tag that makes no sense is treated as absent. Tag numbers are those of the DNG 1.7 specification, chapter 6.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from crispnet.raw.calibration import Calibration, believable
from crispnet.raw.image import Box
from crispnet.raw.opcodes import Opcode, parse

CFA, LINEAR_RAW = 32803, 34892  # PhotometricInterpretation (262)
JPEG_XL, VC5, LOSSY_JPEG = 52546, 9, 34892  # Compression (259)
LARGEST_ENTRY = 100.0  # of a matrix or a gain
MOST_VALUES = 1 << 18  # no tag read here is longer in any camera's file
OPCODE_LISTS = {1: 51008, 2: 51009, 3: 51022}
CALIBRATION_TAGS = (  # CalibrationIlluminant, ColorMatrix, CameraCalibration, ForwardMatrix of each light
    (50778, 50721, 50723, 50964),
    (50779, 50722, 50724, 50965),
    (52529, 52531, 52530, 52532),
)


@dataclass(frozen=True)
class Tags:
    """Tag code → value: those of the file's first directory, overlaid with those of the one that holds the raw data."""

    values: dict[int, object]

    @property
    def is_dng(self) -> bool:
        """Whether the file calls itself a DNG (DNGVersion, 50706)."""
        return 50706 in self.values

    @property
    def is_float(self) -> bool:
        """Whether counts are stored as floats (SampleFormat, 339), which LibRaw scales to whole counts of its own."""
        kinds = self.numbers(339)
        return kinds is not None and 3 in kinds

    def text(self, code: int) -> str | None:
        """Read a tag of characters, or None."""
        value = self.values.get(code)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return value.strip("\0 ") or None if isinstance(value, str) else None

    def numbers(self, code: int, *counts: int) -> np.ndarray | None:
        """Read a tag of numbers; None unless there are ``counts`` of them (any number if not given), all finite."""
        try:
            found = np.atleast_1d(np.array(self.values.get(code), np.float64))
        except (TypeError, ValueError, OverflowError):
            return None
        sound = found.ndim == 1 and 0 < found.size <= MOST_VALUES and np.isfinite(found).all()
        return found if sound and (not counts or found.size in counts) else None

    def whole(self, code: int) -> int | None:
        """Read a tag of one whole number, or None."""
        found = self.numbers(code, 1)
        return None if found is None else int(found[0])


def read_tags(path: Path) -> Tags:
    """Read the tags of a TIFF-like raw file; no tags at all for any other file."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # odd tags are ours to report, in our own words
    try:
        with tifffile.TiffFile(path) as file:
            first = file.pages.first
            directories = [first, *(first.pages or ())]
            raw = max(filter(_holds_raw, directories), key=_area, default=first)
            tags = [tag for page in (first, raw) for tag in page.tags if tag.count <= MOST_VALUES]
            return Tags({tag.code: _value(tag) for tag in tags})
    except Exception:  # a damaged directory can fail anywhere in tifffile; LibRaw may still read the file
        return Tags({})


def _holds_raw(page: tifffile.TiffPage) -> bool:
    return getattr(page, "photometric", 0) in (CFA, LINEAR_RAW) and not int(page.subfiletype) & 1


def _area(page: tifffile.TiffPage) -> int:
    return int(page.imagewidth) * int(page.imagelength)


def _value(tag: tifffile.TiffTag) -> object:
    try:
        value = tag.value  # read from the file only now
    except Exception:  # one damaged tag, of any type tifffile knows, is absent; it does not take the others with it
        return None
    if tag.dtype in (5, 10):  # RATIONAL, SRATIONAL: numerators and denominators in turn
        pairs = np.array(value, np.float64).reshape(-1, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return pairs[:, 0] / pairs[:, 1]
    return tuple(value) if isinstance(value, bytes) and tag.dtype == 1 else value


def calibrations(tags: Tags) -> tuple[Calibration, ...]:
    """Read the camera's colour under each light that the file knows and that a camera can have.

    Tags: ``CALIBRATION_TAGS`` and AnalogBalance (50727).
    """
    gains = tags.numbers(50727, 3)
    known = []
    for light, colour, body, forward in CALIBRATION_TAGS:
        xyz_to_camera = _matrix(tags, colour)
        if xyz_to_camera is None:
            continue
        of_this_body = _matrix(tags, body)
        if of_this_body is not None:
            xyz_to_camera = of_this_body @ xyz_to_camera
        if gains is not None and 0 < gains.min() <= gains.max() <= LARGEST_ENTRY:
            xyz_to_camera = gains[:, None] * xyz_to_camera
        # ForwardMatrix starts from balanced values, in which diagonal gains of the body have cancelled.
        known.append(Calibration(tags.whole(light) or 0, xyz_to_camera, _matrix(tags, forward)))
    return believable(tuple(known))


def _matrix(tags: Tags, code: int) -> np.ndarray | None:
    values = tags.numbers(code, 9)
    return None if values is None or np.abs(values).max() > LARGEST_ENTRY else values.reshape(3, 3)


def as_shot_neutral(tags: Tags) -> np.ndarray | None:
    """Read the camera's (3,) R, G, B of a neutral as shot (AsShotNeutral, 50728), or None."""
    neutral = tags.numbers(50728, 3)
    return neutral if neutral is not None and neutral.min() > 0 else None


def as_shot_white(tags: Tags) -> np.ndarray | None:
    """Read the chromaticity of the light as shot (AsShotWhiteXY, 50729), or None."""
    xy = tags.numbers(50729, 2)
    return xy if xy is not None and xy.min() > 0.05 and xy.sum() < 0.95 else None


def black_levels(tags: Tags, samples: int) -> np.ndarray | None:
    """Read BlackLevel (50714) as (2, 2, samples) counts that repeat over the active area; None if absent or odd."""
    repeat = tags.numbers(50713, 2)  # BlackLevelRepeatDim
    if repeat is None:  # a level for each site, where nobody says so, would else be none at all
        repeat = np.full(2, 2 if tags.numbers(50714, 4 * samples) is not None else 1)
    if not np.isin(repeat, (1, 2)).all():
        return None
    rows, columns = repeat.astype(int)
    levels = tags.numbers(50714, rows * columns * samples)
    if levels is None:
        return None
    pattern = levels.reshape(rows, columns, samples)
    return np.tile(pattern, (2 // rows, 2 // columns, 1))


def black_deltas(tags: Tags, height: int, width: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Read BlackLevelDeltaV (50716) and BlackLevelDeltaH (50715): counts per row and per column, or None."""
    deltas = tags.numbers(50716, height), tags.numbers(50715, width)
    rows, columns = (delta if delta is not None and 0 < np.abs(delta).max() < 65536 else None for delta in deltas)
    return rows, columns


def active_area(tags: Tags, height: int, width: int) -> Box | None:
    """Read ActiveArea (50829), a rectangle of the stored frame; None if absent or not within one of this size."""
    area = tags.numbers(50829, 4)
    if area is None or not 0 <= area[0] < area[2] <= height or not 0 <= area[1] < area[3] <= width:
        return None
    top, left, bottom, right = (int(edge) for edge in area)
    return Box(top, left, bottom - top, right - left) if min(bottom - top, right - left) >= 2 else None


def default_crop(tags: Tags) -> Box | None:
    """Read DefaultCropOrigin (50719) and DefaultCropSize (50720), a rectangle of the active area, or None."""
    origin, size = tags.numbers(50719, 2), tags.numbers(50720, 2)
    if origin is None or size is None or max(*origin, *size) > 1e6:
        return None
    left, top = (round(value) for value in origin)
    width, height = (round(value) for value in size)
    return Box(top, left, height, width)


def noise_profile(tags: Tags) -> np.ndarray | None:
    """Read NoiseProfile (51041) as (4, 2) rows (scale, offset) for R, G, B, G, or None where absent or impossible."""
    values = tags.numbers(51041, 2, 6, 8)
    if values is None or values.min() < 0 or values.max() > 1 or not values[::2].all():
        return None
    pairs = values.reshape(-1, 2)
    return pairs[{1: [0, 0, 0, 0], 3: [0, 1, 2, 1], 4: [0, 1, 3, 2]}[len(pairs)]]


def opcodes(tags: Tags) -> tuple[tuple[Opcode, ...], tuple[str, ...]]:
    """Read OpcodeList1-3: what is understood, and a note for each that is not."""
    found: list[Opcode] = []
    notes: list[str] = []
    for stage, code in OPCODE_LISTS.items():
        data = tags.values.get(code)
        if isinstance(data, bytes):
            sound, said = parse(data, stage)
            found += sound
            notes += said
    return tuple(found), tuple(notes)
