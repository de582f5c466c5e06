"""Makes the sample raw from the full one: a phase-safe crop of a GoPro HERO6 photograph.

    python samples/make.py GOPR0024.DNG

The crop keeps the original's counts, levels, colour, noise profile and lens shading (its gain maps are re-based on the
smaller frame, exactly); the camera's serial number is left out.
"""

import sys
from dataclasses import replace
from pathlib import Path

from crispnet.raw.image import Box, RawImage
from crispnet.raw.opcodes import GainMap
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng

PART = Box(top=400, left=1050, height=1200, width=1600)  # even, so that the CFA stays as it is


def cropped(raw: RawImage, part: Box) -> RawImage:
    """Cut a part out of a raw image."""
    height, width = raw.mosaic.shape
    return replace(
        raw,
        mosaic=raw.mosaic[part.rows, part.columns].copy(),
        crop=Box(0, 0, part.height, part.width),
        active_area=Box(0, 0, part.height, part.width),
        stored_size=(part.height, part.width),
        opcodes=tuple(_rebased(opcode, part, height, width) for opcode in raw.opcodes if isinstance(opcode, GainMap)),
        exif={name: value for name, value in raw.exif.items() if name != "serial_number"},
    )


def _rebased(opcode: GainMap, part: Box, height: int, width: int) -> GainMap:
    down, across = height / part.height, width / part.width
    return replace(
        opcode,
        top=opcode.top % 2,
        left=opcode.left % 2,
        bottom=part.height,
        right=part.width,
        spacing=(opcode.spacing[0] * down, opcode.spacing[1] * across),
        origin=(
            (opcode.origin[0] * height - part.top) / part.height,
            (opcode.origin[1] * width - part.left) / part.width,
        ),
    )


if __name__ == "__main__":
    write_dng(cropped(open_raw(sys.argv[1]), PART), Path(__file__).parent / "mural.dng", overwrite=True)
