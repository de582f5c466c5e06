"""A set of captures as a JSON file: those in ``data/sets`` ship with the package, anybody may write others."""

import json
from dataclasses import MISSING, asdict, fields
from importlib import resources
from pathlib import Path

from crispnet.data.captures import CaptureSet, Entry
from crispnet.errors import DataError
from crispnet.files import whole_file

SCHEMA = "crispnet captures 1"
# What a set has unless it says otherwise, and does not say then: some were frozen before there was anything else.
USUAL = {field.name: field.default for field in fields(CaptureSet) if field.default is not MISSING}


def named_set(name: str) -> CaptureSet:
    """Read a set that ships with the package, or a JSON file.

    Raises:
        DataError: there is no such set, or the file is none.
    """
    if name in shipped_sets():
        return _read((resources.files("crispnet.data") / "sets" / f"{name}.json").read_text("utf-8"), name)
    try:
        return _read(Path(name).read_text("utf-8"), name)
    except (OSError, ValueError) as error:  # missing, or neither text nor a possible name
        raise DataError(
            f"There is no set of captures called {name!r}. One of {', '.join(shipped_sets())}, or a JSON file, was "
            "needed. Check the name."
        ) from error


def shipped_sets() -> list[str]:
    """List the sets that ship with the package."""
    folder = resources.files("crispnet.data") / "sets"
    return sorted(file.name.removesuffix(".json") for file in folder.iterdir() if file.name.endswith(".json"))


def _read(text: str, name: str) -> CaptureSet:
    try:
        said = USUAL | json.loads(text)
        if said["schema"] != SCHEMA:
            raise ValueError(f"expected {SCHEMA!r}, got {said['schema']!r}")
        if not said["name"] or min(said["seed"], said["per_photograph"], said["per_panorama"]) < 0:
            raise ValueError("expected a name, and numbers from 0")
        return CaptureSet(
            name=str(said["name"]),
            seed=int(said["seed"]),
            cameras=tuple(map(str, said["cameras"])),
            unseen=tuple(map(str, said["unseen"])),
            per_photograph=int(said["per_photograph"]),
            per_panorama=int(said["per_panorama"]),
            entries=tuple(
                Entry(str(file), str(sha), str(split), *map(int, own)) for file, sha, split, *own in said["entries"]
            ),
            style=said["style"],
            further=tuple(map(int, said["further"])),  # type: ignore[arg-type]  # the set counts them
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{name} is no set of captures ({type(error).__name__}: {error}). A file that was written by freezing one "
            "was needed. Freeze one of your photographs, or name one that ships with the package."
        ) from error


def write_set(captures: CaptureSet, path: Path) -> Path:
    """Write a set to a JSON file, one source per line, and return its path; an old one is replaced.

    Raises:
        OutputError: it cannot be written there.
    """
    said = {name: value for name, value in asdict(captures).items() if name not in USUAL or value != USUAL[name]}
    said["schema"] = SCHEMA
    lines = [json.dumps([each for each in entry.values() if each is not None]) for entry in said.pop("entries")]
    head = json.dumps(said, indent=1, ensure_ascii=False)[:-2]
    with whole_file(path, overwrite=True) as hidden:
        hidden.write_text(head + ',\n "entries": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n", encoding="utf-8")
    return path
