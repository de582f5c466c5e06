"""How bright a scene is, and how its brightness and colours are spread: what automatic developers go by.

Scenes are thumbnails, (b, 3, h, w) linear sRGB, balanced by their light. All of it is differentiable.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from crispnet.model.layers import compand

LUMINANCE = (0.2126, 0.7152, 0.0722)  # of linear sRGB (IEC 61966-2-1)
GREY, DARKEST, GAINS = 0.18, 1e-4, (0.25, 64.0)
DARK, BRIGHT = -5.0, 4.0  # EV from middle grey: first and last threshold
SOFTNESS = 0.5  # EV, of a threshold of ``shares``
SHARP, SEEN = 0.1, 1e-4  # of ``tails``: the same, and the smallest share of a picture that counts
COARSE, BRIGHTEST = 4, 4.0  # of ``palette``: pixels each way that count as one, and the brightest they may be
FARTHEST = 0.36  # of companded colours from grey, in its plane
LIGHT, LIGHTNESS = 0.5, 0.06  # companded: the middle between dark and light, and how soft it is
MIDDLE = 0.3  # standard deviation, in halves of a side, of what counts as the middle of a picture


def exposed(canonical: Tensor) -> Tensor:
    """Find the gain that brings the geometric mean of the luminance of (b, 3, h, w) linear sRGB to 0.18: (b, 1)."""
    luminance = _luminance(canonical)
    mean = luminance.clamp(min=DARKEST).log().mean(dim=(1, 2))
    return (GREY / mean.exp()).clamp(*GAINS)[:, None]


def shares(exposed: Tensor, thresholds: int) -> list[Tensor]:
    """Tell which shares of (b, 3, h, w) exposed pictures, and of their middles, are brighter than each threshold.

    What a developer's automatic exposure asks for is in these few numbers, where an eye for scenes would have to
    learn it from many. A pixel half an EV about a threshold counts in part, so that there is a gradient.

    Returns:
        Two (b, thresholds), from 0 to 1; nothing for no thresholds.
    """
    if not thresholds:
        return []
    luminance = _luminance(exposed)
    stops = _stops(luminance)
    down, across = (torch.linspace(-1, 1, side, device=exposed.device) for side in luminance.shape[1:])
    middle = torch.exp(-(down[:, None].square() + across.square()) / (2 * MIDDLE**2))
    counts = _beyond(stops, thresholds, SOFTNESS)
    return [
        torch.stack([(weights * count).mean(dim=(1, 2)) for count in counts], dim=1)
        for weights in (torch.ones_like(middle), middle / middle.mean())
    ]


def tails(exposed: Tensor, thresholds: int) -> list[Tensor]:
    """Tell how little of (b, 3, h, w) exposed pictures is brighter, or darker, than each threshold.

    Where black and white are set by the last ten-thousandth of a picture, shares say nothing and their logarithms do.
    A pixel is as bright as its brightest colour, and as dark as its darkest.

    Returns:
        Two (b, thresholds), 0 for nothing and 1 for all; nothing for no thresholds.
    """
    if not thresholds:
        return []
    ends = []
    for softness, stops in ((SHARP, _stops(exposed.amax(dim=1))), (-SHARP, _stops(exposed.amin(dim=1)))):
        some = [count.mean(dim=(1, 2)) for count in _beyond(stops, thresholds, softness)]
        ends.append(1 - torch.stack(some, dim=1).clamp(min=SEEN).log() / math.log(SEEN))
    return ends


def casts(exposed: Tensor, thresholds: int) -> list[Tensor]:
    """Tell the colour of what is brighter than each threshold in (b, 3, h, w) exposed pictures.

    A pixel counts by its darkest colour, so what is bright is nearly grey, as haze and white things are: the lowest
    threshold tells the mean of nearly all (the grey world of automatic white balances), the highest the colour of the
    brightest (their white patch, and what removers of haze take for its light).

    Returns:
        Two (b, thresholds), EV by which red, and blue, are brighter than green, held between -1 and 1 so that no scene
        is far from all that were learned from; nothing for no thresholds.
    """
    if not thresholds:
        return []
    stops = _stops(exposed.amin(dim=1))
    lit = exposed.clamp(min=DARKEST)
    means = [(lit * count[:, None]).mean(dim=(2, 3)).log2() for count in _beyond(stops, thresholds, SOFTNESS)]
    red, green, blue = torch.stack(means, dim=2).unbind(1)
    return [(red - green).tanh(), (blue - green).tanh()]


def palette(exposed: Tensor, bins: int) -> list[Tensor]:
    """Tell which shares of (b, 3, h, w) exposed pictures are of each colour, dark and light.

    Skies, leaves, skin and snow have their places in the plane of companded red less green and blue less both; how much
    of a picture is there is what decides how phones treat it. A pixel between two places counts in part for both.
    Pictures are looked at in quarters of their sides, in which there is no noise to speak of.

    Args:
        exposed: sides at least 4.
        bins: places to each side of the plane, from 2; 0 for none.

    Returns:
        One (b, 2 * bins ** 2), from 0 to 1, the dark ones first; nothing for no bins.
    """
    if not bins:
        return []
    coarse = functional.avg_pool2d(exposed, COARSE).clamp(max=BRIGHTEST).flatten(2)
    red, green, blue = compand(coarse).unbind(1)
    redness, blueness = (_at_places(values, bins) for values in (red - green, blue - (red + green) / 2))
    light = (((red + green + blue) / 3 - LIGHT) / LIGHTNESS).sigmoid()
    lit = (torch.stack((1 - light, light), dim=1)[:, :, None] * redness[:, None]).flatten(1, 2)
    return [(lit[:, :, None] * blueness[:, None]).mean(dim=3).flatten(1)]


def _at_places(values: Tensor, bins: int) -> Tensor:
    """Tell how much of (b, n) values is at each place from -``FARTHEST`` to ``FARTHEST``, ends open: (b, bins, n)."""
    apart = 2 * FARTHEST / (bins - 1)
    places = torch.linspace(-FARTHEST, FARTHEST, bins, device=values.device)
    held = values.clamp(-FARTHEST, FARTHEST)
    return (1 - (held[:, None] - places[:, None]).abs() / apart).relu()


def _beyond(stops: Tensor, thresholds: int, softness: float) -> list[Tensor]:
    """Tell how far each of (b, h, w) counts as beyond each threshold, from 0 to 1; as below it for softness below 0."""
    levels = torch.linspace(DARK, BRIGHT, thresholds, device=stops.device)
    return [((stops - level) / softness).sigmoid() for level in levels.unbind()]


def _luminance(linear: Tensor) -> Tensor:
    red, green, blue = linear.unbind(1)
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def _stops(luminance: Tensor) -> Tensor:
    return (luminance.clamp(min=DARKEST) / GREY).log2()
