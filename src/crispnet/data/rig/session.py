"""Runs a session: shows frame by frame, lets a camera shoot each, and keeps a log by which to go on."""

import time
from collections.abc import Callable
from pathlib import Path

from crispnet.data.rig.camera import Camera
from crispnet.data.rig.log import LOG, History, frames_left, history_of, note
from crispnet.data.rig.marks import Layout
from crispnet.data.rig.plan import Plan, Step
from crispnet.data.rig.screen import Screen
from crispnet.data.rig.stage import drawn
from crispnet.errors import MissedShot, RigError
from crispnet.files import make_folder
from crispnet.version import VERSION

CAPTURES = "captures"
MOST_MISSED = 3  # in a row, before somebody has to look


def run(
    plan: Plan,
    folder: Path,
    screen: Screen,
    camera: Camera,
    *,
    patience: float = 600.0,
    progress: Callable[[int, int], None] | None = None,
    checked: Callable[[Step, Layout], None] | None = None,
) -> int:
    """Photograph what a plan says and the log of the folder does not have yet.

    Args:
        plan: what to show.
        folder: of the session; captures come into ``captures``.
        screen: that a browser shows, or will.
        camera: that stands before it, and is prepared.
        patience: seconds to wait for the browser.
        progress: told how many frames are done, of how many.
        checked: called after each capture, and may refuse to go on.

    Returns:
        How many captures failed.

    Raises:
        RigError: the camera or the screen do not do any more; what was shot is kept.
        DataError: a photograph cannot be read.
        OutputError: the folder cannot be written to.
    """
    history, count = history_of(folder), len(plan.steps)
    left, layout = _left(history, count), _begun(folder, screen, camera, patience)
    missed = in_a_row = 0
    for done, number in enumerate(left, count - len(left) + 1):
        step = plan.steps[number]
        screen.show(drawn(step, layout, plan.session).pixels)
        note(folder, "shown", frame=number)
        time.sleep(plan.settle)
        if _shot(camera, step, folder, tries=history.tries.get(number, 0)):
            in_a_row = 0
            if checked is not None:
                checked(step, layout)
        else:
            missed, in_a_row = missed + 1, in_a_row + 1
            _give_up(in_a_row, folder)
        if progress is not None:
            progress(done, count)
    note(folder, "ended")
    return missed


def _begun(folder: Path, screen: Screen, camera: Camera, patience: float) -> Layout:
    """Make the folder of captures, wait for the screen, and note its layout."""
    make_folder(folder / CAPTURES, purpose="captures", advice="Choose another with -o.")
    layout = screen.layout(patience=patience)
    note(folder, "begun", camera=camera.name, rows=layout.rows, columns=layout.columns, version=VERSION)
    return layout


def _left(history: History, count: int) -> list[int]:
    """List the frames to show: those that are left, and at the end of a session that goes on the last chart again."""
    left = frames_left(range(count), history)
    if left and history.shot and count - 1 not in left:
        left.append(count - 1)  # it says whether the screen is still what it was
    return left


def _give_up(in_a_row: int, folder: Path) -> None:
    """Refuse to go on where too many captures in a row failed."""
    if in_a_row >= MOST_MISSED:
        raise RigError(
            f"{in_a_row} captures in a row failed; {folder / LOG} says how. A camera that hands over its files was "
            "needed. Look at it, and call again to go on."
        )


def _shot(camera: Camera, step: Step, folder: Path, *, tries: int) -> bool:
    """Let the camera shoot, and log what came of it."""
    name = f"{step.number:04d}" + (f"-{tries + 1}" if tries else "")
    try:
        taken = camera.shoot(step, folder / CAPTURES / name)
    except MissedShot as error:
        note(folder, "missed", frame=step.number, reason=str(error))
        return False
    except RigError as error:
        note(folder, "missed", frame=step.number, reason=str(error))
        raise
    files = (
        {} if taken is None else {"raw": f"{CAPTURES}/{taken.raw.name}", "picture": f"{CAPTURES}/{taken.picture.name}"}
    )
    note(folder, "shot", frame=step.number, ev=step.ev, iso=step.iso, **files)
    return True
