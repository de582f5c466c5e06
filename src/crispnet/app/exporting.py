"""What ``crispnet export`` does: the best weights of a run, and a card that says where they come from."""

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from crispnet.app.collecting import Origin
from crispnet.errors import RunError
from crispnet.files import check_destination
from crispnet.model import checkpoint
from crispnet.train.export import export
from crispnet.train.recipes import read_recipe
from crispnet.train.reopening import NETWORK
from crispnet.version import VERSION

WEIGHTS = "best.safetensors"
FACTS = {"step", "validation_delta_e", "validation_psnr"}  # that the card tells
MOST_NAMED = 4  # cameras


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet export --help``."""

    run: Path
    output: Path
    name: str | None
    summary: str | None
    licence: str
    overwrite: bool


def export_run(wish: Wish, *, as_json: bool) -> None:
    """Write the look file of a run, and say where it is.

    Raises:
        RunError: there is no run, or its network cannot be exported.
        OutputError: the file cannot be written.
    """
    if wish.output.suffix.lower() != ".onnx":
        raise RunError(f"{wish.output} is no name of a look file. One that ends in .onnx was needed. Give another.")
    if not (wish.run / WEIGHTS).is_file():
        raise RunError(
            f"{wish.run} has no {WEIGHTS}. The folder of a run that was validated at least once was needed. Name "
            "it, or let the run go on to its first validation."
        )
    check_destination(wish.output, raw=None, overwrite=wish.overwrite)
    isp, facts = checkpoint.load(wish.run / WEIGHTS)
    if not facts.keys() >= FACTS:
        raise RunError(
            f"{wish.run / WEIGHTS} does not say how good it is. The best weights of a run were needed, as `crispnet "
            "train` writes them. Name the folder of such a run."
        )
    version = hashlib.sha256((wish.run / WEIGHTS).read_bytes()).hexdigest()[:8]
    name, card = wish.name or wish.output.stem, _card(wish, facts)
    look = export(isp, wish.output, name=name, version=version, card=card, overwrite=wish.overwrite)
    size = len(look.content)
    if as_json:
        typer.echo(json.dumps({"look": str(wish.output), "name": name, "version": version, "bytes": size}))
        return
    typer.echo(f"{name}, {size / 1e6:.1f} MB. Try: crispnet develop RAW --look {wish.output}", err=True)
    typer.echo(wish.output)


def _card(wish: Wish, facts: Mapping[str, Any]) -> dict[str, str]:
    """Say where a look comes from, by the headings of a card."""
    recipe, origin = read_recipe(wish.run / "recipe.json"), Origin.read(wish.run)
    stage, _ = recipe.stages[recipe.stage_at(facts["step"] - 1)]
    seen = "the middles of frames, pixel for pixel" if stage.view == "patches" else "small whole frames"
    learned = "not recorded"
    if origin:
        learned = f"{origin.name}: {origin.captures} captures of {origin.scenes} scenes"
    return {
        "summary": wish.summary or f"Learned from {origin.name if origin else 'a run'} by the recipe {recipe.name}.",
        "learned from": learned,
        "cameras": _cameras(origin.cameras if origin else ()),
        "recipe": f"{recipe.name}: {recipe.model}, {recipe.objective}, at step {facts['step']} of {recipe.steps}",
        "validation": "mean ΔE76 {validation_delta_e:.2f}, PSNR {validation_psnr:.2f} dB, of ".format(**facts) + seen,
        NETWORK: json.dumps({"model": facts["model"], "options": facts["options"]}),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "software": f"crispnet {VERSION}",
        "licence": wish.licence,
    }


def _cameras(names: tuple[str, ...]) -> str:
    if not names:
        return "not recorded"
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
