"""What can be said of one capture by itself: is it sharp, well exposed, and of what was shown."""

from functools import cache
from statistics import NormalDist

import cv2
import numpy as np

from crispnet.colour import decode_srgb
from crispnet.data.rig.marks import MODULES, Layout
from crispnet.data.rig.sighting import Sighting
from crispnet.data.rig.stage import Frame
from crispnet.raw.image import Box, RawImage

ALONG = np.linspace(0.2, 0.8, 25)  # of a marker's side: where its edge is looked at
ACROSS = np.linspace(-0.9, 0.9, 55)  # modules from the edge, outwards
SATURATED = 0.97  # of white
SMOOTHED = 0.5  # variance of the smoothing of ``sighting.view_of``, in square photosites
LEAST_CONTRAST = 0.003  # of white, between a marker's light and dark parts
GRID, FINE = (36, 48), 4  # parts in which a capture is compared with what was shown; places along each of them
MIDDLE = (40, 200)  # codes between which what is shown is neither dark nor bright
DARKEST = 1 / 64  # of the brightest: all that is darker is alike
PLAIN = 0.25  # stops of contrast without which nothing can be compared


def blur_of(view: np.ndarray, sighting: Sighting, layout: Layout) -> float | None:
    """Measure how far edges of markers are spread: the standard deviation, in photosites, in the worse direction.

    None where the markers are too bright or too dark to tell.
    """
    spreads: tuple[list[float], list[float]] = ([], [])
    corners = layout.corners()
    for marker in corners:
        for side in range(4):
            spread = _spread(view, sighting, marker[side], marker[(side + 1) % 4], layout.module)
            if spread is not None:
                spreads[side % 2].append(spread)
    if not all(spreads):
        return None
    return float(np.sqrt(max(0.0, max(float(np.median(each)) for each in spreads) ** 2 - SMOOTHED)))


def _spread(view: np.ndarray, sighting: Sighting, begin: np.ndarray, end: np.ndarray, module: int) -> float | None:
    """Measure the spread of one edge, which goes clockwise round its marker."""
    along = (end - begin) / (MODULES * module)
    outwards = np.array([along[1], -along[0]])
    on_edge = begin + ALONG[:, None] * (end - begin)
    on_screen = on_edge[:, None] + (ACROSS * module)[:, None] * outwards
    profile = sighting.light_at(view, on_screen).mean(axis=0)
    dark, light = float(np.median(profile[:10])), float(np.median(profile[-10:]))
    if light > SATURATED or light - dark < LEAST_CONTRAST:
        return None
    steepest = float(np.gradient(profile, ACROSS).max())
    if steepest <= 0:
        return None
    ends = sighting.places(on_screen[:, [0, -1]])
    scale = float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean()) / (ACROSS[-1] - ACROSS[0])
    widths, spreads = _widths()
    return scale * float(np.interp((light - dark) / steepest, widths, spreads))


@cache
def _widths() -> tuple[np.ndarray, np.ndarray]:
    """Say how wide an edge looks, contrast by slope, for spreads in modules; both in modules.

    A rim is one module wide, so that beyond three quarters of one nothing is told apart any more.
    """
    spreads = np.linspace(0.01, 1.5, 150)
    normal = np.vectorize(NormalDist().cdf)
    widths = []
    for spread in spreads:
        profile = normal(ACROSS / spread) - normal((ACROSS - 1) / spread)
        light, dark = np.median(profile[-10:]), np.median(profile[:10])
        widths.append((light - dark) / np.gradient(profile, ACROSS).max())
    return np.maximum.accumulate(widths), spreads


def clipped_share(raw: RawImage, sighting: Sighting, frame: Frame) -> float:
    """Give the share of photosites that are saturated where what was shown is neither dark nor bright.

    What is shown bright may saturate, and what is shown black never does: neither tells how a capture is exposed.
    """
    nearly = raw.white - 0.01 * (raw.white - float(raw.black.max()))
    saturated = cv2.blur((raw.mosaic >= nearly).astype(np.float32), (2, 2))
    places = _places(frame.box, FINE)
    shown = frame.pixels[tuple(np.rint(places[..., ::-1]).astype(int).reshape(-1, 2).T)].max(axis=1)
    middle = (shown > MIDDLE[0]) & (shown < MIDDLE[1])
    found = sighting.light_at(saturated, places).ravel()
    return float(found[middle].mean() if middle.any() else found.mean())


def level_of(raw: RawImage, box: Box) -> float:
    """Give the mean light of a rectangle, of the sensor's white."""
    return float((raw.mosaic[box.rows, box.columns].mean() - raw.black.mean()) / (raw.white - raw.black.mean()))


def _places(box: Box, finer: int) -> np.ndarray:
    """Give places all over a part of the screen, ``finer`` along each side of those of ``GRID``: (h, w, 2)."""
    down, across = (
        begin - 0.5 + (np.arange(count * finer) + 0.5) * length / (count * finer)
        for begin, length, count in ((box.top, box.height, GRID[0]), (box.left, box.width, GRID[1]))
    )
    return np.dstack(np.meshgrid(across, down))


def resemblance(view: np.ndarray, sighting: Sighting, frame: Frame) -> float | None:
    """Correlate a capture with what was shown, on a scale of stops; None where that is too plain to tell.

    Args:
        view: of the capture.
        sighting: where the screen is in it.
        frame: what was shown.
    """
    (rows, columns), box = GRID, frame.box
    shown = decode_srgb(frame.pixels[box.rows, box.columns].astype(np.float32) / 255).mean(axis=2, dtype=np.float32)
    shown = cv2.resize(shown, (columns, rows), interpolation=cv2.INTER_AREA)
    # As many places within each part as make its average of the capture, too.
    seen = cv2.resize(sighting.light_at(view, _places(box, FINE)), (columns, rows), interpolation=cv2.INTER_AREA)
    stops = [np.log2(np.maximum(light, DARKEST * light.max() + 1e-9)) for light in (shown, seen)]
    if stops[0].std() < PLAIN:
        return None
    return float(np.corrcoef(stops[0].ravel(), stops[1].ravel())[0, 1]) if stops[1].std() > 0 else 0.0
