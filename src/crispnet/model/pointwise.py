"""What is computed value by value, in sums and products: matrices, curves, enlarging, details.

Runtimes keep single values in 32 bits where they compute convolutions in 16, so what leaves a network by this way stays
smooth. Photosites lie as ``pixel_shuffle`` takes them: R, G, G, B; maps of a picture are those of red, green and blue,
four of each.
"""

import torch
from torch import Tensor
from torch.nn import functional

from crispnet.model.reconstruction import COLOURS

# Of the curve, in companded values: closest where pictures are darkest; the last is at linear 4.1.
KNOTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.1, 1.4, 1.9)
DETAILS = 3  # planes of what photosites differ by
# From there to there in all photosites, light loses its colour; cameras clip a little unevenly.
LOSING, LOST = 0.85, 0.95


def mixed(matrix: Tensor, colours: Tensor) -> Tensor:
    """Apply (b, 3, 3) matrices to (b, 3, h, w) colours, by multiplications and additions of single values."""
    columns = matrix.unbind(2)
    planes = colours[:, 0:1], colours[:, 1:2], colours[:, 2:3]
    first, second, third = (column[:, :, None, None] * plane for column, plane in zip(columns, planes, strict=True))
    return first + second + third


def product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply (b, 3, 3) matrices in 32 bits, wherever a matrix product would run in 16."""
    return (left[:, :, :, None] * right[:, None, :, :]).sum(dim=2)


def curved(companded: Tensor, slopes: Tensor) -> Tensor:
    """Bend (b, 3, h, w) companded values by one curve per photograph: the sum of hinges at ``KNOTS``.

    Args:
        companded: any values; those below 0 become 0.
        slopes: (b, knots) what each hinge adds to the slope.
    """
    bent = torch.zeros_like(companded)
    for knot, slope in zip(KNOTS, slopes.unbind(1), strict=True):
        bent = bent + slope[:, None, None, None] * (companded - knot).relu()
    return bent


def phases(planes: Tensor) -> Tensor:
    """Enlarge (b, c, h, w) twice, bilinearly: (b, 4c, h, w), from which pixels are yet to be shuffled.

    An interpolation may run in 16 bits; these are sums.
    """
    framed = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    middle = 0.75 * framed[:, :, 1:-1]
    rows = middle + 0.25 * framed[:, :, :-2], middle + 0.25 * framed[:, :, 2:]
    found = [0.75 * row[..., 1:-1] + 0.25 * side for row in rows for side in (row[..., :-2], row[..., 2:])]
    return torch.stack(found, dim=2).flatten(1, 2)


def whitened(maps: Tensor, packed: Tensor) -> Tensor:
    """Take the colour out of (b, 12, h, w) maps of a picture where all photosites of a cell, (b, 4, h, w), are clipped.

    Nothing is known of what colour clipped light was, but that it was bright; so whatever a network makes of it, it
    shall be white, as bright as the brightest colour.
    """
    lost = ((packed.amin(dim=1, keepdim=True) - LOSING) / (LOST - LOSING)).clamp(0, 1)
    red, green, blue = colours = maps.chunk(COLOURS, dim=1)
    white = red.maximum(green).maximum(blue)
    return torch.cat([colour + lost * (white - colour) for colour in colours], dim=1)


def details(planes: Tensor) -> Tensor:
    """Find what photosites differ by from their surroundings, in sums of single values: (b, 3, 4, h, w).

    The first of the three is a photosite's value less its colour's, enlarged as ``phases`` does; what is enlarged
    and this add up to what the photosite says. The second is the mean of the first over the photosites to the left and
    the right, the third over those above and below. Photosites lie as ``pixel_shuffle`` takes them: R, G, G, B.

    Args:
        planes: (b, 4, h, w) R, G, B, G.
    """
    framed = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    red, green, blue, other_green = (framed[:, place : place + 1] for place in range(4))
    middle = (green + other_green) / 2
    sites = torch.cat((red, green, other_green, blue), dim=1)[..., 1:-1, 1:-1]
    own = sites - _at_sites(torch.cat((red, middle, middle, blue), dim=1))
    framed = functional.pad(own, (1, 1, 1, 1), mode="replicate")
    # A site's neighbours are the other site of its row (or column), in its own cell and in the one beside it.
    pairs = framed[:, [1, 0, 3, 2], 1:-1], framed[:, [2, 3, 0, 1], :, 1:-1]
    sums = pairs[0][..., :-1] + pairs[0][..., 1:], pairs[1][:, :, :-1] + pairs[1][:, :, 1:]
    across = [sums[0][:, place : place + 1, :, place % 2 :][..., : planes.shape[3]] for place in range(4)]
    down = sums[1][:, :2, :-1], sums[1][:, 2:, 1:]
    return torch.stack((own, torch.cat(across, dim=1) / 2, torch.cat(down, dim=1) / 2), dim=1)


def _at_sites(framed: Tensor) -> Tensor:
    """Enlarge (b, 4, h + 2, w + 2) planes twice, and keep of each the photosite of its place: (b, 4, h, w)."""
    middle = 0.75 * framed[:, :, 1:-1]
    rows = middle[:, :2] + 0.25 * framed[:, :2, :-2], middle[:, 2:] + 0.25 * framed[:, 2:, 2:]
    sites = []
    for row in rows:
        left, right = row[:, :1], row[:, 1:]
        sites += [
            0.75 * left[..., 1:-1] + 0.25 * left[..., :-2],
            0.75 * right[..., 1:-1] + 0.25 * right[..., 2:],
        ]
    return torch.cat(sites, dim=1)


def weighed(details: Tensor, weights: Tensor) -> Tensor:
    """Mix (b, 3, 4, h, w) details by (b, 9, h, w) weights, for each detail those of three colours: (b, 12, h, w)."""
    each = weights.unflatten(1, (DETAILS, COLOURS))  # type: ignore[no-untyped-call]
    first, *others = (each[:, place, :, None] * details[:, place, None] for place in range(DETAILS))
    return sum(others, start=first).flatten(1, 2)
