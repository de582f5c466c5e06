"""Matches the colours of our rendering to the camera's own picture of it: fitted small, applied at full size.

    ours, theirs (shrunk) → register → moments ─┬─ of the whole frame ──→ one affine map, then one for each lightness
                                                └─ of each vertex ─────→ an affine map, drawn towards those

Each vertex of the map (``darkroom.colour_map``) is fitted by itself, in closed form, to the pixels about it, and to
others of its lightness in the whole frame, as the map of the whole frame renders them: so colours that are not met
there, and places of which the picture says nothing, follow the whole frame.

Notation: that of ``darkroom.colour_map``. **Moments** are weighted sums over pixels of terms x terms and terms x wanted
colours, (..., 4, 7).
"""

from dataclasses import dataclass

import numpy as np

from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.darkroom.colour_map import TERMS, ColourMap, between_levels
from crispnet.darkroom.levels import LUMA, pitch_for, shrunk
from crispnet.darkroom.registration import Registration, register
from crispnet.errors import ForeignPicture

LONGEST = 640  # pixels along the longer side at which the map is fitted
VERTICES, LIGHTNESSES = 64, 10  # along the longer side; from black to white
DRAWN, LEVEL_DRAWN = 0.03, 0.01  # weight of the frame's map at a vertex; of the one map for all at each lightness
RIDGE = 1e-4  # weight of the identity
TOLERANCE, FAR = 0.04, 0.12  # by how much a pixel may differ before it counts half: from its place, from all places
TINY = 1e-9  # of a pixel
BLACK, WHITE = 1.5 / 255, 253.5 / 255  # codes of a picture beyond which it may have been clipped
UNEXPLAINED = 4.0  # ΔE76 that no map of an unedited picture leaves
UNTOUCHED = np.eye(TERMS, 3, -1)


@dataclass(frozen=True, eq=False)
class Match:
    """A colour map that makes our rendering like the camera's picture, and how well it does.

    Attributes:
        colours: the map.
        registration: where the picture lies in our rendering, of which a pixel was ``pitch`` pixels.
        before, after: mean ΔE76 to the picture where it can be compared, some 300 pixels wide.
        pitch: pixels.
    """

    colours: ColourMap
    registration: Registration
    before: float
    after: float
    pitch: int

    @property
    def box(self) -> tuple[float, ...]:
        """Top, left, height and width, in pixels of our rendering, of what the picture shows."""
        return tuple(length * self.pitch for length in self.registration.box)


def match(rendering: np.ndarray, picture: np.ndarray, *, any_colours: bool = False) -> Match:
    """Find the map from our rendering's colours to those of the camera's own picture of it.

    Both are upright sRGB, (h, w, 3), in [0, 1] or codes of it, of any sizes. With ``any_colours`` a picture is not
    refused for colours that no map explains: it is known to be of the raw.

    Raises:
        ForeignPicture: the picture does not belong to the rendering, or was edited.
    """
    pitch = pitch_for(rendering.shape, min(LONGEST, max(picture.shape[:2])))
    ours, theirs = shrunk(rendering, pitch), shrunk(picture, pitch_for(picture.shape, LONGEST))
    registration = register(ours, theirs)
    laid, weights = registration.lay(theirs)
    colours = fit_map(ours, laid, weights, local=registration.local)
    before, after = (_difference(each, laid, weights) for each in (ours, colours.apply(ours)))
    if after > UNEXPLAINED and not any_colours:
        raise ForeignPicture(
            f"The picture's colours differ from the raw's by ΔE {after:.0f} on the mean, however they are mapped. "
            "The camera's own picture was needed, not an edited one. Develop without matching."
        )
    return Match(colours, registration, before, after, pitch)


def fit_map(ours: np.ndarray, theirs: np.ndarray, weights: np.ndarray, *, local: bool = True) -> ColourMap:
    """Fit a map from one picture's colours to another's of the same size and place.

    Args:
        ours: (h, w, 3) sRGB, small.
        theirs: likewise; where it is black or white, it may have been clipped, and more is as good.
        weights: (h, w), how far each pixel is to be believed, 0 to 1.
        local: whether the map may change over the frame.
    """
    shape = (*(max(2, round(VERTICES * side / max(ours.shape[:2]))) for side in ours.shape[:2]), LIGHTNESSES)
    bins, wanted, trust = _bins(ours, shape), theirs, weights
    for place_by_place in (False, local):
        if place_by_place:
            moments = _moments(ours, wanted, trust, bins, shape)
        else:  # one place, of which the bins are those of lightness
            moments = _moments(ours, wanted, trust, bins % (2 * LIGHTNESSES - 1), (1, 1, LIGHTNESSES))
        whole, typical = _by_lightness(moments.sum(axis=(0, 1)))
        grid = _by_place(moments, whole, typical) if place_by_place else np.broadcast_to(whole, (*shape, TERMS, 3))
        colours = ColourMap(grid.astype(np.float32))
        fitted = colours.apply(ours)
        wanted = np.where(theirs > WHITE, np.maximum(theirs, fitted), theirs)
        wanted = np.where(theirs < BLACK, np.minimum(theirs, fitted), wanted)
        rest = np.abs(wanted - fitted).max(axis=-1)
        if not place_by_place:  # what is far from the whole frame's map was put in, or moved: no place may follow it
            weights = weights / (1 + (rest / FAR) ** 6)
        trust = weights / (1 + np.square(rest / TOLERANCE))
    if not local:
        return colours
    smoothed_away = _moments(ours, wanted - fitted, trust, bins, shape)
    return ColourMap(colours.grid + _by_place(smoothed_away, np.zeros_like(whole), typical).astype(np.float32))


def _difference(ours: np.ndarray, theirs: np.ndarray, weights: np.ndarray) -> float:
    """Measure the mean ΔE76 of squares of 2 x 2 pixels, by their weights."""
    labs = [srgb_to_lab(np.clip(shrunk(each, 2), 0, 1)) for each in (ours, theirs)]
    small = shrunk(weights, 2)
    return float((delta_e_76(*labs) * small).sum() / max(float(small.sum()), 1e-9))


def _bins(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Number the places half a vertex apart, (h, w): the one nearest to each pixel."""
    height, width = pixels.shape[:2]
    down, across = ((np.arange(length) + 0.5) / length for length in (height, width))
    along = (down * (shape[0] - 1), across * (shape[1] - 1), between_levels(pixels @ LUMA, shape[2]))
    half = [np.rint(2 * at).astype(np.intp) for at in along]
    return ((half[0][:, None] * (2 * shape[1] - 1)) + half[1]) * (2 * shape[2] - 1) + half[2]


def _moments(
    pixels: np.ndarray, wanted: np.ndarray, trust: np.ndarray, bins: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Sum terms x (terms, wanted colours) of the pixels about each vertex: (down, across, lightness, 4, 7)."""
    fine = tuple(2 * count - 1 for count in shape)
    places, believed = bins.ravel(), trust.ravel().astype(np.float64)  # of one colour, float32 would leave just errors
    columns = [np.ones_like(believed), *pixels.reshape(-1, 3).T, *wanted.reshape(-1, 3).T]
    products = [(i, j) for i in range(TERMS) for j in range(i, len(columns))]
    sums = np.empty((len(products), *fine))
    for i in range(TERMS):
        weighted = believed * columns[i]
        for place, (_, j) in enumerate(products):
            if products[place][0] == i:
                sums[place] = np.bincount(places, weighted * columns[j], sums[place].size).reshape(fine)
    for axis in (1, 2, 3):
        sums = _at_vertices(sums, axis)
    twice = [[products.index((min(i, j), max(i, j))) for j in range(len(columns))] for i in range(TERMS)]
    return sums.transpose(1, 2, 3, 0)[..., twice]


def _at_vertices(halves: np.ndarray, axis: int) -> np.ndarray:
    """Give every second place along an axis half of what its neighbours have."""
    along = (slice(None),) * axis
    sums = halves[*along, ::2].copy()
    between = halves[*along, 1::2] / 2
    sums[*along, :-1] += between
    sums[*along, 1:] += between
    return sums


def _by_lightness(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a map for each lightness, (n, 4, 3), drawn to one for all; also give the mean terms x terms (n, 4, 4)."""
    total = moments.sum(axis=0)
    count = total[0, 0] + TINY
    typical = total[:, :TERMS] / count + RIDGE * np.eye(TERMS)
    one = np.linalg.solve(typical, total[:, TERMS:] / count + RIDGE * UNTOUCHED)
    drawn = LEVEL_DRAWN * count / len(moments) * typical
    squares = moments[..., :TERMS] + drawn
    maps = np.linalg.solve(squares, moments[..., TERMS:] + drawn @ one)
    return maps, squares / squares[:, :1, :1]


def _by_place(moments: np.ndarray, whole: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Fit a map at each vertex, drawn to the whole frame's at its lightness."""
    drawn = (DRAWN * moments[..., 0, 0].mean() + TINY) * typical
    return np.linalg.solve(moments[..., :TERMS] + drawn, moments[..., TERMS:] + drawn @ whole)
