"""Runs the programs that speak to cameras: no shell, a time limit, and their words where they fail."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crispnet.errors import MissedShot, RigError

CHATTER = "* daemon "  # adb says that it starts its server
MOST_WORDS = 400  # characters of a program's complaint that are passed on


@dataclass(frozen=True)
class Answer:
    """What a program said.

    Attributes:
        status: its exit status.
        output: what it printed.
        complaint: what it printed as an error.
    """

    status: int
    output: str
    complaint: str

    def words(self) -> str:
        """Sum up what it complains of, on one line."""
        lines = (self.complaint or self.output).splitlines()
        said = " ".join(" ".join(line for line in lines if not line.startswith(CHATTER)).split())
        return said[:MOST_WORDS] or f"it ended with {self.status} and said nothing"


def ask(words: Sequence[str], *, seconds: float, folder: Path | None = None) -> Answer:
    """Run a program in English, and give its answer.

    Args:
        words: the program and its arguments, which no shell sees.
        seconds: after which it is ended.
        folder: to run it in.

    Raises:
        RigError: it is not installed, or not to be run.
        MissedShot: it did not end in time.
    """
    try:
        done = subprocess.run(  # noqa: S603 (no shell; the words are ours)
            list(words),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "LANGUAGE": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise MissedShot(
            f"{words[0]} did not answer within {seconds:.0f} s. A camera that is awake was needed. Wake it, and switch "
            "its own sleep off."
        ) from error
    except OSError as error:
        raise RigError(
            f"{words[0]} cannot be run: {error.strerror or error}. It speaks to the camera. Install it (Debian: "
            f"{words[0]}), or choose another --camera."
        ) from error
    return Answer(done.returncode, *(text.decode("utf-8", "replace") for text in (done.stdout, done.stderr)))
