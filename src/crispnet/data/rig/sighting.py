"""Finds the screen in a capture: which frame it shows, and where each of its pixels lies.

A **view** is a capture's light, (h, w) float32, linear, 1 at white: of a raw a pixel per photosite, or of a picture.
Places are (across, down) in pixels of the screen or of the view; whole numbers are the middles of pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from crispnet.colour import decode_srgb
from crispnet.data.rig.marks import DICTIONARY, PLACES, Identity, Layout, place_and_digit
from crispnet.raw.bayer import PLANE_SITES, red_offset
from crispnet.raw.image import Box, RawImage

BRIGHT = 99.0  # percentile of a view that is white to the detector
LIGHTS = (4.0, 1.0, 16.0, 0.5)  # times as much light, tried in turn: markers are dim, photographs need not be
WINDOW = 53  # pixels of the largest window that decides what is light and what is dark
OFF = 2.0  # pixels off the others' plane at which a corner is not believed
INSET = 0.01  # of the photograph's sides that is cut off all around: interpolation, and what a lens bends


@dataclass(frozen=True, eq=False)
class Sighting:
    """What is known of the screen in a capture.

    Attributes:
        identity: of the frame that is shown.
        to_view: 3 x 3, from places on the screen to places in the view.
        markers: how many were seen.
        misfit: root of the mean square by which their corners miss that plane, in pixels of the view.
    """

    identity: Identity
    to_view: np.ndarray
    markers: int
    misfit: float

    def light_at(self, view: np.ndarray, on_screen: np.ndarray) -> np.ndarray:
        """Interpolate a view at places (..., 2) of the screen."""
        places = self.places(on_screen).astype(np.float32)
        return cv2.remap(view, places[..., 0], places[..., 1], cv2.INTER_LINEAR)

    def places(self, on_screen: np.ndarray) -> np.ndarray:
        """Say where places (..., 2) of the screen lie in the view."""
        flat = np.asarray(on_screen, np.float64).reshape(-1, 1, 2)
        return cv2.perspectiveTransform(flat, self.to_view).reshape(np.shape(on_screen))


def view_of(raw: RawImage) -> np.ndarray:
    """Give a raw image's light, photosite by photosite: (h, w) float32, linear, 0 at black and 1 at white.

    Each photosite takes part with its own colour, balanced, and is averaged with its neighbours so that the mosaic does
    not show; what is symmetrical stays in its place.
    """
    black = np.tile(raw.black, (raw.rows // 2 + 1, raw.columns // 2 + 1))[: raw.rows, : raw.columns]
    light = ((raw.mosaic - black) / (raw.white - black)).astype(np.float32)
    top, left = red_offset(raw.cfa)
    for (row, column), gain in zip(PLANE_SITES, raw.white_balance, strict=True):
        light[(row - top) % 2 :: 2, (column - left) % 2 :: 2] *= np.float32(gain)
    kernel = np.array([1, 2, 1], np.float32) / 4
    return cv2.sepFilter2D(np.minimum(light, 1), -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)


def view_of_picture(pixels: np.ndarray) -> np.ndarray:
    """Give the light of a picture, (h, w, 3) uint8 sRGB, as it lies."""
    return decode_srgb(pixels.astype(np.float32) / 255).mean(axis=2, dtype=np.float32)


def sighted(view: np.ndarray, layout: Layout) -> Sighting | None:
    """Find the screen in a view; None where too few markers are seen to tell, or they contradict each other."""
    seen: dict[int, tuple[int, np.ndarray]] = {}
    for light in LIGHTS:
        if len(seen) < PLACES:
            seen = _seen(view, light) | seen
    identity = Identity.read({place: digit for place, (digit, _) in seen.items()})
    if identity is None:
        return None
    places = sorted(seen)
    on_screen = layout.corners()[places].reshape(-1, 2)
    in_view = _refined(view, [seen[place][1] for place in places])
    to_view, misfit = _plane(on_screen, in_view)
    return Sighting(identity, to_view, len(seen), misfit)


def _seen(view: np.ndarray, light: float) -> dict[int, tuple[int, np.ndarray]]:
    """Look for markers: the digit at each place, and the corners (4, 2) there, to about a pixel."""
    white = max(float(np.percentile(view[::4, ::4], BRIGHT)), 1e-6) / light
    grey = (255 * np.clip(view / np.float32(white), 0, 1)).astype(np.uint8)
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMax = WINDOW
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(DICTIONARY), parameters)
    corners, markers, _ = detector.detectMarkers(grey)
    found: dict[int, tuple[int, np.ndarray]] = {}
    for where, marker in zip(corners, [] if markers is None else markers.ravel(), strict=True):
        place, digit = place_and_digit(int(marker))
        if place not in found:
            found[place] = digit, where.reshape(4, 2)
    return found


def _refined(view: np.ndarray, corners: list[np.ndarray]) -> np.ndarray:
    """Find the corners of markers to a small part of a pixel: (n, 2)."""
    side = min(float(np.linalg.norm(each - np.roll(each, 1, axis=0), axis=1).min()) for each in corners)
    reach = max(2, round(side / 14))  # half a module: no other edge is as near
    start = np.concatenate(corners).astype(np.float32).reshape(-1, 1, 2)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-3)
    scale = np.float32(255 / max(float(view.max()), 1e-6))
    return cv2.cornerSubPix(view * scale, start, (reach, reach), (-1, -1), stop).reshape(-1, 2).astype(np.float64)


def _plane(on_screen: np.ndarray, in_view: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the homography, without corners that are far off it; also give the misfit."""
    kept = np.ones(len(on_screen), bool)
    for _ in range(3):
        to_view, _ = cv2.findHomography(on_screen[kept], in_view[kept])
        off = np.linalg.norm(cv2.perspectiveTransform(on_screen[:, None], to_view)[:, 0] - in_view, axis=1)
        believed = off < max(OFF, 3 * float(np.median(off)))
        if believed.sum() < 8 or (believed == kept).all():
            break
        kept = believed
    return to_view, float(np.sqrt(np.mean(off[kept] ** 2)))


def cut_for(sighting: Sighting, box: Box, within: Box) -> Box:
    """Find an upright rectangle of a view that shows nothing but a part of the screen; corner and sides are even.

    Args:
        sighting: where the screen is.
        box: the part of the screen.
        within: the part of the view that counts.

    Returns:
        A rectangle of photosites; of no size where there is none.
    """
    middle = np.array([box.left + box.width / 2 - 0.5, box.top + box.height / 2 - 0.5])
    half = np.array([box.width, box.height]) * (0.5 - INSET)
    corners = sighting.places(middle + half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))
    if not _is_upright(corners):
        return Box(0, 0, 0, 0)
    # Of the two corners at each side of a leaning quadrangle, the inner one bounds the rectangle.
    left, right = np.sort(corners[:, 0])[1:3]
    top, bottom = np.sort(corners[:, 1])[1:3]
    first_row, first_column = (
        max(least + least % 2, 2 * int(np.ceil(end / 2))) for least, end in ((within.top, top), (within.left, left))
    )
    last_row, last_column = (
        min(most - 1, int(np.floor(end))) for most, end in ((within.bottom, bottom), (within.right, right))
    )
    height, width = (
        max(0, last - first + 1) & ~1 for first, last in ((first_row, last_row), (first_column, last_column))
    )
    return Box(first_row, first_column, height, width) if height and width else Box(0, 0, 0, 0)


def _is_upright(corners: np.ndarray) -> bool:
    """Tell whether corners, clockwise from the top left, lean by less than a half in any direction; or upside down."""
    across, down = corners[1] + corners[2] - corners[0] - corners[3], corners[2] + corners[3] - corners[0] - corners[1]
    return bool(abs(across[0]) > 2 * abs(across[1]) and abs(down[1]) > 2 * abs(down[0]))
