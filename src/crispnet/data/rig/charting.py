"""What the chart tells: how the screen drifted since the first one, and whether its grid makes moiré."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crispnet.data.rig.marks import Layout
from crispnet.data.rig.sighting import Sighting
from crispnet.data.rig.stage import Patch, colours, flat, greys
from crispnet.raw.bayer import pack_linear, red_offset
from crispnet.raw.image import RawImage

INNER = 0.6  # of a patch's sides that is measured
BELIEVED = (0.01, 0.9)  # of the sensor's white: patches that are measured at all
LEAST_PATCHES = 4  # that two charts must have in common
TILE = 16  # cells that a flat must have along a side at least
PEAK = 16.0  # times the median power of its spectrum that a wave must have


@dataclass(frozen=True, eq=False)
class Reading:
    """What was measured of a chart.

    Attributes:
        greys: (12, 3) linear R, G, B of the ramp, for the same exposure; NaN where too dark or too bright to tell.
        colours: (12, 3) those of the coloured patches.
        known: whether the file says how it was exposed.
        moire: amplitude of the strongest wave in the flat part, of its mean.
    """

    greys: np.ndarray
    colours: np.ndarray
    known: bool
    moire: float


@dataclass(frozen=True)
class Drift:
    """How far a chart is off the first one, in stops.

    Attributes:
        light: of all patches together; 0 where the files do not say how they were exposed.
        tone: of a grey against the other greys, at most.
        colour: of red or blue against green, in nine of ten patches at most.
    """

    light: float
    tone: float
    colour: float


def read_chart(raw: RawImage, sighting: Sighting, layout: Layout) -> Reading:
    """Measure the patches of a chart in a capture of it."""
    packed = pack_linear(raw)
    exposure = _exposure(raw.exif)
    ramp, coloured = (
        np.array([_mean(packed, raw, sighting, patch) for patch in patches]) / (exposure or 1.0)
        for patches in (greys(layout), colours(layout))
    )
    return Reading(ramp, coloured, exposure is not None, _moire(packed, raw, sighting, flat(layout)))


def _exposure(exif: Mapping[str, object]) -> float | None:
    """Give time × sensitivity / f-number², if all three are known."""
    time, iso, aperture = (exif.get(name) for name in ("exposure_time", "iso", "aperture"))
    if (
        isinstance(time, float)
        and isinstance(iso, float)
        and isinstance(aperture, float)
        and min(time, iso, aperture) > 0
    ):
        return time * iso / aperture**2
    return None


def _cells(raw: RawImage, sighting: Sighting, patch: Patch, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Give rows and columns of the packed cells that show nothing but the middle of a patch."""
    box = patch.box
    middle = np.array([box.left + box.width / 2 - 0.5, box.top + box.height / 2 - 0.5])
    half = np.array([box.width, box.height]) * INNER / 2
    corners = sighting.places(middle + half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))
    top, left = red_offset(raw.cfa)
    cells = (corners + np.array([left, top])) / 2
    # Of each two corners at a side, the inner one bounds the rectangle.
    left_end, right_end = np.sort(cells[:, 0])[1:3]
    top_end, bottom_end = np.sort(cells[:, 1])[1:3]
    rows, columns = (
        slice(max(0, int(np.ceil(begin))), max(0, min(length, int(end))))
        for begin, end, length in ((top_end, bottom_end, shape[1]), (left_end, right_end, shape[2]))
    )
    return rows, columns


def _mean(packed: np.ndarray, raw: RawImage, sighting: Sighting, patch: Patch) -> np.ndarray:
    """Give linear R, G, B of a patch; NaN where it cannot be told."""
    rows, columns = _cells(raw, sighting, patch, packed.shape)
    part = packed[:, rows, columns]
    if part.size == 0:
        return np.full(3, np.nan)
    red, green, blue, other = part.mean(axis=(1, 2), dtype=np.float64)
    found = np.array([red, (green + other) / 2, blue])
    return np.where((found > BELIEVED[0]) & (found < BELIEVED[1]), found, np.nan)


def _moire(packed: np.ndarray, raw: RawImage, sighting: Sighting, patch: Patch) -> float:
    """Give the amplitude of the strongest wave in what should be flat, of its mean; 0 where noise is all there is."""
    rows, columns = _cells(raw, sighting, patch, packed.shape)
    strongest = 0.0
    for plane in packed[:, rows, columns]:
        mean = float(plane.mean()) if plane.size else 0.0
        if min(plane.shape) < TILE or not BELIEVED[0] < mean < BELIEVED[1]:
            continue
        bell = np.multiply.outer(*(np.hanning(length + 2)[1:-1] for length in plane.shape))
        power = np.abs(np.fft.rfft2(_even(plane / mean) * bell)) ** 2
        peak = float(power.max())
        if peak > PEAK * float(np.median(power)):
            strongest = max(strongest, 2 * float(np.sqrt(peak)) / float(bell.sum()))
    return strongest


def _even(plane: np.ndarray) -> np.ndarray:
    """Take away what changes slowly: a parabola down and across, as vignetting is."""
    down, across = (np.linspace(-1, 1, length) for length in plane.shape)
    terms = [np.ones(plane.shape), *np.broadcast_arrays(down[:, None], across[None]), np.outer(down, across)]
    terms += [np.broadcast_to(down[:, None] ** 2, plane.shape), np.broadcast_to(across[None] ** 2, plane.shape)]
    matrix = np.stack([term.ravel() for term in terms], axis=1)
    found, *_ = np.linalg.lstsq(matrix, plane.ravel(), rcond=None)
    return plane - (matrix @ found).reshape(plane.shape)


def drift(first: Reading, later: Reading) -> Drift | None:
    """Compare two charts; None where they have too few patches in common."""
    stops = np.log2(later.greys[:, 1] / first.greys[:, 1])
    both = np.isfinite(stops)
    if both.sum() < LEAST_PATCHES:
        return None
    middle = float(np.median(stops[both]))
    hues = []
    for before, after in ((first.greys, later.greys), (first.colours, later.colours)):
        ratios = [np.log2(reading[:, [0, 2]] / reading[:, [1]]) for reading in (before, after)]
        hues.append(np.abs(ratios[1] - ratios[0]).ravel())
    known = first.known and later.known
    return Drift(
        light=middle if known else 0.0,
        tone=float(np.abs(stops[both] - middle).max()),
        colour=float(np.nanquantile(np.concatenate(hues), 0.9)),
    )
