"""Colours become surfaces: a smooth reflectance for each linear sRGB colour, and what a camera sees of it.

Follows Jakob and Hanika, "A Low-Dimensional Function Space for Efficient Spectral Upsampling" (2019): a reflectance is
S(c0 l^2 + c1 l + c2) with S(x) = 1/2 + x / (2 sqrt(1 + x^2)) and l the wavelength, scaled to [-1, 1].

The eye's and the camera's response to a surface grow with the light on it. So colours are told apart by chromaticity
alone, on the three faces of the RGB cube where the largest of R, G and B is 1; brighter and darker ones are multiples.
"""

from functools import cache

import numpy as np

from crispnet.colour import XYZ_TO_SRGB
from crispnet.data.spectra import WAVELENGTHS, srgb_white_weights
from crispnet.strips import for_each, strips

STEPS = 33  # points along each edge of a face
BRIGHTNESS = 0.5  # of the solved colours: white becomes an even 50 % grey, and saturated colours stay possible
OTHERS = ((1, 2), (0, 2), (0, 1))  # the two colours that vary on the face of red, of green, of blue
ROUNDS = 40  # far more than it takes


@cache
def face_reflectances() -> np.ndarray:
    """Solve for the reflectances of the three faces' colours, (3, STEPS, STEPS, 31).

    Levenberg and Marquardt's method for all colours at once. They belong to colours of ``BRIGHTNESS``; divide
    what is seen of them by it.
    """
    wanted = BRIGHTNESS * _face_colours().reshape(-1, 3)
    scaled = (WAVELENGTHS - 550) / 150
    basis = np.stack([scaled**2, scaled, np.ones_like(scaled)])
    to_srgb = XYZ_TO_SRGB @ srgb_white_weights()
    found, damping = np.zeros_like(wanted), np.full(len(wanted), 1e-3)
    miss = _seen(found, basis, to_srgb) - wanted
    for _ in range(ROUNDS):
        slope = 0.5 * (1 + (found @ basis) ** 2) ** -1.5
        jacobian = np.einsum("kl,nl,jl->nkj", to_srgb, slope, basis)
        square = jacobian.transpose(0, 2, 1) @ jacobian
        push = np.einsum("nkj,nk->nj", jacobian, miss)
        step = np.linalg.solve(square + damping[:, None, None] * np.eye(3), push[..., None])[..., 0]
        missed = _seen(found - step, basis, to_srgb) - wanted
        better = (missed**2).sum(axis=1) < (miss**2).sum(axis=1)
        found[better] -= step[better]
        miss[better] = missed[better]
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-12, 1e3)
    return _sigmoid(found @ basis).reshape(3, STEPS, STEPS, -1)


def face_table(weights: np.ndarray) -> np.ndarray:
    """Tabulate what a sensor of (3, 31) ``weights`` (light x sensitivity) sees of the faces' colours.

    Returns (3, STEPS, STEPS, 3) float32, for ``look_up``.
    """
    return (face_reflectances() @ weights.T / BRIGHTNESS).astype(np.float32)


def look_up(table: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Find what a sensor sees of (h, w, 3) linear sRGB colours: float32 of that shape.

    Between the table's points it interpolates linearly. Values may exceed 1; what is below 0 is taken for 0.
    """
    seen = np.empty(colours.shape, np.float32)

    def fill(rows: slice) -> None:
        flat = np.maximum(colours[rows], 0, dtype=np.float32).reshape(-1, 3)
        seen[rows] = _look_up(table, flat).reshape(seen[rows].shape)

    for_each(strips(len(colours), 32), fill)
    return seen


def _look_up(table: np.ndarray, flat: np.ndarray) -> np.ndarray:
    face = flat.argmax(axis=1)
    pixels = np.arange(len(flat))
    largest = flat[pixels, face]
    scale = (STEPS - 1) / np.maximum(largest, np.float32(1e-20))
    place = flat[pixels[:, None], np.array(OTHERS)[face]] * scale[:, None]
    corner = np.minimum(place.astype(np.int32), STEPS - 2)
    down, across = (place - corner).T
    points, first = table.reshape(-1, 3), (face * STEPS + corner[:, 0]) * STEPS + corner[:, 1]
    seen = points[first] * ((1 - down) * (1 - across))[:, None]
    seen += points[first + 1] * ((1 - down) * across)[:, None]
    seen += points[first + STEPS] * (down * (1 - across))[:, None]
    seen += points[first + STEPS + 1] * (down * across)[:, None]
    return seen * largest[:, None]


def _face_colours() -> np.ndarray:
    """The colours of the three faces, (3, STEPS, STEPS, 3)."""
    colours = np.ones((3, STEPS, STEPS, 3))
    edge = np.linspace(0, 1, STEPS)
    for face, (down, across) in enumerate(OTHERS):
        colours[face, ..., down] = edge[:, None]
        colours[face, ..., across] = edge
    return colours


def _seen(found: np.ndarray, basis: np.ndarray, to_srgb: np.ndarray) -> np.ndarray:
    return _sigmoid(found @ basis) @ to_srgb.T


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * x / np.sqrt(1 + x * x)
