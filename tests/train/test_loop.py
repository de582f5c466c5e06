"""The loop: it learns, and a run that was stopped, killed or fed nonsense ends as one that was not."""

import json
import os
import re
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from crispnet.errors import OutputError, RunError
from crispnet.model import checkpoint
from crispnet.model.catalogue import build
from crispnet.train import generations, loop, step, validation
from crispnet.train.log import read_log
from crispnet.train.recipes import PAPER, RECIPES, Recipe
from crispnet.train.state import first_state
from runs import BROKEN, FRAMES, SIZE, VALIDATION, fit, same, spoiled, stopper, tensors, tiny, what_was_logged


@pytest.fixture(scope="module", autouse=True)
def _small_validation():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "SIZE", SIZE)
        yield


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return fit(tiny(), folder)


# Learning


@pytest.mark.parametrize("objective", ["mse", "l1", "charbonnier"])
def test_the_loss_falls(tmp_path, objective):
    told = []
    changes = {"widths": "16,32", "steps": 140, "learning_rate": 5e-3, "clip": 1, "validate_every": 70}
    recipe = tiny("unet-residual", objective=objective, **changes)
    run = fit(recipe, tmp_path, frames=FRAMES[:1], on_step=told.append)
    losses = [progress.loss for progress in told]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
    first, *_, last = [line["validation_delta_e"] for line in read_log(tmp_path) if "validation_delta_e" in line]
    assert last < first
    assert run.best == last


@pytest.mark.parametrize("name", [*PAPER, "phone"])
def test_every_recipe_builds_and_runs(tmp_path, name):
    recipe = RECIPES[name].set(
        *("steps=2", "widths=8,12,16,20,24", "blocks=1", "stages=frames:8x12:1x1:0.5,patches:8x8:1x2:0.5"),
        *(["dim=32", "depth=1"] * (name in ("phone", "crispnet"))),
    )
    run = fit(recipe, tmp_path)
    assert (run.step, run.skipped) == (2, 0)
    assert np.isfinite(run.best)


SMALL = {
    "awnet": ("width=8", "blocks=1,1,1", "growth=4"),
    "awnet-preprocess-wb": ("width=8", "blocks=1,1,1", "growth=4"),
    "awnet-ensemble": ("width=8", "blocks=1,1,1", "growth=4"),
    "csanet": ("width=4", "blocks=1"),
    "deepisp": ("width=8", "blocks=2", "depth=1"),
    "metaisp": ("widths=8,12", "dim=16", "depth=1"),
    "pynet": ("width=1",),
    "pynet-ca": ("width=1",),
}


def test_every_recipe_is_run_by_these_tests():
    assert {*PAPER, "phone", *SMALL} == set(RECIPES)


@pytest.mark.parametrize("name", SMALL)
def test_every_baseline_learns_at_all_its_sizes(tmp_path, name, monkeypatch):
    monkeypatch.setattr(validation, "SIZE", (32, 32))
    levels = (5, 1, 0) if name.startswith("pynet") else (0,)
    stages = ",".join(f"frames:32x32:1x1:{1 / len(levels)}:{level}" for level in levels)
    recipe = RECIPES[name].set(*SMALL[name], f"stages={stages}", f"steps={2 * len(levels)}")
    told = []
    run = fit(recipe, tmp_path, on_step=told.append)
    assert (run.step, run.skipped) == (recipe.steps, 0)
    assert all(np.isfinite(progress.loss) for progress in told)
    # Weights that no level has reached yet have no moments: a run goes on from there, too.
    stopped = fit(recipe, tmp_path / "stopped", **stopper(1))
    assert stopped.step == 1
    fit(recipe, tmp_path / "stopped")
    assert same(tmp_path / "stopped", tmp_path)


# Fine-tuning


def test_a_run_may_start_from_another(whole_run, tmp_path):
    recipe = tiny(steps=1, start_from=whole_run.folder, learning_rate=1e-12, average=0)
    fit(recipe, tmp_path)
    before, after = tensors(whole_run.folder / "best.safetensors"), tensors(tmp_path / "best.safetensors")
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=0, atol=1e-6)


def test_what_it_started_from_is_not_needed_to_go_on(whole_run, tmp_path):
    start = tmp_path / "start.safetensors"
    start.write_bytes((whole_run.folder / "best.safetensors").read_bytes())
    recipe = tiny(steps=3, start_from=start)
    fit(recipe, tmp_path / "run", **stopper(2))
    start.unlink()
    assert fit(recipe, tmp_path / "run").step == 3


@pytest.mark.parametrize(("changes", "complaint"), [({"widths": "4,8,8"}, "was needed to start from"), ({}, "nothing")])
def test_starting_from_what_does_not_fit_is_refused(whole_run, tmp_path, changes, complaint):
    start = whole_run.folder if changes else tmp_path / "nothing"
    with pytest.raises(RunError, match=complaint):
        fit(tiny(steps=1, start_from=start, **changes), tmp_path / "run")


def test_statistics_may_be_frozen(tmp_path):
    def means(folder):
        return {name: value for name, value in tensors(folder / "last.safetensors").items() if "running" in name}

    free, frozen = tiny("crispnet", steps=2), tiny("crispnet", steps=2, frozen_statistics="true")
    first = first_state(free, device=torch.device("cpu")).model.state_dict()
    fit(free, tmp_path / "free")
    fit(frozen, tmp_path / "frozen")
    assert means(tmp_path / "frozen").keys() == means(tmp_path / "free").keys() != set()
    for name, value in means(tmp_path / "frozen").items():
        assert torch.equal(value, first[name.split("/", 1)[1]]), name
    assert any(not torch.equal(value, first[name.split("/", 1)[1]]) for name, value in means(tmp_path / "free").items())


def test_weights_may_be_frozen_in_a_run_that_starts_from_others(whole_run, tmp_path):
    start = str(whole_run.folder / "best.safetensors")
    recipe = tiny(steps=4, start_from=start, frozen="reconstruction.encoder,white_balance")
    before, _ = checkpoint.load(whole_run.folder / "best.safetensors")
    fit(recipe, tmp_path / "whole")
    after, _ = checkpoint.load(tmp_path / "whole" / "best.safetensors")
    moved = {name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])}
    assert moved
    assert not any(name.startswith(recipe.frozen) for name in moved)
    assert any(name.startswith(recipe.frozen) for name in before.state_dict())
    stop = threading.Event()
    fit(recipe, tmp_path / "parts", stop=stop, on_step=lambda progress: progress.step == 2 and stop.set())
    fit(recipe, tmp_path / "parts")
    assert same(tmp_path / "parts", tmp_path / "whole")


def test_a_run_is_a_folder(whole_run):
    names = {path.name for path in whole_run.folder.iterdir()}
    assert {"recipe.json", "log.jsonl", "last.safetensors", "best.safetensors", "pictures"} <= names
    assert sorted(path.name for path in (whole_run.folder / "pictures").iterdir()) == [
        "000004.png", "000008.png", "000010.png"
    ]  # fmt: skip


def test_pictures_show_what_is_learned_from_with_the_target_below(whole_run):
    with Image.open(whole_run.folder / "pictures/000004.png") as picture:  # of the stage of whole frames
        assert picture.size == (len(VALIDATION) * 2 * SIZE[1], 2 * 2 * SIZE[0])
        target = np.asarray(picture)[2 * SIZE[0] :, : 2 * SIZE[1]]
    expected = VALIDATION[0].target
    assert np.abs(target.mean((0, 1)) - expected.mean((0, 1))).max() < 1
    with Image.open(whole_run.folder / "pictures/000010.png") as picture:  # of that of patches, 8 x 8 cells
        assert picture.size == (len(VALIDATION) * 16, 2 * 16)
        target = np.asarray(picture)[16:, :16]
    height, width = expected.shape[:2]
    assert np.array_equal(target, expected[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8])


def test_the_best_weights_are_the_averaged_ones_of_the_last_stages_best_validation(whole_run):
    lines = [line for line in read_log(whole_run.folder) if "validation_delta_e" in line and line["step"] > 5]
    best = min(lines, key=lambda line: line["validation_delta_e"])
    isp, facts = checkpoint.load(whole_run.folder / "best.safetensors")
    assert facts["step"] == best["step"]
    assert facts["validation_delta_e"] == best["validation_delta_e"] == whole_run.best
    if best["step"] == whole_run.step:
        last = tensors(whole_run.folder / "last.safetensors")
        assert all(torch.equal(last[f"average/{name}"], value) for name, value in isp.state_dict().items())


def test_weights_of_an_earlier_stage_are_never_the_best(tmp_path, monkeypatch):
    """On small frames they may do better, but they have not seen what the last stage shows."""
    errors = iter([1.0, 5.0, 4.0])  # after steps 4, 8 and 10; the second stage begins at step 5
    monkeypatch.setattr(loop, "validate", lambda *_, **__: {"validation_delta_e": next(errors)})
    run = fit(tiny(), tmp_path)
    _, facts = checkpoint.load(tmp_path / "best.safetensors")
    assert (run.best, facts["step"]) == (4.0, 10)


@pytest.mark.parametrize(
    ("errors", "kept"),
    [
        ((5.0, 5.4, 5.49), 10),  # both within a tenth of the first
        ((5.0, 5.4, 5.6), 8),  # a tenth is of the best, not of what was kept last
        ((5.0, 5.6, 5.7), 4),
        ((5.0, 4.0, 4.3), 10),
        ((5.0, float("nan"), 5.2), 10),
    ],
)
def test_later_weights_may_do_worse_within_the_tolerance(errors, kept, tmp_path, monkeypatch):
    found = iter(errors)
    monkeypatch.setattr(loop, "validate", lambda *_, **__: {"validation_delta_e": next(found)})
    whole = tiny(tolerance=0.1)
    run = fit(replace(whole, stages=((whole.stages[0][0], 1.0),)), tmp_path)
    _, facts = checkpoint.load(tmp_path / "best.safetensors")
    assert (run.best, facts["step"]) == (np.nanmin(errors), kept)


def test_the_log_tells_the_course_of_the_run(whole_run):
    steps = [line for line in read_log(whole_run.folder) if "loss" in line]
    assert [line["step"] for line in steps] == [3, 6, 9, 10]
    assert [line["stage"] for line in steps] == [0, 1, 1, 1]
    assert steps[-1]["learning_rate"] == pytest.approx(Recipe(name="", model="crispnet").learning_rate / 5)
    assert all(line["seconds"] > 0 and line["skipped"] == 0 for line in steps)


def test_progress_is_told_at_each_step(tmp_path):
    told = []
    fit(tiny(steps=5), tmp_path, on_step=told.append)
    assert [(progress.step, progress.steps) for progress in told] == [(step, 5) for step in range(1, 6)]
    assert all(progress.steps_per_second > 0 for progress in told)
    assert told[-2].seconds_left > 0 == told[-1].seconds_left


def test_a_run_is_a_function_of_its_recipe(whole_run, tmp_path):
    fit(tiny(), tmp_path / "again")
    fit(tiny(seed=1), tmp_path / "other")
    assert same(whole_run.folder, tmp_path / "again")
    assert same(whole_run.folder, tmp_path / "again", "best.safetensors")
    assert not same(whole_run.folder, tmp_path / "other")


@pytest.mark.parametrize("at_once", [3, 99])
def test_how_many_batches_are_prepared_at_once_changes_nothing(whole_run, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(loop, "preparers", lambda _: at_once)
    fit(tiny(), tmp_path)
    assert same(whole_run.folder, tmp_path)


def test_bf16_multiplies_but_does_not_keep(tmp_path):
    run = fit(tiny(precision="bf16", steps=2), tmp_path)
    assert run.skipped == 0
    assert {tensor.dtype for name, tensor in tensors(tmp_path / "last.safetensors").items()} == {torch.float32}


def test_the_process_is_left_as_it_was(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    handler, threads = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    fit(tiny(steps=1), tmp_path, threads=1)
    assert torch.equal(torch.rand(3), expected)
    assert (signal.getsignal(signal.SIGINT), torch.get_num_threads()) == (handler, threads)
    assert float(torch.tensor(1e-310, dtype=torch.float64) * 1) > 0


# Modes


def test_steps_are_done_in_train_mode_and_validations_in_eval_mode(tmp_path, monkeypatch):
    seen = []

    def spy(name, function):
        def watched(first, *rest, **options):
            isp = first if isinstance(first, torch.nn.Module) else first.model
            before = {key: value.clone() for key, value in isp.state_dict().items()}
            result = function(first, *rest, **options)
            unchanged = all(torch.equal(before[key], value) for key, value in isp.state_dict().items())
            seen.append((name, isp.training, unchanged))
            return result

        monkeypatch.setattr(loop, name, watched)

    spy("learn", loop.learn)
    spy("validate", loop.validate)
    fit(tiny("classification-cnn", steps=4, validate_every=2), tmp_path)
    learned, validated = ("learn", True, False), ("validate", False, True)
    assert seen == [learned, learned, validated, learned, learned, validated]


def test_the_average_follows_what_normalisation_layers_saw(tmp_path):
    fit(tiny("classification-cnn", average=0), tmp_path)
    kept = tensors(tmp_path / "last.safetensors")
    names = [name.removeprefix("weights/") for name in kept if name.startswith("weights/")]
    assert any(name.endswith("running_mean") for name in names)
    assert all(torch.equal(kept[f"average/{name}"], kept[f"weights/{name}"]) for name in names)


# Going on


@pytest.mark.parametrize("at", [1, 5, 8])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(whole_run, tmp_path, at):
    stopped = fit(tiny(), tmp_path, **stopper(at))
    assert stopped.step == at
    finished = fit(tiny(), tmp_path)
    assert (finished.step, finished.best) == (10, whole_run.best)
    assert same(whole_run.folder, tmp_path)
    assert same(whole_run.folder, tmp_path, "best.safetensors")
    assert what_was_logged(tmp_path) == what_was_logged(whole_run.folder)


@pytest.mark.parametrize("name", ["classification-cnn", "crispnet"])
def test_running_statistics_go_on_bit_for_bit(tmp_path, name):
    recipe = tiny(name, steps=4)
    fit(recipe, tmp_path / "whole")
    fit(recipe, tmp_path / "parts", **stopper(2))
    fit(recipe, tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts")


def test_a_finished_run_is_left_alone(whole_run):
    before = (whole_run.folder / "last.safetensors").stat().st_mtime_ns
    assert fit(tiny(), whole_run.folder) == whole_run
    assert (whole_run.folder / "last.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends(tmp_path, number):
    def on_step(progress: loop.Progress) -> None:
        if progress.step == 3:
            os.kill(os.getpid(), number)

    run = fit(tiny(), tmp_path, on_step=on_step)
    assert run.step == 3
    assert fit(tiny(), tmp_path).step == 10


def test_a_second_signal_interrupts_at_once(tmp_path):
    def on_step(_: loop.Progress) -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    # A shell starts what it puts in the background deaf to Ctrl-C; that must not decide this test.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(tiny(), tmp_path, on_step=on_step)
    finally:
        signal.signal(signal.SIGINT, before)


class Crash(Exception):
    pass


@pytest.mark.parametrize("name", ["keep", "validate"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_costs_time_and_nothing_else(whole_run, tmp_path, monkeypatch, name, moment):
    """The second saving, or the second validation, never comes back."""
    calls, real = [], getattr(loop, name)

    def crashing(*arguments, **options):
        calls.append(name)
        if len(calls) < 2:
            return real(*arguments, **options)
        if moment == "after":
            real(*arguments, **options)
        raise Crash

    monkeypatch.setattr(loop, name, crashing)
    with pytest.raises(Crash):
        fit(tiny(), tmp_path)
    monkeypatch.undo()
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 9, "lo')  # what a crash may leave of a line
    checkpoint.load(tmp_path / "best.safetensors")
    fit(tiny(), tmp_path)
    assert same(whole_run.folder, tmp_path)
    assert same(whole_run.folder, tmp_path, "best.safetensors")
    assert what_was_logged(tmp_path) == what_was_logged(whole_run.folder)


def test_a_disk_that_fails_leaves_the_old_state(tmp_path, monkeypatch):
    fit(tiny(), tmp_path, **stopper(2))
    before = (tmp_path / "last.safetensors").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crispnet.train.state.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        fit(tiny(), tmp_path)
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert list(tmp_path.glob(".crispnet*")) == []


def test_the_state_is_saved_by_steps_and_by_the_clock(tmp_path, monkeypatch):
    saved, real = [], generations.save_state

    def saving(state, path):
        saved.append(state.counts.step)
        real(state, path)

    monkeypatch.setattr(generations, "save_state", saving)
    fit(tiny(save_every=3, validate_every=100, steps=7), tmp_path / "steps")
    assert saved == [0, 3, 6, 7]
    saved.clear()
    fit(tiny(validate_every=100, steps=3), tmp_path / "clock", save_seconds=0)
    assert saved == [0, 1, 2, 3]


# What is not finite


def test_a_step_that_is_not_finite_is_skipped_counted_and_named(tmp_path, monkeypatch):
    recipe = tiny("classification-cnn", stages="frames:8x12:1x1:1", steps=9)
    monkeypatch.setattr(loop, "batch", spoiled(1, 4, 7))
    run = fit(recipe, tmp_path)
    assert run.skipped == 3
    assert all(torch.isfinite(tensor).all() for tensor in tensors(tmp_path / "last.safetensors").values())
    losses = [line for line in read_log(tmp_path) if "loss" in line]
    assert losses[-1]["skipped"] == 3
    assert all(np.isfinite(line["loss"]) for line in losses)
    remarks = [(line["step"], line["remark"]) for line in read_log(tmp_path) if "remark" in line]
    assert [step for step, _ in remarks] == [2, 5, 8]
    assert tuple(words for _, words in remarks) == run.remarks
    assert all(re.search(r"was skipped; it showed frame \d\.", words) for words in run.remarks)


def test_a_skipped_step_moves_nothing():
    recipe = tiny("classification-cnn", stages="frames:8x12:1x1:1")
    state = first_state(recipe, device=torch.device("cpu"))
    before = {name: value.clone() for name, value in state.model.state_dict().items()}
    stage, _ = recipe.stages[0]
    assert np.isnan(step.learn(state, loop.batch([BROKEN], stage, seed=0, step=0), recipe))
    assert all(torch.equal(before[name], value) for name, value in state.model.state_dict().items())
    assert (state.counts.step, state.counts.skipped, state.counts.skipped_in_a_row) == (1, 1, 1)
    step.learn(state, loop.batch(FRAMES, stage, seed=0, step=1), recipe)
    assert (state.counts.step, state.counts.skipped, state.counts.skipped_in_a_row) == (2, 1, 0)


# Refusals


@pytest.mark.parametrize(("to_learn", "to_validate"), [([], VALIDATION), (FRAMES, [])])
def test_there_must_be_frames(tmp_path, to_learn, to_validate):
    with pytest.raises(RunError, match="At least one of each was needed"):
        loop.fit(tiny(), to_learn, to_validate, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_recipe_does_not_go_on_with_a_run(whole_run):
    with pytest.raises(RunError, match=r"differs in objective, seed\. The same recipe"):
        fit(tiny(seed=3, objective="l1"), whole_run.folder)


def test_a_run_is_not_begun_over_another(whole_run):
    with pytest.raises(RunError, match="has a run in it"):
        fit(tiny(), whole_run.folder, resume=False)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        fit(tiny(), tmp_path / "file" / "run")


@pytest.mark.parametrize("damage", ["truncated", "empty", "checkpoint", "other model"])
def test_a_damaged_state_costs_time_and_two_damaged_ones_are_refused(whole_run, tmp_path, damage):
    fit(tiny(), tmp_path, **stopper(6))
    last, good = tmp_path / "last.safetensors", tmp_path / "good.safetensors"
    content = {
        "truncated": last.read_bytes()[:-100],
        "empty": b"",
        "checkpoint": (whole_run.folder / "best.safetensors").read_bytes(),
        "other model": _state_of_another_model(tmp_path / "other"),
    }
    last.write_bytes(content[damage])
    run = fit(tiny(), tmp_path)
    (said,) = run.remarks
    assert re.search(r"last\.safetensors is damaged, and the run goes on from step 4: .* cannot be continued", said)
    assert same(whole_run.folder, tmp_path)
    steps = [line for line in what_was_logged(tmp_path) if "remark" not in line]
    assert steps == what_was_logged(whole_run.folder)
    last.write_bytes(content[damage])
    good.write_bytes(content[damage])
    with pytest.raises(RunError, match=r"good\.safetensors cannot be continued from.*Start the run anew"):
        fit(tiny(), tmp_path)


def _state_of_another_model(folder) -> bytes:
    fit(tiny("unet-residual"), folder, **stopper(1))
    return (folder / "last.safetensors").read_bytes()


# TensorBoard, where it is installed


def test_tensorboard_is_told_what_the_log_is_told(tmp_path, monkeypatch):
    told = []

    class Board:
        def add_scalar(self, name, value, step):
            told.append((name, value, step))

        def close(self):
            told.append("closed")

    monkeypatch.setattr("crispnet.train.log.board", lambda *_, **__: Board())
    fit(tiny(steps=3), tmp_path)
    lines = read_log(tmp_path)
    assert told == [
        *((name, value, line["step"]) for line in lines for name, value in line.items() if name != "step"),
        "closed",
    ]
    assert json.dumps(lines).count("validation_delta_e") == 1


@pytest.mark.parametrize(("slow_rate", "share"), [(6e-5, 0.1), (1.0, 1.0)])
def test_what_learns_slowly_goes_its_share_of_the_way(slow_rate, share):
    recipe = replace(tiny(), slow=("white_balance.",), slow_rate=slow_rate)
    state = first_state(recipe, device=torch.device("cpu"))
    before = {name: parameter.detach().clone() for name, parameter in state.model.named_parameters()}
    step.learn(state, loop.batch(FRAMES, recipe.stages[0][0], seed=0, step=0), recipe)
    ways = {True: 0.0, False: 0.0}  # Adam's first step is the rate itself
    for name, parameter in state.model.named_parameters():
        slow = name.startswith("white_balance.")
        ways[slow] = max(ways[slow], float((parameter.detach() - before[name]).abs().max()))
    assert ways[False] == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert ways[True] == pytest.approx(share * recipe.learning_rate, rel=1e-3)


def test_only_transformers_are_slow():
    slow = {name: recipe for name, recipe in RECIPES.items() if recipe.slow}
    assert set(slow) == {"crispnet", "phone"}
    for recipe in slow.values():
        names = [name for name, _ in build(recipe.model, dim=16, depth=1).named_parameters()]
        assert 0 < sum(name.startswith(recipe.slow) for name in names) < len(names)
