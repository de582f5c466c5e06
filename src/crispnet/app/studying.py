"""What ``crispnet study`` does: captures, every run of the paper, and their results, one thing after another."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from crispnet.app import evaluating
from crispnet.app.simulating import Wish as Captures
from crispnet.app.simulating import take_captures
from crispnet.app.training import follow
from crispnet.errors import RunError
from crispnet.evaluate.tables import CONTROL_KEYS, KEYS
from crispnet.train.effort import of_a_run
from crispnet.train.study import PROFILES, SETS, Profile, starts_from


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet study --help``."""

    photographs: tuple[Path, ...]
    folder: Path
    results: Path
    profile: str
    only: tuple[str, ...]
    device: str


def study(wish: Wish) -> bool:
    """Do what is missing of a study, and return whether nothing is missing any more.

    Raises:
        DataError: the photographs are not those of the sets.
        RunError: there is no such profile or run.
        OutputError: something cannot be written.
    """
    keys = _keys(wish.only)
    profile = PROFILES[wish.profile]
    for name in dict.fromkeys(SETS[_set_of(key)] for key in keys):
        take_captures(wish.photographs, wish.folder / name, Captures(name))
    missing = [key for key in keys if not _result(wish, key).is_file()]
    typer.echo(f"{len(keys) - len(missing)} of {len(keys)} results are there.", err=True)
    for key, note in _announced(missing, profile):
        typer.echo(note, err=True)
        if key in KEYS and not _train(key, wish, profile):
            return False
        _measure(key, wish)
    typer.echo(wish.results / wish.profile)
    return True


def _keys(only: Sequence[str]) -> list[str]:
    known = (*CONTROL_KEYS, *KEYS)
    strangers = [key for key in only if key not in known]
    if strangers:
        raise RunError(
            f"There is no {strangers[0]!r} in the study. One of {', '.join(known)} was needed. Leave --only out to "
            "make them all."
        )
    wanted = {*only, *map(starts_from, only)} if only else set(known)
    # What others start from is made before them.
    return sorted((key for key in known if key in wanted), key=lambda key: bool(starts_from(key)))


def _set_of(key: str) -> str:
    return key.split("/")[0]


def _run(wish: Wish, key: str) -> Path:
    return wish.folder / wish.profile / key


def _result(wish: Wish, key: str) -> Path:
    return wish.results / wish.profile / f"{key}.json"


def _announced(missing: Sequence[str], profile: Profile) -> Iterator[tuple[str, str]]:
    """Give each key with a line that says how far the study is; the time left follows the multiplications left."""
    efforts = {key: of_a_run(profile.recipe(key)) for key in missing if key in KEYS}
    began, done = time.monotonic(), 0.0
    for place, key in enumerate(missing):
        left = (time.monotonic() - began) / done * (sum(efforts.values()) - done) if done else None
        in_hours = f", about {left / 3600:.1f} h left" if left is not None else ""
        yield key, f"{key}: {place + 1} of {len(missing)}{in_hours}"
        done += efforts.get(key, 0.0)


def _train(key: str, wish: Wish, profile: Profile) -> bool:
    """Train, or go on; return whether the run is finished."""
    before = starts_from(key)
    recipe = profile.recipe(key, start_from=str(_run(wish, before)) if before else "")
    data = wish.folder / SETS[_set_of(key)]
    return follow(recipe, data, _run(wish, key), device=wish.device).step >= recipe.steps


def _measure(key: str, wish: Wish) -> None:
    kind, name = key.split("/")
    subject, called = (str(_run(wish, key)), f"study/{wish.profile}/{key}") if key in KEYS else (name, name)
    data, output = wish.folder / SETS[kind], _result(wish, key)
    asked = evaluating.Wish(subject, data, "test", output, limit=None, pictures=True, called=called)
    evaluating.evaluate(asked, as_json=False)
