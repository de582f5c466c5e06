"""Reads colours between the nodes of a table.

A **table** holds n x n x n nodes that span the cube [0, 1]^3 of sRGB-encoded colours: ``nodes[red, green, blue]`` is
the colour, (3,), that this one becomes. Between nodes it is trilinear; places outside the cube go to its surface.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

CORNERS = tuple(product((0, 1), repeat=3))


def identity(size: int) -> np.ndarray:
    """Make the table (size, size, size, 3) float64 that changes nothing.

    >>> identity(3)[2, 1, 0].tolist()
    [1.0, 0.5, 0.0]
    """
    return np.stack(np.meshgrid(*[np.linspace(0, 1, size)] * 3, indexing="ij"), axis=-1)


def interpolate(nodes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Read the values (..., 3) float32 of a table (n, n, n, 3) at places (..., 3), clipped to [0, 1]."""
    size = nodes.shape[0]
    table = nodes.reshape(-1, nodes.shape[-1]).astype(np.float32)
    cell, shares = cell_and_shares(places.reshape(-1, 3), size)
    origin = cell @ np.array([size * size, size, 1])
    values = np.zeros((len(origin), table.shape[1]), np.float32)
    for corner, weight in corner_weights(shares):
        values += weight[:, None] * table[origin + np.dot(corner, (size * size, size, 1))]
    return values.reshape(*places.shape[:-1], table.shape[1])


def resampled(nodes: np.ndarray, size: int) -> np.ndarray:
    """Give a table another number of nodes along each axis, float32; with the same number it stays as it is."""
    return nodes.astype(np.float32) if len(nodes) == size else interpolate(nodes, identity(size))


def cell_and_shares(places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the lower node of the cell that each place (m, 3) lies in, and how far in, along each axis."""
    scaled = np.clip(places, 0, 1) * (size - 1)
    cell = np.minimum(scaled.astype(np.int64), size - 2)
    return cell, (scaled - cell).astype(np.float32)


def corner_weights(shares: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Give each corner of a cell with its trilinear weight at each place (m, 3) in it."""
    sides = np.stack([1 - shares, shares])
    for corner in CORNERS:
        yield corner, sides[corner[0], :, 0] * sides[corner[1], :, 1] * sides[corner[2], :, 2]
