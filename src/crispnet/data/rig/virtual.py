"""The virtual camera before the page: it photographs what a browser shows, so that the whole rig can be tested.

The page's pixels are placed as a monitor in a dark room, in perspective, a little out of focus and through the grid of
its pixels if need be; ``data.camera`` makes a raw image of that, and the virtual phone the picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from crispnet.colour import decode_srgb
from crispnet.data.camera import Shot, photograph
from crispnet.data.phone.isp import render
from crispnet.data.rig.camera import Taken
from crispnet.data.rig.plan import Step
from crispnet.errors import MissedShot
from crispnet.files import whole_file
from crispnet.raw.image import RawImage
from crispnet.raw.writer import write_dng

MODEL = "Apple iPhone 11"
SENSOR = (960, 1280)  # rows, columns
FILLED = 0.94  # of the sensor that the screen takes
FINER = 2  # samples along a photosite
ROOM = 2e-4  # light of the dark room, of the screen's white
QUALITY = 95
ISO = 50
METERED = -0.7  # EV by which a meter that weighs the middle is below one that sees the black around the photograph


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one capture.

    Attributes:
        stale: the browser still shows what it showed before.
        moved: photosites by which the camera is bumped, across and down.
        blur: standard deviation of a defocus, in photosites.
        ev: that the exposure is off by.
        lost: endings of files that do not arrive.
        tint: factors of R, G and B by which the screen has drifted.
        grid: how deep the grid of the screen's pixels is seen, 0 to 1: the reason of moiré.
    """

    stale: bool = False
    moved: tuple[float, float] = (0.0, 0.0)
    blur: float = 0.0
    ev: float = 0.0
    lost: tuple[str, ...] = ()
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grid: float = 0.0


def standing(screen: tuple[int, ...], *, sensor: tuple[int, int] = SENSOR, lean: float = 0.02) -> np.ndarray:
    """Give the 3 x 3 from places on the screen to places on the sensor of a camera that stands nearly straight.

    Args:
        screen: rows and columns of the screen.
        sensor: rows and columns of the sensor.
        lean: how crooked it stands: shares of the screen's side by which corners are displaced.
    """
    (rows, columns), (height, width) = screen[:2], sensor
    scale = FILLED * min(height / rows, width / columns)
    half = np.array([columns, rows]) * scale / 2
    centre = np.array([width, height]) / 2
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    crooked = lean * half * np.array([(0.9, 0.2), (-0.4, 0.7), (-0.6, -0.8), (0.3, -0.5)])
    on_sensor = centre + signs * half + crooked - 0.5
    on_screen = np.array([(-0.5, -0.5), (columns - 0.5, -0.5), (columns - 0.5, rows - 0.5), (-0.5, rows - 0.5)])
    return cv2.getPerspectiveTransform(on_screen.astype(np.float32), on_sensor.astype(np.float32)).astype(np.float64)


@dataclass
class VirtualCamera:
    """Photographs what ``see`` gives.

    Attributes:
        see: gives the page as it is shown, (rows, columns, 3) uint8 sRGB.
        sensor: rows and columns.
        lean: how crooked the camera stands.
        faults: what goes wrong, by the number of the frame.
        model: which measured camera it is.
        truths: where the screen was in each capture, by the frame's number: what sightings are measured against.
    """

    see: Callable[[], np.ndarray]
    sensor: tuple[int, int] = SENSOR
    lean: float = 0.02
    faults: Mapping[int, Fault] = field(default_factory=dict)
    model: str = MODEL
    truths: dict[int, np.ndarray] = field(default_factory=dict)
    _before: np.ndarray | None = None

    name = "virtual"

    def prepare(self) -> None:
        """Be ready: it always is."""

    def shoot(self, step: Step, stem: Path) -> Taken:
        """Photograph the page.

        Raises:
            MissedShot: a file does not arrive, as was planted.
            OutputError: the files cannot be written.
        """
        fault, now = self.faults.get(step.number, Fault()), self.see()
        shown = self._before if fault.stale and self._before is not None else now
        self._before = now
        to_sensor = np.array([(1, 0, fault.moved[0]), (0, 1, fault.moved[1]), (0, 0, 1)]) @ standing(
            shown.shape, sensor=self.sensor, lean=self.lean
        )
        self.truths[step.number] = to_sensor
        light = _light(shown, to_sensor, self.sensor, fault)
        shot = Shot(
            self.model,
            kind="display",
            ev=METERED + step.ev + fault.ev,
            iso=step.iso or ISO,
            blur=float(np.hypot(0.6, fault.blur)),
            vignetting=0.1,
            seed=step.number,
        )
        return self._kept(photograph(light, shot), stem, fault)

    def _kept(self, raw: RawImage, stem: Path, fault: Fault) -> Taken:
        """Write the raw image and the phone's picture of it, but for what is lost."""
        taken = Taken(stem.with_suffix(".dng"), stem.with_suffix(".jpg"))
        if ".dng" not in fault.lost:
            write_dng(raw, taken.raw, overwrite=True)
        if ".jpg" not in fault.lost:
            with whole_file(taken.picture, overwrite=True) as hidden:
                Image.fromarray(render(raw).pixels).save(hidden, "JPEG", quality=QUALITY, subsampling=0)
        if fault.lost:
            raise MissedShot(
                f"No {' and no '.join(fault.lost)} of {stem.name} arrived. A raw and a picture were needed. Planted."
            )
        return taken


def _light(shown: np.ndarray, to_sensor: np.ndarray, sensor: tuple[int, int], fault: Fault) -> np.ndarray:
    """Give the light on the sensor: (h, w, 3) float32 linear sRGB, the screen's white 1."""
    light = decode_srgb(shown.astype(np.float32) / 255).astype(np.float32) * np.array(fault.tint, np.float32)
    finer = np.array([(FINER, 0, (FINER - 1) / 2), (0, FINER, (FINER - 1) / 2), (0, 0, 1)])
    size = sensor[1] * FINER, sensor[0] * FINER
    placed = cv2.warpPerspective(light, finer @ to_sensor, size, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    placed = cv2.resize(placed, sensor[::-1], interpolation=cv2.INTER_AREA) + np.float32(ROOM)
    if fault.grid:
        placed *= _grid(to_sensor, sensor, fault.grid)[..., None]
    return placed


def _grid(to_sensor: np.ndarray, sensor: tuple[int, int], depth: float) -> np.ndarray:
    """Give the screen's grid as each photosite samples it, one period per pixel of the screen."""
    down, across = np.mgrid[: sensor[0], : sensor[1]].astype(np.float64)
    places = cv2.perspectiveTransform(np.dstack([across, down]).reshape(-1, 1, 2), np.linalg.inv(to_sensor))
    waves = np.cos(2 * np.pi * places.reshape(*sensor, 2))
    return (1 + depth * waves.mean(axis=-1)).astype(np.float32)
