"""A table of colours over a cube, fitted to scattered samples: the mathematics of a 3-D lookup table.

A lattice of n x n x n nodes spans the cube [0, 1]^3; between nodes values are trilinear. Its values solve

    minimise  sum over samples |interpolated - wanted|²  +  stiffness · sum over nodes |second differences|²

Straight continuations cost nothing, so nodes that no sample comes near continue those that some do, and an affine
mapping is found exactly. Where the values are ``drawn`` to a prior, the second differences are those from the prior,
and drawn · sum over nodes |values - prior|² is made small, too: then what no sample comes near is the prior.
"""

from collections.abc import Callable, Iterable

import numpy as np

from crispnet.look.trilinear import cell_and_shares, corner_weights


class NormalEquations:
    """Collects samples; what it holds does not grow with their number.

    Attributes:
        size: n, nodes along each axis.
        count: samples added so far.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0
        self._strides = np.array([size * size, size, 1])
        # One array for each way that two corners of a cell lie to each other, forwards only: the matrix is symmetric.
        self._products: dict[tuple[int, ...], np.ndarray] = {}
        self._wanted = np.zeros((3, size**3))

    def add(self, places: np.ndarray, wanted: np.ndarray) -> None:
        """Add samples: ``places`` (m, 3) in [0, 1] and what is ``wanted`` there (m, 3)."""
        cell, shares = cell_and_shares(places, self.size)
        origin = cell @ self._strides
        corners = [(corner, origin + np.dot(corner, self._strides), share) for corner, share in corner_weights(shares)]
        for number, (corner, node, weight) in enumerate(corners):
            for channel, values in zip(self._wanted, wanted.T, strict=True):
                channel += np.bincount(node, weight * values, minlength=self.size**3)
            for other, _, other_weight in corners[number:]:
                way = tuple(int(there) - int(here) for here, there in zip(corner, other, strict=True))
                met = np.bincount(node, weight * other_weight, minlength=self.size**3)
                self._products[way] = self._products.get(way, 0.0) + met
        self.count += len(places)

    @classmethod
    def joined(cls, many: Iterable["NormalEquations"]) -> "NormalEquations":
        """Make one of many, as if all their samples had been added to it; they must be of one size."""
        first, *others = many
        whole = cls(first.size)
        for each in (first, *others):
            whole.count += each.count
            whole._wanted = whole._wanted + each._wanted
            for way, met in each._products.items():
                whole._products[way] = whole._products.get(way, 0.0) + met
        return whole

    def solve(self, start: np.ndarray, *, stiffness: float, drawn: float = 0.0, steps: int = 300) -> np.ndarray:
        """Find the nodes' values (n, n, n, 3) by conjugate gradients from ``start``, of the same shape.

        Args:
            start: where to begin; the better, the fewer steps. Where ``drawn``, it is the prior as well.
            stiffness: weight of one second difference against the samples of an average node.
            drawn: weight of one node's difference from the prior; 0 for no prior.
            steps: at most; it ends when the residual is 1e-7 of what it was.
        """
        if self.count == 0:
            raise ValueError("expected samples to have been added, got none")
        scale = self.size**3 / self.count
        ways = {way: scale * met for way, met in self._products.items()}

        def apply(values: np.ndarray) -> np.ndarray:
            return _apply(ways, values, self.size) + regular(values)

        def regular(values: np.ndarray) -> np.ndarray:
            return stiffness * _bending(values.reshape(3, *[self.size] * 3)) + drawn * values

        diagonal = ways[0, 0, 0] + 18 * stiffness + drawn  # 6 for each axis inside
        values = np.moveaxis(start, -1, 0).reshape(3, -1).astype(np.float64)
        wanted = scale * self._wanted + (regular(values) if drawn else 0.0)
        values = _conjugate_gradients(apply, wanted, values, diagonal, steps=steps)
        return np.moveaxis(values.reshape(3, *[self.size] * 3), 0, -1)


def _apply(ways: dict[tuple[int, ...], np.ndarray], values: np.ndarray, size: int) -> np.ndarray:
    result = ways[0, 0, 0] * values
    for way, met in ways.items():
        ahead = int(np.dot(way, (size * size, size, 1)))
        if ahead:  # rows of nodes do not run over into the next: no sample lies beyond the last cell
            result[:, :-ahead] += met[:-ahead] * values[:, ahead:]
            result[:, ahead:] += met[:-ahead] * values[:, :-ahead]
    return result


def _bending(values: np.ndarray) -> np.ndarray:
    """Apply the transposed second differences to the second differences, along all three axes."""
    result = np.zeros_like(values)
    for axis in (1, 2, 3):
        along, target = np.moveaxis(values, axis, -1), np.moveaxis(result, axis, -1)
        bend = along[..., :-2] - 2 * along[..., 1:-1] + along[..., 2:]
        target[..., :-2] += bend
        target[..., 1:-1] -= 2 * bend
        target[..., 2:] += bend
    return result.reshape(len(values), -1)


def _conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray],
    wanted: np.ndarray,
    values: np.ndarray,
    diagonal: np.ndarray,
    *,
    steps: int,
) -> np.ndarray:
    """Solve for three channels at once, scaled by the matrix's diagonal (Jacobi)."""
    residual = wanted - apply(values)
    enough = 1e-14 * np.sum(wanted**2, axis=1, keepdims=True)
    direction = scaled = residual / diagonal
    energy = np.sum(residual * scaled, axis=1, keepdims=True)
    for _ in range(steps):
        if np.all(np.sum(residual**2, axis=1, keepdims=True) <= enough):
            break
        moved = apply(direction)
        length = energy / np.maximum(np.sum(direction * moved, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        values = values + length * direction
        residual = residual - length * moved
        scaled = residual / diagonal
        before, energy = energy, np.sum(residual * scaled, axis=1, keepdims=True)
        direction = scaled + energy / np.maximum(before, np.finfo(np.float64).tiny) * direction
    return values
