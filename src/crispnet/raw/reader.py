"""Any raw file that LibRaw opens → ``RawImage``, with the source of each value.

LibRaw decodes the counts; what it hides or rounds (per-site black, noise, calibration, corrections) is read from the
file's own tags. Traps on the way, each of which has a test:

- LibRaw's white balance is scaled as each maker does, its second green may be 0, and a missing value is -1 or 0;
- LibRaw's ``flip`` is not EXIF's Orientation;
- the CFA word belongs to the active area, not to the stored frame;
- a truncated file may decode without an error, into black.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rawpy

from crispnet.errors import UnreadableRaw
from crispnet.raw import dngtags, white_balance
from crispnet.raw.bayer import pack_linear, remosaic, thumbnail
from crispnet.raw.calibration import Calibration, believable, neutral_of
from crispnet.raw.dngtags import Tags
from crispnet.raw.exif import read_exif
from crispnet.raw.image import CFAS, Box, RawImage
from crispnet.raw.opcodes import Opcode
from crispnet.raw.refusals import (
    refuse_by_content,
    refuse_by_header,
    refuse_by_libraw,
    refuse_by_size,
    refuse_filter_array,
)
from crispnet.raw.saturation import piled_up

EXIF_ORIENTATION = {0: 1, 1: 2, 3: 3, 2: 4, 4: 5, 6: 6, 7: 7, 5: 8}  # LibRaw's flip → EXIF Orientation
D65_LIGHT = 21  # LibRaw's built-in matrices are for D65
ABSENT = "not in the file"


class Found(NamedTuple):
    """A value, and where it was found, in words."""

    value: Any
    source: str


def open_raw(path: str | Path) -> RawImage:
    """Read a raw file.

    Args:
        path: any Bayer raw that LibRaw opens, or a DNG that was demosaiced before (linear DNG).

    Raises:
        UnreadableRaw: the file is missing, empty, damaged, or no raw file.
        UnsupportedRaw: the file is sound, but not a Bayer raw (X-Trans, Foveon, monochrome, JPEG XL, ...).
    """
    path = Path(path)
    with decoding(path) as (decoder, tags):
        refuse_by_size(path, decoder.sizes.raw_height, decoder.sizes.raw_width)
        decoder.unpack()
        return _read(path, decoder, tags)


@contextmanager
def decoding(path: Path) -> Iterator[tuple[rawpy.RawPy, Tags]]:
    """Open a file with LibRaw and read its tags; what LibRaw then says in exceptions is said in words.

    Raises:
        UnreadableRaw: see ``open_raw``.
        UnsupportedRaw: see ``open_raw``.
    """
    refuse_by_content(path)
    tags = dngtags.read_tags(path)
    refuse_by_header(path, tags)
    try:
        with _opened(path) as decoder:
            yield decoder, tags
    # All that rawpy raises; RuntimeError for raw data of no kind, OSError for what the disk says.
    except (rawpy.LibRawError, rawpy.NotSupportedError, RuntimeError, OSError, MemoryError) as error:
        refuse_by_libraw(path, tags, error)


def _opened(path: Path) -> rawpy.RawPy:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # a name in another encoding than this system's, which rawpy cannot pass on
        with path.open("rb") as file:
            return rawpy.imread(file)
    return rawpy.imread(str(path))


def _read(path: Path, decoder: rawpy.RawPy, tags: Tags) -> RawImage:
    stored = decoder.raw_image
    area = _active_area(decoder, tags)
    refuse_by_size(path, area.value.height, area.value.width)
    visible = stored[area.value.rows, area.value.columns]
    rgb = visible.ndim == 3
    cfa = _cfa_taken_again(path, decoder) if rgb else _cfa(path, decoder, area.value)
    corrections, remarks = dngtags.opcodes(tags)
    rows, columns = dngtags.black_deltas(tags, *visible.shape[:2])
    calibrations = _calibrations(decoder, tags)
    balance = _white_balance(decoder, tags, calibrations.value)
    found = {
        "cfa": cfa,
        "black": _black(decoder, tags, area.value, cfa.value),
        "white": _white(decoder, tags, visible),
        "white_balance": balance or Found(np.ones(4), ""),
        "calibrations": calibrations,
        "orientation": orientation(decoder, tags),
        "crop": _crop(decoder, tags, area.value),
        "active_area": area,
        "noise_profile": _present(dngtags.noise_profile(tags), "DNG NoiseProfile"),
        "black_rows": _present(rows, "DNG BlackLevelDeltaV"),
        "black_columns": _present(columns, "DNG BlackLevelDeltaH"),
        "opcodes": _present(corrections, _lists(corrections)),
        "stored_size": Found(stored.shape[:2], "LibRaw"),
        "exif": Found(read_exif(decoder, tags, path), "the file's EXIF, through LibRaw"),
    }
    _check_levels(path, found["black"].value, found["white"].value)
    raw = RawImage(
        mosaic=remosaic(visible) if rgb else np.array(visible),
        notes=(*remarks, *_notes(decoder, rgb=rgb)),
        demosaiced_before=rgb,
        path=path,
        sources={name: source for name, (_, source) in found.items()},
        **{name: value for name, (value, _) in found.items()},
    )
    return raw if balance else _with_estimated_white_balance(raw)


def _present(value: Any, source: str) -> Found:
    absent = value is None or (isinstance(value, tuple) and not value)
    return Found(value, ABSENT if absent else source)


def _active_area(decoder: rawpy.RawPy, tags: Tags) -> Found:
    """Find the lit part of the stored frame. LibRaw rounds an odd corner to the next even one; the tag does not."""
    tagged = dngtags.active_area(tags, *decoder.raw_image.shape[:2]) if tags.is_dng else None
    if tagged:
        return Found(tagged, "DNG ActiveArea")
    sizes, (height, width) = decoder.sizes, decoder.raw_image.shape[:2]
    top, left = sizes.top_margin, sizes.left_margin
    return Found(Box(top, left, min(sizes.height, height - top), min(sizes.width, width - left)), "LibRaw")


def _cfa_taken_again(path: Path, decoder: rawpy.RawPy) -> Found:
    colours = decoder.color_desc.decode("ascii", "replace")
    if set(colours) != set("RGB"):
        refuse_filter_array(path, colours, None)
    return Found("RGGB", "taken again from RGB pixels")


def _pattern(decoder: rawpy.RawPy, area: Box) -> np.ndarray | None:
    """Give LibRaw's colour indices at the first sites of the active area; LibRaw counts them from the stored frame."""
    pattern = decoder.raw_pattern
    return None if pattern is None else np.roll(pattern, (-area.top, -area.left), (0, 1))


def _cfa(path: Path, decoder: rawpy.RawPy, area: Box) -> Found:
    pattern = _pattern(decoder, area)
    colours = decoder.color_desc.decode("ascii", "replace")
    word = "" if pattern is None else "".join(colours[index : index + 1] for index in pattern.ravel())
    if word not in CFAS:
        refuse_filter_array(path, colours, None if pattern is None else pattern.shape)
    return Found(word, "LibRaw, at the active area")


def _black(decoder: rawpy.RawPy, tags: Tags, area: Box, cfa: str) -> Found:
    rgb = decoder.raw_image.ndim == 3
    levels = dngtags.black_levels(tags, 3 if rgb else 1) if tags.is_dng and not tags.is_float else None
    if levels is not None:
        sites = np.array([["RGB".index(letter) if rgb else 0 for letter in row] for row in (cfa[:2], cfa[2:])])
        return Found(np.take_along_axis(levels, sites[..., None], axis=2)[..., 0], "DNG BlackLevel")
    channels = np.array(decoder.black_level_per_channel, np.float64)
    pattern = np.array([[0, 1], [1, 2]]) if rgb else _pattern(decoder, area)
    return Found(channels[pattern], "LibRaw, per channel")


def _white(decoder: rawpy.RawPy, tags: Tags, visible: np.ndarray) -> Found:
    tagged = tags.numbers(50717) if tags.is_dng and not tags.is_float else None  # WhiteLevel
    if tagged is not None and 0 < tagged.min() <= 65535:
        return Found(float(tagged.min()), "DNG WhiteLevel")
    white = float(decoder.white_level)
    pile = piled_up(visible, white) if visible.ndim == 2 and not tags.is_dng else None
    if pile is not None:  # LibRaw's table knows one level per camera; many clip lower at some sensitivities
        return Found(pile, f"where this photograph's counts pile up; LibRaw says {white:g}")
    return Found(white, "LibRaw")


def _check_levels(path: Path, black: np.ndarray, white: float) -> None:
    if not 0 <= black.min() <= black.max() < white <= 65535:
        raise UnreadableRaw(
            f"{path} gives black levels {black.ravel().tolist()} and a white level of {white:g}. Black below white, "
            "both within 16 bits, was needed. The file's tags are damaged, or were changed by another program."
        )


def _calibrations(decoder: rawpy.RawPy, tags: Tags) -> Found:
    from_file = dngtags.calibrations(tags) if tags.is_dng else ()
    if from_file:
        return Found(from_file, "DNG ColorMatrix for " + " and ".join(known.light for known in from_file))
    from_table = believable((Calibration(D65_LIGHT, np.array(decoder.rgb_xyz_matrix[:3], np.float64)),))
    if from_table:
        return Found(from_table, "LibRaw's table of cameras, for D65")
    return Found((), "unknown camera: taken to see in sRGB")


def _white_balance(decoder: rawpy.RawPy, tags: Tags, calibrations: tuple[Calibration, ...]) -> Found | None:
    """Find the as-shot white balance; None where the file holds none that can be right."""
    neutral = dngtags.as_shot_neutral(tags)
    if neutral is not None and (balance := white_balance.from_neutral(neutral)) is not None:
        return Found(balance, "DNG AsShotNeutral")
    light = dngtags.as_shot_white(tags)
    if light is not None and calibrations:
        balance = white_balance.from_neutral(neutral_of(calibrations, light))
        if balance is not None:
            return Found(balance, "DNG AsShotWhiteXY")
    if tags.is_dng and tags.values.keys() & {50728, 50729}:  # of an impossible value LibRaw makes another
        return None
    balance = white_balance.green_one(*decoder.camera_whitebalance[:3])
    return None if balance is None else Found(balance, "LibRaw, as shot")


def _with_estimated_white_balance(raw: RawImage) -> RawImage:
    estimate, how = white_balance.estimate(thumbnail(pack_linear(raw)), raw.calibrations)
    return replace(
        raw,
        white_balance=estimate,
        sources={**raw.sources, "white_balance": how},
        notes=(*raw.notes, f"The file holds no white balance that can be right; it was {how}."),
    )


def orientation(decoder: rawpy.RawPy, tags: Tags) -> Found:
    """Find how the sensor image must be turned: EXIF Orientation 1 to 8."""
    tagged = tags.whole(274) if tags.is_dng else None
    if tagged in range(1, 9):
        return Found(tagged, "DNG Orientation")
    return Found(EXIF_ORIENTATION.get(decoder.sizes.flip, 1), "LibRaw")


def _crop(decoder: rawpy.RawPy, tags: Tags, area: Box) -> Found:
    """Find the maker's own crop of the active area; all of it where there is none, or an impossible one."""
    whole = Box(0, 0, area.height, area.width)
    given = dngtags.default_crop(tags) if tags.is_dng else None
    sizes = decoder.sizes
    if given is None and sizes.crop_width and sizes.crop_height:
        left, top = sizes.crop_left_margin - area.left, sizes.crop_top_margin - area.top
        given = Box(top, left, sizes.crop_height, sizes.crop_width)
    if given is None:
        return Found(whole, "the whole active area")
    room = area.height - given.top, area.width - given.left
    crop = Box(given.top, given.left, min(given.height, room[0]), min(given.width, room[1]))
    if min(crop.top, crop.left) < 0 or crop.height < area.height // 2 or crop.width < area.width // 2:
        return Found(whole, "the whole active area (the file's crop does not fit it)")
    return Found(crop, "DNG DefaultCrop" if tags.is_dng else "LibRaw, the maker's crop")


def _lists(corrections: tuple[Opcode, ...]) -> str:
    return "DNG " + ", ".join(f"OpcodeList{stage}" for stage in sorted({opcode.stage for opcode in corrections}))


def _notes(decoder: rawpy.RawPy, *, rgb: bool) -> Iterator[str]:
    if rgb:
        yield (
            "The file was merged and demosaiced before (linear DNG or sRAW); its pixels are sampled as a mosaic again, "
            "so noise and fine detail differ from a raw straight from the sensor."
        )
    if abs(decoder.sizes.pixel_aspect - 1) > 0.01:
        aspect = f"1:{decoder.sizes.pixel_aspect:g}"
        yield f"The sensor's pixels are not square ({aspect}); the picture keeps them as they are."
