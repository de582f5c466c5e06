"""The log of a session: a line of JSON for all that happened, as it happens, by which an interrupted one goes on.

{"event": "begun", "at": ..., "camera": "virtual", "rows": 800, "columns": 1280, "version": ...}
{"event": "shown", "at": ..., "frame": 3}
{"event": "shot", "at": ..., "frame": 3, "raw": "captures/0003.dng", "picture": "captures/0003.jpg"}
{"event": "missed", "at": ..., "frame": 4, "reason": ...}
{"event": "rejected", "at": ..., "frame": 3, "fault": "blurred", "reason": ...}
{"event": "ended", "at": ...}
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.marks import Layout
from crispnet.errors import OutputError

LOG = "log.jsonl"


@dataclass
class History:
    """What a log says.

    Attributes:
        shot: the files of each frame that was photographed and not rejected since, in the order in which they were
            taken; None where they come by themselves.
        missed: why a frame was not photographed, unless it was later on.
        tries: how often each frame was shown.
        layout: of the screen, as it was last.
        interruptions: how many times a session began that the last one had not ended for.
        sizes: how many sizes the screen had.
        ended: whether the last session came to its end.
    """

    shot: dict[int, Taken | None] = field(default_factory=dict)
    missed: dict[int, str] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)
    layout: Layout | None = None
    interruptions: int = 0
    sizes: int = 0
    ended: bool = True


def note(folder: Path, event: str, **facts: object) -> None:
    """Add a line to the log of a session.

    Raises:
        OutputError: it cannot be written.
    """
    said = {"event": event, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
    line = json.dumps(said, ensure_ascii=False) + "\n"
    path = folder / LOG
    try:
        with path.open("ab") as log:
            if log.tell() and not _ends_well(path):
                line = "\n" + line  # a line that was cut off is left alone
            log.write(line.encode())
            log.flush()
            os.fsync(log.fileno())
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. A writable folder with enough free space was "
            "needed. Check it and the disk, and call again to go on."
        ) from error


def _ends_well(path: Path) -> bool:
    with path.open("rb") as log:
        log.seek(-1, 2)
        return log.read(1) == b"\n"


def history_of(folder: Path) -> History:
    """Read the log of a session; one that never began has no history. Lines that are no events are passed over."""
    history = History()
    try:
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return history
    for line in lines:
        try:
            _take_in(history, json.loads(line), folder)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return history


def _take_in(history: History, said: dict[str, Any], folder: Path) -> None:
    event = said["event"]
    if event in ("shown", "shot", "missed", "rejected"):
        _take_in_frame(history, said, int(said["frame"]), folder)
    elif event == "begun":
        layout = Layout(int(said["rows"]), int(said["columns"]))
        history.interruptions += not history.ended
        history.sizes += layout != history.layout
        history.layout, history.ended = layout, False
    elif event == "ended":
        history.ended = True


def _take_in_frame(history: History, said: dict[str, Any], frame: int, folder: Path) -> None:
    if said["event"] == "shown":
        history.tries[frame] = history.tries.get(frame, 0) + 1
    elif said["event"] == "shot":
        history.shot.pop(frame, None)  # so that frames stay in the order in which they were taken
        history.shot[frame] = Taken(folder / said["raw"], folder / said["picture"]) if "raw" in said else None
        history.missed.pop(frame, None)
    elif said["event"] == "missed":
        history.missed[frame] = str(said["reason"])
    else:
        history.shot.pop(frame, None)


def frames_left(numbers: Sequence[int], history: History) -> list[int]:
    """List the frames that are still to be photographed."""
    return [number for number in numbers if number not in history.shot]
