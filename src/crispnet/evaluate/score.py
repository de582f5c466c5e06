"""The figures of two pictures: all of ``metrics``, and what becomes of each hue and each lightness of the reference.

Notation: that of ``metrics``; the reference is its target. A **group** is the pixels of the reference in a sector of
Lab hue, or those too grey to have one, or those in a band of L*. Groups and ΔE2000 are measured at every second pixel
along both axes. A signed figure of a group is the result's minus the reference's: above 0, the result is lighter, more
colourful, or turned towards yellow from red, towards green from yellow.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crispnet.colour import (
    D65_XY,
    JND,
    XYZ_TO_SRGB,
    delta_e_76,
    delta_e_2000,
    encode_srgb,
    lab_to_xyz,
    srgb_to_lab,
    xy_to_xyz,
)
from crispnet.evaluate.metrics import low_pass_delta_e, psnr, ssim
from crispnet.strips import for_each, strips

HUES = ("rose", "red", "orange", "yellow", "lime", "green", "emerald", "cyan", "sky", "azure", "blue", "magenta")
GREY, LEAST_CHROMA = "grey", 6.0  # below which a colour has no hue worth speaking of
BANDS = 5  # of L*, equally wide
FIGURES = (
    *("delta_e", "delta_e_median", "delta_e_p95", "delta_e_rms", "below_jnd"),
    *("delta_e_2000", "delta_e_2000_median", "delta_e_2000_p95", "low_pass_delta_e", "psnr", "ssim"),
)
_ROWS = 64


@dataclass(frozen=True)
class Group:
    """How the pixels of one hue or one lightness came out.

    Attributes:
        name: of the hue or the band.
        share: of the pixels that count.
        colour: in the middle of it, as sRGB codes.
        figures: as in ``FIGURES``, those of ΔE; and signed means ``lightness`` (L*), ``chroma`` and, in degrees,
            ``hue``, which greys do not have.
    """

    name: str
    share: float
    colour: tuple[int, int, int]
    figures: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Score:
    """The figures of a result.

    Attributes:
        figures: those of ``FIGURES``, by name.
        hues: the groups of hue that have pixels, grey last.
        bands: the groups of lightness that have pixels, dark first.
        delta_e: (h, w) float32, ΔE76 of each pixel; NaN where it does not count.
    """

    figures: Mapping[str, float]
    hues: Sequence[Group]
    bands: Sequence[Group]
    delta_e: np.ndarray


def score(result: np.ndarray, reference: np.ndarray, *, mask: np.ndarray | None = None) -> Score:
    """Measure everything about two pictures.

    Args:
        result: (h, w, 3) sRGB in [0, 1].
        reference: of the same size.
        mask: (h, w) bool, the pixels that count.

    Raises:
        ValueError: their sizes differ, no pixel counts, or they are smaller than SSIM's window.
    """
    figures = {
        "low_pass_delta_e": low_pass_delta_e(result, reference, mask=mask),
        "psnr": psnr(result, reference, mask=mask),
        "ssim": ssim(result, reference, mask=mask),
    }
    delta_e, labs = _labs(np.clip(result, 0, 1), reference)
    counting = delta_e.ravel() if mask is None else delta_e[mask]
    ours, theirs = labs.reshape(2, -1, 3) if mask is None else labs[:, mask[::2, ::2]]
    if not len(theirs):  # a mask may leave out just these
        ours = theirs = np.full((1, 3), np.nan, np.float32)
    plain, perceived = delta_e_76(ours, theirs), delta_e_2000(ours, theirs)
    figures |= _spread(counting, "delta_e") | _spread(perceived, "delta_e_2000")
    figures["delta_e_rms"] = math.sqrt(np.mean(np.square(counting, dtype=np.float64)))
    figures["below_jnd"] = float(np.mean(counting < JND))
    seen = _Seen(ours, theirs, plain, perceived)
    if mask is not None:
        delta_e[~mask] = np.nan
    return Score({name: figures[name] for name in FIGURES}, _by_hue(seen), _by_lightness(seen), delta_e)


@dataclass(frozen=True, eq=False)
class _Seen:
    """Lab of n pixels in both pictures, (n, 3), and their differences, (n,)."""

    ours: np.ndarray
    theirs: np.ndarray
    plain: np.ndarray
    perceived: np.ndarray


def _labs(result: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ΔE76 of every pixel, (h, w), and Lab of every second one in both pictures, (2, h', w', 3)."""
    delta_e = np.empty(result.shape[:2], np.float32)
    labs = np.empty((2, *result[::2, ::2].shape), np.float32)

    def fill(rows: slice) -> None:
        pair = srgb_to_lab(result[rows]), srgb_to_lab(reference[rows])
        delta_e[rows] = delta_e_76(*pair)
        half = slice(rows.start // 2, (rows.stop + 1) // 2)
        for target, lab in zip(labs, pair, strict=True):
            target[half] = lab[::2, ::2]

    for_each(strips(len(result), _ROWS), fill)  # an even number of rows: the second pixels stay in step
    return delta_e, labs


def _spread(differences: np.ndarray, name: str) -> dict[str, float]:
    median, high = np.percentile(differences, [50, 95])
    mean = float(np.mean(differences, dtype=np.float64))
    return {name: mean, f"{name}_median": float(median), f"{name}_p95": float(high)}


def _by_hue(seen: _Seen) -> list[Group]:
    a, b = np.nan_to_num(seen.theirs[:, 1:]).T
    width = 360 / len(HUES)
    sector = ((np.degrees(np.arctan2(b, a)) + width / 2) % 360 // width).astype(int) % len(HUES)
    sector[np.hypot(a, b) < LEAST_CHROMA] = len(HUES)
    middles = [(65.0, 50 * math.cos(turn), 50 * math.sin(turn)) for turn in 2 * np.pi * np.arange(12) / 12]
    named = zip((*HUES, GREY), (*middles, (65.0, 0.0, 0.0)), strict=True)
    return [
        _group(name, seen, sector == number, middle, hued=name != GREY)
        for number, (name, middle) in enumerate(named)
        if (sector == number).any()
    ]


def _by_lightness(seen: _Seen) -> list[Group]:
    width = 100 / BANDS
    band = np.clip(np.nan_to_num(seen.theirs[:, 0]) // width, 0, BANDS - 1).astype(int)
    return [
        _group(
            f"L* {number * width:.0f} to {(number + 1) * width:.0f}",
            seen,
            band == number,
            ((number + 0.5) * width, 0, 0),
            hued=False,
        )
        for number in range(BANDS)
        if (band == number).any()
    ]


def _group(name: str, seen: _Seen, members: np.ndarray, middle: tuple[float, float, float], *, hued: bool) -> Group:
    ours, theirs, plain = seen.ours[members], seen.theirs[members], seen.plain[members]
    chroma = [np.hypot(lab[:, 1], lab[:, 2]) for lab in (ours, theirs)]
    figures = _spread(plain, "delta_e") | {
        "below_jnd": float(np.mean(plain < JND)),
        "delta_e_2000": float(np.mean(seen.perceived[members])),
        "lightness": float(np.mean(ours[:, 0] - theirs[:, 0], dtype=np.float64)),
        "chroma": float(np.mean(chroma[0] - chroma[1], dtype=np.float64)),
    }
    if hued:
        figures["hue"] = _turn(ours, theirs)
    rgb = encode_srgb(lab_to_xyz(middle, xy_to_xyz(D65_XY)) @ XYZ_TO_SRGB.T)
    red, green, blue = np.rint(255 * np.clip(rgb, 0, 1)).astype(int).tolist()
    return Group(name, float(members.mean()), (red, green, blue), figures)


def _turn(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Average the turn of hue in degrees, each pixel weighted by both its chromas: greys have no say."""
    dot = np.sum(ours[:, 1:] * theirs[:, 1:], dtype=np.float64)
    cross = np.sum(theirs[:, 1] * ours[:, 2] - theirs[:, 2] * ours[:, 1], dtype=np.float64)
    return math.degrees(math.atan2(cross, dot))
