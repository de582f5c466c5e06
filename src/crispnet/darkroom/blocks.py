"""How the blocks of one picture moved in another: found by correlation, agreed upon as one cubic.

Notation: that of ``darkroom.levels``. A block's **sureness** is the (2, 2) curvature of its correlation about the best
shift: large where there is structure in both directions, 0 along an edge.
"""

import numpy as np

BLOCKS = 16  # along the longer side
PLAIN = 0.02  # mean square of the features of what is too plain to tell where it lies
POWERS = [(i, j) for i in range(4) for j in range(4 - i)]  # of down and across, in a cubic
STIFFNESS = 3e-4  # how hard a cubic is to bend, against what the blocks say
ROUNDS, OUTLIER = 5, 0.5  # of asking again; pixels by which a block may disagree with the others before it counts half


def scores(
    ours: np.ndarray, laid: np.ndarray, inside: np.ndarray, *, reach: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Correlate blocks of features at every shift of at most ``reach`` pixels.

    Only pixels count that stay ``inside`` (h, w; 1 or 0) at every shift: else the edge of the picture would seem to
    move along.

    Returns:
        (shifts down, shifts across, rows, columns), -1 to 1; and where the middles of the blocks lie, down and across,
        in pixels.
    """
    shape = [length - 2 * reach for length in ours.shape]
    edges = [np.linspace(0, length, max(1, round(BLOCKS * length / max(shape))) + 1).astype(int) for length in shape]

    def summed(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.add.reduceat(values, edges[0][:-1], axis=0), edges[1][:-1], axis=1)

    def window(values: np.ndarray, down: int, across: int) -> np.ndarray:
        return values[down : down + shape[0], across : across + shape[1]]

    counts = window(inside, reach, reach).copy()
    for corner in np.ndindex(2, 2):
        counts *= window(inside, 2 * reach * corner[0], 2 * reach * corner[1])
    conjugate = window(ours, reach, reach).conj() * counts
    energy, least = summed(np.abs(conjugate) ** 2), PLAIN * summed(np.ones(shape, np.float32))
    energies = np.abs(laid) ** 2
    found = np.empty((2 * reach + 1, 2 * reach + 1, *energy.shape), np.float32)
    for shift in np.ndindex(found.shape[:2]):
        products = summed((conjugate * window(laid, *shift)).real)
        theirs = summed(window(energies, *shift) * counts)
        found[shift] = products / np.sqrt(np.maximum(energy, least) * np.maximum(theirs, least))
    return found, [(edge[1:] + edge[:-1] - 1) / 2 + reach for edge in edges]


def peaks(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the best shift (n, 2), across and down in pixels, of each block, and its sureness (n, 2, 2)."""
    side = len(scores)
    flat = scores.reshape(side, side, -1)
    inner = flat[1:-1, 1:-1].reshape((side - 2) ** 2, -1)
    down, across = np.divmod(inner.argmax(axis=0), side - 2)
    each = np.arange(flat.shape[2])
    around = np.stack([[flat[down + i, across + j, each] for j in range(3)] for i in range(3)])
    slope = np.stack([around[1, 2] - around[1, 0], around[2, 1] - around[0, 1]], axis=-1) / 2
    twist = (around[2, 0] + around[0, 2] - around[0, 0] - around[2, 2]) / 4
    curves = 2 * around[1, 1] - around[1, 0] - around[1, 2], 2 * around[1, 1] - around[0, 1] - around[2, 1]
    values, vectors = np.linalg.eigh(np.stack([curves[0], twist, twist, curves[1]], axis=-1).reshape(-1, 2, 2))
    values = np.maximum(values, 0)  # along an edge nothing is known
    weights = np.square(np.maximum(around[1, 1], 0))[:, None, None]
    sureness = np.einsum("nik,nk,njk->nij", vectors, values, vectors)
    step = np.einsum("nik,nk,njk,nj->ni", vectors, 1 / (values + 1e-3), vectors, slope)
    return np.stack([across, down], axis=-1) + 1 - side // 2 + np.clip(step, -1, 1), sureness * weights


def agreed(terms: np.ndarray, moved: np.ndarray, sureness: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """Fit a cubic (10, 2) to how n blocks moved, so that a few that moved otherwise do not count.

    What is bent after it, on top of the cubic ``bent`` so far, is kept small where the blocks do not ask for it.
    """
    stiffness = np.array([STIFFNESS * (i + j > 1) for i, j in POWERS]).repeat(2)
    weights, shift = np.ones(len(terms)), np.zeros((len(POWERS), 2))
    for _ in range(ROUNDS):
        known = sureness * weights[:, None, None]
        normal = np.einsum("ni,nab,nk->iakb", terms, known, terms).reshape(20, 20)
        wanted = np.einsum("ni,nab,nb->ia", terms, known, moved).ravel()
        total = np.trace(normal) + 1e-9
        rigid = stiffness * total
        shift = np.linalg.solve(normal + np.diag(rigid + 1e-9), wanted - rigid * bent.ravel()).reshape(-1, 2)
        rest = moved - terms @ shift
        squares = np.einsum("na,nab,nb->n", rest, sureness, rest) / (np.trace(sureness, axis1=1, axis2=2) + 1e-9)
        weights = 1 / (1 + squares / OUTLIER**2)
    return shift


def followed(
    cubic: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    moved: np.ndarray,
    sureness: np.ndarray,
    *,
    unit: float,
) -> np.ndarray:
    """Move a cubic (2, 4, 4) the way that blocks ask for.

    Args:
        cubic: by which the other picture was laid over ours.
        places: positions down (rows,) and across (columns,) of the middles of the blocks.
        moved: (n, 2), across and down, in pixels, as ``peaks`` found.
        sureness: (n, 2, 2), likewise.
        unit: of a pixel, in positions.
    """
    down, across = places
    terms = np.stack([np.multiply.outer(down**i, across**j).ravel() for i, j in POWERS], axis=-1)
    linear = np.array([[axis[0, 1], axis[1, 0]] for axis in cubic])
    bent = np.stack([cubic[:, i, j] for i, j in POWERS]) @ np.linalg.inv(linear).T / unit
    steps = agreed(terms, moved, sureness, bent) * unit
    moved_on = cubic.copy()
    for (i, j), step in zip(POWERS, steps @ linear.T, strict=True):
        moved_on[:, i, j] += step
    return moved_on
