"""What a session is to show, in which order, and how each frame is to be exposed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from crispnet.data.rig.marks import BASE, MOST_FRAMES
from crispnet.data.sources import Source, find_sources
from crispnet.errors import DataError
from crispnet.files import whole_file

SCHEMA = "crispnet rig 1"
PLAN = "plan.json"
Kind = Literal["chart", "photograph"]


@dataclass(frozen=True)
class Step:
    """One frame, and how it is exposed.

    Attributes:
        number: of the frame, from 0.
        kind: what is shown.
        photograph: the file; empty for a chart.
        ev: exposure against what the camera's meter says.
        iso: sensitivity; None leaves it to the camera.
    """

    number: int
    kind: Kind
    photograph: str = ""
    ev: float = 0.0
    iso: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"expected one of {', '.join(get_args(Kind))}, got {self.kind!r}")


@dataclass(frozen=True)
class Plan:
    """A session to be.

    Attributes:
        session: what its markers say, below ``marks.BASE``.
        settle: seconds that a frame is shown before it is photographed.
        licence: under which the photographs are used, as their owner says.
        steps: in their order.
    """

    session: int
    settle: float
    licence: str
    steps: tuple[Step, ...]

    def photographs(self) -> list[str]:
        """List the photographs, each once."""
        return sorted({step.photograph for step in self.steps} - {""})


def planned(
    photographs: Sequence[Path],
    *,
    exposures: Sequence[float] = (0.0,),
    gains: Sequence[int | None] = (None,),
    each: int = 1,
    chart_every: int = 20,
    settle: float = 0.6,
    licence: str = "not stated",
    seed: int = 1,
) -> Plan:
    """Plan a session: photographs in a drawn order, a chart before every so many, and one last.

    The order is drawn so that what drifts with time does not go with what is shown. Exposures and gains take turns, so
    that every one is met equally often and no photograph meets the same twice before it met all.

    Args:
        photographs: the files.
        exposures: EV.
        gains: ISO.
        each: captures of each photograph.
        chart_every: photographs between two charts.
        settle: seconds that a frame is shown before it is photographed.
        licence: of the photographs.
        seed: another seed, another order.

    Raises:
        DataError: there is no photograph, or more captures than markers can tell apart.
    """
    if not photographs:
        raise DataError(
            "There is no photograph to show. Some were needed: JPEG, PNG, TIFF or WebP. Name a folder that has some."
        )
    chance = np.random.default_rng(seed)
    settings = [(ev, iso) for iso in gains for ev in exposures]
    turns = chance.permutation(len(photographs))
    shots = [
        Step(0, "photograph", str(path.absolute()), *settings[(int(turn) + number) % len(settings)])
        for number in range(each)
        for path, turn in zip(photographs, turns, strict=True)
    ]
    ordered = [shots[place] for place in chance.permutation(len(shots))]
    steps = [replace(step, number=number) for number, step in enumerate(_with_charts(ordered, chart_every))]
    if len(steps) > MOST_FRAMES:
        raise DataError(
            f"{len(steps)} frames were planned. At most {MOST_FRAMES} were needed, for markers to tell them "
            "apart. Plan two sessions."
        )
    return Plan(_session_of(steps, seed), settle, licence, tuple(steps))


def _with_charts(shots: Sequence[Step], every: int) -> Iterator[Step]:
    for place, shot in enumerate(shots):
        if place % every == 0:
            yield Step(0, "chart")
        yield shot
    yield Step(0, "chart")


def _session_of(steps: Iterable[Step], seed: int) -> int:
    said = json.dumps([seed, *(step.photograph for step in steps)])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:4], "big") % BASE


def photographs_in(folders: Iterable[Path]) -> list[Path]:
    """List the photographs in folders, and those below them; panoramas are not shown.

    Raises:
        DataError: a folder cannot be read, or has none.
    """
    return [source.path for source in find_sources(*folders) if not source.is_panorama]


def write_plan(plan: Plan, folder: Path) -> Path:
    """Write a plan into the folder of its session, and return its path.

    Raises:
        OutputError: it cannot be written there.
    """
    path = folder / PLAN
    said = asdict(plan) | {"schema": SCHEMA, "digests": {name: _digest(name) for name in plan.photographs()}}
    with whole_file(path, overwrite=False) as hidden:
        hidden.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_plan(folder: Path) -> Plan:
    """Read the plan of a session.

    Raises:
        DataError: there is none, it is damaged, or one of its photographs is gone or not what it was.
    """
    path = folder / PLAN
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8"))
        if said["schema"] != SCHEMA:
            raise ValueError(f"expected {SCHEMA!r}, got {said['schema']!r}")
        steps = tuple(Step(**step) for step in said["steps"])
        plan = Plan(int(said["session"]), float(said["settle"]), str(said["licence"]), steps)
        changed = [name for name, digest in said["digests"].items() if _digest(name) != digest]
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. The folder of a session was needed. Begin one with "
            "`crispnet data capture`."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path} is no plan of a session ({error}). One written by `crispnet data capture` was needed. Begin "
            "another session in a folder of its own."
        ) from error
    if changed:
        raise DataError(
            f"{changed[0]} is not the photograph that the session was planned with. The same was needed. Put it back, "
            "or begin another session."
        )
    return plan


def _digest(path: str) -> str:
    return Source(Path(path)).digest()
