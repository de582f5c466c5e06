"""Pictures that a command makes of raws: a vendor's simulator, another raw developer, whatever a shell can run.

The command is a template such as ``isp --in {raw} --out {picture}``. It is run without a shell, once for each raw; a
picture that is there already is not made again. What it writes has its name last, so that a run that was interrupted
leaves no half a picture behind.
"""

import secrets
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crispnet.app import batch
from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.data.finding import Candidate
from crispnet.errors import CrispnetError
from crispnet.files import make_folder

COMMAND = "command"  # where a picture comes from
RAW, PICTURE = "{raw}", "{picture}"
EXAMPLE = f"'isp --in {RAW} --out {PICTURE}'"
LONGEST_WORD = 300  # characters of what a program said


def check_template(command: str) -> list[str]:
    """Split a template into words.

    Raises:
        CrispnetError: it names no raw or no picture, or its quotes do not match.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CrispnetError(
            f"The command {command!r} cannot be read: {error}. Something like {EXAMPLE} was needed. Check its quotes."
        ) from error
    missing = [name for name in (RAW, PICTURE) if not any(name in word for word in words)]
    if missing:
        raise CrispnetError(
            f"The command {command!r} does not say where {' and '.join(missing)} go. Something like {EXAMPLE} was "
            "needed. Put the braces in."
        )
    return words


@dataclass
class Commanded:
    """Knows the pictures that a command made.

    Attributes:
        pictures: by raw.
    """

    pictures: dict[Path, Path] = field(default_factory=dict)

    def candidates(self, raw: Path) -> Iterator[Candidate]:
        """Give the picture that the command made of a raw, if it did."""
        if path := self.pictures.get(raw):
            yield Candidate(path, COMMAND, lambda opening: opening.picture_file(path), certain=True)

    def without_raw(self, raws: Iterable[Path]) -> list[Path]:  # noqa: ARG002
        """List nothing: each was made of a raw."""
        return []


def make_pictures(words: Sequence[str], raws: Sequence[Path], folder: Path) -> Commanded:
    """Run a command on each raw; what fails is said, and has no picture.

    Raises:
        CrispnetError: the program cannot be started at all.
        OutputError: the folder cannot be made.
    """
    make_folder(folder, purpose="the pictures", advice="Choose another with -o.")
    made = Commanded()
    with watched(len(raws), "running") as tell:
        for done, task in enumerate(batch.plan(raws, folder, ".jpg"), 1):
            if task.picture.exists() or _run(words, task):
                made.pictures[task.raw] = task.picture
            tell(done)
    return made


def _run(words: Sequence[str], task: batch.Task) -> bool:
    """Let the command make one picture, and return whether it did."""
    hidden = task.picture.with_name(f".crispnet-{secrets.token_hex(8)}.jpg")
    names = {RAW: str(task.raw.absolute()), PICTURE: str(hidden.absolute())}
    filled = [word.replace(RAW, names[RAW]).replace(PICTURE, names[PICTURE]) for word in words]
    try:
        said = subprocess.run(filled, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
        if said.returncode == 0 and hidden.is_file() and hidden.stat().st_size:
            hidden.replace(task.picture)
            return True
    except OSError as error:
        raise CrispnetError(
            f"{words[0]} cannot be run: {error.strerror or error}. A program that is installed was needed. Check its "
            "name."
        ) from error
    finally:
        hidden.unlink(missing_ok=True)
    lines = (said.stderr or said.stdout).strip().splitlines()
    reason = f"ended with {said.returncode}" if said.returncode else "wrote no picture"
    complain(f"{task.raw}: {words[0]} {reason}{': ' + lines[-1][:LONGEST_WORD] if lines else ''}")
    return False
