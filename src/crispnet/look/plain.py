"""The classic ISP: balance, demosaic, recover highlights, camera matrix, exposure from the scene, filmic curve.

It has no weights, and is what a trained look has to beat. Its two calls are those of every look (``contract``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np

from crispnet.colour import XYZ_TO_SRGB, encode_srgb
from crispnet.look.contract import Metadata
from crispnet.look.demosaic import MARGIN, demosaic
from crispnet.look.highlights import recover_highlights, remove_fringes
from crispnet.raw.bayer import PLANE_SITES
from crispnet.strips import for_each, strips

GREY = 0.18  # the linear value that the curve leaves where it is
CONTRAST = 1.55  # slope of the curve at grey, in log-log
USUAL_GAIN = 1.3  # what the cameras' own pictures have over their raws; see docs/decisions.md
BELIEVED_DARK, BELIEVED_BRIGHT = 0.5, 1.0  # EV off the middle that a photographer may have meant
GAINS = (0.25, 8.0)  # beyond, a night would become a noisy day
CURVE_STEPS = 1 << 16
BLOCK = (64, 256)  # packed rows and columns rendered at a time: their temporaries stay in the cache


@dataclass(frozen=True, eq=False)
class Rendition:
    """What ``PlainLook.render`` needs to know of one photograph.

    Attributes:
        white_balance: (4,) multipliers of the packed planes.
        to_curve: (3, 3) from balanced camera values to the *squares* of places in the curve: camera matrix, exposure
            and the curve's range in one.
        curve: sRGB-encoded value at each place; squared, places are linear, so that shadows are finely divided.
    """

    white_balance: np.ndarray
    to_curve: np.ndarray
    curve: np.ndarray


class PlainLook:
    """The look called "plain"."""

    name = "plain"
    version = "1"
    card: Mapping[str, str] = MappingProxyType(
        {
            "summary": "The classic ISP: no camera's own colours, but correct ones.",
            "learned from": "nothing: balance, demosaic, highlights, the file's camera matrix, metering, filmic curve",
            "cameras": "any Bayer raw",
            "licence": "Apache-2.0",
        }
    )
    stride = 1
    halo = MARGIN
    bytes_per_cell = 12 * 4
    cells_at_once = 1 << 18

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> tuple[Rendition, ...]:
        """Meter b photographs, and settle the colour and the curve of each.

        Args:
            thumbnail: (b, 3, h, w) linear, not balanced.
            metadata: of the same photographs.
        """
        photographs = zip(
            thumbnail,
            metadata.white_balance,
            metadata.balanced_to_xyz,
            metadata.baseline,
            metadata.exposure,
            strict=True,
        )
        return tuple(
            _settle(frame, balance, to_xyz, baseline=float(baseline), exposure=float(exposure))
            for frame, balance, to_xyz, baseline, exposure in photographs
        )

    def render(self, packed: np.ndarray, scene: tuple[Rendition, ...]) -> np.ndarray:
        """Render a window, (b, 4, h, w) → (b, 3, 2h, 2w); in memory the three colours of a pixel lie together."""
        count, _, height, width = packed.shape
        pixels = np.empty((count, 2 * height, 2 * width, 3), np.float32)
        for frame, rendition, target in zip(packed, scene, pixels, strict=True):
            _render(frame, rendition, target)
        return pixels.transpose(0, 3, 1, 2)


def _settle(
    thumbnail: np.ndarray, white_balance: np.ndarray, to_xyz: np.ndarray, *, baseline: float, exposure: float
) -> Rendition:
    balanced = np.minimum(thumbnail * white_balance[:3, None, None], 1)
    luminance = np.tensordot(to_xyz[1], balanced, 1)
    gain = metered_gain(luminance, baseline=baseline) * 2.0**exposure
    white = max(gain, 1.0)  # the sensor's own white is white, but never less than a diffuse white
    to_curve = gain / white * (CURVE_STEPS - 1) ** 2 * (XYZ_TO_SRGB @ to_xyz)
    return Rendition(white_balance.astype(np.float32), to_curve.astype(np.float32), filmic_curve(white))


def metered_gain(luminance: np.ndarray, *, baseline: float = 0.0) -> float:
    """Find the factor that brings a photograph to its right brightness.

    The camera has metered already, so its exposure is believed, unless the photograph comes out much darker or
    brighter than the middle: what lies beyond that is taken back in part.

    Args:
        luminance: (h, w) linear, 1 = what just clips.
        baseline: EV that the maker adds to every exposure of this camera (DNG BaselineExposure).
    """
    usual = USUAL_GAIN * 2**baseline
    middle = usual * float(np.exp(np.mean(np.log(np.maximum(luminance, 1e-4)))))
    too_dark = math.log2(GREY / middle)
    correction = 0.8 * max(too_dark - BELIEVED_DARK, 0) - 0.5 * max(-too_dark - BELIEVED_BRIGHT, 0)
    return float(np.clip(usual * 2**correction, *GAINS))


def filmic_curve(white: float) -> np.ndarray:
    """Tabulate the curve: grey stays, shadows and highlights are compressed, the linear value ``white`` becomes 1.

    A power function of slope ``CONTRAST`` that saturates (Naka and Rushton 1966), then sRGB's own curve.
    """
    linear = np.linspace(0, 1, CURVE_STEPS) ** 2 * white
    grey, end = GREY**CONTRAST, white**CONTRAST
    knee = grey * (1 - GREY) / (GREY - grey / end)
    powered = linear**CONTRAST
    shown = powered / (powered + knee) * (end + knee) / end
    return encode_srgb(shown).astype(np.float32)


def _render(packed: np.ndarray, rendition: Rendition, target: np.ndarray) -> None:
    """Render (4, h, w) into ``target`` (2h, 2w, 3), block by block."""
    framed = np.pad(packed, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="edge")
    rows, columns = (strips(length, size) for length, size in zip(packed.shape[1:], BLOCK, strict=True))

    def render_block(block: tuple[slice, slice]) -> None:
        (top, bottom), (left, right) = ((part.start, part.stop) for part in block)
        around = framed[:, top : bottom + 2 * MARGIN, left : right + 2 * MARGIN]
        balanced = around * rendition.white_balance[:, None, None]
        clipped = recover_highlights(balanced, rendition.white_balance)
        colours = demosaic(balanced)
        if clipped is not None:
            remove_fringes(colours, clipped)
        encoded = _encode(colours, rendition)
        block_target = target[2 * top : 2 * bottom, 2 * left : 2 * right]
        for (row, column), values in zip(PLANE_SITES, encoded.swapaxes(0, 1), strict=True):
            for colour in range(3):
                block_target[row::2, column::2, colour] = values[colour]

    for_each(product(rows, columns), render_block)


def _encode(colours: np.ndarray, rendition: Rendition) -> np.ndarray:
    """Bring balanced camera values (3, ...) to sRGB-encoded ones."""
    places = np.matmul(rendition.to_curve, colours.reshape(3, -1))
    np.clip(places, 0, np.float32((CURVE_STEPS - 1) ** 2), out=places)
    np.sqrt(places, out=places)
    return rendition.curve.take(places.astype(np.int32)).reshape(colours.shape)
