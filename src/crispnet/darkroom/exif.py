"""What every picture file says about the shot: a short EXIF block of our own."""

import math
from collections.abc import Mapping
from fractions import Fraction

from crispnet.raw.tiff import Directory, long, rational, short, text, undefined

LONGEST_TEXT = 500  # characters; a JPEG has room for 64 KiB of EXIF in all


def describe(exif: Mapping[str, object], *, software: str, size: tuple[int, int]) -> Directory:
    """Put shooting data into the EXIF fields of an upright sRGB picture.

    Args:
        exif: ``RawImage.exif``; what is missing or absurd is left out.
        software: the program and the look that made the picture.
        size: (height, width) of the picture as it stands upright.
    """
    camera = _texts(exif, {"Make": "make", "Model": "model", "Artist": "artist", "Copyright": "copyright"})
    shot: Directory = {
        "ExifVersion": undefined(b"0232"),
        "FlashpixVersion": undefined(b"0100"),  # EXIF wants it
        "ColorSpace": short(1),  # sRGB
        "PixelXDimension": long(size[1]),
        "PixelYDimension": long(size[0]),
    }
    shot |= _texts(exif, {"DateTimeOriginal": "datetime", "LensModel": "lens"}) | _exposure(exif)
    return camera | {
        "Software": text(software),
        "Orientation": short(1),
        # EXIF wants a resolution: its default, per inch.
        "XResolution": rational(72),
        "YResolution": rational(72),
        "ResolutionUnit": short(2),
        "ExifTag": [shot],
    }


def _texts(exif: Mapping[str, object], keys: Mapping[str, str]) -> Directory:
    return {tag: text(str(exif[key])[:LONGEST_TEXT]) for tag, key in keys.items() if exif.get(key)}


def _exposure(exif: Mapping[str, object]) -> Directory:
    keys = {"ExposureTime": "exposure_time", "FNumber": "aperture", "FocalLength": "focal_length"}
    numbers = {tag: _positive(exif.get(key)) for tag, key in keys.items()}
    fields: Directory = {tag: rational(_as_said(number)) for tag, number in numbers.items() if number}
    if iso := round(_positive(exif.get("iso")) or 0):
        fields["PhotographicSensitivity"] = short(min(iso, 65535))  # EXIF 2.3: the number itself in a second tag
        if iso >= 65535:
            fields |= {"SensitivityType": short(2), "RecommendedExposureIndex": long(iso)}
    return fields


def _positive(value: object) -> float | None:
    sane = isinstance(value, int | float) and math.isfinite(value) and 1e-7 < value < 1e7
    return float(value) if sane else None  # type: ignore[arg-type]


def _as_said(value: float) -> float:
    """Give the value that a photographer would say."""
    # LibRaw's 0.004166667 s is the camera's 1/240; other values are short decimals.
    unit = Fraction(1, max(1, round(1 / value)))
    return float(unit if abs(value / unit - 1) < 0.002 else Fraction(value).limit_denominator(100))
