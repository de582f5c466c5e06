"""The states of a run on the disk: the last one, and the last that was found to be good.

A run goes on from the last one. It goes back to the good one when steps are not finite any more, and goes on from it
when the last is damaged. Which one is good depends on the recipe and not on the clock, so that a run that was killed
goes back to where it would have gone back to.
"""

from dataclasses import replace
from pathlib import Path

import torch

from crispnet.errors import RunError
from crispnet.train.recipes import Recipe
from crispnet.train.remarks import Remarks
from crispnet.train.state import State, first_state, is_finite, keep_state, restore_state, save_state
from crispnet.train.together import ALONE, Company

LAST, GOOD = "last.safetensors", "good.safetensors"
MOST_SKIPPED_IN_A_ROW = 20  # steps, before the run goes back
MOST_RETURNS = 3  # until it is given up


def take_up(recipe: Recipe, folder: Path, remarks: Remarks, *, device: torch.device, company: Company = ALONE) -> State:
    """Make the first state of a run, or take up its last one, or the good one where that is damaged.

    Of processes that learn together, all take up the same, and the first writes.

    Raises:
        RunError: neither can be continued from.
        OutputError: the folder cannot be written to.
    """
    last, good = folder / LAST, folder / GOOD
    if not last.exists():
        state = first_state(recipe, device=device, company=company)
        if company.is_first:
            save_state(state, good)
        return state
    anew = replace(recipe, start_from="")  # what a run started from is needed once, and may be gone when it goes on
    state = first_state(anew, device=device, company=company)
    try:
        restore_state(state, last)
    except RunError as error:
        if not good.exists():
            raise
        state = first_state(anew, device=device, company=company)
        restore_state(state, good)
        remarks.add(f"{last} is damaged, and the run goes on from step {state.counts.step}: {error}")
        return state
    if company.is_first:
        _keep_if_good(state, recipe, folder)  # which a crash may have kept from being done
    return state


def keep(state: State, recipe: Recipe, folder: Path) -> None:
    """Save a state as the last one; where that is due and it is well, as the good one, too.

    Raises:
        OutputError: it cannot be written; older ones are left as they were.
    """
    save_state(state, folder / LAST)
    _keep_if_good(state, recipe, folder)


def is_due(recipe: Recipe, step: int) -> bool:
    """Tell whether a recipe wants the state after a step to be saved."""
    return step % recipe.validate_every == 0 or step % recipe.save_every == 0 or step == recipe.steps


def go_back(state: State, folder: Path, remarks: Remarks) -> None:
    """Bring weights and moments back to the good state; the count of steps goes on, and with it other frames come.

    Raises:
        RunError: that was done too often already, or the good state cannot be read.
    """
    counts = state.counts
    if counts.returns >= MOST_RETURNS:
        raise RunError(
            f"The run fell apart: up to step {counts.step}, {counts.skipped_in_a_row} steps in a row had no finite "
            f"loss, after it had gone back {counts.returns} times. Finite pictures and a learning rate that the model "
            "bears were needed. Look at the frames that log.jsonl names, lower learning_rate, or set precision=f32, "
            "and start anew."
        )
    restore_state(state, folder / GOOD)
    good, returns = state.counts.step, counts.returns + 1
    state.counts = replace(counts, skipped_in_a_row=0, returns=returns)
    remarks.add(
        f"After {counts.skipped_in_a_row} such steps in a row the run went back to the weights of step {good}, and "
        f"goes on at 1/{2**returns} of the learning rate."
    )


def _keep_if_good(state: State, recipe: Recipe, folder: Path) -> None:
    if is_due(recipe, state.counts.step) and state.counts.skipped_in_a_row == 0 and is_finite(state):
        keep_state(folder / LAST, folder / GOOD)
