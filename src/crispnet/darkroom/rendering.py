"""Renders a packed frame with a look: windows one after another, joined; or in depths, where the look has them."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from crispnet.darkroom.quantise import QUANTISED, quantise_into
from crispnet.darkroom.streaming import expect, render_in_depths
from crispnet.darkroom.tiling import overlap, windows, with_halo
from crispnet.look.contract import Look, in_depths
from crispnet.raw.bayer import red_offset
from crispnet.raw.image import Box

MAX_MEMORY = 2 << 30  # bytes
LEAST_CELLS = 1 << 16  # packed pixels of the smallest window worth rendering


def in_cells(region: Box, cfa: str) -> Box:
    """Move a region of the mosaic to where its photosites lie once the frame begins with red."""
    top, left = red_offset(cfa)
    return replace(region, top=region.top + top, left=region.left + left)


@contextmanager
def expected(
    size: tuple[int, int], look: Look, region: Box, *, depth: int | None, budget: int = MAX_MEMORY
) -> Iterator[None]:
    """Let a look make ready for a packed frame of some size while the block makes that frame; see ``render``."""
    deep = in_depths(look)
    if not deep:
        yield
        return
    free = budget - _taken(size, region, depth=depth)
    with ThreadPoolExecutor(1, thread_name_prefix="expecting") as aside:
        ready = aside.submit(expect, size, deep[0], depths=deep[1], free=free)
        yield
        ready.result()


def render(
    packed: np.ndarray,
    look: Look,
    scene: object,
    region: Box,
    *,
    depth: int | None = None,
    budget: int = MAX_MEMORY,
) -> np.ndarray:
    """Render a region of a packed frame.

    Args:
        packed: (4, h, w) linear.
        look: whose rendering it is.
        scene: what ``look.scene`` made of the whole photograph.
        region: which photosites of the packed frame to render.
        depth: 8 or 16 to quantise at once; None for float32.
        budget: bytes to stay within, as far as the frame allows.

    Returns:
        (height, width, 3) of the region, sRGB-encoded.

    Raises:
        ValueError: the look is exact on whole photographs only.
    """
    halo = look.halo
    if halo is None:
        raise ValueError(f"expected a look that renders in windows, got {look.name}")
    pixels = np.empty((region.height, region.width, 3), QUANTISED[depth])
    free = budget - _taken(packed.shape[1:], region, depth=depth)
    deep = in_depths(look)
    if deep:
        render_in_depths(packed, deep[0], scene, region, pixels, depths=deep[1], free=free)
        return pixels
    room = max(free // look.bytes_per_cell, LEAST_CELLS)
    for window in windows(
        *packed.shape[1:], cells=min(room, look.cells_at_once), halo=halo, room=room, stride=look.stride
    ):
        part = overlap(window, region)
        if part is None:
            continue
        around = with_halo(packed, window, halo=halo, stride=look.stride)
        rendered = look.render(around[None], scene)[0].transpose(1, 2, 0)
        top, left = (2 * (corner - halo) for corner in (window.top, window.left))
        seen = rendered[part.top - top : part.bottom - top, part.left - left : part.right - left]
        target = pixels[part.top - region.top :, part.left - region.left :]
        quantise_into(target[: part.height, : part.width], seen)
    return pixels


def _taken(size: tuple[int, ...], region: Box, *, depth: int | None) -> int:
    """Count the bytes of a packed frame, of the mosaic and its copies, which are as large, and of the picture."""
    packed = 4 * np.dtype(np.float32).itemsize * math.prod(size)
    return 2 * packed + 3 * np.dtype(QUANTISED[depth]).itemsize * region.height * region.width
