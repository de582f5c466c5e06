"""What ``crispnet data capture`` does: plans a session, shows it, has it photographed, and makes pairs of it.

plan.json           what is shown, in which order, how it is exposed
log.jsonl           what happened, by which an interrupted session goes on
captures/           the camera's own files
pairs/              what came of them (``app.identifying``)
"""

import shlex
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from crispnet.alone import alone_in
from crispnet.app import batch
from crispnet.app.identifying import Wish as Identify
from crispnet.app.identifying import check, identify
from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.data.rig import adb
from crispnet.data.rig.adb import Adb
from crispnet.data.rig.browser import Browser
from crispnet.data.rig.camera import Camera
from crispnet.data.rig.folder import SelfShooting
from crispnet.data.rig.gphoto2 import Gphoto2
from crispnet.data.rig.log import frames_left, history_of
from crispnet.data.rig.plan import PLAN, Plan, photographs_in, planned, read_plan, write_plan
from crispnet.data.rig.screen import Screen
from crispnet.data.rig.session import run
from crispnet.data.rig.virtual import VirtualCamera
from crispnet.errors import DataError
from crispnet.files import make_folder

UNSET = frozenset({"folder", "adb"})  # cameras whose exposure nobody sets
WINDOW = (800, 1280)  # rows, columns of the screen before the virtual camera


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data capture --help``."""

    photographs: tuple[Path, ...]
    session: Path
    camera: str
    exposures: tuple[float, ...] = ()
    gains: tuple[int, ...] = ()
    each: int = 1
    chart_every: int = 20
    settle: float = 0.6
    licence: str = "not stated"
    seed: int = 1
    port: int = 0
    folders: tuple[Path, ...] = ()
    interval: float = 3.0
    phone_folder: str = adb.FOLDER
    phone_key: str = adb.KEY


def capture(wish: Wish, *, as_json: bool) -> int:
    """Run a session, or go on with one, make pairs of what it has, and return how many captures failed.

    Raises:
        DataError: there is nothing to show, or nothing came through.
        RigError: the camera or the screen do not do (any more).
        OutputError: the folder cannot be written to, or another process is working at it.
    """
    plan = _plan(wish)
    with ExitStack() as stack:
        stack.enter_context(alone_in(wish.session))
        screen = stack.enter_context(Screen(wish.port))
        shoot(plan, wish.session, screen, _camera(wish, screen, stack))
    if wish.camera == "folder" and not any(has_raws(folder) for folder in wish.folders):
        again = shlex.join(["crispnet", "data", "identify", str(wish.session), *map(str, wish.folders or ["FOLDER"])])
        _note(f"Bring the camera's raws and JPEGs to this computer. Next: {again}")
        return 0
    return identify(Identify(wish.session, wish.folders), as_json=as_json)


def has_raws(folder: Path) -> bool:
    """Tell whether there is a raw in a folder, or below it."""
    return folder.is_dir() and next(batch.find_raws([folder]), None) is not None


def shoot(plan: Plan, session: Path, screen: Screen, camera: Camera) -> None:
    """Have everything photographed that the log of a session does not have yet."""
    left = frames_left([step.number for step in plan.steps], history_of(session))
    if not left:
        _note("Every frame was photographed before.")
        return
    if len(left) < len(plan.steps):
        _note(f"{len(plan.steps) - len(left)} of {len(plan.steps)} frames were photographed before.")

    with watched(len(plan.steps), "photographing") as tell:
        missed = run(
            plan,
            session,
            screen,
            camera,
            progress=lambda done, _: tell(done),
            checked=lambda step, layout: check(plan, session, step, layout),
        )
    if missed:
        complain(f"{missed} captures failed; call again to take them anew.")


def _plan(wish: Wish) -> Plan:
    """Read the plan of a session that was begun before, or make one."""
    if (wish.session / PLAN).exists():
        _note(f"The session in {wish.session} goes on as it was planned.")
        return read_plan(wish.session)
    if wish.camera in UNSET and (set(wish.exposures) - {0.0} or wish.gains):
        raise DataError(
            f"A camera by {wish.camera!r} exposes as it likes. --exposure and --iso need one that can be told: gphoto2 "
            "or virtual. Leave them out, and set the camera itself."
        )
    if not wish.photographs:
        raise DataError(
            f"{wish.session} has no session to go on with, and nothing was named to show. A folder of photographs was "
            "needed. Name one."
        )
    plan = planned(
        photographs_in(wish.photographs),
        exposures=wish.exposures or (0.0,),
        gains=wish.gains or (None,),
        each=wish.each,
        chart_every=wish.chart_every,
        settle=wish.settle,
        licence=wish.licence,
        seed=wish.seed,
    )
    make_folder(wish.session, purpose="the session", advice="Choose another with -o.")
    write_plan(plan, wish.session)
    _note(f"{len(plan.steps)} frames are planned: {len(plan.photographs())} photographs, and charts between them.")
    return plan


def _camera(wish: Wish, screen: Screen, stack: ExitStack) -> Camera:
    """Prepare a camera, and let a browser show the page: on a screen, or where only the virtual camera sees it."""
    if wish.camera == "virtual":
        rows, columns = WINDOW
        browser = stack.enter_context(Browser(f"{screen.address}?begin", rows=rows, columns=columns))
        return VirtualCamera(browser.see)
    camera: Camera = SelfShooting(wish.interval)
    if wish.camera == "gphoto2":
        camera = Gphoto2()
    if wish.camera == "adb":
        camera = Adb(folder=wish.phone_folder, key=wish.phone_key)
    camera.prepare()
    _note(f"Open {screen.address} on the screen to be photographed, and click. It is this computer's alone.")
    webbrowser.open(screen.address)
    return camera


def _note(text: str) -> None:
    typer.echo(text, err=True)
