"""What ``crispnet fit`` does: raws and pictures of them become a look, and a report says what it is worth.

Beside LOOK.onnx lies LOOK.onnx.fit/, by which an interrupted fit goes on:

    command/            pictures that a command made of the raws, where one was given
    variants/           and those that it made of parts of the raws, in other light (``app.varying``)
    pairs/              which raws and pictures belong together (``crispnet data scan``)
    laid/               those pictures, laid over their photosites (``crispnet data align``)
    run/                the network that learns (``crispnet train``)
    run-at-last/        and goes on with all pairs, those that were held out among them
    report.html         how far the look is from pictures that were held out, before and after, and simple controls
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from crispnet.alone import alone_in
from crispnet.app import batch
from crispnet.app.aligning import lay
from crispnet.app.becoming import AFTER, BEFORE, Choice, Contenders, become
from crispnet.app.collecting import MANIFEST
from crispnet.app.commanding import check_template, make_pictures
from crispnet.app.dealing import Material, material_of, own
from crispnet.app.refusing import complain
from crispnet.app.scanning import Wish as Scan
from crispnet.app.scanning import find_pairs
from crispnet.app.training import say_remarks
from crispnet.app.varying import varied
from crispnet.app.watching import watched
from crispnet.data.finding import Finder
from crispnet.data.frames import Frame
from crispnet.data.pairs import Pair, read_manifest, write_manifest
from crispnet.errors import CrispnetError
from crispnet.evaluate.fit_page import fit_page
from crispnet.evaluate.judging import Verdict, judge
from crispnet.files import check_destination, make_folder, write_whole
from crispnet.look.file import LookFile
from crispnet.look.shelf import file_of, load_look
from crispnet.train.generations import LAST
from crispnet.train.loop import Progress, Run
from crispnet.train.loop import fit as train
from crispnet.train.personal import TOLD, at_last, personal
from crispnet.train.recipes import Recipe, read_recipe
from crispnet.train.reopening import start_from

MINUTES = 10.0  # between two shots of one scene
FEW, GOOD = 8, 20  # pairs to learn from
START = "start.safetensors"


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet fit --help``."""

    folders: tuple[Path, ...]
    output: Path
    look: str
    command: str | None
    steps: int
    seed: int
    overwrite: bool

    @property
    def folder(self) -> Path:
        """Where everything but the look lies."""
        return self.output.with_name(f"{self.output.name}.fit")

    @property
    def report(self) -> Path:
        """What the look is worth, as a page."""
        return self.folder / "report.html"


def fit_and_say(wish: Wish, *, as_json: bool) -> bool:
    """Fit a look, say what it is worth, and return whether it was finished.

    Raises:
        CrispnetError: there are no raws, or the command cannot be run.
        DataError: too few pairs came through to learn from one scene and judge by another.
        LookError: the look to begin with is not one that can learn more.
        OutputError: something cannot be written, or another process is fitting the look.
    """
    words = check_template(wish.command) if wish.command else None
    if wish.output.suffix.lower() != ".onnx":
        raise CrispnetError(f"{wish.output} is no name of a look. One that ends in .onnx was needed. Give another.")
    check_destination(wish.output, raw=None, overwrite=wish.overwrite)
    look = LookFile.open(file_of(wish.look))
    make_folder(wish.folder, purpose="the fit", advice="Choose another place with -o.")
    with alone_in(wish.folder):
        return _fit(wish, words, look, as_json=as_json)


def _fit(wish: Wish, words: Sequence[str] | None, look: LookFile, *, as_json: bool) -> bool:
    began = time.monotonic()
    pairs = _pairs(wish, words)
    if words:
        pairs += varied(pairs, words, wish.folder / "variants", seed=wish.seed)
    material = material_of(_laid(pairs, wish.folder / "laid"), wish.folder / "frames")
    _say_few(material)
    options = start_from(look, wish.folder / START, told=TOLD)
    recipe = personal(wish.folder / START, options, detail=material.detailed, steps=wish.steps, seed=wish.seed)
    run = _learn(recipe, material.frames, material.validation, wish.folder / "run")
    if run is None:
        return False
    contenders = Contenders.of(load_look(wish.look), run.folder, material.frames)
    with watched(len(material.held_out), "judging") as tell:
        verdict = judge(contenders.renders, material.held_out, tell=tell)
    choice = contenders.choose(verdict)
    if choice.chosen == AFTER:
        last = at_last(recipe, run.folder, steps=wish.steps)
        run = _learn(last, material.everything, material.held_out, wish.folder / "run-at-last")
        if run is None:
            return False
    contenders = contenders.after_all(choice.chosen, run.folder, material.everything)
    seconds = time.monotonic() - began
    facts = _facts(wish, material, seconds)
    become(wish.output, contenders, choice.chosen, facts=facts, overwrite=wish.overwrite)
    remarks = _remarks(verdict, material, choice)
    _report(wish, verdict, choice, remarks, facts)
    _say(wish, verdict, choice, remarks, seconds=seconds, as_json=as_json)
    return True


def _learn(recipe: Recipe, frames: Sequence[Frame], validation: Sequence[Frame], folder: Path) -> Run | None:
    """Train, or go on, under a bar; None where it was asked to stop, which is said."""
    with watched(recipe.steps, "learning") as tell:

        def on_step(progress: Progress) -> None:
            tell(progress.step, note=f"loss {progress.loss:.4f}", left=progress.seconds_left)

        run = train(_as_begun(recipe, folder), frames, validation, folder, on_step=on_step)
    say_remarks(run)
    if run.step == recipe.steps:
        return run
    typer.echo(f"Stopped and saved after {run.step} of {recipe.steps} steps. The same command goes on.", err=True)
    return None


def _as_begun(recipe: Recipe, folder: Path) -> Recipe:
    """Let a run go on that has moved with all it started from, which its recipe calls by the place of then."""
    if not (folder / LAST).exists():
        return recipe
    return replace(recipe, start_from=read_recipe(folder / "recipe.json").start_from)


def _pairs(wish: Wish, words: Sequence[str] | None) -> list[Pair]:
    """Find the pairs, or those that were found before."""
    folder = wish.folder / "pairs"
    if (folder / MANIFEST).is_file():
        typer.echo(f"Going on with the pairs in {folder}.", err=True)
        return read_manifest(folder / MANIFEST)
    scan = Scan(wish.folders, folder, MINUTES, wish.seed, overwrite=False)
    if words is None:
        return find_pairs(scan, Finder(wish.folders, passed_over=[folder])).pairs
    return find_pairs(scan, make_pictures(words, batch.raws_in(wish.folders), wish.folder / "command")).pairs


def _laid(pairs: Sequence[Pair], folder: Path) -> list[Pair]:
    """Lay the pictures over their photosites; what cannot be laid is said and left out."""
    make_folder(folder, purpose="the pictures", advice="Choose another place with -o.")
    by_raw = {pair.raw: pair for pair in pairs}
    laid = []
    with watched(len(by_raw), "aligning") as tell:
        for done, task in enumerate(batch.plan(by_raw, folder, ".png"), 1):
            try:
                laid.append(lay(by_raw[task.raw], task.picture, longest=None)[0])
            except CrispnetError as error:
                complain(f"{task.raw} is left out: {error}")
            tell(done)
    write_manifest(laid, folder / MANIFEST)
    return laid


def _say_few(material: Material) -> None:
    count, more = material.own, len(material.frames) - material.own
    variants = f" and {more} variants of them" if more else ""
    typer.echo(f"{count} pairs{variants} to learn from, {len(material.held_out)} held out to judge by.", err=True)
    if count < FEW:
        complain(f"{count} pairs are few: expect the right mood, not the right colours. {GOOD} or more make a look.")


def _report(wish: Wish, verdict: Verdict, choice: Choice, remarks: Sequence[str], facts: Mapping[str, str]) -> None:
    title = f"{wish.output.stem}: a look of your own"
    beside = [AFTER if choice.chosen == choice.control else choice.control, BEFORE]
    page = fit_page(title, verdict, chosen=choice.chosen, beside=beside, remarks=remarks, facts=facts)
    write_whole(wish.report, [page.encode()], raw=None, overwrite=True)


def _say(
    wish: Wish, verdict: Verdict, choice: Choice, remarks: Sequence[str], *, seconds: float, as_json: bool
) -> None:
    means = {name: round(verdict.mean(name), 3) for name in verdict.cases}
    if as_json:
        said = {"look": str(wish.output), "chosen": choice.chosen, "delta_e": means, "report": str(wish.report)}
        typer.echo(json.dumps(said | {"held_out": len(verdict.strips), "seconds": round(seconds, 1)}))
        return
    for remark in remarks:
        typer.echo(remark, err=True)
    width = max(map(len, means))
    typer.echo("\n".join(f"{name:<{width}}  ΔE76 {mean:.2f}" for name, mean in means.items()))
    typer.echo(f"report: {wish.report}")
    typer.echo(wish.output)


def _facts(wish: Wish, material: Material, seconds: float) -> dict[str, str]:
    everything = material.everything
    ours = own(everything)
    more = len(everything) - ours
    scenes = len({frame.scene for frame in everything})
    cameras = sorted({str(frame.tags["camera"]) for frame in everything if "camera" in frame.tags})
    return {
        "began as": wish.look,
        "learned from": f"{ours} pairs of {scenes} scenes{f', and {more} variants of them' if more else ''}",
        "judged": f"by {len(material.held_out)} of the pairs, before it had learned from them",
        "cameras": ", ".join(cameras) or "not recorded",
        "pictures": f"made by: {wish.command}" if wish.command else "the camera's own",
        "detail": "learned from pictures of full size" if material.detailed else "kept; the pictures are small",
        "steps": str(wish.steps),
        "minutes": f"{seconds / 60:.1f}",
    }


def _remarks(verdict: Verdict, material: Material, choice: Choice) -> list[str]:
    """Say what a reader has to know before the figures."""
    control, chosen = choice
    mean, simple = verdict.mean(chosen), verdict.mean(control)
    remarks = []
    if chosen == control:
        remarks.append(
            f"The {control} is nearer to held-out pictures ({simple:.2f}) than the network, so it is the look. More "
            "pairs of more scenes would let the network learn what depends on the scene."
        )
    else:
        remarks.append(
            f"The look leaves a mean ΔE76 of {mean:.2f} on held-out pictures; the best control, the {control}, leaves "
            f"{simple:.2f}."
        )
    remarks.append("Once judged, the look has learned from the held-out pictures, too, so as to waste none.")
    if material.own < FEW:
        remarks.append(
            f"{material.own} pairs are few. With {GOOD} or more, of all the light that you photograph in, "
            "figures and look are worth more."
        )
    if material.shared:
        remarks.append(
            "Scenes are so few that the best weights were chosen by the same pictures that they are judged by. Judge "
            "by other photographs, too."
        )
    return remarks
