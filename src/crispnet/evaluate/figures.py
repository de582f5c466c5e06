"""The paper's figures 1, 3, 4 and 5 (Souza and Heidrich 2022), drawn from results and the pictures beside them.

Nothing is picked by hand: a ``Plan`` names the rule by which its captures are chosen, and the caption says it. Methods
that were not run are left out and named; where CRISPnet's or the camera's own picture is missing there is no figure.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from crispnet.colour import JND, delta_e_76, srgb_to_lab
from crispnet.evaluate import gallery as choosing
from crispnet.evaluate.drawing import (
    FAINT,
    GAP,
    INK,
    MARGIN,
    WIDTH,
    Panel,
    colour_bar,
    difference_map,
    fitted,
    sheet,
    split,
)
from crispnet.evaluate.gallery import SUBJECT, Gallery, Row, gallery, most_varied
from crispnet.evaluate.metrics import colour_differences, psnr

NAMES = {"awnet": "AWNet", "pynet-ca": "PyNET-CA", "unet-residual": "UNet + residual", "crispnet": "CRISPnet"}
CAMERA = "Camera"
TALLEST = 0.75  # height of a panel, as a share of its column's width
CROP = 0.4  # width of a crop, as a share of the picture's
DETAIL = 160  # pixels of it where noise is to be seen


@dataclass(frozen=True)
class Figure:
    """A figure of the paper.

    Attributes:
        number: that it has in the paper.
        title: a few words.
        caption: what it shows, chosen how, and what is left out; or why there is none.
        picture: at most ``drawing.WIDTH`` pixels wide; None if it cannot be drawn.
    """

    number: int
    title: str
    caption: str
    picture: Image.Image | None


@dataclass(frozen=True)
class Plan:
    """How a figure is made.

    Attributes:
        number, title: see ``Figure``.
        sets: whose results it shows: of the first that has any.
        methods: that are compared, from left to right.
        choose: gives the captures.
        rule: by which it does.
        shows: what is to be seen, for the caption.
        draw: composes the picture of captures and methods.
    """

    number: int
    title: str
    sets: tuple[str, ...]
    methods: tuple[str, ...]
    choose: Callable[[Gallery], list[Row]]
    rule: str
    shows: str
    draw: Callable[[Gallery, Sequence[Row], Sequence[str]], Image.Image]


def figures(folder: Path) -> Iterator[Figure]:
    """Draw the figures of a profile's results, ``folder/SET/NAME.json`` and ``folder/SET/pictures``.

    Raises:
        DataError: a result or a picture is damaged.
    """
    for plan in PLANS:
        yield _figure(plan, [gallery(folder / name, plan.methods) for name in plan.sets])


def _figure(plan: Plan, galleries: Sequence[Gallery]) -> Figure:
    for shown in galleries:
        rows = plan.choose(shown)
        if rows:
            methods = shown.methods(plan.methods, rows)
            picture = plan.draw(shown, rows, methods)
            return Figure(plan.number, plan.title, _caption(plan, shown, rows, methods), picture)
    return Figure(plan.number, plan.title, _why_not(plan, galleries), None)


def _why_not(plan: Plan, galleries: Sequence[Gallery]) -> str:
    sets = " or ".join(plan.sets)
    if not any(each.measured for each in galleries):
        return f"Not drawn: there is no result of {NAMES[SUBJECT]} on {sets} yet."
    if not any(each.pictured for each in galleries):
        return f"Not drawn: no picture by {NAMES[SUBJECT]} and the camera was kept of the captures of {sets}."
    return f"Not drawn: no capture with pictures meets the rule. {plan.rule}"


def _caption(plan: Plan, shown: Gallery, rows: Sequence[Row], methods: Sequence[str]) -> str:
    chosen = ", ".join(f"`{row['name']}`" for row in rows)
    kept = f"pictures were kept of {len(shown.pictured)} of {len(shown.measured)} measured captures"
    words = [plan.shows, plan.rule, f"Set {shown.folder.name}: {chosen}; {kept}."]
    missing = [NAMES[name] for name in plan.methods if name not in methods]
    if missing:
        words.append(f"Not run, or without pictures, and so left out: {', '.join(missing)}.")
    return " ".join(words)


# The compositions


def splits(shown: Gallery, rows: Sequence[Row], methods: Sequence[str]) -> Image.Image:
    """Compose Fig. 1: each method against the camera along a diagonal, with the map of their difference."""
    row, width = rows[0], _column(max(len(methods), 2))
    target = shown.picture(row)
    pictures, maps = [], []
    for name in methods:
        rendition = shown.rendition(row, name)
        halves = (fitted(each, width, round(TALLEST * width)) for each in (rendition, target))
        pictures.append(Panel(split(*halves, names=(NAMES[name], CAMERA))))
        seen = fitted(difference_map(_differences(rendition, target)), width, round(TALLEST * width))
        maps.append(Panel(seen, note=_of_frame(shown, row, name)))
    lines = [pictures, maps] if len(methods) > 1 else [[*pictures, *maps]]
    across = sum(panel.picture.width + GAP for panel in lines[0]) - GAP
    return sheet(lines, below=colour_bar(max(across, WIDTH // 2) + 2 * MARGIN))


def frames(shown: Gallery, rows: Sequence[Row], methods: Sequence[str]) -> Image.Image:
    """Compose Fig. 3: a row for each capture: whole, by the camera and by each method."""
    lines = []
    for place, row in enumerate(rows):
        pictures = [shown.picture(row), *(shown.rendition(row, name) for name in methods)]
        notes = [_light(row), *(_of_frame(shown, row, name) for name in methods)]
        lines.append(_line(pictures, methods if place == 0 else (), notes))
    return sheet(lines)


def crops(shown: Gallery, rows: Sequence[Row], methods: Sequence[str]) -> Image.Image:
    """Compose Fig. 4: a row for each capture: a crop by the camera and by each method, with the crop's own figures."""
    return _crops(shown, rows, methods, across=lambda width: round(CROP * width))


def details(shown: Gallery, rows: Sequence[Row], methods: Sequence[str]) -> Image.Image:
    """Compose Fig. 5: as Fig. 4, but so near that noise is seen."""
    return _crops(shown, rows, methods, across=lambda _: DETAIL)


def _crops(shown: Gallery, rows: Sequence[Row], methods: Sequence[str], *, across: Callable[[int], int]) -> Image.Image:
    lines = []
    for place, row in enumerate(rows):
        target = shown.picture(row)
        width = across(target.width)
        box = most_varied(target, (width, round(TALLEST * width)))
        cut = target.crop(box)
        renditions = [shown.rendition(row, name).crop(box) for name in methods]
        notes = [_light(row), *(_of_crop(each, cut) for each in renditions)]
        lines.append(_line([cut, *renditions], methods if place == 0 else (), notes))
    return sheet(lines)


def _line(pictures: Sequence[Image.Image], named: Sequence[str], notes: Sequence[str]) -> list[Panel]:
    """Make a row of panels, the camera's first; with headings if there are names."""
    width = _column(len(pictures))
    headings = [CAMERA, *(NAMES[name] for name in named)] if named else [""] * len(pictures)
    inks = [FAINT, *[INK] * (len(pictures) - 1)]
    return [
        Panel(fitted(picture, width, round(TALLEST * width)), heading, note, ink)
        for picture, heading, note, ink in zip(pictures, headings, notes, inks, strict=True)
    ]


def _column(count: int) -> int:
    return (WIDTH - 2 * MARGIN - (count - 1) * GAP) // count


def _light(row: Row) -> str:
    """Say in what light a capture was taken, as far as its tags tell."""
    tags, said = row["tags"], []
    if "light" in tags:
        thermal = tags["light"] in choosing.THERMAL and tags.get("kelvin")
        said.append(f"{tags['kelvin']} K" if thermal else f"lamp {tags['light']}")
    if "iso" in tags:
        said.append(f"ISO {tags['iso']:.0f}")
    return ", ".join(said)


def _of_frame(shown: Gallery, row: Row, name: str) -> str:
    """Give the figures of a whole frame, from the results."""
    measured = shown.rows[name][row["name"]]
    return _figures(measured["psnr"], measured["delta_e"])


def _of_crop(crop: Image.Image, target: Image.Image) -> str:
    """Measure a crop against the camera's."""
    ours, theirs = (np.asarray(each, np.float32) / 255 for each in (crop, target))
    return _figures(psnr(ours, theirs), float(np.mean(colour_differences(ours, theirs).delta_e_76)))


def _figures(decibels: float, delta_e: float) -> str:
    return f"{'equal' if math.isinf(decibels) else f'{decibels:.1f} dB'} / {delta_e:.1f} ΔE"


def _differences(rendition: Image.Image, target: Image.Image) -> np.ndarray:
    return delta_e_76(*(srgb_to_lab(np.asarray(each, np.float32) / 255) for each in (rendition, target)))


OF_FRAMES = "Beneath: PSNR / mean ΔE76 of the whole frame."
OF_CROPS = "Beneath: PSNR / mean ΔE76 of the crop, from pictures of 8 bits."
CROPPED = "Each crop is where the hues of the camera's own picture vary most."
PLANS = (
    Plan(
        number=1,
        title="Against the camera's own picture",
        sets=("monitor", "real"),
        methods=(SUBJECT, "awnet"),
        choose=choosing.typical,
        rule="Shown is the capture whose ΔE76 by CRISPnet is nearest to the median of all test captures.",
        shows=(
            "Above the diagonal the rendition, below it the camera's own picture. The maps show the ΔE76 of each pixel "
            f"in just noticeable differences (1 JND = {JND}): the lighter, the worse. {OF_FRAMES}"
        ),
        draw=splits,
    ),
    Plan(
        number=3,
        title="Whole frames, after fine-tuning",
        sets=("real",),
        methods=("awnet", SUBJECT),
        choose=choosing.spread,
        rule=(
            "Shown are the captures whose ΔE76 by CRISPnet is nearest to the quartiles of all test captures, an easy, "
            "a usual and a hard one; of different scenes where there are so many."
        ),
        shows=f"The camera's own picture, and renditions of the same raw. {OF_FRAMES}",
        draw=frames,
    ),
    Plan(
        number=4,
        title="Crops in warm and cool light",
        sets=("monitor", "real"),
        methods=("awnet", "pynet-ca", "unet-residual", SUBJECT),
        choose=choosing.lights,
        rule=f"Shown are the captures in the warmest, a middling and the coolest light, by its temperature. {CROPPED}",
        shows=f"The same crop by the camera and by each method. {OF_CROPS}",
        draw=crops,
    ),
    Plan(
        number=5,
        title="Low light",
        sets=("real", "monitor"),
        methods=("awnet", SUBJECT),
        choose=choosing.darkest,
        rule=(
            "Shown are, of the captures of the lowest level of light (tag `level`), up to three with the least light "
            f"on the sensor, by ISO and exposure; of different scenes where there are so many. {CROPPED}"
        ),
        shows=f"The same crop by the camera and by each method, enlarged to show noise. {OF_CROPS}",
        draw=details,
    ),
)
