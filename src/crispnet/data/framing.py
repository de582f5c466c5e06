"""How a hand-held phone frames what stands before it: a cut of a photograph, or a view into a panorama.

Notation: x to the right and y down, in the plane of the picture; angles in degrees. The phone leans clockwise by
``roll``, so what it sees leans the other way.
"""

from dataclasses import dataclass

import cv2
import numpy as np

FRAME = (480, 640)  # rows, columns of the sensor: 4:3, as phones have
LEAN = 1.5  # standard deviation of the roll, in degrees
TIGHTEST = 0.7  # of the widest frame that fits a photograph
FIELDS = (35.0, 69.0, 85.0)  # across the long side: narrowest, usual (an iPhone 11's main lens), widest
GOLDEN_ANGLE = 137.5  # degrees from one view of a panorama to the next
DARKEST = 1e-5  # of a panorama's mean: black


@dataclass(frozen=True)
class Framing:
    """How one hand-held picture is framed.

    Attributes:
        roll: degrees by which the phone leans clockwise.
        turn: the EXIF orientation of an upright phone's pictures: 6 or 8, by the side it was turned to.
        zoom: before a photograph, share of the widest frame that would fit: 0.7 to 1. Detail sets a limit: no
            photograph that is large enough is enlarged.
        place: across and down, where between the edges of the photograph the frame lies, 0 to 1 each.
        upright: whether the phone is held upright before a panorama; before a photograph, it is held as that is.
        heading, pitch: direction of the view into a panorama; pitch is above 0 upwards.
        field: degrees across the long side of that view.
    """

    roll: float = 0.0
    turn: int = 6
    zoom: float = 1.0
    place: tuple[float, float] = (0.5, 0.5)
    upright: bool = False
    heading: float = 0.0
    pitch: float = 0.0
    field: float = FIELDS[1]

    def __post_init__(self) -> None:
        if self.turn not in (6, 8):
            raise ValueError(f"expected an upright phone's orientation, 6 or 8, got {self.turn}")
        if not (0 < self.zoom <= 1 and 0 < self.field < 180 and abs(self.roll) < 45):
            raise ValueError(f"expected a zoom up to 1, a field below 180 and a roll below 45 degrees, got {self}")

    @classmethod
    def draw(cls, rng: np.random.Generator, first: float, *, number: int) -> "Framing":
        """Draw a framing as hands have them: nearly level, of the usual field more often than of the ends.

        Args:
            rng: decides all but the heading.
            first: heading of a panorama's first view, in degrees.
            number: of this view, from 0: however many there are, they spread all around.
        """
        return cls(
            roll=float(np.clip(rng.normal(0, LEAN), -3 * LEAN, 3 * LEAN)),
            turn=(6, 8)[rng.integers(2)],
            zoom=float(rng.uniform(TIGHTEST, 1)),
            place=(float(rng.uniform()), float(rng.uniform())),
            upright=bool(rng.integers(2)),
            heading=(first + number * GOLDEN_ANGLE) % 360,
            pitch=float(np.clip(rng.normal(0, 8), -24, 24)),
            field=float(rng.triangular(*FIELDS)),
        )


def cut_out(photograph: np.ndarray, framing: Framing) -> np.ndarray:
    """Cut the frame out of a photograph, leaning with it, at the photograph's own scale.

    Args:
        photograph: (h, w, 3) uint8, upright, in sRGB codes: between codes, cubic interpolation rings least.
        framing: where.

    Returns:
        (h, w, 3) float32 codes in [0, 1], 3:4 or 4:3 to the pixel and as large as ``FRAME`` at least; ``reduced``
        makes it that small.
    """
    size = np.array(photograph.shape[1::-1])
    frame = np.array(_held(upright=size[1] > size[0])[::-1])
    scale, centre = _placed(frame, size, framing)
    cut = (frame * max(scale, 1.0)).round().astype(int)
    lean = _turned(framing.roll) * (frame * scale / cut)
    from_cut = np.column_stack([lean, centre - lean @ ((cut - 1) / 2) - 0.5])
    codes = photograph.astype(np.float32) / np.float32(255)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    columns, rows = map(int, cut)
    return cv2.warpAffine(codes, from_cut, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE).clip(0, 1)


def _placed(frame: np.ndarray, size: np.ndarray, framing: Framing) -> tuple[float, np.ndarray]:
    """Give the photograph's pixels per photosite, and the frame's centre; all in columns and rows."""
    bound = np.abs(_turned(framing.roll)) @ frame  # what a leaning frame needs to lie within
    widest = float((size / bound).min())
    scale = min(max(framing.zoom * widest, 1.0), widest)
    return scale, bound * scale / 2 + np.array(framing.place) * (size - bound * scale)


def _turned(degrees: float) -> np.ndarray:
    """Give the matrix that turns (x, y) clockwise."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def reduced(linear: np.ndarray) -> np.ndarray:
    """Average a cut's light over the photosites of the frame: (480, 640, 3), or (640, 480, 3) where it is upright."""
    height, width = linear.shape[:2]
    rows, columns = _held(upright=height > width)
    return cv2.resize(linear, (columns, rows), interpolation=cv2.INTER_AREA)


def look_into(panorama: np.ndarray, framing: Framing) -> np.ndarray:
    """Look into a panorama, (h, 2h, 3) linear: (480, 640, 3), or (640, 480, 3) where the phone is upright.

    A panorama that is finer than the view is looked at more finely, and averaged.
    """
    rows, columns = _held(upright=framing.upright)
    reach = 2 * np.tan(np.radians(framing.field / 2)) / max(FRAME)  # of a photosite
    finer = max(1, int(np.ceil(reach * panorama.shape[1] / (2 * np.pi))))
    across, down = (
        (np.arange(length * finer) + 0.5 - length * finer / 2) * reach / finer for length in (columns, rows)
    )
    x, y = np.tensordot(_turned(framing.roll), np.meshgrid(across, down), 1)
    direction = {"heading": np.radians(framing.heading), "pitch": np.radians(framing.pitch)}
    at_columns, at_rows = in_panorama(x, y, panorama.shape[:2], **direction)
    wrapped = np.concatenate([panorama[:, -2:], panorama, panorama[:, :2]], axis=1)
    return cv2.resize(_between(wrapped, at_columns + 2, at_rows), (columns, rows), interpolation=cv2.INTER_AREA)


def _between(light: np.ndarray, at_columns: np.ndarray, at_rows: np.ndarray) -> np.ndarray:
    """Interpolate light of many stops.

    Cubic, and between logarithms: a lamp's outline is half way on a scale of stops, not all around the pixels that
    have some of it. Nowhere beyond the four pixels around a point: else suns and silhouettes would have rings.
    """
    darkest = max(DARKEST * float(light.mean()), float(np.finfo(np.float32).tiny))
    logarithms = np.log(np.maximum(light, darkest))
    seen = cv2.remap(logarithms, at_columns, at_rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    corners, square = (np.floor(at_columns), np.floor(at_rows)), np.ones((2, 2), np.uint8)
    least, most = (
        cv2.remap(of(logarithms, square, anchor=(0, 0)), *corners, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        for of in (cv2.erode, cv2.dilate)
    )
    return np.exp(seen.clip(least, most))


def in_panorama(
    x: np.ndarray, y: np.ndarray, size: tuple[int, ...], *, heading: float, pitch: float
) -> tuple[np.ndarray, np.ndarray]:
    """Say where in a panorama the points of a picture's plane lie.

    Args:
        x: to the right in the plane, which is at a distance of 1 from the eye.
        y: down in it.
        size: rows and columns of the panorama.
        heading: of the view, in radians.
        pitch: of the view, in radians, upwards.

    Returns:
        Columns and rows, float32.
    """
    forward, down = np.cos(pitch) + y * np.sin(pitch), y * np.cos(pitch) - np.sin(pitch)
    longitude = heading + np.arctan2(x, forward)
    latitude = np.arctan2(down, np.hypot(x, forward))
    height, width = size
    at_columns = (longitude / (2 * np.pi) % 1 * width).astype(np.float32)
    return at_columns, ((latitude / np.pi + 0.5) * height - 0.5).astype(np.float32)


def _held(*, upright: bool) -> tuple[int, int]:
    """Give rows and columns of the picture."""
    return FRAME[::-1] if upright else FRAME
