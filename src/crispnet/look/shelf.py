"""The looks at hand: those that ship with the package, by name, and look files, by path."""

from importlib import resources
from pathlib import Path

from crispnet.errors import LookError
from crispnet.look.contract import Look
from crispnet.look.file import LookFile
from crispnet.look.plain import PlainLook

ENDING = ".onnx"


def shipped() -> tuple[str, ...]:
    """Name the looks that ship with the package: the classic one, then the trained ones."""
    return (PlainLook.name, *sorted(_files()))


def load_look(name: str, *, threads: int | None = None) -> Look:
    """Take a look off the shelf.

    Args:
        name: of a look that ships with the package, or the path of a look file, which ends in ".onnx".
        threads: to run it with; None for as many as there are cores.

    Raises:
        LookError: there is none of that name, or its file cannot be used.
    """
    if name == PlainLook.name:
        return PlainLook()
    return running(LookFile.open(file_of(name)), threads=threads)


def fingerprint(look: Look) -> str:
    """Tell a look from all others: the digest of its file, or the name and the version of one that has none."""
    return str(getattr(look, "digest", f"{look.name} {look.version}"))


def read_card(name: str) -> dict[str, str]:
    """Read what a look tells of itself, its name and version first; no runtime is needed for it.

    Raises:
        LookError: as ``load_look``.
    """
    look = PlainLook if name == PlainLook.name else LookFile.open(file_of(name))
    return {"name": look.name, "version": look.version, **look.card}


def _files() -> dict[str, Path]:
    """Find the look files that ship with the package, by the names of their looks."""
    folder = Path(str(resources.files("crispnet.look"))) / "shipped"
    return {file.stem: file for file in folder.glob(f"*{ENDING}")}


def file_of(name: str) -> Path:
    """Find the file of a look that is not the plain one."""
    if name.lower().endswith(ENDING):
        return Path(name)
    files = _files()
    if name == PlainLook.name:
        raise LookError(f"{name} has no weights. A trained look was needed. Choose {', '.join(files)}, or a look file.")
    if name not in files:
        raise LookError(
            f"There is no look called {name!r}. A name among {', '.join(shipped())}, or a file that ends in {ENDING}, "
            "was needed. See `crispnet looks`."
        )
    return files[name]


def running(file: LookFile, *, threads: int | None = None) -> Look:
    """Take a look file as a look.

    Raises:
        LookError: what runs it is not installed, or cannot use it.
    """
    try:
        from crispnet.look.openvino import OpenVinoLook
    except ModuleNotFoundError as error:
        raise LookError(
            f"The look {file.name} cannot be run: {error.name} is not installed. OpenVINO was needed. Run: pip install "
            "openvino, or develop with the plain look."
        ) from error
    return OpenVinoLook(file, threads=threads)
