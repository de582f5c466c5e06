"""A small screen without a browser, a camera before it, and photographs to show."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.marks import Identity, Layout, draw_markers
from crispnet.data.rig.plan import Step
from crispnet.data.rig.stage import drawn
from crispnet.data.rig.virtual import Fault, VirtualCamera
from crispnet.errors import MissedShot

LAYOUT = Layout(480, 640)
SENSOR = (480, 640)
SESSION = 7
CHART = Step(0, "chart")
FINE = Fault()


class Wall:
    """Shows frames, as a browser would."""

    def __init__(self, layout: Layout = LAYOUT):
        self.size, self.frame, self.shown = layout, np.zeros((layout.rows, layout.columns, 3), np.uint8), 0

    def layout(self, *, patience):  # noqa: ARG002
        return self.size

    def show(self, frame):
        self.frame, self.shown = frame, self.shown + 1


def camera(wall: Wall, *, sensor=SENSOR, **changes) -> VirtualCamera:
    return VirtualCamera(lambda: wall.frame, sensor=sensor, **changes)


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Photographs with something to see everywhere, each another: blobs of colour, and fine texture."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        noise = np.random.default_rng(number)
        small = Image.fromarray(noise.integers(20, 220, (6, 8, 3), np.uint8))
        smooth = np.asarray(small.resize((240, 180), Image.Resampling.BICUBIC)).astype(float)
        texture = 40 * noise.standard_normal((180, 240, 1)) * (noise.random((180, 240, 1)) < 0.2)
        paths.append(folder / f"p{number}.png")
        Image.fromarray((smooth + texture).clip(0, 255).astype(np.uint8)).save(paths[-1])
    return paths


def shot(step: Step, folder: Path, fault: Fault = FINE, *, layout: Layout = LAYOUT, with_picture=False, **changes):
    """Photograph the frame of a step: the files, the frame, and where the screen was."""
    wall, stem = Wall(layout), folder / f"{step.number:04d}"
    wall.frame = drawn(step, layout, SESSION).pixels
    fault = fault if with_picture else replace(fault, lost=(".jpg",))  # which takes longer than all else
    made = camera(wall, faults={step.number: fault}, **changes)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(MissedShot):
        made.shoot(step, stem)
    return (
        Taken(stem.with_suffix(".dng"), stem.with_suffix(".jpg")),
        drawn(step, layout, SESSION),
        made.truths[step.number],
    )


def marked(identity: Identity, layout: Layout = LAYOUT) -> np.ndarray:
    """A frame with nothing but markers."""
    frame = np.zeros((layout.rows, layout.columns, 3), np.uint8)
    draw_markers(frame, layout, identity)
    return frame
