"""More scenes out of one raw: parts of it, with more light or with less.

What a developer makes of a colour depends on what else is in the scene and on how bright it is. A few raws show few
scenes; but where a program can be asked what it makes of any raw, their parts are scenes, too.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from crispnet.data.cut import cut_out
from crispnet.raw.image import Box, RawImage

SHARES = (0.45, 0.9)  # of each side that a part keeps
SMALLEST = 400  # photosites along the shorter side of a part
LIGHT = (-1.5, 0.7)  # EV; what then goes beyond white is clipped, as it would have been by the sensor


def variants(raw: RawImage, *, count: int, seed: int) -> Iterator[RawImage]:
    """Give so many parts of a raw image, each in a light of its own.

    Noise is that of the shot, brightened or dimmed with it, and ``noise_profile`` says so. Raws with opcodes, which
    speak of places in the whole frame, keep their frame.
    """
    chance = np.random.default_rng(seed)
    for _ in range(count):
        part = raw if raw.opcodes else _part(raw, chance)
        yield _lit(part, 2 ** chance.uniform(*LIGHT))


def rewritten(raw: RawImage) -> RawImage:
    """Give what is left of a raw image when it is written as a variant is, with nothing changed."""
    crop = raw.crop
    return raw if raw.opcodes else cut_out(raw, Box(crop.top & ~1, crop.left & ~1, crop.height, crop.width))


def _part(raw: RawImage, chance: np.random.Generator) -> RawImage:
    share = chance.uniform(*SHARES)
    height, width = (max(min(SMALLEST, side), round(share * side)) for side in (raw.crop.height, raw.crop.width))
    top = raw.crop.top + round(chance.uniform(0, raw.crop.height - height))
    left = raw.crop.left + round(chance.uniform(0, raw.crop.width - width))
    return cut_out(raw, Box(top & ~1, left & ~1, height, width))


def _lit(raw: RawImage, gain: float) -> RawImage:
    """Multiply the light of a raw image."""
    black = np.tile(raw.black, (raw.rows // 2 + 1, raw.columns // 2 + 1))[: raw.rows, : raw.columns]
    for deltas, axis in ((raw.black_rows, 1), (raw.black_columns, 0)):
        black = black if deltas is None else black + np.expand_dims(deltas, axis)
    counts = np.rint(black + gain * (raw.mosaic - black)).clip(0, raw.white).astype(raw.mosaic.dtype)
    noise = None if raw.noise_profile is None else raw.noise_profile * np.array([gain, gain**2])
    return replace(raw, mosaic=counts, noise_profile=noise, path=None)
