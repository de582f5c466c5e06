"""Markers at the edge of a frame: which frame it is, of which session, and where the screen is.

Eight ArUco markers stand around the photograph, at the corners and in the middle of the edges. Each says its place and
a digit of base 125: the frame's number has two, the session one, and one is their check. Every digit is there twice.

Places are (across, down) in pixels of the screen; whole numbers are the middles of pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from crispnet.raw.image import Box

DICTIONARY = cv2.aruco.DICT_5X5_1000
BASE, PLACES = 125, 8
MOST_FRAMES = BASE * BASE
MODULES, QUIET = 7, 1  # along a marker, its black border included; the rim of light around it
SHARE = 0.075  # of the screen's shorter side that a marker and its rim take
LEAST_MODULE = 3  # pixels: smaller ones are not read from a tripod's distance
DIM = 110  # sRGB code of a marker's light parts, 16 % of white: what a camera meters is the photograph


@dataclass(frozen=True)
class Layout:
    """Where things are on a screen.

    Attributes:
        rows, columns: of the screen, in pixels.
    """

    rows: int
    columns: int

    def __post_init__(self) -> None:
        if self.module < LEAST_MODULE:
            raise ValueError(f"expected a screen of some hundred pixels, got {self.columns} x {self.rows}")

    @property
    def module(self) -> int:
        """Pixels along a module of a marker."""
        return round(SHARE * min(self.rows, self.columns) / (MODULES + 2 * QUIET))

    @property
    def square(self) -> int:
        """Pixels along a marker and its rim."""
        return (MODULES + 2 * QUIET) * self.module

    @property
    def field(self) -> Box:
        """Where photographs are shown; one module stays black around it, and around the markers."""
        edge = self.square + 2 * self.module
        return Box(edge, edge, self.rows - 2 * edge, self.columns - 2 * edge)

    def squares(self) -> list[Box]:
        """Say where the markers and their rims are: from the top left clockwise at corners, then at the edges."""
        near, side = self.module, self.square
        below, right = self.rows - near - side, self.columns - near - side
        middle_row, middle_column = (self.rows - side) // 2, (self.columns - side) // 2
        corners = [(near, near), (near, right), (below, right), (below, near)]
        edges = [(near, middle_column), (middle_row, right), (below, middle_column), (middle_row, near)]
        return [Box(top, left, side, side) for top, left in corners + edges]

    def corners(self) -> np.ndarray:
        """Give the corners of the markers, without their rims: (8, 4, 2), clockwise from the top left."""
        rim, side = QUIET * self.module - 0.5, MODULES * self.module
        own = np.array([(0, 0), (side, 0), (side, side), (0, side)])
        return np.array([own + np.array([box.left + rim, box.top + rim]) for box in self.squares()])


@dataclass(frozen=True)
class Identity:
    """What a frame's markers say.

    Attributes:
        number: of the frame, below ``MOST_FRAMES``.
        session: below ``BASE``; it tells frames of different sessions apart, if not for certain.
    """

    number: int
    session: int

    def __post_init__(self) -> None:
        if not (0 <= self.number < MOST_FRAMES and 0 <= self.session < BASE):
            raise ValueError(f"expected a number below {MOST_FRAMES} and a session below {BASE}, got {self}")

    def digits(self) -> tuple[int, int, int, int]:
        """Give the digits of the number, low and high, the session, and their check."""
        high, low = divmod(self.number, BASE)
        return low, high, self.session, (17 + 7 * low + 31 * high + 61 * self.session) % BASE

    def markers(self) -> list[int]:
        """Give the ids of the markers, in the order of ``Layout.squares``.

        >>> Identity(130, 2).markers()
        [5, 126, 252, 455, 505, 626, 752, 955]
        """
        digits = self.digits()
        return [BASE * place + digits[place % len(digits)] for place in range(PLACES)]

    @classmethod
    def read(cls, markers: Mapping[int, int]) -> "Identity | None":
        """Read an identity from the digits at some places; None where they do not tell, or contradict each other."""
        found: dict[int, int] = {}
        for place, digit in markers.items():
            if found.setdefault(place % 4, digit) != digit:
                return None
        if len(found) < 4:
            return None
        identity = cls(found[0] + BASE * found[1], found[2])
        return identity if identity.digits()[3] == found[3] else None


def place_and_digit(marker: int) -> tuple[int, int]:
    """Part a marker's id.

    >>> place_and_digit(626)
    (5, 1)
    """
    return divmod(marker, BASE)


def draw_markers(frame: np.ndarray, layout: Layout, identity: Identity) -> None:
    """Draw the markers of an identity into a frame (rows, columns, 3) uint8."""
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARY)
    rim = QUIET * layout.module
    for box, marker in zip(layout.squares(), identity.markers(), strict=True):
        drawn = cv2.aruco.generateImageMarker(dictionary, marker, MODULES * layout.module)
        square = np.full((box.height, box.width), DIM, np.uint8)
        square[rim:-rim, rim:-rim] = np.minimum(drawn, DIM)
        frame[box.rows, box.columns] = square[..., None]
