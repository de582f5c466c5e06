"""More scenes out of one raw: parts of it, with more light or less, of other colour, behind haze.

What a developer makes of a colour depends on what else is in the scene and on how bright it is. A few raws show few
scenes; but where a program can be asked what it makes of any raw, their parts are scenes, too.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from crispnet.data.cut import cut_out
from crispnet.raw.bayer import pack_linear, unpack
from crispnet.raw.image import Box, RawImage

SHARES = (0.45, 0.9)  # of each side that a part keeps
SMALLEST = 400  # photosites along the shorter side of a part
LIGHT = (-1.5, 0.7)  # EV; what then goes beyond white is clipped, as it would have been by the sensor
COLOUR = 0.12  # EV by which red light and blue light differ from green, in a standard deviation
STRONG, STRONG_COLOUR = 0.15, 0.6  # share of parts in light of strong colour, as of a burning sky; its deviation
HAZY, HAZE = 0.25, (0.0, 0.3)  # share of parts with haze before them, and how much of the light that is
BRIGHT = 95  # percentile of green that haze is as bright as


def variants(raw: RawImage, *, count: int, seed: int) -> Iterator[RawImage]:
    """Give so many parts of a raw image, each in a light of its own, and some behind haze.

    Noise is that of the shot, brightened or dimmed with it, and ``noise_profile`` says so. Raws with opcodes, which
    speak of places in the whole frame, keep their frame. What the raw says of its white balance stays, so a part in
    warmer light is a warmer picture, as a scene of warmer things would be.
    """
    chance = np.random.default_rng(seed)
    for _ in range(count):
        part = raw if raw.opcodes else _part(raw, chance)
        seen, haze = _haze(part, chance) if chance.random() < HAZY else (1.0, np.zeros(4))
        red, blue = 2 ** chance.normal(0, STRONG_COLOUR if chance.random() < STRONG else COLOUR, 2)
        light = 2 ** chance.uniform(*LIGHT) * np.array([red, 1, blue, 1])
        yield _lit(part, light * seen, haze=light * haze)


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


def _haze(raw: RawImage, chance: np.random.Generator) -> tuple[float, np.ndarray]:
    """Put haze before a scene: grey, of one thickness, and as bright as what is bright there.

    Returns:
        how much of the scene is still seen, and (4,) the light that is added, of planes R, G, B, G.
    """
    share = chance.uniform(*HAZE)
    green = np.percentile(pack_linear(raw)[1], BRIGHT)
    return 1 - share, share * green * raw.white_balance[1] / raw.white_balance


def _lit(raw: RawImage, gains: np.ndarray, *, haze: np.ndarray) -> RawImage:
    """Multiply the light of a raw image, and add to it; counts are rounded once.

    Args:
        raw: the image.
        gains: (4,) of its planes R, G, B, G.
        haze: (4,) light that is added, of which 1 reaches from black to white.
    """
    black = np.tile(raw.black, (raw.rows // 2 + 1, raw.columns // 2 + 1))[: raw.rows, : raw.columns]
    for deltas, axis in ((raw.black_rows, 1), (raw.black_columns, 0)):
        black = black if deltas is None else black + np.expand_dims(deltas, axis)
    gain, added = (_at_sites(planes, raw) for planes in (gains, haze))
    counts = np.rint(black + gain * (raw.mosaic - black) + added * (raw.white - black))
    profile = raw.noise_profile
    if profile is not None:  # of v, brightened to g v + h, the variance is g (scale (g v + h) - scale h + g offset)
        scale, offset = profile.T
        profile = np.stack((gains * scale, np.maximum(gains**2 * offset - gains * scale * haze, 0)), axis=1)
    return replace(raw, mosaic=counts.clip(0, raw.white).astype(raw.mosaic.dtype), noise_profile=profile, path=None)


def _at_sites(planes: np.ndarray, raw: RawImage) -> np.ndarray:
    """Lay the values of planes R, G, B, G over a mosaic."""
    cells = np.broadcast_to(planes[:, None, None], (4, raw.rows // 2 + 1, raw.columns // 2 + 1))
    return unpack(cells, raw.cfa, raw.rows, raw.columns)
