"""Finds where the camera's own picture lies in our rendering of the same raw file, or says why it does not belong.

The camera may have cropped, scaled and straightened its picture, and its tones are others than ours. So directions of
gradients are compared: first at about a hundred pixels' width over all scales and offsets at once, then block by block
at finer and finer sizes. What moves the blocks is one cubic of the position, so that a lens that the camera
straightened, and we did not, is followed too.

Notation: that of ``darkroom.levels``. How **alike** two pictures are is the normalised correlation of their features:
1 at most, about 0 for two scenes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from crispnet.darkroom.blocks import BLOCKS, PLAIN, POWERS, followed, peaks, scores
from crispnet.darkroom.levels import (
    IDENTITY,
    LUMA,
    Level,
    evaluated,
    features,
    hats,
    pitch_for,
    positions,
    sampled,
    shrunk,
)
from crispnet.errors import ForeignPicture

LONGEST, COARSE = 640, 160  # pixels along the longer side: at which pictures are compared; at which all is tried
LEAST, LEAST_LOCAL = 96, 300  # of a picture: to be used at all; for more than one map for the whole frame
SCALES = 1.04 * 0.96 ** np.arange(7)  # of the picture's longer side in ours: from a little more than all to 0.8
ASPECTS = 1.03  # by how much the aspects of the two may differ
INSIDE = 0.9  # the part of the picture that must lie within our rendering
FOUND, BELONGS = 0.42, 0.55  # how alike two of one scene are at least: small, and in full
GREY, COLOURLESS = 0.15, 0.01  # a picture with so little of our colours has none; neither has such a scene
AGREED = 0.75  # the least that lightness and colours of one scene are correlated: edges alone repeat, as in a chart
REACH, TWICE = (
    (4, 3, 2),
    2,
)  # pixels that blocks may have moved, coarse to fine; each size but the finest is looked at twice
UNSURE, SURE = 0.2, 0.6  # how alike blocks are that are not trusted at all, and wholly
FLIPS: Mapping[str, Any] = {
    "upside down": np.s_[::-1, ::-1],
    "mirrored": np.s_[:, ::-1],
    "mirrored and upside down": np.s_[::-1],
}
NEEDED = "The camera's own picture of this very raw was needed, as the camera wrote it."
TRY = "Look for the JPEG that was written with this raw, or develop without matching."


@dataclass(frozen=True, eq=False)
class Registration:
    """Where a camera's picture lies in our rendering.

    Attributes:
        cubic: (2, 4, 4), from a position in our rendering to the position in the picture.
        alike: how alike the two are, up to 1.
        blocks: (rows, columns), how surely each block of our rendering shows what the picture shows, 0 to 1.
        local: whether the picture is large enough for colours that are matched place by place.
        rendering_size: (height, width).
        picture_size: (height, width).
    """

    cubic: np.ndarray
    alike: float
    blocks: np.ndarray
    local: bool
    rendering_size: tuple[int, int]
    picture_size: tuple[int, int]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Top, left, height and width, in pixels of our rendering, of what the picture shows, but for the lens."""
        half = np.array(self.picture_size[::-1]) / max(self.picture_size)
        linear = np.array([[axis[0, 1], axis[1, 0]] for axis in self.cubic])
        corners = np.linalg.solve(linear, (np.stack([-half, half]) - self.cubic[:, 0, 0]).T).T
        (left, top), (right, bottom) = (corners * max(self.rendering_size) + self.rendering_size[::-1]) / 2
        return float(top), float(left), float(bottom - top), float(right - left)

    @property
    def bend(self) -> float:
        """How far, at most, in pixels of our rendering, a crop and a scale alone would miss."""
        down, across = positions(self.blocks.shape, max(self.rendering_size) / BLOCKS, self.rendering_size)
        bent = self.cubic / self.cubic[0, 0, 1]
        for i, j in POWERS:
            bent[:, i, j] *= i + j > 1
        return float(np.hypot(*evaluated(bent, down, across)).max() * max(self.rendering_size) / 2)

    def lay(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lay the picture (h, w, 3) over the rendering.

        Returns:
            (h', w', 3) float32 and (h', w') weights: 0 beyond the picture, little where it may show something else.
        """
        shape = self.rendering_size
        fine = _pitch_like(self.cubic, 1, shape, self.picture_size)
        places = evaluated(self.cubic, *positions(shape, 1, shape))
        laid, inside = sampled(shrunk(picture, fine), *places, pitch=fine, size=self.picture_size)
        rows, columns = (hats(length, count) for length, count in zip(shape, self.blocks.shape, strict=True))
        return laid, inside * (rows @ self.blocks @ columns.T).astype(np.float32)


def register(rendering: np.ndarray, picture: np.ndarray) -> Registration:
    """Find where the camera's picture lies in our rendering.

    Both are (h, w, 3) sRGB in [0, 1], or codes of it, and upright, of any sizes.

    Raises:
        ForeignPicture: it is of another scene or aspect, turned or mirrored, without colours, or too small.
    """
    sizes = rendering.shape[:2], picture.shape[:2]
    _refuse_by_size(*sizes)
    _refuse_grey(rendering, picture)
    ours = Level.of(rendering, min(LONGEST, max(sizes[1]))).coarser(COARSE)
    theirs = Level.of(picture, LONGEST).coarser(COARSE)
    alike, cubic = _found(ours[-1], theirs[-1].plane)
    if alike < FOUND:
        raise ForeignPicture(_unlike(ours[-1], rendering, picture))
    for level, reach in zip(reversed(ours[: len(REACH)]), REACH[-len(ours) :], strict=True):
        for _ in range(1 if level is ours[0] else TWICE):
            cubic = _refined(cubic, level, theirs, reach)
    alike, blocks = _trusted(cubic, ours[min(1, len(ours) - 1)], theirs)
    if alike < BELONGS or _agreement(cubic, rendering, picture) < AGREED:
        raise ForeignPicture(_unlike(ours[-1], rendering, picture))
    return Registration(cubic, alike, blocks, max(sizes[1]) >= LEAST_LOCAL, *sizes)


def _refuse_by_size(ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    words = f"The picture has {theirs[1]} x {theirs[0]} pixels"
    if max(theirs) < LEAST or min(ours) < LEAST // 2:
        raise ForeignPicture(f"{words}, too few to tell colours by. At least {LEAST} along a side were needed. {TRY}")
    aspects = [size[1] / size[0] for size in (ours, theirs)]
    if max(aspects) / min(aspects) <= ASPECTS:
        return
    turned = max(aspects[0] * aspects[1], 1 / aspects[0] / aspects[1]) <= ASPECTS
    reason = "lies the other way" if turned else "was cut to another aspect"
    raise ForeignPicture(f"{words} and {reason}: ours has {ours[1]} x {ours[0]}. {NEEDED} {TRY}")


def _refuse_grey(rendering: np.ndarray, picture: np.ndarray) -> None:
    """Refuse a picture whose colours are but a function of its lightness: black and white, or toned."""
    ours, theirs = (_colourfulness(shrunk(each, pitch_for(each.shape, COARSE))) for each in (rendering, picture))
    if ours > COLOURLESS and theirs < GREY * ours:
        raise ForeignPicture(f"The picture is black and white, or toned, and the scene is not. {NEEDED} {TRY}")


def _colourfulness(pixels: np.ndarray) -> float:
    light = np.clip(pixels @ LUMA * 16, 0, 15).astype(int).ravel()
    chroma = (pixels[..., ::2] - pixels[..., 1:2]).reshape(-1, 2)
    counts = np.maximum(np.bincount(light, minlength=16), 1)
    means = np.stack([np.bincount(light, each, 16) / counts for each in chroma.T], axis=-1)
    return float(np.sqrt(np.mean((chroma - means[light]) ** 2)))


def _unlike(ours: Level, rendering: np.ndarray, picture: np.ndarray) -> str:
    """Say why nothing of the picture was found in our rendering."""
    if np.mean(np.abs(ours.features) ** 2) < PLAIN:
        return f"The scene is too plain to tell whether the picture shows it. Some edges were needed. {TRY}"
    for flip, how in FLIPS.items():
        flipped = np.ascontiguousarray(picture[how])
        alike, cubic = _found(ours, Level.of(flipped, COARSE).plane)
        if alike >= FOUND and _agreement(cubic, rendering, flipped) >= AGREED:
            return f"The picture is {flip}, compared with the raw. {NEEDED} {TRY}"
    return f"The picture shows another scene than the raw, or was edited beyond recognition. {NEEDED} {TRY}"


def _found(ours: Level, theirs: np.ndarray) -> tuple[float, np.ndarray]:
    """Try all scales and offsets of a small picture; return how alike the best is, and its cubic."""
    best, best_cubic = -1.0, IDENTITY
    shape, unit = np.array(ours.plane.shape), ours.pitch / max(ours.size)
    sides = np.ceil((1 + SCALES[0]) * shape).astype(int).tolist()
    spectra = np.fft.fft2(ours.features, sides), np.fft.rfft2(np.abs(ours.features) ** 2, sides)
    for scale in SCALES:
        small = np.rint(np.array(theirs.shape) * scale * max(shape) / max(theirs.shape)).astype(int)
        resized = Image.fromarray(theirs).resize((int(small[1]), int(small[0])), Image.Resampling.BILINEAR)
        alike = _correlated(ours.plane.shape, spectra, features(np.asarray(resized)))
        corner = np.array(np.unravel_index(np.argmax(alike), alike.shape))
        if alike[tuple(corner)] > best:
            best = float(alike[tuple(corner)])
            corner = np.where(corner >= shape, corner - sides, corner)
            side = max(small) * unit
            middle = (2 * corner + small) * unit - np.array(ours.size) / max(ours.size)
            best_cubic = IDENTITY / side
            best_cubic[:, 0, 0] = -middle[::-1] / side
    return best, best_cubic


def _correlated(shape: tuple[int, ...], spectra: tuple[np.ndarray, np.ndarray], theirs: np.ndarray) -> np.ndarray:
    """Find how alike a picture is to ours at every offset, -1 where too much of it lies outside; offsets wrap."""
    sides = spectra[0].shape
    axes = zip(shape, theirs.shape, sides, strict=True)
    overlap = np.multiply.outer(*(_overlaps(length, small, side) for length, small, side in axes))
    products = np.fft.ifft2(spectra[0] * np.fft.fft2(theirs, sides).conj()).real
    our_energy = np.fft.irfft2(spectra[1] * np.fft.rfft2(np.ones(theirs.shape), sides).conj(), sides)
    their_energy = float(np.mean(np.abs(theirs) ** 2)) * overlap
    least = PLAIN * theirs.size
    alike = products / np.sqrt(np.maximum(our_energy, least) * np.maximum(their_energy, least))
    return np.where(overlap >= INSIDE * theirs.size, alike, -1)


def _overlaps(length: int, small: int, side: int) -> np.ndarray:
    """Count the pixels along an axis that a small picture shares with ours at each offset."""
    offsets = np.arange(side)
    offsets[length:] -= side
    return np.clip(np.minimum(offsets + small, length) - np.maximum(offsets, 0), 0, None)


def _pitch_like(cubic: np.ndarray, pitch: int, ours: tuple[int, ...], theirs: tuple[int, ...]) -> int:
    """Find by how much to shrink the picture so that its pixels are no larger than our shrunk ones."""
    return max(1, int(pitch * cubic[0, 0, 1] * max(theirs) / max(ours) + 0.05))


def _laid(cubic: np.ndarray, ours: Level, theirs: list[Level]) -> tuple[np.ndarray, np.ndarray]:
    """Give the features of the picture laid over ours, and where it lies, 1 or 0."""
    wanted = _pitch_like(cubic, ours.pitch, ours.size, theirs[0].size)
    level = max((each for each in theirs if each.pitch <= wanted), key=lambda each: each.pitch, default=theirs[0])
    plane, inside = level.sampled(*evaluated(cubic, *ours.positions()))
    return features(plane), inside


def _refined(cubic: np.ndarray, ours: Level, theirs: list[Level], reach: int) -> np.ndarray:
    """Move a cubic the way that the blocks of one level ask for."""
    found, middles = scores(ours.features, *_laid(cubic, ours, theirs), reach=reach)
    moved, sureness = peaks(found)
    down, across = (
        np.interp(at, np.arange(len(axis)), axis) for at, axis in zip(middles, ours.positions(), strict=True)
    )
    return followed(cubic, (down, across), moved, sureness, unit=2 * ours.pitch / max(ours.size))


def _agreement(cubic: np.ndarray, rendering: np.ndarray, picture: np.ndarray) -> float:
    """Correlate the ranks of lightness, and of colours where there are some, of the picture laid over our rendering."""
    pitch, fine = (pitch_for(each.shape, COARSE) for each in (rendering, picture))
    ours, size = shrunk(rendering, pitch), rendering.shape[:2]
    places = evaluated(cubic, *positions(ours.shape, pitch, size))
    laid, inside = sampled(shrunk(picture, fine), *places, pitch=fine, size=picture.shape[:2])
    ours, laid = ours[inside > 0], laid[inside > 0]
    light = _correlation(ours @ LUMA, laid @ LUMA)
    if _colourfulness(ours) < COLOURLESS:
        return light
    red, blue = (_correlation(ours[:, i] - ours[:, 1], laid[:, i] - laid[:, 1]) for i in (0, 2))
    return light / 2 + (red + blue) / 4


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (np.argsort(np.argsort(each)).astype(np.float64) for each in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def _trusted(cubic: np.ndarray, ours: Level, theirs: list[Level]) -> tuple[float, np.ndarray]:
    """Measure how alike the two are, over all and block by block; a plain block is trusted as it is."""
    laid, inside = _laid(cubic, ours, theirs)
    seen, laid = ours.features * inside, laid * inside
    alike = np.vdot(seen, laid).real / max(np.linalg.norm(seen) * np.linalg.norm(laid), PLAIN * seen.size)
    blocks, texture = (scores(seen, each, inside, reach=0)[0][0, 0] for each in (laid, seen))
    surely = np.clip((blocks / np.maximum(texture, PLAIN) - UNSURE) / (SURE - UNSURE), 0, 1)
    return float(alike), 1 - texture * (1 - surely)
