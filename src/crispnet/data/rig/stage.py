"""The frames that are shown: a chart or a photograph on black, with markers around it.

The **chart** holds a ramp of greys and a set of colours, by which drift is seen, and a flat grey by which moiré is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from crispnet.data.rig.marks import Identity, Layout, draw_markers
from crispnet.data.rig.plan import Step
from crispnet.errors import DataError, NoCameraPicture
from crispnet.raw.image import Box
from crispnet.raw.sidecar import picture_file

Colour = tuple[int, int, int]
GREYS = tuple(round(255 * step / 11) for step in range(12))
COLOURS = (
    *((200, 60, 50), (60, 150, 70), (50, 60, 170), (230, 200, 40), (190, 70, 150), (30, 135, 170)),
    *((225, 160, 130), (110, 80, 65), (95, 120, 160), (90, 110, 65), (220, 120, 45), (130, 130, 180)),
)
FLAT = 128  # code of the chart's flat part
PARTS = (0.25, 0.35, 0.4)  # of the chart's height: greys, colours, flat


@dataclass(frozen=True, eq=False)
class Frame:
    """What a screen shows.

    Attributes:
        pixels: (rows, columns, 3) uint8 sRGB.
        box: where in it the photograph is, or the chart.
    """

    pixels: np.ndarray
    box: Box


@dataclass(frozen=True)
class Patch:
    """A patch of the chart: where it is on the screen, and its sRGB codes."""

    box: Box
    colour: Colour


def greys(layout: Layout) -> list[Patch]:
    """List the ramp of greys, from black to white."""
    return list(_row(layout, [(code, code, code) for code in GREYS], top=0.0, share=PARTS[0]))


def colours(layout: Layout) -> list[Patch]:
    """List the coloured patches."""
    return list(_row(layout, COLOURS, top=PARTS[0], share=PARTS[1]))


def flat(layout: Layout) -> Patch:
    """Give the flat grey."""
    return next(_row(layout, [(FLAT,) * 3], top=PARTS[0] + PARTS[1], share=PARTS[2]))


def _row(layout: Layout, codes: Sequence[Colour], *, top: float, share: float) -> Iterator[Patch]:
    """Lay patches side by side over the whole width of the field."""
    field = layout.field
    above, below = (field.top + round(field.height * part) for part in (top, top + share))
    ends = np.linspace(field.left, field.right, len(codes) + 1).round().astype(int)
    for left, right, colour in zip(ends, ends[1:], codes, strict=False):
        yield Patch(Box(above, int(left), below - above, int(right - left)), colour)


def drawn(step: Step, layout: Layout, session: int) -> Frame:
    """Draw the frame of a step.

    Raises:
        DataError: its photograph cannot be read.
    """
    pixels = np.zeros((layout.rows, layout.columns, 3), np.uint8)
    draw_markers(pixels, layout, Identity(step.number, session))
    if step.kind == "chart":
        for patch in [*greys(layout), *colours(layout), flat(layout)]:
            pixels[patch.box.rows, patch.box.columns] = patch.colour
        return Frame(pixels, layout.field)
    try:
        photograph = picture_file(step.photograph).pixels
    except NoCameraPicture as error:
        raise DataError(f"{error} Or take it out of the folder, and plan another session.") from error
    box = placed(layout, photograph.shape)
    how = cv2.INTER_AREA if photograph.shape[0] > box.height else cv2.INTER_CUBIC
    pixels[box.rows, box.columns] = cv2.resize(photograph, (box.width, box.height), interpolation=how)
    return Frame(pixels, box)


def placed(layout: Layout, size: tuple[int, ...]) -> Box:
    """Say where a photograph of (rows, columns) is shown: it fills the field, and is cut nowhere.

    >>> placed(Layout(800, 1280), (3000, 4000))
    Box(top=77, left=209, height=646, width=861)
    """
    field = layout.field
    scale = min(field.height / size[0], field.width / size[1])
    height, width = (max(1, round(length * scale)) for length in size[:2])
    return Box(field.top + (field.height - height) // 2, field.left + (field.width - width) // 2, height, width)
