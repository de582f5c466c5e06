"""Renders a packed frame with a look: windows one after another, joined; or in depths, where the look has them."""

from dataclasses import replace

import numpy as np

from crispnet.darkroom.quantise import QUANTISED, quantise_into
from crispnet.darkroom.streaming import render_in_depths
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
    free = budget - 2 * packed.nbytes - pixels.nbytes  # the mosaic and its copies are as large as half of packed
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
