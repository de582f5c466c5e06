"""What a raw file says about the shot: the few fields that people read, under plain names.

``make``, ``model``, ``lens``, ``software``, ``artist``, ``copyright``, ``serial_number``: text.
``iso``, ``exposure_time`` (s), ``aperture`` (f-number), ``focal_length`` (mm), ``baseline_exposure`` (EV): numbers.
``datetime``: "YYYY:MM:DD HH:MM:SS". Fields that the file does not hold are absent.
"""

import io
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rawpy
from PIL.JpegImagePlugin import JpegImageFile

from crispnet.raw.dngtags import Tags
from crispnet.raw.refusals import CRW, kind_of

TEXT_TAGS = {"make": 271, "model": 272, "software": 305, "artist": 315, "copyright": 33432, "serial_number": 50735}
ISO_FULL = 65535  # what EXIF's ISOSpeedRatings holds at most; above, RecommendedExposureIndex (34866) has it


def read_exif(decoder: rawpy.RawPy, tags: Tags, path: Path) -> dict[str, object]:
    """Collect the shooting data from the file's tags and from LibRaw."""
    fields: dict[str, object] = {name: tags.text(code) for name, code in TEXT_TAGS.items()}
    if not fields["make"] and not fields["model"]:
        fields["make"], fields["model"] = _make_and_model(decoder)
    fields["lens"] = decoder.lens.model.strip() or None
    fields |= _shot(decoder, tags, path, artist=fields["artist"])
    exposure = tags.numbers(50730, 1)  # BaselineExposure
    fields["baseline_exposure"] = float(exposure[0]) if exposure is not None and abs(exposure[0]) <= 10 else None
    return {name: value for name, value in fields.items() if value is not None}


def _shot(decoder: rawpy.RawPy, tags: Tags, path: Path, *, artist: object) -> dict[str, object]:
    """Read what changes from shot to shot."""
    try:
        shot = decoder.other
    except (ValueError, OverflowError, OSError):  # a time that is no time takes everything beside it along
        return {}
    exif = tags.values.get(34665)
    index = exif.get("RecommendedExposureIndex") if isinstance(exif, dict) else None
    iso = index if shot.iso_speed >= ISO_FULL and isinstance(index, int) else shot.iso_speed
    return {
        "iso": _positive(iso),
        "exposure_time": _positive(shot.shutter_speed),
        "aperture": _positive(shot.aperture),
        "focal_length": _positive(shot.focal_length),
        "datetime": _time(shot.timestamp, path),
        "artist": artist or shot.artist.strip() or None,
    }


def _time(moment: datetime, path: Path) -> str | None:
    """Write the camera's own clock as EXIF does; rawpy gives it as a moment in the time zone of this computer."""
    if kind_of(path) == CRW:  # alone among all formats, it counts seconds, which LibRaw does not take for local ones
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y:%m:%d %H:%M:%S") if moment.year > 1970 else None


def _positive(value: Any) -> float | None:
    return float(value) if math.isfinite(value) and value > 0 else None


def _make_and_model(decoder: rawpy.RawPy) -> tuple[str | None, str | None]:
    """Ask the embedded picture: LibRaw writes the names it knows into that picture's EXIF."""
    try:
        preview = decoder.extract_thumb()
        if preview.format is not rawpy.ThumbFormat.JPEG:
            return None, None
        exif = JpegImageFile(io.BytesIO(bytes(preview.data))).getexif()
    except (rawpy.LibRawError, NotImplementedError, OSError, ValueError, SyntaxError):
        return None, None
    make, model = (str(exif.get(code, "")).strip("\0 ") or None for code in (271, 272))
    return make, model
