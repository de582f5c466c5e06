"""Small versions of a raw, made before anything is rendered: its mosaic with fewer photosites, and a proof of it.

A sample of a packed plane stands for the two photosites about its own, a quarter of a cell before or behind where the
cell lies. A smaller mosaic keeps that, so that it can be demosaiced, rendered and learned from as any other.
"""

from functools import lru_cache

import numpy as np

from crispnet.data.target import whole_cells
from crispnet.look.contract import Metadata
from crispnet.look.plain import PlainLook
from crispnet.raw.bayer import PLANE_SITES, pack_linear, thumbnail
from crispnet.raw.image import RawImage

QUARTER = 0.25  # of a cell


@lru_cache(maxsize=64)
def shares(samples: int, count: int, site: int) -> np.ndarray:
    """Give the (count, samples) share that each sample of a plane has in each average over a part of the frame.

    Args:
        samples: of the plane along this axis.
        count: equal parts of the frame.
        site: 0 or 1, whether the plane's photosite is the first or the second of its cell.
    """
    edges = np.linspace(0, samples, count + 1) + (QUARTER if site == 0 else -QUARTER)
    return _covered(edges, samples)


@lru_cache(maxsize=64)
def _fewer(samples: int, count: int, site: int) -> np.ndarray:
    """Give the (count, samples) share of each sample in those of a smaller mosaic, which lie as apart as theirs did."""
    away = QUARTER if site == 0 else -QUARTER
    return _covered((np.arange(count + 1) - away) * (samples / count) + away, samples)


def _covered(edges: np.ndarray, samples: int) -> np.ndarray:
    """Give how much of each interval between edges each sample covers; the outermost cover what is left."""
    ends = np.arange(samples + 1.0)
    reach = 1 + float(np.abs(edges[[0, -1]] - ends[[0, -1]]).max())
    ends[0], ends[-1] = -reach, samples + reach
    overlap = np.minimum(edges[1:, None], ends[1:]) - np.maximum(edges[:-1, None], ends[:-1])
    return (overlap.clip(0) / np.diff(edges)[:, None]).astype(np.float32)


def smaller(packed: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average packed planes (4, h, w) to those of a mosaic with ``size`` cells, float32, of the same frame.

    The planes themselves come back where they have that size.
    """
    if packed.shape[1:] == size:
        return packed
    (height, width), (rows, columns) = packed.shape[1:], size
    return np.stack(
        [
            _fewer(height, rows, down) @ plane.astype(np.float32) @ _fewer(width, columns, across).T
            for plane, (down, across) in zip(packed, PLANE_SITES, strict=True)
        ]
    )


def cropped(raw: RawImage, packed: np.ndarray) -> np.ndarray:
    """Take the cells (4, h, w) that lie wholly in the raw's crop."""
    cells, _, _ = whole_cells(raw.crop, raw.cfa)
    return packed[:, cells.rows, cells.columns]


def size_within(shape: tuple[int, ...], longest: float) -> tuple[int, int]:
    """Scale rows and columns down so that the longer side has ``longest`` at most.

    >>> size_within((1500, 2000), 320), size_within((15, 20), 320)
    ((240, 320), (15, 20))
    """
    factor = max(1.0, max(shape) / longest)
    return max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor))


def proof(raw: RawImage, packed: np.ndarray, *, longest: int) -> np.ndarray:
    """Render the cells of a raw's crop small, with the plain look and in sensor orientation.

    Lines are left as the lens bent them: each pixel shows the photosites that it was made from.

    Args:
        raw: the photograph.
        packed: all of it, as ``pack_linear`` gives it.
        longest: pixels along the longer side, at most.

    Returns:
        (h, w, 3) float32 sRGB in [0, 1]; h and w are even.
    """
    look, inner = PlainLook(), cropped(raw, packed)
    scene = look.scene(thumbnail(packed)[None], Metadata.of(raw))
    small = smaller(inner, size_within(inner.shape[1:], longest // 2))
    return np.clip(look.render(small[None], scene)[0].transpose(1, 2, 0), 0, 1)


def proof_of(raw: RawImage, *, longest: int) -> np.ndarray:
    """Pack a raw and make its ``proof``."""
    return proof(raw, pack_linear(raw), longest=longest)
