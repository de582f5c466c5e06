"""Finds the pictures that may be the camera's own of a raw: files of its name, near it, and the one inside it.

Near is the raw's own folder, a folder of pictures in it or beside it (RAW/a.nef and JPEG/a.jpg), and all that the user
named. The nearest is the likeliest; whether it shows what the raw shows is for ``data.gate`` to say.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile
from pathlib import Path

from PIL import Image

from crispnet.errors import ForeignPicture
from crispnet.raw.opening import Opening
from crispnet.raw.picture import CameraPicture
from crispnet.raw.sidecar import FORMATS

ENDINGS = frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff"))
SIDECAR, EMBEDDED = "sidecar", "embedded"
OF_PICTURES = re.compile(r"(?<![a-z])(jpe?gs?|pngs?|tiffs?|s?ooc)(?![a-z])", re.IGNORECASE)  # names of their folders
MOST = 4  # files of one name that are looked into
SOFTWARE = 0x0131  # EXIF tag
OURS = "crispnet"  # what pictures say that we developed: nobody takes them for the camera's
EDITORS = (
    *("lightroom", "photoshop", "camera raw", "darktable", "rawtherapee", "gimp", "capture one", "dxo"),
    *(
        "affinity",
        "luminar",
        "snapseed",
        "pixelmator",
        "picasa",
        "acdsee",
        "on1",
        "imagemagick",
        "krita",
        "dng converter",
    ),
)  # what pictures say that no camera wrote


@dataclass(frozen=True)
class Candidate:
    """A picture that may be the camera's own.

    Attributes:
        path: the picture file; None for that inside the raw.
        source: ``SIDECAR`` or ``EMBEDDED``.
        read: reads it by what opens files, or raises NoCameraPicture, ForeignPicture or UnreadableRaw.
        certain: whether it is known to be of the raw, so that its colours may be any.
    """

    path: Path | None
    source: str
    read: Callable[[Opening], CameraPicture]
    certain: bool = False


class Finder:
    """Knows the pictures of some folders by their names.

    Attributes:
        folders: that were named by the user; their pictures are known however deep they lie.
        passed_over: folders whose pictures are ours.
    """

    def __init__(self, folders: Iterable[Path], *, passed_over: Iterable[Path] = ()) -> None:
        self.folders = [folder for folder in folders if folder.is_dir()]
        self.passed_over = [folder.absolute() for folder in passed_over]
        self._named = self._by_name(path for folder in self.folders for path in sorted(folder.rglob("*")))
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def without_raw(self, raws: Iterable[Path]) -> list[Path]:
        """List the pictures in the folders that were named that have no raw of their name, but for our own."""
        names = {raw.stem.casefold() for raw in raws}
        lonely = [path for name, paths in self._named.items() if name not in names for path in paths]
        return [path for path in lonely if not _software(path).startswith(OURS)]

    def candidates(self, raw: Path) -> Iterator[Candidate]:
        """Give the pictures that may be the camera's own of a raw, the likeliest first."""
        foreign = (path for path in self._files(raw) if not _software(path).startswith(OURS))
        for path in islice(foreign, MOST):
            yield Candidate(path, SIDECAR, partial(_own_picture, path))
        yield Candidate(None, EMBEDDED, lambda opening: opening.camera_picture(raw))

    def _files(self, raw: Path) -> list[Path]:
        name, folder = raw.stem.casefold(), raw.parent
        near = (folder, *self._folders_in(folder), *self._folders_in(folder.absolute().parent))
        paths = [*self._named.get(name, ()), *(path for each in near for path in self._names_in(each).get(name, ()))]
        found = {path.absolute(): path for path in reversed(paths)}  # called as the user does, where it is the user's
        return [found[path] for path in sorted(found, key=lambda path: (_steps(raw, path), str(path)))]

    def _names_in(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._listed:
            self._listed[folder] = self._by_name(_entries(folder))
        return self._listed[folder]

    def _folders_in(self, folder: Path) -> list[Path]:
        return [path for path in _entries(folder) if OF_PICTURES.search(path.name) and path.is_dir()]

    def _by_name(self, paths: Iterable[Path]) -> dict[str, list[Path]]:
        found = defaultdict(list)
        for path in paths:
            hidden = path.name.startswith(".") or any(path.absolute().is_relative_to(each) for each in self.passed_over)
            if path.suffix.lower() in ENDINGS and not hidden and path.is_file():
                found[path.stem.casefold()].append(path)
        return dict(found)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # not ours to look into
        return []


def _steps(raw: Path, picture: Path) -> int:
    """Count the steps from the folder of a raw to that of a picture: up to what they share, and down again."""
    one, other = raw.absolute().parent.parts, picture.absolute().parent.parts
    shared = sum(1 for _ in takewhile(lambda parts: parts[0] == parts[1], zip(one, other, strict=False)))
    return len(one) + len(other) - 2 * shared


def by_editor(software: str) -> bool:
    """Tell whether a file says that an editor or a converter wrote it.

    >>> by_editor("Adobe Photoshop 25.0"), by_editor("HD7.01.01.61.00")
    (True, False)
    """
    return any(editor in software.casefold() for editor in EDITORS)


def _own_picture(path: Path, opening: Opening) -> CameraPicture:
    """Read a picture file that the camera may have written."""
    software = _software(path)
    if by_editor(software):
        raise ForeignPicture(
            f"It was written by {software[:60]}, not by the camera. The picture was needed as the camera wrote it. "
            "Look for the original, or list the pair in a manifest yourself."
        )
    return opening.picture_file(path)


def _software(path: Path) -> str:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            return str(picture.getexif().get(SOFTWARE, "")).strip()
    except Exception:  # Pillow checks little of what it unpacks; ``picture_file`` will say what is wrong
        return ""
