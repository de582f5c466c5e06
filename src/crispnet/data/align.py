"""Lays a camera's picture over the photosites that it was made from.

The camera may have cropped, scaled and straightened it, and it may be as small as a preview. It is found in a proof of
the raw, and then more finely in the raw's green, window by window, at the picture's own size. What comes of it lies as
the sensor does, over the cells of the raw's crop, with no more pixels than the picture has to tell about. Where it
cannot be placed to a pixel, it is made smaller until it is.
"""

from dataclasses import dataclass, replace

import numpy as np

from crispnet.darkroom.blocks import PLAIN, followed, peaks
from crispnet.darkroom.levels import LUMA, evaluated, features, hats, pitch_for, sampled, shrunk
from crispnet.darkroom.registration import LEAST_LOCAL, LONGEST, Registration, register
from crispnet.data.proofs import cropped, proof, size_within
from crispnet.data.target import BACK
from crispnet.raw.bayer import area_average, pack_linear
from crispnet.raw.image import RawImage
from crispnet.raw.orientation import upright
from crispnet.strips import for_each, strips

NEARLY = 1.1  # raw pixels of a picture's pixel that still count as one
WINDOWS, SMALL_WINDOW, WINDOW, LARGE = 12, 64, 128, 1000  # along a side, at most; pixels; of a picture this long
REACH, ROUNDS = 6, 2  # pixels that a window may have moved; how often the windows are asked
NEAR, NO_WORSE = 1.5, 0.1  # raw pixels by which a picture of the raw's own pixels may seem to lie elsewhere
LATTICE = 25  # places along a side
MOST_MISFIT = 1.0  # raw pixels, for a picture that teaches detail
ROWS = 64  # of a strip


@dataclass(frozen=True, eq=False)
class Aligned:
    """A picture laid over the cells of its raw's crop, in sensor orientation.

    Attributes:
        target: (h, w, 3) uint8 sRGB; h and w are even.
        weights: (h, w) float32, how far it is to be believed: 0 beyond the picture, little where it is unsure.
        local: whether the picture tells about places, and not just about the frame as a whole.
        scale: raw pixels along a pixel of the picture.
        misfit: raw pixels by which half of the places are off at least, as far as can be measured.
        alike: how alike picture and raw are, up to 1.
        full_size: whether a pixel of the target is one photosite, so that detail can be learned.
    """

    target: np.ndarray
    weights: np.ndarray
    local: bool
    scale: float
    misfit: float
    alike: float
    full_size: bool


@dataclass(frozen=True, eq=False)
class _Placed:
    """A picture, (h, w, 3), and the cubic by which it lies in a frame with sides in the ratio of ``frame``."""

    picture: np.ndarray
    found: Registration
    frame: tuple[int, int]

    def scale(self, sides: tuple[int, int]) -> float:
        """Count the pixels of a frame with such sides along a pixel of the picture."""
        return max(sides) / (float(self.found.cubic[0, 0, 1]) * max(self.picture.shape[:2]))

    def laid(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Lay it over ``size`` pixels of the frame: (h, w, 3) float32, and whether it reaches there, 1 or 0."""
        down, across = self.positions(size)
        fine = max(1, int(1 / self.scale(size) + 0.05))
        small, whole = shrunk(self.picture, fine), self.picture.shape[:2]
        pixels = np.empty((*size, *self.picture.shape[2:]), np.float32)
        inside = np.empty(size, np.float32)

        def fill(rows: slice) -> None:
            places = evaluated(self.found.cubic, down[rows], across)
            pixels[rows], inside[rows] = sampled(small, *places, pitch=fine, size=whole)

        for_each(strips(size[0], ROWS), fill)
        return pixels, inside

    def positions(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Give the positions down and across of ``size`` pixels that share the frame evenly."""
        down, across = (
            ((np.arange(count) + 0.5) / count * 2 - 1) * side / max(self.frame)
            for count, side in zip(size, self.frame, strict=True)
        )
        return down, across


def aligned(raw: RawImage, picture: np.ndarray, *, longest: int | None = None) -> Aligned:
    """Lay the camera's picture over the raw it was made from.

    Args:
        raw: the photograph.
        picture: (h, w, 3) uint8 sRGB, upright, of any size.
        longest: pixels along the longer side of what is wanted, at most; None for all that the picture tells.

    Raises:
        ForeignPicture: the picture does not belong to the raw.
    """
    packed = pack_linear(raw)
    cells = upright(cropped(raw, packed).transpose(1, 2, 0), raw.orientation)
    ours = proof(raw, packed, longest=min(LONGEST, max(picture.shape[:2])))
    placed = _placed(upright(ours, raw.orientation), picture)
    placed, misfit = _settled(placed, cells[..., 1::2].mean(axis=-1), longest=longest or np.inf)
    full = 2 * cells.shape[0], 2 * cells.shape[1]
    scale = placed.scale(full)
    finest = max(1.0, scale if scale > NEARLY else 1.0)
    if misfit > MOST_MISFIT:
        finest = max(finest, 2 * misfit / MOST_MISFIT)
    size = _even(full, max(finest, max(full) / (longest or np.inf)))
    target, weights = _averaged(placed, _even(full, max(finest, max(full) / max(size) / 2)), size)
    back = BACK.get(raw.orientation, raw.orientation)
    return Aligned(
        target=np.ascontiguousarray(upright((np.clip(target, 0, 1) * 255 + 0.5).astype(np.uint8), back)),
        weights=np.ascontiguousarray(upright(weights, back)),
        local=max(picture.shape[:2]) >= LEAST_LOCAL,
        scale=scale,
        misfit=misfit,
        alike=placed.found.alike,
        full_size=size == full,
    )


def _placed(ours: np.ndarray, picture: np.ndarray) -> _Placed:
    """Find the picture in a proof; what was cut off to compare them small is cut off here too."""
    pitch = pitch_for(picture.shape, LONGEST)
    found = register(ours, shrunk(picture, pitch))
    height, width = (pitch * length for length in found.picture_size)
    return _Placed(picture[:height, :width], found, found.rendering_size)


def _even(full: tuple[int, int], factor: float) -> tuple[int, int]:
    rows, columns = size_within((full[0] // 2, full[1] // 2), max(full) / 2 / factor)
    return 2 * rows, 2 * columns


def _averaged(placed: _Placed, fine: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Lay a picture finely, and average it by area to ``size``, each pixel by its weight."""
    pixels, weights = placed.laid(fine)
    rows, columns = (hats(length, count) for length, count in zip(fine, placed.found.blocks.shape, strict=True))
    weights *= (rows @ placed.found.blocks @ columns.T).astype(np.float32)
    if fine == size:
        return pixels, weights
    whole, few = area_average(weights, *size), np.float32(1e-3)  # what is not believed at all has a colour, too
    parts = [area_average(colour * (weights + few), *size) / (whole + few) for colour in pixels.transpose(2, 0, 1)]
    return np.stack(parts, axis=-1), whole


def _settled(placed: _Placed, green: np.ndarray, *, longest: float) -> tuple[_Placed, float]:
    """Move a picture to where the raw's green (h, w), upright, has it; also give the misfit, in raw pixels.

    Both are compared at the picture's size, but at no more than ``longest`` pixels.
    """
    full = 2 * green.shape[0], 2 * green.shape[1]
    size = size_within(green.shape, min(max(full) / max(2.0, placed.scale(full)), longest))
    guide = np.sqrt(np.clip(area_average(np.ascontiguousarray(green), *size), 0, 1))
    grey = replace(placed, picture=shrunk(placed.picture, 1) @ LUMA)

    def asked(found: Registration) -> tuple[float, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        moved, sureness, middles = _moved(guide, *replace(grey, found=found).laid(size))
        return _misfit(moved, sureness) * max(full) / max(size), moved, sureness, middles

    tries, found = [], placed.found
    for _ in range(ROUNDS + 1):
        misfit, moved, sureness, middles = asked(found)
        tries.append((misfit, found))
        if max(size) <= LONGEST:  # no finer than the proof, in which it was found
            break
        down, across = (
            np.interp(at, np.arange(len(axis)), axis) for at, axis in zip(middles, grey.positions(size), strict=True)
        )
        found = replace(found, cubic=followed(found.cubic, (down, across), moved, sureness, unit=2 / max(size)))
    misfit, found = min(tries, key=lambda each: each[0])
    whole = _one_to_one(replace(placed, found=found), full)
    if whole is not None:
        misfit_of_whole, *_ = asked(whole)
        if misfit_of_whole <= misfit + NO_WORSE:
            misfit, found = misfit_of_whole, whole
    return replace(placed, found=found), misfit


def _one_to_one(placed: _Placed, full: tuple[int, int]) -> Registration | None:
    """Find where a picture lies that has nearly the raw's own pixels, if it has just those; None if it has not.

    Programs that develop raws, and many cameras, neither scale nor straighten: then a pixel is a photosite, and what
    seems to be a tenth of one is the uncertainty of the search. Laid by it, detail would be blurred, each time
    otherwise.
    """
    longest, sides = max(placed.picture.shape[:2]), placed.picture.shape[:2]
    places = evaluated(placed.found.cubic, *placed.positions((LATTICE, LATTICE)))[::-1]
    offsets, cubic = [], np.zeros((2, 4, 4))
    for axis, (at, side, length, frame) in enumerate(zip(places, sides, full, placed.frame, strict=True)):
        there = (at * longest + side) / 2
        here = (np.arange(LATTICE) + 0.5) / LATTICE * length
        offset = there - np.expand_dims(here, 1 - axis)
        nearest = np.rint(np.median(offset))
        offsets.append(np.abs(offset - nearest).max())
        cubic[1 - axis, 0, 0] = (length + 2 * nearest - side) / longest
        cubic[1 - axis, 1 - axis, axis] = length * max(placed.frame) / (frame * longest)
    return replace(placed.found, cubic=cubic) if max(offsets) <= NEAR else None


def _moved(
    ours: np.ndarray, theirs: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Ask windows of a plane by how much they moved in another of its size.

    Returns:
        (n, 2) across and down, in pixels; their sureness (n, 2, 2); and the middles of the windows, down and across.
    """
    side = WINDOW if max(ours.shape) >= LARGE else SMALL_WINDOW
    counts = [max(1, min(WINDOWS, length // side)) for length in ours.shape]
    side = min(side, *ours.shape)
    corners = [
        np.rint(np.linspace(0, length - side, count)).astype(int)
        for length, count in zip(ours.shape, counts, strict=True)
    ]
    bell = np.multiply.outer(*[np.hanning(side + 2)[1:-1]] * 2).astype(np.float32)
    windows = [(slice(top, top + side), slice(left, left + side)) for top in corners[0] for left in corners[1]]
    seen = np.stack([features(ours[window]) * inside[window] * bell for window in windows])
    laid = np.stack([features(theirs[window]) * inside[window] * bell for window in windows])
    products = np.fft.ifft2(np.fft.fft2(laid) * np.fft.fft2(seen).conj()).real
    near = np.arange(-REACH, REACH + 1)
    energies = [np.square(np.abs(each)).sum(axis=(1, 2)) for each in (seen, laid)]
    least = PLAIN * float((bell**2).sum())
    scale = np.sqrt(np.maximum(energies[0], least) * np.maximum(energies[1], least))
    found = (products[:, near[:, None], near] / scale[:, None, None]).transpose(1, 2, 0)[..., None]
    moved, sureness = peaks(found.astype(np.float32))
    return moved, sureness, (corners[0] + (side - 1) / 2, corners[1] + (side - 1) / 2)


def _misfit(moved: np.ndarray, sureness: np.ndarray) -> float:
    """Give the median of how far windows are off, by their sureness, in pixels."""
    far, weights = np.hypot(*moved.T), np.trace(sureness, axis1=1, axis2=2)
    order = np.argsort(far)
    passed = np.cumsum(weights[order])
    return float(far[order][np.searchsorted(passed, passed[-1] / 2)]) if passed[-1] > 0 else 0.0
