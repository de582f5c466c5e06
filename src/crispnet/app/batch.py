"""Many raws: what to read, where to write, what went wrong."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crispnet.darkroom.formats import ENDINGS
from crispnet.errors import CrispnetError, OutputError
from crispnet.files import make_folder

RAW_ENDINGS = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f".split()
)


@dataclass(frozen=True)
class Task:
    """One raw file, the picture to make of it, and the folder that the user chose for pictures."""

    raw: Path
    picture: Path
    folder: Path

    def make_folder(self) -> None:
        """Make the folder for the picture.

        Raises:
            OutputError: it cannot be made, or a link leads it out of the chosen folder.
        """
        parent = self.picture.parent
        make_folder(parent, purpose="the pictures", advice="Choose another with -o.")
        if not parent.resolve().is_relative_to(self.folder.resolve()):
            raise OutputError(
                f"{parent} leads out of {self.folder}. Pictures go into the chosen folder alone. Remove the link, or "
                "choose another folder with -o."
            )


@dataclass(frozen=True)
class Outcome:
    """What became of a task: facts for the user, or why there are none."""

    task: Task
    facts: dict[str, Any] | None = None
    error: CrispnetError | None = None


def find_raws(inputs: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """List raw files, with the folder that each keeps below the output folder.

    A file named by the user is taken whatever its ending; a folder gives the raws in it and below it, in order.
    """
    for path in inputs:
        if not path.is_dir():
            yield path, Path()
            continue
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.suffix.lower() in RAW_ENDINGS and found.is_file() and not hidden:
                yield found, found.relative_to(path).parent


def raws_in(inputs: Iterable[Path]) -> list[Path]:
    """List the raw files that were named, and those in the folders that were named.

    Raises:
        CrispnetError: there is none.
    """
    return [raw for raw, _ in _some_raws(inputs)]


def _some_raws(inputs: Iterable[Path]) -> list[tuple[Path, Path]]:
    inputs = list(inputs)
    raws = list(dict.fromkeys(find_raws(inputs)))
    if not raws:
        named = ", ".join(map(str, inputs))
        raise CrispnetError(f"There is no raw file in {named}. Name raw files, or a folder that holds some.")
    return raws


def plan(inputs: Iterable[Path], output: Path | None, ending: str) -> list[Task]:
    """Decide where the picture of each raw goes.

    Args:
        inputs: files and folders.
        output: the picture itself if there is one raw and this has a picture's ending, else a folder; None for the
            current folder.
        ending: of the pictures, with its dot.

    Raises:
        CrispnetError: there is no raw file.
        OutputError: one picture was named for several raws.
    """
    raws = _some_raws(inputs)
    if output is not None and output.suffix.lower() in ENDINGS and not output.is_dir():
        if len(raws) > 1:
            raise OutputError(
                f"{output} is one picture, but {len(raws)} raw files were given. Name a folder with -o, or give one "
                "raw file."
            )
        return [Task(raws[0][0], output, output.parent)]
    folder = output or Path()
    wanted = [folder / below / (raw.stem + ending) for raw, below in raws]
    shared = Counter(_folded(picture) for picture in wanted)
    taken: set[str] = set()
    tasks = []
    for (raw, _), picture in zip(raws, wanted, strict=True):
        own = picture if shared[_folded(picture)] == 1 else picture.with_name(raw.name + ending)  # a.cr2 beside a.dng
        tasks.append(Task(raw, _untaken(own, taken), folder))
    return tasks


def folder_of(inputs: Iterable[Path], tasks: Iterable[Task]) -> Path | None:
    """Give the folder of the pictures where a folder of raws was named; None for raws that were named one by one."""
    return next((task.folder for task in tasks), None) if any(path.is_dir() for path in inputs) else None


def _folded(picture: Path) -> str:
    """Give what two names share that some disks take for one."""
    return str(picture).casefold()


def _untaken(picture: Path, taken: set[str]) -> Path:
    """Number a name that another raw of this batch already has."""
    candidate, number = picture, 2
    while _folded(candidate) in taken:
        candidate, number = picture.with_name(f"{picture.stem}-{number}{picture.suffix}"), number + 1
    taken.add(_folded(candidate))
    return candidate


def run(tasks: Iterable[Task], work: Callable[[Task], dict[str, Any]]) -> Iterator[Outcome]:
    """Do the work of each task, one after another, and give the outcomes as they come; a failure stops no other."""
    for task in tasks:
        try:
            yield Outcome(task, facts=work(task))
        except CrispnetError as error:
            yield Outcome(task, error=error)
