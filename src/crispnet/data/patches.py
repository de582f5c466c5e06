"""Frames become batches: which, cut where, turned how. All of it follows from a seed and the number of the step.

A batch shows s scenes, and n patches of each (b = s * n), in one of three views:

- **frames**: the whole of each frame, averaged by area to one size whatever its aspect, as the thumbnail is;
- **mosaics**: the whole of each frame, shrunk to one size as if its sensor had larger photosites;
- **patches**: windows of each frame, pixel for pixel.

Scenes are mirrored at random, left to right and upside down. The mirror image of an R G / G B mosaic begins with
green: its first column (or row) is given up, so that it begins with red again and no colour is displaced. On packed
planes, of n columns, that is

    R, G (blue row):   mirrored, without the last column       n - 1, ..., 2, 1
    G (red row), B:    mirrored, without the first column      n - 2, ..., 1, 0

and the target loses one column at either edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crispnet.data.frames import Frame
from crispnet.data.views import MOSAICS, VIEWS
from crispnet.raw.bayer import PLANE_SITES

ORDER, CUT = 0, 1  # what numbers are drawn for
WHOLE = slice(None)
SHOWN = ("frames", "mosaics", "patches")
Flips = tuple[bool, bool]  # upside down, left to right


@dataclass(frozen=True)
class Stage:
    """What the batches of one stretch of training look like.

    Attributes:
        view: "frames", "mosaics" or "patches".
        size: rows and columns of packed cells.
        scenes: frames per batch.
        patches: of each frame; 1 for the others.
        finest: how many times the picture that is learned is halved, for networks that learn one size after another.
    """

    view: str
    size: tuple[int, int]
    scenes: int
    patches: int = 1
    finest: int = 0

    def __post_init__(self) -> None:
        if self.view not in SHOWN:
            raise ValueError(f"expected a view of {', '.join(SHOWN)}, got {self.view!r}")
        if min(*self.size, self.scenes, self.patches, self.finest + 1) < 1 or (
            self.view != "patches" and self.patches > 1
        ):
            raise ValueError(f"expected counts from 1, and 1 patch of whole frames, got {self}")


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step of training sees: b patches of s scenes, as narrow as frames keep them.

    A graphics card is fed through a narrow door, so numbers are widened behind it (``train.step``).

    Attributes:
        packed: (b, 4, h, w) float16, linear planes R, G, B, G.
        codes: (b, 3, 2h, 2w) sRGB of the camera's picture: uint8 in [0, 255], or float16 in [0, 1].
        scene_of: (b,) int64, which of the s scenes each patch belongs to.
        thumbnail: (s, 3, 368, 480) float32 of the whole frames, mirrored as their patches are.
        white_balance: (s, 4) float32.
        to_srgb: (s, 3, 3) float32.
        names: of the s frames.
    """

    packed: np.ndarray
    codes: np.ndarray
    scene_of: np.ndarray
    thumbnail: np.ndarray
    white_balance: np.ndarray
    to_srgb: np.ndarray
    names: tuple[str, ...]

    @property
    def target(self) -> np.ndarray:
        """The camera's picture, (b, 3, 2h, 2w) float32 sRGB in [0, 1]."""
        whole = 255 if self.codes.dtype == np.uint8 else 1
        return self.codes.astype(np.float32) / np.float32(whole)


def batch(frames: Sequence[Frame], stage: Stage, *, seed: int, step: int, part: slice = WHOLE) -> Batch:
    """Make the batch of a step: the same for the same seed and step, whatever was made before.

    Within a stage, every frame is seen once before any is seen again. Frames that leave no cell to spare beside a
    patch are not mirrored in that direction.

    Args:
        frames: to choose from.
        stage: what the batch looks like.
        seed: of the run.
        step: from 0.
        part: of its scenes, for a process that learns with others; they look as in the whole batch.

    Raises:
        ValueError: there are no frames, or one is smaller than a patch.
    """
    scenes = range(stage.scenes)[part]
    places = _places(len(frames), stage.scenes, seed=seed, step=step)[part]
    chosen = [frames[place] for place in places]
    packed = np.empty((len(scenes), stage.patches, 4, *stage.size), np.float16)
    doubled = [2 * length for length in stage.size]
    codes = np.empty((len(scenes), stage.patches, 3, *doubled), np.float16 if stage.view == "frames" else np.uint8)
    show = {"frames": _show_frame, "mosaics": _show_mosaic, "patches": _show_patches}[stage.view]
    # A frame with no cell to spare stays as it is, so what was done, and not what was drawn, holds for the thumbnail.
    done = []
    for scene, frame, planes, picture in zip(scenes, chosen, packed, codes, strict=True):
        random = np.random.default_rng((seed, CUT, step, scene))
        down, across = random.integers(2, size=2)
        done.append(show(frame, (bool(down), bool(across)), planes, picture, random))
    return _joined(chosen, done, packed.reshape(-1, *packed.shape[2:]), codes.reshape(-1, *codes.shape[2:]))


def whole(frames: Sequence[Frame], size: tuple[int, int]) -> Batch:
    """Make a batch of these very frames, whole, averaged to ``size`` cells and lying as they do: for validation."""
    views = [VIEWS.of(frame, size) for frame in frames]
    packed, codes = (np.stack(planes) for planes in zip(*views, strict=True))
    return _joined(frames, [(False, False)] * len(frames), packed, codes)


def mosaics(frames: Sequence[Frame], size: tuple[int, int]) -> Batch:
    """Make a batch of these very frames, whole, shrunk to mosaics of ``size`` cells at most and lying as they do."""
    small = [_small(frame, _room(frames, size)) for frame in frames]
    return middles(small, size)


def middles(frames: Sequence[Frame], size: tuple[int, int]) -> Batch:
    """Make a batch of the middles of these very frames, pixel for pixel and lying as they do: for validation.

    They have ``size`` cells, or fewer where a frame has.
    """
    rows, columns = _room(frames, size)
    packed, codes = [], []
    for frame in frames:
        height, width = frame.packed.shape[1:]
        top, left = (height - rows) // 2, (width - columns) // 2
        packed.append(frame.packed[:, top : top + rows, left : left + columns])
        codes.append(frame.target[2 * top : 2 * (top + rows), 2 * left : 2 * (left + columns)].transpose(2, 0, 1))
    return _joined(frames, [(False, False)] * len(frames), np.stack(packed), np.stack(codes))


def _room(frames: Sequence[Frame], size: tuple[int, int]) -> tuple[int, int]:
    """Find the largest size, up to ``size``, that every frame has."""
    rows, columns = (
        min(length, *(frame.packed.shape[1 + axis] for frame in frames)) for axis, length in enumerate(size)
    )
    return rows, columns


def _small(frame: Frame, size: tuple[int, int]) -> Frame:
    packed, target = MOSAICS.of(frame, size)
    return replace(frame, packed=packed, target=target)


def _joined(frames: Sequence[Frame], flips: Sequence[Flips], packed: np.ndarray, codes: np.ndarray) -> Batch:
    """Add to the patches of frames what is known of each frame."""
    return Batch(
        packed=packed,
        codes=codes,
        scene_of=np.repeat(np.arange(len(frames)), len(packed) // len(frames)),
        thumbnail=np.stack([_mirrored(frame.thumbnail, flip) for frame, flip in zip(frames, flips, strict=True)]),
        white_balance=np.stack([frame.white_balance for frame in frames]),
        to_srgb=np.stack([frame.to_srgb for frame in frames]),
        names=tuple(frame.name for frame in frames),
    )


def _places(count: int, scenes: int, *, seed: int, step: int) -> list[int]:
    """Give the frames of a step: the next ones of an endless row of shuffled decks."""
    if not count:
        raise ValueError("expected some frames, got none")
    decks = {
        epoch: np.random.default_rng((seed, ORDER, epoch)).permutation(count)
        for epoch in range(step * scenes // count, ((step + 1) * scenes - 1) // count + 1)
    }
    return [int(decks[drawn // count][drawn % count]) for drawn in range(step * scenes, (step + 1) * scenes)]


def _show_patches(
    frame: Frame, flips: Flips, packed: np.ndarray, codes: np.ndarray, random: np.random.Generator
) -> Flips:
    """Fill in random patches of a frame; say how they are mirrored."""
    size, room = packed.shape[2:], frame.packed.shape[1:]
    spare = [has - needs for has, needs in zip(room, size, strict=True)]
    if min(spare) < 0:
        raise ValueError(
            f"expected frames of {size[0]} x {size[1]} cells at least, got {room[0]} x {room[1]}: {frame.name}"
        )
    done = (flips[0] and spare[0] > 0, flips[1] and spare[1] > 0)
    for planes, picture in zip(packed, codes, strict=True):
        top, left = (int(random.integers(free - flip + 1)) for free, flip in zip(spare, done, strict=True))
        bottom, right = (place + length + flip for place, length, flip in zip((top, left), size, done, strict=True))
        mirror_cells(frame.packed[:, top:bottom, left:right], done, out=planes)
        cut = [
            slice(2 * begin + flip, 2 * end - flip)
            for begin, end, flip in zip((top, left), (bottom, right), done, strict=True)
        ]
        lying = frame.target[cut[0], cut[1]].transpose(2, 0, 1)
        picture[...] = _mirrored(lying, done)
    return done


def mirror_cells(packed: np.ndarray, flips: Flips, *, out: np.ndarray) -> None:
    """Mirror packed planes as if their mosaic had been; a cell is lost in each direction of ``flips``.

    Args:
        packed: (4, h + 1, w + 1) planes R, G, B, G, of one cell less where not mirrored.
        flips: whether upside down, whether left to right.
        out: (4, h, w), to be filled.
    """
    for plane, (row, column), result in zip(packed, PLANE_SITES, out, strict=True):
        height, width = result.shape
        top, left = row * flips[0], column * flips[1]
        result[...] = _mirrored(plane, flips)[top : top + height, left : left + width]


def _mirrored(planes: np.ndarray, flips: Flips) -> np.ndarray:
    """View (..., h, w) planes upside down, left to right, or both."""
    down, across = (-1 if flip else 1 for flip in flips)
    return planes[..., ::down, ::across]


def _show_frame(frame: Frame, flips: Flips, packed: np.ndarray, codes: np.ndarray, _: np.random.Generator) -> Flips:
    """Fill in a whole frame; say how it is mirrored."""
    size = packed.shape[2], packed.shape[3]
    seen = VIEWS.of(frame, size)
    packed[0], codes[0] = _mirrored(seen[0], flips), _mirrored(seen[1], flips)
    return flips


def _show_mosaic(
    frame: Frame, flips: Flips, packed: np.ndarray, codes: np.ndarray, random: np.random.Generator
) -> Flips:
    """Fill in a whole frame as a small mosaic, less the cell that mirroring costs; say how it is mirrored."""
    rows, columns = packed.shape[2:]
    return _show_patches(_small(frame, (rows + 1, columns + 1)), flips, packed, codes, random)


def grid(height: int, width: int, patch: tuple[int, int] = (368, 480)) -> list[tuple[int, int]]:
    """Lay patches over a frame from edge to edge, overlapping where they must; all in photosites.

    The paper's 2944 x 3840 frames hold 64 (section 4.2). Corners are even, so that every patch begins with red.

    Returns:
        The (row, column) of each patch's corner, row by row.

    >>> grid(368, 1000)
    [(0, 0), (0, 260), (0, 520)]
    """
    if height < patch[0] or width < patch[1] or any(length % 2 for length in (height, width, *patch)):
        raise ValueError(f"expected an even size of {patch[0]} x {patch[1]} at least, got {height} x {width}")
    tops, lefts = (_corners(length, part) for length, part in zip((height, width), patch, strict=True))
    return [(top, left) for top in tops for left in lefts]


def _corners(length: int, part: int) -> list[int]:
    count = -(-length // part)
    return [2 * round(corner / 2) for corner in np.linspace(0, length - part, count)]
