"""The log of a run: one JSON object per line, and the same numbers for TensorBoard where that is installed.

Each line has the ``step`` it was written after; lines of validations have ``validation_...`` fields, the others
``loss``, ``stage``, ``steps_per_second``, ``learning_rate``, ``skipped`` and ``seconds``; a ``remark`` stands alone.
"""

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crispnet.files import write_whole


class Log:
    """A log that goes on after a given step; a context manager.

    Lines after that step, and a line cut short by a crash, are taken out first: those steps are done again.
    """

    def __init__(self, folder: Path, *, step: int) -> None:
        path = folder / "log.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        write_whole(path, [line + b"\n" for line in lines if _is_before(line, step)], raw=None, overwrite=True)
        self._file = path.open("a", encoding="utf-8")
        self._board = board(folder, step=step)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._board:
            self._board.close()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._board:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def remark(self, step: int, text: str) -> None:
        """Add a line of words."""
        self._file.write(json.dumps({"step": step, "remark": text}, ensure_ascii=False) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Bring all lines to the disk: a state that is saved must not be ahead of its log."""
        os.fsync(self._file.fileno())


class Silence:
    """The log of a process that learns with others, and whose first one writes."""

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write nothing."""

    def remark(self, step: int, text: str) -> None:
        """Write nothing."""

    def sync(self) -> None:
        """Do nothing."""


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the lines of a run's log; a line cut short by a crash is left out."""
    lines = (folder / "log.jsonl").read_bytes().splitlines()
    return [entry for entry in map(_entry, lines) if entry]


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _is_before(line: bytes, step: int) -> bool:
    written = _entry(line).get("step")
    return written is not None and written <= step


def board(folder: Path, *, step: int) -> Any:
    """Open TensorBoard's file beside the log, or return None where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder / "tensorboard", purge_step=step + 1)
