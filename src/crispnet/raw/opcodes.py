"""Corrections that a camera asks for in its DNG: the opcode lists (DNG 1.7.1 specification, chapter 7).

A list is big-endian whatever the file is: a count, then per opcode its number, DNG version, flags, size and
body. List 1 works on the stored frame, list 2 on the active area, list 3 on the demosaiced picture. Positions
are given relative to the frame, (0, 0) its top-left and (1, 1) its bottom-right corner. The bytes come from
strangers: whatever they hold, reading them ends in opcodes and notes, never in an exception.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

NAMES = dict(
    enumerate(
        (
            *("WarpRectilinear", "WarpFisheye", "FixVignetteRadial", "FixBadPixelsConstant", "FixBadPixelsList"),
            *("TrimBounds", "MapTable", "MapPolynomial", "GainMap", "DeltaPerRow", "DeltaPerColumn"),
            *("ScalePerRow", "ScalePerColumn", "WarpRectilinear2"),
        ),
        start=1,
    )
)
MOST_OPCODES = 256
GREATEST_GAIN = 1000.0
GREATEST_COEFFICIENT = 1e4
STRETCHES = (0.2, 5.0)  # the radial scales of a warp that are still a lens


@dataclass(frozen=True, eq=False)
class Opcode:
    """What all opcodes share: the list it stood in (1, 2 or 3) and whether a reader may skip it."""

    stage: int
    optional: bool
    number: ClassVar[int]
    since: ClassVar[int] = 0x01030000  # the DNG version that introduced the opcode
    stages: ClassVar[tuple[int, ...]] = (1, 2, 3)  # the lists in which it can be applied

    @classmethod
    def from_body(cls, stage: int, optional: bool, body: bytes) -> Self:
        """Read the opcode's own bytes; a ValueError says, in a few words, why they are not sound."""
        raise NotImplementedError

    def body(self) -> bytes:
        """Write the opcode's own bytes."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class GainMap(Opcode):
    """Multiply by a coarse map of gains, stretched over the frame (opcode 9).

    Attributes:
        top, left, bottom, right: the rows and columns it reaches; an empty rectangle means all of them.
        plane, planes: the first colour plane it applies to, and how many (a mosaic is plane 0).
        row_pitch, column_pitch: it applies to every such row and column, counted from top and left.
        spacing: (v, h) relative distance of two map points.
        origin: (v, h) relative position of the first map point.
        gains: float32 (v, h, map planes).
    """

    top: int
    left: int
    bottom: int
    right: int
    plane: int
    planes: int
    row_pitch: int
    column_pitch: int
    spacing: tuple[float, float]
    origin: tuple[float, float]
    gains: np.ndarray
    number = 9
    head: ClassVar[struct.Struct] = struct.Struct(">4i6I4dI")

    @classmethod
    def from_body(cls, stage: int, optional: bool, body: bytes) -> Self:
        """Read top, left, ..., the size, spacing and origin of the map, its planes and its gains."""
        _require(len(body) >= cls.head.size, "it is too short for a map")
        head = cls.head.unpack_from(body)
        top, left, bottom, right, plane, reached_planes, row_pitch, column_pitch = head[:8]
        v, h, spacing_v, spacing_h, origin_v, origin_h, planes = head[8:]
        _require(min(top, left) >= 0 and min(row_pitch, column_pitch, reached_planes) >= 1, "its area is absurd")
        _require((top < bottom and left < right) or row_pitch == column_pitch == 1, "its area is absurd")
        _require(min(v, h, planes) >= 1 and cls.head.size + 4 * v * h * planes == len(body), "its map has another size")
        gains = np.frombuffer(body, ">f4", offset=cls.head.size).astype(np.float32).reshape(v, h, planes)
        _require(bool(np.isfinite(gains).all()), "its gains are not numbers")
        _require(bool(gains.min() > 0 and gains.max() <= GREATEST_GAIN), "its gains are absurd")
        # Along an axis with a single point there is nothing to space, and writers leave anything there.
        spacing = (spacing_v if v > 1 else 1.0, spacing_h if h > 1 else 1.0)
        origin = (origin_v if v > 1 else 0.0, origin_h if h > 1 else 0.0)
        _require(all(1e-6 <= s <= 1e6 for s in spacing) and all(abs(o) <= 1e6 for o in origin), "its grid is absurd")
        area = (top, left, bottom, right, plane, reached_planes, row_pitch, column_pitch)
        return cls(stage, optional, *area, spacing, origin, gains)

    def body(self) -> bytes:
        """Write what ``from_body`` reads."""
        area = (self.top, self.left, self.bottom, self.right, self.plane, self.planes)
        v, h, planes = self.gains.shape
        grid = (self.row_pitch, self.column_pitch, v, h, *self.spacing, *self.origin, planes)
        return self.head.pack(*area, *grid) + self.gains.astype(">f4").tobytes()


@dataclass(frozen=True, eq=False)
class FixVignetteRadial(Opcode):
    """Multiply by 1 + k0 r² + ... + k4 r^10, r = 1 at the corner farthest from the centre (x, y) (opcode 3)."""

    k: tuple[float, float, float, float, float]
    centre: tuple[float, float]
    number = 3

    @classmethod
    def from_body(cls, stage: int, optional: bool, body: bytes) -> Self:
        """Read k0 to k4 and the centre."""
        _require(len(body) == 56, "it has another size")
        *k, x, y = struct.unpack(">7d", body)
        _check_lens(np.array(k), (x, y))
        return cls(stage, optional, tuple(k), (x, y))

    def body(self) -> bytes:
        """Write what ``from_body`` reads."""
        return struct.pack(">7d", *self.k, *self.centre)


@dataclass(frozen=True, eq=False)
class WarpRectilinear(Opcode):
    """Straighten what a lens bent: where in the bent picture to look for each pixel (opcode 1).

    Attributes:
        coefficients: (n, 6) kr0, kr1, kr2, kr3, kt0, kt1 for all colours (n = 1) or for R, G, B (n = 3).
        centre: (x, y) of the optical axis, relative to the frame.
    """

    coefficients: np.ndarray
    centre: tuple[float, float]
    number = 1
    stages = (3,)
    per_plane: ClassVar[int] = 6

    @classmethod
    def from_body(cls, stage: int, optional: bool, body: bytes) -> Self:
        """Read the number of coefficient sets, the sets, the centre and what a newer opcode adds."""
        sets = int.from_bytes(body[:4], "big")
        tail = len(body) - 4 - 8 * cls.per_plane * sets - 16
        _require(sets in (1, 3) and tail == (4 if cls is WarpRectilinear2 else 0), "it has another size")
        numbers = np.frombuffer(body, ">f8", cls.per_plane * sets + 2, offset=4).astype(np.float64)
        coefficients, centre = numbers[:-2].reshape(sets, -1), (float(numbers[-2]), float(numbers[-1]))
        _check_lens(coefficients, centre)
        extra = (any(body[-4:]),) if tail else ()
        opcode = cls(stage, optional, coefficients, centre, *extra)
        radii = np.linspace(0, 1, 65)
        for plane in range(sets):
            stretch = opcode.stretch(radii * radii, plane)
            _require(bool((stretch >= STRETCHES[0]).all() and (stretch <= STRETCHES[1]).all()), "it bends too much")
            _require(max(map(abs, opcode.tangential(plane))) <= 1, "it bends too much")
        return opcode

    def body(self) -> bytes:
        """Write what ``from_body`` reads."""
        numbers = np.append(self.coefficients, self.centre).astype(">f8").tobytes()
        return len(self.coefficients).to_bytes(4, "big") + numbers

    def stretch(self, radius_squared: np.ndarray, plane: int) -> np.ndarray:
        """Evaluate the radial scale of a coefficient set; the radius is 1 at the farthest corner."""
        return polynomial(radius_squared, self.coefficients[plane, :4])

    def tangential(self, plane: int) -> tuple[float, float]:
        """Give kt0 and kt1 of a coefficient set."""
        return float(self.coefficients[plane, 4]), float(self.coefficients[plane, 5])


@dataclass(frozen=True, eq=False)
class WarpRectilinear2(WarpRectilinear):
    """The warp of DNG 1.6 (opcode 14), with odd powers, and radii within which it was measured.

    Its ``coefficients`` are (n, 19): the factors of r^0 to r^14, kt0, kt1, least and greatest valid radius.
    ``reciprocal``: the scale is one divided by the polynomial.
    """

    reciprocal: bool
    number = 14
    since = 0x01060000
    per_plane = 19

    def body(self) -> bytes:
        """Write what ``from_body`` reads."""
        return super().body() + int(self.reciprocal).to_bytes(4, "big")

    def stretch(self, radius_squared: np.ndarray, plane: int) -> np.ndarray:
        """Evaluate the radial scale of a coefficient set; the radius is 1 at the farthest corner."""
        least, greatest = np.clip(self.coefficients[plane, 17:], 0, 1).tolist()
        scale = polynomial(np.sqrt(radius_squared).clip(least, greatest), self.coefficients[plane, :15])
        if not self.reciprocal:
            return scale
        # A polynomial through zero has no reciprocal; an absurd scale is what refuses such a lens.
        return 1 / np.where(np.abs(scale) < 1e-9, 1e-9, scale)

    def tangential(self, plane: int) -> tuple[float, float]:
        """Give kt0 and kt1 of a coefficient set."""
        return float(self.coefficients[plane, 15]), float(self.coefficients[plane, 16])


@dataclass(frozen=True, eq=False)
class FixBadPixelsConstant(Opcode):
    """Replace photosites that hold this count (opcode 4); the phase is that of the stored frame, 0-3 = R G G B."""

    constant: int
    bayer_phase: int
    number = 4
    stages = (1,)

    @classmethod
    def from_body(cls, stage: int, optional: bool, body: bytes) -> Self:
        """Read the constant and the phase."""
        _require(len(body) == 8, "it has another size")
        return cls(stage, optional, *struct.unpack(">2I", body))

    def body(self) -> bytes:
        """Write what ``from_body`` reads."""
        return struct.pack(">2I", self.constant, self.bayer_phase)


@dataclass(frozen=True, eq=False)
class FixBadPixelsList(Opcode):
    """Replace the listed photosites (opcode 5): (n, 2) row, column and (m, 4) top, left, bottom, right."""

    points: np.ndarray
    rectangles: np.ndarray
    bayer_phase: int
    number = 5
    stages = (1, 2)

    @classmethod
    def from_body(cls, stage: int, optional: bool, body: bytes) -> Self:
        """Read the phase, the numbers of points and rectangles, and both."""
        _require(len(body) >= 12, "it is too short")
        phase, points, rectangles = struct.unpack_from(">3I", body)
        _require(12 + 8 * points + 16 * rectangles == len(body), "it has another size")
        places = np.frombuffer(body, ">i4", offset=12).astype(np.int32)
        return cls(stage, optional, places[: 2 * points].reshape(-1, 2), places[2 * points :].reshape(-1, 4), phase)

    def body(self) -> bytes:
        """Write what ``from_body`` reads."""
        places = np.concatenate([self.points.ravel(), self.rectangles.ravel()]).astype(">i4")
        return struct.pack(">3I", self.bayer_phase, len(self.points), len(self.rectangles)) + places.tobytes()


KNOWN: dict[int, type[Opcode]] = {
    kind.number: kind
    for kind in (WarpRectilinear, FixVignetteRadial, FixBadPixelsConstant, FixBadPixelsList, GainMap, WarpRectilinear2)
}


def parse(data: bytes, stage: int) -> tuple[tuple[Opcode, ...], tuple[str, ...]]:
    """Read an opcode list (DNG OpcodeList1, 2 or 3: tags 51008, 51009, 51022) and say what was left out.

    Never raises: what is unknown or not sound is skipped with a note, what stood before a break is kept.
    Returns the opcodes in the order of the file and the notes, one sentence each.
    """
    title = f"OpcodeList{stage}"
    count = int.from_bytes(data[:4], "big")
    opcodes: list[Opcode] = []
    notes: list[str] = []
    position = 4
    for done in range(min(count, MOST_OPCODES)):
        body_starts = position + 16
        number, _, flags, size = struct.unpack(">4I", data[position:body_starts].ljust(16, b"\0"))
        position = body_starts + size
        if position > len(data):
            notes.append(f"{title}: the list ends early, after {done} of {count} opcodes")
            break
        try:
            kind = KNOWN[number]
            _require(stage in kind.stages, "it cannot be applied in this list")
            opcodes.append(kind.from_body(stage, bool(flags & 1), data[body_starts:position]))
        except (KeyError, ValueError) as reason:
            notes.append(f"{title}: {_left_out(number, optional=bool(flags & 1), reason=reason)}")
    if len(data) < 4:
        notes.append(f"{title}: too short to be a list")
    if count > MOST_OPCODES:
        notes.append(f"{title}: claims {count} opcodes; only the first {MOST_OPCODES} were looked at")
    return tuple(opcodes), tuple(dict.fromkeys(notes))


def serialise(opcodes: Iterable[Opcode]) -> bytes:
    """Write opcodes as one list, the inverse of ``parse``; to be stored under the tag of their stage."""
    opcodes = tuple(opcodes)
    parts = [len(opcodes).to_bytes(4, "big")]
    for opcode in opcodes:
        body = opcode.body()
        parts.append(struct.pack(">4I", opcode.number, opcode.since, int(opcode.optional), len(body)) + body)
    return b"".join(parts)


def _left_out(number: int, *, optional: bool, reason: Exception) -> str:
    """Word a note about an opcode that is not applied."""
    known = number in KNOWN
    opcode = f"opcode {number} ({NAMES.get(number, 'unknown')})"
    if optional:
        return f"skipped optional {opcode}" + (f": {reason}" if known else "")
    complaint = f"but {reason}" if known else "which crispnet does not know"
    if number in (1, 2, 6, 14):
        effect = "lines or edges may be off"
    elif number in (4, 5):
        effect = "single pixels may be off"
    else:
        effect = "colours or brightness may be off"
    return f"the file demands {opcode}, {complaint}; {effect}"


def _check_lens(coefficients: np.ndarray, centre: tuple[float, float]) -> None:
    """Refuse numbers that describe no lens."""
    _require(bool((np.abs(coefficients) <= GREATEST_COEFFICIENT).all()), "its coefficients are absurd")
    _require(all(0 <= c <= 1 for c in centre), "its centre lies outside the picture")


def _require(condition: bool, complaint: str) -> None:
    """Refuse a body that is not sound."""
    if not condition:
        raise ValueError(complaint)


def polynomial(x: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Sum factors[i] * x^i in the precision of x."""
    total = np.full_like(x, factors[-1])
    for factor in factors[-2::-1].tolist():
        total *= x
        total += factor
    return total
