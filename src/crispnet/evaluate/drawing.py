"""Draws what figures are made of: panels in rows, words, split pictures, maps of differences and their bar.

A **picture** is a Pillow image, RGB in sRGB. Lengths are pixels of the figure, which is at most ``WIDTH`` wide; words
are large enough to be read at half of that. Colours are sRGB codes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from crispnet.colour import D65_XY, JND, XYZ_TO_SRGB, encode_srgb, lab_to_xyz, srgb_to_lab, xy_to_xyz

WIDTH, MARGIN = 1600, 40
GAP, ROW_GAP = 20, 30  # between columns; below a row
HEADING, NOTE = 30, 25  # sizes of type
PAPER, INK, FAINT = (255, 255, 255), (26, 27, 30), (104, 107, 114)
LARGEST = 15.0  # ΔE76 that has the map's last colour
FINER = 4  # times, in which edges are drawn before they are averaged
DELTA = "Δ"  # Pillow's own font has no such letter

# From no difference to the largest: night blue, violet, crimson, orange, straw.
_ANCHORS = np.array([(13, 16, 48), (72, 28, 118), (176, 42, 98), (240, 120, 56), (255, 246, 196)]) / 255


@dataclass(frozen=True)
class Panel:
    """A picture with a line above and a line below, either of which may be empty.

    Attributes:
        picture: as it is to be seen.
        heading: above.
        note: below.
        ink: of the note.
    """

    picture: Image.Image
    heading: str = ""
    note: str = ""
    ink: tuple[int, int, int] = INK


def sheet(rows: Sequence[Sequence[Panel]], *, below: Image.Image | None = None) -> Image.Image:
    """Lay out panels in rows on white paper, in columns that are as wide as their widest picture."""
    columns = max(map(len, rows))
    widths = [max(row[place].picture.width for row in rows if place < len(row)) for place in range(columns)]
    lefts = [MARGIN + sum(widths[:place]) + place * GAP for place in range(columns)]
    bands = [_band(row, lefts, width=lefts[-1] + widths[-1] + MARGIN) for row in rows]
    if below is not None:
        bands.append(below)
    inner = sum(band.height for band in bands) + ROW_GAP * (len(bands) - 1)
    whole = Image.new("RGB", (max(band.width for band in bands), inner + 2 * MARGIN), PAPER)
    top = MARGIN
    for band in bands:
        whole.paste(band, (0, top))
        top += band.height + ROW_GAP
    return whole


def _band(row: Sequence[Panel], lefts: Sequence[int], *, width: int) -> Image.Image:
    above = round(1.5 * HEADING) if any(panel.heading for panel in row) else 0
    under = round(1.5 * NOTE) if any(panel.note for panel in row) else 0
    height = max(panel.picture.height for panel in row)
    band = Image.new("RGB", (width, above + height + under), PAPER)
    for panel, left in zip(row, lefts, strict=False):
        write(band, (left, round(0.8 * HEADING)), panel.heading, size=HEADING)
        band.paste(panel.picture, (left, above))
        write(band, (left, above + panel.picture.height + round(1.35 * NOTE)), panel.note, size=NOTE, ink=panel.ink)
    return band


def write(
    canvas: Image.Image,
    at: tuple[int, int],
    words: str,
    *,
    size: int,
    ink: tuple[int, int, int] = INK,
    align: float = 0.0,
) -> None:
    """Write a line of words.

    Args:
        canvas: to write on.
        at: where: column and row of the baseline.
        words: in the letters of Pillow's own font, and Δ.
        size: of the type.
        ink: its colour.
        align: share of the line's length that lies before ``at``: 0 begins there, 1 ends there.
    """
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size)
    left = at[0] - align * length(words, size=size)
    for number, part in enumerate(words.split(DELTA)):
        if number:
            delta = _delta(size)
            canvas.paste(ink, (round(left), at[1] - delta.height), delta)
            left += delta.width
        draw.text((left, at[1]), part, fill=ink, font=font, anchor="ls")
        left += font.getlength(part)


def length(words: str, *, size: int) -> float:
    """Say how long a line of words is."""
    font = ImageFont.load_default(size)
    return sum(font.getlength(part) for part in words.split(DELTA)) + words.count(DELTA) * _delta(size).width


@lru_cache
def _delta(size: int) -> Image.Image:
    """Draw the letter Δ as a mask that stands on the baseline."""
    height = -ImageFont.load_default(size).getbbox("E", anchor="ls")[1]  # as high as other capitals
    half, pen = 0.35 * size, 0.085 * size
    slant = math.hypot(half, height)
    inner_half = half * (1 - pen / height) - pen * slant / height
    inner_top = pen * slant / half
    centre, base = half + 0.04 * size, math.ceil(height)
    top = base - height
    finer = Image.new("L", (FINER * math.ceil(2 * centre), FINER * base), 0)
    draw = ImageDraw.Draw(finer)
    for corners, shade in (
        (((centre - half, base), (centre, top), (centre + half, base)), 255),
        (((centre - inner_half, base - pen), (centre, top + inner_top), (centre + inner_half, base - pen)), 0),
    ):
        draw.polygon([(FINER * x, FINER * y) for x, y in corners], fill=shade)
    return finer.resize((finer.width // FINER, base), Image.Resampling.BOX)


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scale a picture so that it just fits into a box."""
    scale = min(width / picture.width, height / picture.height)
    size = max(round(scale * picture.width), 1), max(round(scale * picture.height), 1)
    return picture.resize(size, Image.Resampling.LANCZOS)


def split(upper: Image.Image, lower: Image.Image, *, names: tuple[str, str]) -> Image.Image:
    """Show one picture above the rising diagonal and another of its size below it, each with its name in its corner."""
    if upper.size != lower.size:
        raise ValueError(f"expected pictures of one size, got {upper.size} and {lower.size}")
    width, height = upper.size
    finer = Image.new("L", (FINER * width, FINER * height), 0)
    ImageDraw.Draw(finer).polygon([(0, 0), (finer.width, 0), (0, finer.height)], fill=255)
    line = Image.new("L", finer.size, 0)
    ImageDraw.Draw(line).line([(0, finer.height), (finer.width, 0)], fill=255, width=3 * FINER)
    whole = Image.composite(upper, lower, finer.resize(upper.size, Image.Resampling.BOX))
    whole.paste(PAPER, (0, 0), line.resize(upper.size, Image.Resampling.BOX))
    for name, corner in zip(names, (0, 1), strict=True):
        _name(whole, name, corner=corner)
    return whole


def _name(picture: Image.Image, name: str, *, corner: int) -> None:
    """Write a name on a slip of paper in the upper left (0) or the lower right corner (1)."""
    wide, high, air = round(length(name, size=NOTE)) + 28, round(1.7 * NOTE), 14
    left, top = corner * (picture.width - wide), corner * (picture.height - high)
    picture.paste(PAPER, (left, top, left + wide, top + high))
    write(picture, (left + air, top + round(1.18 * NOTE)), name, size=NOTE)


@lru_cache
def colour_map() -> np.ndarray:
    """Make the colours of differences, (256, 3) uint8: their lightness L* rises by equal steps, from dark to light.

    Hue and chroma go through five anchors, between which a* and b* are interpolated; each anchor stands where its
    lightness does.
    """
    lab = srgb_to_lab(_ANCHORS)
    lightness = np.linspace(lab[0, 0], lab[-1, 0], 256)
    path = np.stack([lightness, *(np.interp(lightness, lab[:, 0], lab[:, axis]) for axis in (1, 2))], axis=-1)
    rgb = encode_srgb(lab_to_xyz(path, xy_to_xyz(D65_XY)) @ XYZ_TO_SRGB.T)
    return np.rint(255 * rgb.clip(0, 1)).astype(np.uint8)


def difference_map(delta_e: np.ndarray) -> Image.Image:
    """Colour differences (h, w) ΔE76 by ``colour_map``; ``LARGEST`` and more have its last colour."""
    places = np.rint(255 * np.clip(delta_e / LARGEST, 0, 1)).astype(np.uint8)
    return Image.fromarray(colour_map()[places])


def colour_bar(width: int) -> Image.Image:
    """Draw the bar of the ``colour_map`` with its ticks in just noticeable differences, ``width`` with its margins."""
    high, below, above = 24, round(1.7 * NOTE), round(1.6 * NOTE)
    long = width - 2 * MARGIN
    whole = Image.new("RGB", (width, above + high + below), PAPER)
    words = f"{DELTA}E of each pixel, in just noticeable differences (1 JND = {JND} {DELTA}E)"
    write(whole, (MARGIN, round(0.9 * NOTE)), words, size=NOTE, ink=FAINT)
    whole.paste(difference_map(np.tile(np.linspace(0, LARGEST, long), (high, 1))), (MARGIN, above))
    draw = ImageDraw.Draw(whole)
    baseline, most = above + high + round(1.45 * NOTE), f"{LARGEST / JND:.1f} or more"
    room = MARGIN + long - length(most, size=NOTE) - NOTE  # before the last label
    for count in range(math.floor(LARGEST / JND) + 1):
        left = MARGIN + round(count * JND / LARGEST * (long - 1))
        draw.line([(left, above + high), (left, above + high + 7)], fill=INK, width=2)
        if left < room:
            write(whole, (left, baseline), str(count) if count else "0 JND", size=NOTE, align=0.5 if count else 0)
    write(whole, (MARGIN + long, baseline), most, size=NOTE, align=1.0)
    return whole
