"""What ``crispnet train`` does: captures where there are only photographs, frames, and the run."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import typer

from crispnet.app.collecting import MANIFEST, Origin, complain_of, frames_of, pairs_in
from crispnet.app.refusing import complain
from crispnet.app.simulating import Wish as Captures
from crispnet.app.simulating import take_captures
from crispnet.app.watching import watched
from crispnet.errors import OutputError, RunError
from crispnet.files import make_folder
from crispnet.model.catalogue import MODELS
from crispnet.train.device import find_device
from crispnet.train.loop import Progress, Run, fit
from crispnet.train.recipes import RECIPES, Recipe, read_recipe
from crispnet.train.together import ALONE, Company, company

STATE = "last.safetensors"
OF_A_RUN = (
    *("recipe.json", "log.jsonl", STATE, "good.safetensors", "best.safetensors", "data.json", "pictures"),
    "tensorboard",
)
MOST_REMARKS = 10  # that are said


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet train --help``."""

    recipe: str
    data: Path
    run: Path
    changes: tuple[str, ...]
    device: str
    threads: int | None
    fresh: bool


def list_recipes(*, as_json: bool) -> None:
    """Say a line about each recipe."""
    for name, recipe in RECIPES.items():
        network = (MODELS[recipe.model].__doc__ or "").splitlines()[0].removeprefix("Make ").rstrip(".")
        facts = {"name": name, "model": recipe.model, "steps": recipe.steps, "objective": recipe.objective}
        in_words = f"{name:<20}{recipe.steps} steps, {recipe.objective}: {network}"
        typer.echo(json.dumps(facts | {"network": network}) if as_json else in_words)


def train(wish: Wish, *, as_json: bool) -> bool:
    """Train, or go on; say what came of it, and return whether the run is finished.

    Raises:
        DataError: nothing can be learned from the data.
        RunError: the recipe, the device, or the run that is there cannot be used.
        OutputError: the run cannot be written.
    """
    with company(find_device(wish.device)) as together:
        with _voice(together):
            recipe = _recipe(wish)
            if wish.fresh and together.is_first:
                _set_aside(wish.run)
            data = together.in_turn(lambda: _captures(wish))
            run = follow(recipe, data, wish.run, device=wish.device, threads=wish.threads, together=together)
        if together.is_first:
            _say(run, recipe, wish, data=data, as_json=as_json)
        else:
            say_remarks(run)  # which the first knows nothing of: they are about this process's part of the frames
    return run.step >= recipe.steps


@contextmanager
def _voice(together: Company) -> Iterator[None]:
    """Let the first of the processes that learn together speak for all."""
    if together.is_first:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield


def follow(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    together: Company = ALONE,
) -> Run:
    """Train by a recipe, or go on, under a bar.

    Args:
        recipe: what to do.
        data: a folder of captures.
        folder: of the run.
        device: see ``train.device.find_device``.
        threads: of the processor; None leaves it to torch.
        together: the processes that learn together.

    Raises:
        DataError: nothing can be learned from the data.
        RunError: the run that is there is another one's, or is past going on with.
        OutputError: the run cannot be written.
    """
    pairs = pairs_in(data)
    places = (data / "frames", folder / "frames")
    frames, validation = together.in_turn(
        lambda: [frames_of(pairs, split, places=places, leave_out=complain_of) for split in ("train", "validation")]
    )
    if together.is_first:
        _remember(Origin.of(data, pairs), folder)
    _note(f"{recipe.name} learns from {len(frames)} captures, and is validated with {len(validation)}: {folder}")
    with watched(recipe.steps, "training") as tell:

        def on_step(progress: Progress) -> None:
            tell(progress.step, note=f"loss {progress.loss:.4f}", left=progress.seconds_left)

        run = fit(recipe, frames, validation, folder, device=device, threads=threads, company=together, on_step=on_step)
    say_remarks(run)
    return run


def say_remarks(run: Run) -> None:
    """Say what a run found to be wrong, the first of it; its log has the rest."""
    for remark in run.remarks[:MOST_REMARKS]:
        complain(remark)
    if len(run.remarks) > MOST_REMARKS:
        complain(f"{len(run.remarks) - MOST_REMARKS} more such remarks are in {run.folder / 'log.jsonl'}.")


def _recipe(wish: Wish) -> Recipe:
    """Find the recipe by its name; where nothing is to be changed, that of the run that is there goes on."""
    if wish.recipe not in RECIPES:
        raise RunError(
            f"There is no recipe called {wish.recipe!r}. One of {', '.join(RECIPES)} was needed. `crispnet recipes` "
            "says more about each."
        )
    wanted = RECIPES[wish.recipe].set(*wish.changes)
    if wish.fresh or not (wish.run / STATE).exists():
        return wanted
    there = read_recipe(wish.run / "recipe.json")
    if there != wanted and (wish.changes or there.name != wish.recipe):
        raise RunError(
            f"{wish.run} has a run by another recipe, {there.name} with its own settings. The same was needed to go on "
            f"with it: `crispnet train {there.name} -o {wish.run}`, and no --set. To begin anew, add --fresh, or "
            "choose another folder with -o."
        )
    return there


def _captures(wish: Wish) -> Path:
    """Give the folder of the captures; where there are only photographs, take some of them first."""
    if (wish.data / MANIFEST).is_file():
        return wish.data
    folder = wish.run / "captures"
    if (folder / MANIFEST).is_file():
        _note(f"{wish.data} has no {MANIFEST}: the captures that were taken of its photographs are in {folder}.")
        return folder
    if wish.data.is_dir():
        _note(f"{wish.data} has no {MANIFEST}: its photographs are captured by a virtual camera first, into {folder}.")
    take_captures([wish.data], folder, Captures())
    return folder


def _set_aside(run: Path) -> None:
    """Move a run that is there into a folder within its own."""
    there = [run / name for name in OF_A_RUN if (run / name).exists()]
    if not there:
        return
    number = 1
    while (run / f"before-{number}").exists():
        number += 1
    aside = run / f"before-{number}"
    try:
        aside.mkdir()
        for path in there:
            path.rename(aside / path.name)
    except OSError as error:
        raise OutputError(
            f"The run in {run} cannot be set aside: {error.strerror or error}. A writable folder was needed. Choose "
            "another with -o."
        ) from error
    _note(f"The run that was there is in {aside} now.")


def _remember(origin: Origin, run: Path) -> None:
    """Keep what a run learns from; one that is there goes on with nothing else."""
    before = Origin.read(run) if (run / STATE).exists() else None
    if before and not origin.is_like(before):
        raise RunError(
            f"{run} has a run that learned from {before.captures} captures of {before.name}, and not from "
            f"{origin.captures} of {origin.name}. The same captures were needed to go on with it. Name {before.data}, "
            "or another folder for the run with -o."
        )
    make_folder(run, purpose="the run", advice="Choose another with -o.")
    origin.write(run)


def _say(run: Run, recipe: Recipe, wish: Wish, *, data: Path, as_json: bool) -> None:
    if as_json:
        facts = {"run": str(run.folder), "step": run.step, "steps": recipe.steps, "skipped": run.skipped}
        typer.echo(json.dumps(facts | {"best_delta_e": run.best}))
        return
    if run.step < recipe.steps:
        changes = [word for change in wish.changes for word in ("--set", change)]
        again = shlex.join(["crispnet", "train", wish.recipe, str(wish.data), "-o", str(wish.run), *changes])
        _note(f"Stopped and saved after {run.step} of {recipe.steps} steps. To go on: {again}")
    if run.skipped:
        _note(f"{run.skipped} steps were not finite and were skipped.")
    typer.echo(run.folder)
    if run.best is None:
        return
    typer.echo(f"mean ΔE76 of the best validation: {run.best:.2f}")
    typer.echo(f"next: {shlex.join(['crispnet', 'evaluate', str(run.folder), str(data)])}")
    typer.echo(f"      {shlex.join(['crispnet', 'export', str(run.folder), '-o', f'{run.folder.name}.onnx'])}")


def _note(text: str) -> None:
    typer.echo(text, err=True)
