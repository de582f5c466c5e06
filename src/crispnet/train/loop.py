"""The only training loop: a recipe and frames become a run.

A run is a folder:

    recipe.json         what decides it
    log.jsonl           what happened (``train.log``)
    last.safetensors    where it is (``train.state``): ``fit`` goes on from there, bit for bit on the same machine
    good.safetensors    where it was at the latest validation or planned saving that found it well: where it goes back
                        to when steps are not finite any more, and on from when ``last`` is damaged
    best.safetensors    what it results in so far: the averaged weights of the latest stage's best validation, or of a
                        later one that the recipe's tolerance lets pass
    pictures/           a strip of results above their targets from each validation

Frames that are damaged are passed over, steps that are not finite are skipped; both are named in the log.
Every file is replaced whole, in such an order that a crash between any two of them loses time and nothing else.
"""

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch

from crispnet.alone import alone_in
from crispnet.data.frames import Frame
from crispnet.data.patches import Batch, batch
from crispnet.data.soundness import SoundFrames
from crispnet.errors import RunError
from crispnet.files import make_folder
from crispnet.model import checkpoint
from crispnet.train.device import find_device, torch_prepared
from crispnet.train.generations import LAST, MOST_SKIPPED_IN_A_ROW, go_back, is_due, keep, take_up
from crispnet.train.log import Log, Silence
from crispnet.train.objectives import objective
from crispnet.train.recipes import Recipe, read_recipe, write_recipe
from crispnet.train.remarks import Remarks
from crispnet.train.state import State
from crispnet.train.step import learn
from crispnet.train.stopping import asked_to_stop
from crispnet.train.together import ALONE, Company
from crispnet.train.validation import validate

SECONDS_TO_LOSE = 300.0  # at most, by a crash


class Progress(NamedTuple):
    """What a run tells after each step.

    Attributes:
        step: steps done.
        steps: of the recipe.
        loss: of the last step; no finite number where it was skipped.
        steps_per_second: of late.
        seconds_left: at the present pace, later steps counted by the work in their batches.
    """

    step: int
    steps: int
    loss: float
    steps_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Run:
    """What ``fit`` made; unfinished where ``step`` is below the recipe's steps.

    Attributes:
        folder: where it lies.
        best: the lowest mean ΔE76 of the latest stage's validations; None before the first.
        step: steps done.
        skipped: how many of them were not finite.
        remarks: what was found to be wrong in this sitting, a sentence each.
    """

    folder: Path
    best: float | None
    step: int
    skipped: int
    remarks: tuple[str, ...] = ()


def fit(
    recipe: Recipe,
    frames: Sequence[Frame],
    validation: Sequence[Frame],
    folder: Path,
    *,
    resume: bool = True,
    device: str = "auto",
    threads: int | None = None,
    save_seconds: float = SECONDS_TO_LOSE,
    stop: threading.Event | None = None,
    company: Company = ALONE,
    on_step: Callable[[Progress], None] = lambda _: None,
) -> Run:
    """Train by a recipe, or go on doing so, until its last step or until asked to stop.

    Args:
        recipe: what to do.
        frames: to learn from.
        validation: frames to choose the best weights by; none of their scenes among ``frames``.
        folder: of the run; made where it is missing.
        resume: whether a run that is there is gone on with; without it, one that is there is refused.
        device: "cpu", "cuda", "mps" or "auto", the best there is.
        threads: of the processor; None leaves it to torch.
        save_seconds: time after which the state is saved though the recipe does not ask for it yet.
        stop: once set, the run is saved and ends. SIGINT and SIGTERM set it too; a second one interrupts at once.
        company: the processes that learn together, each of which has called this with the same; the first writes.
        on_step: told after each step.

    Raises:
        RunError: no frames, a folder with another run, a state that cannot be continued from, or steps that are not
            finite although the run went back.
        DataError: no frame is sound.
        OutputError: the folder cannot be written to, or another process is working at it.
    """
    stop = stop or threading.Event()
    _check(recipe, frames, validation, folder, resume=resume)
    _begin(recipe, folder, company)
    with torch_prepared(threads), asked_to_stop(stop), _ours(folder, company):
        remarks = Remarks()
        state = take_up(recipe, folder, remarks, device=find_device(device), company=company)
        with Log(folder, step=state.counts.step) if company.is_first else Silence() as log:
            sitting = _Sitting(recipe, folder, state, log, remarks, saved_step=state.counts.step)
            learned, validating = (SoundFrames(each, remarks.leave_out) for each in (frames, validation))
            for loss in sitting.losses(learned, stop):
                sitting.keep(validating, save_seconds=save_seconds)
                on_step(sitting.progress(loss))
            sitting.save()
    counts = state.counts
    return Run(folder, counts.best, counts.step, counts.skipped, tuple(remarks.said))


def _begin(recipe: Recipe, folder: Path, company: Company) -> None:
    """Make the folder of a run, and write down its recipe."""
    for stage, _ in recipe.stages:
        company.part_of(stage.scenes)  # said before anything is made
    company.wait()  # until all have seen what is there
    if company.is_first and not (folder / LAST).exists():
        make_folder(folder / "pictures", purpose="the run")
        write_recipe(recipe, folder / "recipe.json")


def _ours(folder: Path, company: Company) -> AbstractContextManager[None]:
    """Keep the folder to the processes that learn together, by its first."""
    return alone_in(folder, clearing=(folder, folder / "pictures")) if company.is_first else nullcontext()


def preparers(device: torch.device) -> int:
    """Count the batches to prepare at once: a processor that learns itself has one core to spare at most."""
    return 1 if device.type == "cpu" else 4


@dataclass(eq=False)
class _Sitting:
    """A run while it is worked at."""

    recipe: Recipe
    folder: Path
    state: State
    log: Log | Silence
    remarks: Remarks
    saved_step: int
    saved_at: float = field(default_factory=time.monotonic)
    work_per_second: float = 0.0

    def losses(self, frames: Sequence[Frame], stop: threading.Event) -> Iterator[float]:
        """Do step after step; the next batches are prepared meanwhile."""

        def prepare(step: int) -> Batch:
            stage, _ = self.recipe.stages[self.recipe.stage_at(step)]
            part = company.part_of(stage.scenes)
            return batch(frames, stage, seed=self.recipe.seed, step=step, part=part)

        company, device = self.state.company, next(self.state.model.parameters()).device
        first, steps = self.state.counts.step, self.recipe.steps
        at_once = preparers(device)
        with ThreadPoolExecutor(at_once, "batches") as ahead:
            upcoming = deque(ahead.submit(prepare, step) for step in range(first, min(first + at_once, steps)))
            while upcoming and not company.agree(wish=stop.is_set(), device=device):
                began, present = time.monotonic(), upcoming.popleft().result()
                following = self.state.counts.step + at_once
                if following < steps:
                    upcoming.append(ahead.submit(prepare, following))
                loss = learn(self.state, present, self.recipe)
                if not math.isfinite(loss):
                    self._skip(present)
                self._take_time(time.monotonic() - began)
                yield loss

    def _skip(self, batch: Batch) -> None:
        """Name what a step that was not finite showed, and go back when there are too many of them."""
        counts = self.state.counts
        self.remarks.add(f"Step {counts.step} was not finite and was skipped; it showed {', '.join(batch.names)}.")
        if counts.skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW:
            go_back(self.state, self.folder, self.remarks)

    def _take_time(self, seconds: float) -> None:
        """Add a step's time, and let the pace follow it."""
        counts = self.state.counts
        counts.seconds += seconds
        pace = self.recipe.work(counts.step - 1, counts.step) / max(seconds, 1e-9)
        self.work_per_second += (pace - self.work_per_second) * (0.05 if self.work_per_second else 1.0)

    def keep(self, validation: SoundFrames, *, save_seconds: float) -> None:
        """Log, validate and save what is due after a step."""
        recipe, step = self.recipe, self.state.counts.step
        if not self.state.company.is_first:
            return
        self._write_remarks()
        validates = step % recipe.validate_every == 0 or step == recipe.steps
        if step % recipe.log_every == 0 or step == recipe.steps:
            self._write_line()
        if validates:
            self._validate(validation)
        if is_due(recipe, step) or time.monotonic() - self.saved_at > save_seconds:
            self.save()

    def _write_remarks(self) -> None:
        for text in self.remarks.new():
            self.log.remark(self.state.counts.step, text)

    def _write_line(self) -> None:
        counts = self.state.counts
        values = {"loss": counts.losses / counts.lost} if counts.lost else {}
        self.log.write(counts.step, values | {
            "stage": self.recipe.stage_at(counts.step - 1),
            "steps_per_second": self._steps_per_second(),
            "learning_rate": self.recipe.rate_at(counts.step - 1),
            "skipped": counts.skipped,
            "seconds": counts.seconds,
        })  # fmt: skip
        counts.losses, counts.lost = 0.0, 0

    def _validate(self, frames: SoundFrames) -> None:
        counts, recipe = self.state.counts, self.recipe
        strip = self.folder / "pictures" / f"{counts.step:06d}.png"
        place = recipe.stage_at(counts.step - 1)
        found = validate(
            self.state.average, frames.sound(), recipe.stages[place][0], precision=recipe.precision, strip=strip
        )
        self.log.write(counts.step, found)
        delta_e = found["validation_delta_e"]
        # Weights of an earlier stage know nothing of what only this one shows, however well they do on small frames.
        before = counts.best if place == counts.best_stage else None
        best = delta_e if before is None else min(delta_e, before)
        if math.isfinite(delta_e) and delta_e <= best * (1 + recipe.tolerance):
            counts.best, counts.best_stage = best, place
            weights, facts = self.state.average.state_dict(), {"recipe": recipe.name, "step": counts.step, **found}
            checkpoint.save(recipe.model, recipe.options, weights, self.folder / "best.safetensors", **facts)

    def save(self) -> None:
        """Save the state, unless it is saved."""
        self._write_remarks()
        if self.state.company.is_first and self.state.counts.step != self.saved_step:
            self.log.sync()
            keep(self.state, self.recipe, self.folder)
            self.saved_at, self.saved_step = time.monotonic(), self.state.counts.step

    def _steps_per_second(self) -> float:
        step = self.state.counts.step
        return self.work_per_second / self.recipe.work(step - 1, step)

    def progress(self, loss: float) -> Progress:
        """Say how far the run is."""
        step, steps = self.state.counts.step, self.recipe.steps
        left = self.recipe.work(step, steps) / max(self.work_per_second, 1e-9)
        return Progress(step, steps, loss, self._steps_per_second(), left)


def _check(recipe: Recipe, frames: Sequence[Frame], validation: Sequence[Frame], folder: Path, *, resume: bool) -> None:
    """Refuse what cannot become a run."""
    objective(recipe.objective, vgg=recipe.vgg)
    if not (frames and validation):
        raise RunError(
            f"There are {len(frames)} frames to learn from and {len(validation)} to validate with. At least one of "
            "each was needed. Give more pairs, of more scenes, or other shares of the splits."
        )
    if not (folder / LAST).exists():
        return
    there = read_recipe(folder / "recipe.json")
    if not resume:
        raise RunError(f"{folder} has a run in it. An empty folder was needed. Choose another, or go on with that run.")
    before, now = (json.loads(json.dumps(asdict(each))) for each in (there, recipe))
    changed = [name for name in now if now[name] != before[name]]
    if changed:
        raise RunError(
            f"{folder} has a run by another recipe, which differs in {', '.join(changed)}. The same recipe was needed "
            "to go on with it. Give the recipe.json of the run, or choose another folder."
        )
