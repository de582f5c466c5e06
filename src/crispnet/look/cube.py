"""Tables of colours as files that other programs open: .cube, and the picture called HaldCLUT.

Both lead from sRGB-encoded colours to sRGB-encoded ones. A table is (n, n, n, 3), ``nodes[red, green, blue]``, as in
``look.trilinear``; in files red changes fastest, then green.

- **.cube** (Adobe, Cube LUT Specification 1.0): text, a line for each node, after a title, the size and the domain.
- **HaldCLUT** (Steenberg): a square picture of level L, L^3 pixels wide, whose pixels, row by row, are the nodes of a
  table with L^2 along each axis.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from crispnet.errors import LookError

SIZES = (2, 65)  # nodes along each axis of a .cube file; larger ones are hardly met
MOST_BYTES = 32 << 20
LONGEST_LINE = 240  # characters; the specification allows 250
WHITE = 65535


def cube_text(nodes: np.ndarray, *, title: str, comments: Iterable[str] = ()) -> bytes:
    """Write a table in [0, 1] as the content of a .cube file, in ASCII; other characters become question marks."""
    header = [
        f'TITLE "{_plain(title)}"',
        *(f"# {_plain(comment)}" for comment in comments),
        f"LUT_3D_SIZE {len(nodes)}",
        "DOMAIN_MIN 0.0 0.0 0.0",
        "DOMAIN_MAX 1.0 1.0 1.0",
    ]
    lines = ("{:.6f} {:.6f} {:.6f}".format(*colour) for colour in _in_order(nodes).tolist())
    return ("\n".join([*header, *lines]) + "\n").encode("ascii", "replace")


def read_cube(path: Path) -> np.ndarray:
    """Read the table of a .cube file: (n, n, n, 3) float32.

    Raises:
        LookError: it cannot be read, or is no table of three dimensions over [0, 1].
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LookError(
            f"{path} cannot be read: {error.strerror or error}. A table (.cube) was needed. Check its name."
        ) from error
    try:
        return _parsed(content)
    except ValueError as error:
        raise LookError(
            f"{path} cannot be used as a table: {error}. A .cube file with LUT_3D_SIZE, over colours from 0 to 1, was "
            "needed. Export it again."
        ) from error


def to_hald(nodes: np.ndarray) -> np.ndarray:
    """Lay a table in [0, 1] out as a HaldCLUT: (s, s, 3) uint16; n must be a square number, and s is n^1.5.

    >>> to_hald(np.zeros((4, 4, 4, 3))).shape
    (8, 8, 3)
    """
    level = math.isqrt(len(nodes))
    if level**2 != len(nodes):
        raise ValueError(f"expected a square number of nodes along each axis, got {len(nodes)}")
    codes = np.floor(np.clip(_in_order(nodes), 0, 1) * WHITE + 0.5).astype(np.uint16)
    return codes.reshape(level**3, level**3, 3)


def from_hald(picture: np.ndarray) -> np.ndarray:
    """Read the table (n, n, n, 3) float32 of a HaldCLUT (s, s, 3) of 8 or 16 bits: the inverse of ``to_hald``."""
    level = round(len(picture) ** (1 / 3))
    if picture.shape != (level**3, level**3, 3) or level < 2:
        raise ValueError(f"expected a square of 8, 27, 64, ... pixels a side in three colours, got {picture.shape}")
    colours = picture.reshape(-1, 3).astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)
    return _from_order(colours, level**2)


def _in_order(nodes: np.ndarray) -> np.ndarray:
    """List the nodes' colours (n^3, 3), red changing fastest."""
    return nodes.transpose(2, 1, 0, 3).reshape(-1, 3)


def _from_order(colours: np.ndarray, size: int) -> np.ndarray:
    return colours.reshape(size, size, size, 3).transpose(2, 1, 0, 3)


def _plain(text: str) -> str:
    return " ".join(text.replace('"', "'").split())[:LONGEST_LINE]


def _parsed(content: bytes) -> np.ndarray:
    """Read the content of a .cube file; what is wrong with it is said by a ValueError."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
    size, colours = 0, []
    for word, values in _lines(content):
        if word == "LUT_1D_SIZE":
            raise ValueError("it is of one dimension")
        if word == "LUT_3D_SIZE":
            size = _size(values)
        elif word in ("DOMAIN_MIN", "DOMAIN_MAX", "LUT_3D_INPUT_RANGE"):
            _check_domain(word, values)
        elif word:
            raise ValueError(f"nobody knows what {word[:40]!r} means")
        else:
            colours.append(values)
    if not size or len(colours) != size**3:
        raise ValueError(f"it has {len(colours)} colours where {size**3} were promised")
    if any(len(colour) != 3 for colour in colours):
        raise ValueError("some of its lines are not colours")
    table = np.array(colours, np.float32)
    if not np.isfinite(table).all():
        raise ValueError("some of its colours are not numbers")
    return _from_order(table, size)


def _lines(content: bytes) -> Iterator[tuple[str, list[float]]]:
    """Give each line's keyword, "" for a colour, and its numbers; titles and comments are passed over."""
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#") or words[0] == "TITLE":
            continue
        keyword = words.pop(0) if words[0][0].isalpha() else ""
        try:
            yield keyword, [float(word) for word in words]
        except ValueError:
            raise ValueError(f"{line[:40]!r} is no line of a table") from None


def _size(values: list[float]) -> int:
    low, high = SIZES
    if len(values) != 1 or values[0] not in range(low, high + 1):
        raise ValueError(f"its size is {values}, not one number from {low} to {high}")
    return int(values[0])


def _check_domain(word: str, values: list[float]) -> None:
    wanted = {"DOMAIN_MIN": [0.0] * 3, "DOMAIN_MAX": [1.0] * 3, "LUT_3D_INPUT_RANGE": [0.0, 1.0]}[word]
    if values != wanted:
        raise ValueError(f"its {word} is {values}, where {wanted} is ours")
