"""What a raw file says, value by value, and where each came from: as JSON values, and in words."""

from typing import Any

import numpy as np

from crispnet.raw.calibration import kelvin_of
from crispnet.raw.image import Box, RawImage
from crispnet.raw.opcodes import Opcode

ORIENTATIONS = {
    1: "upright",
    2: "mirrored left to right",
    3: "upside down",
    4: "mirrored top to bottom",
    5: "mirrored along the main diagonal",
    6: "to be turned right",
    7: "mirrored along the other diagonal",
    8: "to be turned left",
}


def facts(raw: RawImage) -> dict[str, dict[str, Any]]:
    """List what was read, as JSON values: name → value and source."""
    height, width = raw.mosaic.shape
    values: dict[str, Any] = {
        "mosaic": {"width": width, "height": height},
        "cfa": raw.cfa,
        "black": raw.black.tolist(),
        "black_rows": None if raw.black_rows is None else raw.black_rows.tolist(),
        "black_columns": None if raw.black_columns is None else raw.black_columns.tolist(),
        "white": raw.white,
        "white_balance": raw.white_balance.tolist(),
        "light_kelvin": round(kelvin_of(raw.calibrations, raw.white_balance)),
        "calibrations": [
            {
                "light": known.light,
                "xyz_to_camera": known.xyz_to_camera.tolist(),
                "balanced_to_d50": None if known.balanced_to_d50 is None else known.balanced_to_d50.tolist(),
            }
            for known in raw.calibrations
        ],
        "balanced_to_xyz": raw.balanced_to_xyz().tolist(),
        "noise_profile": None if raw.noise_profile is None else raw.noise_profile.tolist(),
        "orientation": raw.orientation,
        "stored_size": {"width": raw.stored_size[1], "height": raw.stored_size[0]},
        "active_area": _box(raw.active_area),
        "crop": _box(raw.crop),
        "opcodes": [opcode_name(opcode) for opcode in raw.opcodes],
        **{f"exif.{name}": value for name, value in raw.exif.items()},
    }
    derived = {
        "mosaic": "the active area",
        "light_kelvin": "computed from white balance and calibrations",
        "balanced_to_xyz": "computed from calibrations for the as-shot light",
        "stored_size": "LibRaw",
    }
    return {
        name: {"value": value, "source": derived.get(name) or raw.sources.get(name.split(".")[0], "")}
        for name, value in values.items()
    }


def opcode_name(opcode: Opcode) -> str:
    """Name an opcode and the list it stood in."""
    return f"{type(opcode).__name__} (list {opcode.stage}, {'optional' if opcode.optional else 'mandatory'})"


def _box(box: Box) -> dict[str, int]:
    return {"top": box.top, "left": box.left, "width": box.width, "height": box.height}


def in_words(name: str, value: Any, raw: RawImage) -> str:
    """Write a value of ``facts`` as people read it."""
    if value is None or value == []:
        return "-"
    if name in ("mosaic", "stored_size"):
        return f"{value['width']} x {value['height']}"
    if name in ("active_area", "crop"):
        return f"{value['width']} x {value['height']} at {value['left']}, {value['top']}"
    if name == "orientation":
        return f"{value} ({ORIENTATIONS[value]})"
    if name == "calibrations":
        return "\n".join(f"{known.light}:\n{_numbers(known.xyz_to_camera)}" for known in raw.calibrations)
    if name == "exif.exposure_time":
        return f"1/{1 / value:.0f} s" if value < 0.5 else f"{value:g} s"
    if name in ("black_rows", "black_columns"):
        return f"{len(value)} values, {min(value):g} to {max(value):g}"
    if name == "opcodes":
        return "\n".join(value)
    return _numbers(np.array(value)) if isinstance(value, list | float) else str(value)


def _numbers(values: np.ndarray) -> str:
    if values.ndim > 1:
        return "\n".join(_numbers(row) for row in values)
    return "  ".join(f"{value:.5g}" for value in np.atleast_1d(values))
