"""The report of ``crispnet score`` as a page: two pictures and all about them, or a folder and its worst pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from crispnet.colour import D65_XY, JND, XYZ_TO_SRGB, encode_srgb, lab_to_xyz, xy_to_xyz
from crispnet.evaluate.chart import Chart, Patch
from crispnet.evaluate.drawing import Panel, colour_bar, difference_map, sheet
from crispnet.evaluate.intervals import Interval, interval
from crispnet.evaluate.overlay import Overlay
from crispnet.evaluate.page import Html, Shown, heading, page, paragraph, photograph, pictures, safe, swatch, table
from crispnet.evaluate.score import FIGURES, GREY, HUES, Group, Score

LARGE, SMALL = 1200, 480  # pixels along the longer side of a picture on a page: of one pair; of one of many
LABELS = {
    "delta_e": "ΔE76 mean", "delta_e_median": "ΔE76 median", "delta_e_p95": "ΔE76 95 % below",
    "delta_e_rms": "ΔE76 RMS", "below_jnd": f"below {JND} (just noticeable)", "delta_e_2000": "ΔE2000 mean",
    "delta_e_2000_median": "ΔE2000 median", "delta_e_2000_p95": "ΔE2000 95 % below",
    "low_pass_delta_e": "low-pass ΔE76", "psnr": "PSNR/dB", "ssim": "SSIM",
}  # fmt: skip
SHORT = {
    "delta_e": "ΔE76", "delta_e_median": "median", "delta_e_p95": "95 % below", "below_jnd": f"below {JND}",
    "delta_e_2000": "ΔE2000", "low_pass_delta_e": "low-pass", "psnr": "PSNR/dB", "ssim": "SSIM",
}  # fmt: skip
FORMS = {"below_jnd": ".1%", "ssim": ".4f"}
GROUP_HEAD = ("share", "ΔE76", "median", "95 % below", f"below {JND}", "ΔE2000", "lightness", "chroma", "hue")
LEAST_SHARE = 0.005  # of a picture that a hue has, to count in the mean over many pictures
ABOUT = (
    f"ΔE76 is the distance in CIELAB (D65); {JND} is just noticeable. ΔE2000, hues and lightness are measured at every "
    "second pixel along both axes; low-pass ΔE76 compares squares of 8 x 8 pixels, so noise, detail and small shifts "
    "leave it alone. Hue and lightness are the reference's; lightness, chroma and hue (degrees) of a row say by how "
    "much the result has more."
)


@dataclass(frozen=True, eq=False)
class Case:
    """What is known of a pair: names, figures, small pictures.

    Attributes:
        name: what the two share.
        size: (width, height) in pixels of what was compared.
        score: its figures; its map is left out where pictures have been drawn.
        patches: of the chart, if there is one.
        shown: result, reference and map, to be set side by side.
        notes: a sentence each.
    """

    name: str
    size: tuple[int, int]
    score: Score
    patches: Sequence[Patch] = ()
    shown: Sequence[Shown] = ()
    notes: Sequence[str] = ()

    def without_pictures(self) -> "Case":
        """Forget what takes much memory."""
        return replace(self, shown=(), score=replace(self.score, delta_e=np.empty((0, 0), np.float32)))


def jnd_map(delta_e: np.ndarray, longest: int) -> Image.Image:
    """Draw ΔE76 (h, w) by colour; NaN, which does not count, is grey."""
    scale = min(1.0, longest / max(delta_e.shape))
    size = [max(1, round(length * scale)) for length in delta_e.shape[::-1]]
    small = cv2.resize(delta_e, size, interpolation=cv2.INTER_AREA)
    drawn = np.array(difference_map(np.nan_to_num(small)))
    drawn[np.isnan(small)] = 128
    return Image.fromarray(drawn)


def map_with_bar(delta_e: np.ndarray) -> Image.Image:
    """Draw the map of ΔE76 with its bar below, as a picture of its own."""
    drawn = jnd_map(delta_e, LARGE)
    return sheet([[Panel(drawn)]], below=colour_bar(max(drawn.width + 80, 900)))


def drawings(overlay: Overlay, score: Score, *, chart: Chart | None, longest: int) -> list[Shown]:
    """Draw result, reference with the chart's patches, and map, for a page."""
    reference = np.array(photograph(overlay.reference, longest))
    if chart is not None:
        scale = reference.shape[1] / overlay.reference.shape[1]
        outlines = [np.rint(corners * scale).astype(np.int32) for corners in chart.corners]
        cv2.polylines(reference, outlines, True, (255, 255, 255), 1, cv2.LINE_AA)
    return [
        Shown(photograph(overlay.result, longest), "result"),
        Shown(Image.fromarray(reference), "reference"),
        Shown(jnd_map(score.delta_e, longest), "ΔE76 of each pixel", drawn=True),
    ]


def pair_page(title: str, case: Case) -> str:
    """Set the page of two pictures."""
    width, height = case.size
    result, reference, differences = case.shown
    parts = [
        paragraph(f"{width} x {height} pixels compared, in sRGB."),
        *map(paragraph, case.notes),
        table(["", "in all"], [[LABELS[name], shown(case.score.figures[name], name)] for name in FIGURES]),
        heading("Side by side"),
        pictures([result, reference]),
        heading("Where they differ"),
        pictures([differences]),
        pictures([_bar()]),
        heading("By hue of the reference"),
        _groups(case.score.hues),
        heading("By lightness of the reference"),
        _groups(case.score.bands),
        *_chart(case),
        paragraph(ABOUT, faint=True),
    ]
    return page(title, parts)


def folder_page(title: str, cases: Sequence[Case], *, refused: Mapping[str, str]) -> str:
    """Set the page of many pairs: means with intervals, the worst pictures (those with ``shown``) first, then all.

    Args:
        title: of the page.
        cases: the worst first.
        refused: names of what was not compared, and why.
    """
    means = summary(cases)
    parts = [
        paragraph(
            f"{len(cases)} pictures compared, {len(refused)} not. Means with their 95 % intervals over pictures."
        ),
        table(["", "mean", "95 %"], [_mean_row(LABELS[name], name, means[name]) for name in FIGURES]),
        heading("By hue of the reference"),
        _mean_groups(cases, "hues"),
        heading("By lightness of the reference"),
        _mean_groups(cases, "bands"),
        heading("The worst pictures"),
        pictures([_bar()]),
        *(part for case in cases if case.shown for part in _worst(case)),
        heading("All pictures, the worst first"),
        table(["", *SHORT.values()], [[case.name, *_figures(case)] for case in cases]),
        *(part for case in cases for part in _chart(case)),
    ]
    if refused:
        parts += [heading("Not compared"), table(["", "why"], refused.items())]
    return page(title, [*parts, paragraph(ABOUT, faint=True)])


def summary(cases: Sequence[Case]) -> dict[str, Interval]:
    """Average each figure over pictures."""
    names = [case.name for case in cases]
    return {name: interval([case.score.figures[name] for case in cases], names) for name in FIGURES}


def group_means(cases: Sequence[Case], kind: str) -> dict[str, tuple[Group, int, Interval]]:
    """Average ΔE76 of each hue ("hues") or lightness ("bands") over the pictures that have enough of it."""
    of_name: dict[str, list[tuple[str, Group]]] = {}
    for case in cases:
        for group in getattr(case.score, kind):
            if group.share >= LEAST_SHARE:
                of_name.setdefault(group.name, []).append((case.name, group))
    order = [*HUES, GREY, *sorted(set(of_name) - {*HUES, GREY})]
    return {
        name: (
            of_name[name][0][1],
            len(of_name[name]),
            interval([each.figures["delta_e"] for _, each in of_name[name]], [of for of, _ in of_name[name]]),
        )
        for name in order
        if name in of_name
    }


def shown(figure: float, name: str) -> str:
    """Write a figure as it is read."""
    return format(figure, FORMS.get(name, ".2f"))


def _figures(case: Case) -> list[str]:
    return [shown(case.score.figures[name], name) for name in SHORT]


def _mean_row(label: str, name: str, found: Interval) -> list[str]:
    sure = "" if np.isnan(found.low) else f"{shown(found.low, name)} to {shown(found.high, name)}"
    return [label, shown(found.mean, name), sure]


def _mean_groups(cases: Sequence[Case], kind: str) -> Html:
    rows = [
        [swatch(group.colour, name), str(count), *_mean_row("", "delta_e", found)[1:]]
        for name, (group, count, found) in group_means(cases, kind).items()
    ]
    return table(["", "pictures", "ΔE76 mean", "95 %"], rows)


def group_cells(group: Group) -> list[str]:
    """Write what is known of a group, in the order of ``GROUP_HEAD``."""
    figures = group.figures
    return [
        f"{group.share:.1%}",
        *(f"{figures[name]:.2f}" for name in ("delta_e", "delta_e_median", "delta_e_p95")),
        f"{figures['below_jnd']:.1%}",
        f"{figures['delta_e_2000']:.2f}",
        *(f"{figures[name]:+.1f}" for name in ("lightness", "chroma")),
        f"{figures['hue']:+.1f}°" if "hue" in figures else "-",
    ]


def _groups(groups: Sequence[Group]) -> Html:
    return table(["", *GROUP_HEAD], [[swatch(each.colour, each.name), *group_cells(each)] for each in groups])


def _bar() -> Shown:
    return Shown(colour_bar(LARGE), "", drawn=True)


def _worst(case: Case) -> list[Html]:
    figures = case.score.figures
    words = f"{case.name}: ΔE76 {figures['delta_e']:.2f}, ΔE2000 {figures['delta_e_2000']:.2f}"
    return [heading(words), pictures(case.shown), *(paragraph(note, faint=True) for note in case.notes)]


def _chart(case: Case) -> list[Html]:
    """Set the table of a chart's patches, if there is one."""
    if not case.patches:
        return []
    rows = [
        [
            Html(
                f"{swatch(_codes(patch.result))}{swatch(_codes(patch.reference))}{safe(f'{patch.number} {patch.name}')}"
            ),
            *(f"{value:.1f}" for lab in (patch.result, patch.reference) for value in lab),
            f"{patch.delta_e:.2f}",
            f"{patch.delta_e_2000:.2f}",
        ]
        for patch in case.patches
    ]
    means = [np.mean([getattr(patch, name) for patch in case.patches]) for name in ("delta_e", "delta_e_2000")]
    head = ["", *(f"{of} {axis}" for of in ("result", "reference") for axis in ("L*", "a*", "b*")), "ΔE76", "ΔE2000"]
    return [
        heading(f"ColorChecker in {case.name}: ΔE76 {means[0]:.2f}, ΔE2000 {means[1]:.2f} on average"),
        table(head, rows),
    ]


def _codes(lab: tuple[float, float, float]) -> list[int]:
    rgb = encode_srgb(lab_to_xyz(lab, xy_to_xyz(D65_XY)) @ XYZ_TO_SRGB.T)
    return np.rint(255 * np.clip(rgb, 0, 1)).astype(int).tolist()
