"""A zoo of synthetic raws: every way in which a sound DNG may differ from another, and the raw image that it holds.

A member is one choice along each of ``AXES``; members are numbered, so that a range of numbers says which were tried.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from crispnet.raw.calibration import Calibration
from crispnet.raw.image import CFAS, Box, RawImage
from crispnet.raw.opcodes import GainMap
from crispnet.raw.writer import write_dng
from making import EXIF, gain_map, raw_image
from retagging import without_tag

HEIGHT, WIDTH = 26, 35  # of every mosaic: LibRaw takes no frame below 22; an odd width ends half-way through a cell
WHOLE = Box(0, 0, HEIGHT, WIDTH)
BLACKS = {  # at the four sites, and whether rows and columns add to it
    "none": ((0, 0, 0, 0), False),
    "one": ((64, 64, 64, 64), False),
    "rows": ((60, 60, 68, 68), False),
    "columns": ((60, 68, 60, 68), False),
    "sites": ((60.25, 62, 64.5, 66), False),
    "deltas": ((60, 62, 64, 66), True),
}
WHITES = {"8 bits": 255, "10 bits": 1023, "12 bits": 4095, "14 bits": 15360, "16 bits": 65535}
AREAS = {"all": (0, 0, 0, 0), "even": (2, 4, 6, 8), "odd": (3, 5, 1, 2), "a margin on top": (1, 0, 0, 0)}  # t, l, b, r
CROPS = {"all": WHOLE, "even": Box(2, 4, 20, 26), "odd": Box(3, 1, 21, 33), "a row less": Box(0, 0, HEIGHT - 1, WIDTH)}
SITES = ((0, 0), (0, 1), (1, 0), (1, 1))
MAPS: dict[str, tuple[GainMap, ...]] = {
    "none": (),
    "one point": (gain_map(area=(0, 0, HEIGHT, WIDTH), grid=(1, 1)),),
    "one for all": (gain_map(area=(0, 0, HEIGHT, WIDTH), grid=(5, 7)),),
    "one for each site": tuple(
        gain_map(area=(row, column, HEIGHT, WIDTH), pitch=(2, 2), grid=(3, 2)) for row, column in SITES
    ),
    "a part": (gain_map(area=(3, 5, 20, 18), grid=(2, 3), spacing=(0.25, 0.5), origin=(0.1, 0.3)),),
    "three colours": (gain_map(stage=3, area=(0, 0, HEIGHT, WIDTH), planes=3, maps=3, grid=(2, 2)),),
    "of the frame": (gain_map(stage=1, area=(1, 1, HEIGHT, WIDTH), grid=(4, 4), optional=False),),
}
MISSING = {  # the tag that is taken out
    "nothing": 0, "AsShotNeutral": 50728, "BlackLevel": 50714, "BlackLevelRepeatDim": 50713, "WhiteLevel": 50717,
    "ActiveArea": 50829, "DefaultCropOrigin": 50719, "DefaultCropSize": 50720, "Orientation": 274,
    "ColorMatrix1": 50721, "ColorMatrix2": 50722, "CalibrationIlluminant1": 50778, "BaselineExposure": 50730,
    "NoiseProfile": 51041,
}  # fmt: skip
AXES = {
    "cfa": CFAS, "black": tuple(BLACKS), "white": tuple(WHITES), "area": tuple(AREAS), "crop": tuple(CROPS),
    "orientation": tuple(range(1, 9)), "maps": tuple(MAPS), "missing": tuple(MISSING),
}  # fmt: skip
SAME = ("cfa", "white", "orientation", "crop", "active_area", "stored_size", "demosaiced_before")
CLOSE = ("mosaic", "black", "noise_profile", "black_rows", "black_columns")
COUNT = math.prod(map(len, AXES.values()))
NOISE = np.array([[1e-4, 1e-7], [2e-4, 2e-7], [3e-4, 3e-7], [2e-4, 2e-7]])


@dataclass(frozen=True)
class Member:
    """A choice along each axis."""

    cfa: str = "RGGB"
    black: str = "one"
    white: str = "14 bits"
    area: str = "all"
    crop: str = "all"
    orientation: int = 1
    maps: str = "none"
    missing: str = "nothing"


def member(number: int) -> Member:
    """Give a member by its number, 0 to ``COUNT`` - 1."""
    chosen = {}
    for name, choices in AXES.items():
        number, place = divmod(number, len(choices))
        chosen[name] = choices[place]
    return Member(**chosen)


members = st.builds(Member, **{name: st.sampled_from(choices) for name, choices in AXES.items()})


def image_of(chosen: Member) -> RawImage:
    """Make the raw image that is written, before a tag is taken out of the file."""
    levels, uneven = BLACKS[chosen.black]
    top, left, below, beside = AREAS[chosen.area]
    deltas = np.random.default_rng(5)
    return replace(
        _scene(chosen.cfa, levels, WHITES[chosen.white]),
        orientation=chosen.orientation,
        crop=CROPS[chosen.crop],
        active_area=Box(top, left, HEIGHT, WIDTH),
        stored_size=(top + HEIGHT + below, left + WIDTH + beside),
        noise_profile=NOISE,
        black_rows=deltas.integers(-16, 16, HEIGHT) / 4 if uneven else None,
        black_columns=deltas.integers(-16, 16, WIDTH) / 4 if uneven else None,
        opcodes=MAPS[chosen.maps],
        exif=EXIF,
    )


@cache
def _scene(cfa: str, levels: tuple[float, ...], white: int) -> RawImage:
    return raw_image(height=HEIGHT, width=WIDTH, cfa=cfa, black=np.reshape(levels, (2, 2)), white=white)


def write(chosen: Member, path: Path) -> Path:
    """Write a member, over a file that is there."""
    write_dng(image_of(chosen), path, overwrite=True)
    return without_tag(path, MISSING[chosen.missing]) if MISSING[chosen.missing] else path


def expected(chosen: Member) -> RawImage:
    """Give the raw image that a reader has to find in the file; what is missing is as the DNG specification says."""
    raw = image_of(chosen)
    match chosen.missing:
        case "BlackLevel":
            return replace(raw, black=np.zeros((2, 2)))
        case "WhiteLevel":
            return replace(raw, white=65535)
        case "ActiveArea":
            return _with_margins(raw)
        case "DefaultCropOrigin" | "DefaultCropSize":
            return replace(raw, crop=WHOLE)
        case "Orientation":
            return replace(raw, orientation=1)
        case "ColorMatrix1":
            return replace(raw, calibrations=raw.calibrations[1:])
        case "ColorMatrix2":
            return replace(raw, calibrations=raw.calibrations[:1])
        case "CalibrationIlluminant1":
            return replace(raw, calibrations=(replace(raw.calibrations[0], illuminant=0), raw.calibrations[1]))
        case "NoiseProfile":
            return replace(raw, noise_profile=None)
        case "BaselineExposure":
            return replace(raw, exif={key: value for key, value in EXIF.items() if key != "baseline_exposure"})
    return raw


def _with_margins(raw: RawImage) -> RawImage:
    """Take the whole stored frame for the picture; margins hold the black level of their sites."""
    area, (height, width) = raw.active_area, raw.stored_size
    rows, columns = np.indices(raw.stored_size)
    frame = raw.black.round()[(rows - area.top) % 2, (columns - area.left) % 2].astype(np.uint16)
    frame[area.rows, area.columns] = raw.mosaic
    deltas = {"black_rows": (raw.black_rows, height), "black_columns": (raw.black_columns, width)}
    fitting = {name: values if values is not None and len(values) == size else None
               for name, (values, size) in deltas.items()}  # fmt: skip
    return replace(raw, mosaic=frame, active_area=Box(0, 0, height, width), **fitting)


def differences(found: RawImage, chosen: Member) -> list[str]:
    """Name what a reader has found otherwise than it is, by more than fractions round."""
    wanted = expected(chosen)
    unlike = [name for name in SAME if getattr(found, name) != getattr(wanted, name)]
    close = CLOSE if chosen.missing == "AsShotNeutral" else (*CLOSE, "white_balance")
    unlike += [name for name in close if not _is_close(getattr(found, name), getattr(wanted, name))]
    if [_said(known) for known in found.calibrations] != [_said(known) for known in wanted.calibrations]:
        unlike.append("calibrations")
    if [opcode.body() for opcode in found.opcodes] != [opcode.body() for opcode in wanted.opcodes]:
        unlike.append("opcodes")
    unlike += [key for key, value in wanted.exif.items() if not _is_like(found.exif.get(key), value)]
    return unlike + [key for key in found.exif if key not in wanted.exif]


def _is_like(ours: object, theirs: object) -> bool:
    """Tell whether shooting data are the same, numbers to the precision that LibRaw keeps."""
    if isinstance(theirs, float):
        return isinstance(ours, float) and math.isclose(ours, theirs, rel_tol=1e-5)
    return ours == theirs


def _is_close(ours: np.ndarray | None, theirs: np.ndarray | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-9, atol=0)


def _said(known: Calibration) -> tuple[int, list[float], bool]:
    return known.illuminant, known.xyz_to_camera.ravel().round(8).tolist(), known.balanced_to_d50 is None
