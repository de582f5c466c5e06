"""What ``crispnet data split`` does with a manifest."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from crispnet.app.collecting import MANIFEST
from crispnet.app.watching import watched
from crispnet.data.pairs import SPLITS, Pair, read_manifest, write_manifest
from crispnet.data.scenes import Scenes, dealt, scenes_of, small_picture
from crispnet.errors import DataError, NoCameraPicture
from crispnet.files import check_destination
from crispnet.raw.sidecar import picture_file

VERBS = ("train", "validate", "test")


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data split --help``."""

    manifest: Path
    output: Path | None
    minutes: float
    seed: int
    keep_scenes: bool


def split(wish: Wish, *, as_json: bool) -> None:
    """Give the pairs of a manifest new scenes and splits, and say how many are where.

    Raises:
        DataError: the manifest cannot be used, a picture cannot be read, or there is just one scene.
        OutputError: the new manifest cannot be written there.
    """
    path = manifest_at(wish.manifest)
    pairs = read_manifest(path)
    output = wish.output or path
    check_destination(output, raw=None, overwrite=output == path)
    seconds = 60 * wish.minutes
    kept = Scenes(tuple(pair.scene for pair in pairs), seconds, seconds)
    scenes = kept if wish.keep_scenes else _found(pairs, wish.minutes)
    split_pairs = dealt(pairs, scenes, seed=wish.seed)
    write_manifest(split_pairs, output)
    say_gap(scenes)
    _say(split_pairs, output, as_json=as_json)


def manifest_at(path: Path) -> Path:
    """Give the manifest that a file or a folder stands for."""
    return path / MANIFEST if path.is_dir() else path


def _found(pairs: Sequence[Pair], minutes: float) -> Scenes:
    smalls = []
    with watched(len(pairs), "looking") as tell:
        for done, pair in enumerate(pairs, 1):
            try:
                smalls.append(small_picture(picture_file(pair.picture).pixels))
            except NoCameraPicture as error:
                raise DataError(f"{error} Or take the pair out of the manifest.") from error
            tell(done)
    return scenes_of(pairs, smalls, minutes=minutes)


def say_gap(scenes: Scenes) -> None:
    """Say where shots had to follow one another sooner than was asked for to be of one scene."""
    if scenes.gap < scenes.asked:
        typer.echo(
            f"Shots within {scenes.gap:.0f} s, and not {scenes.asked:.0f} s, were taken for one scene: there would be "
            "too few scenes otherwise. More shots of other places make a more honest test.",
            err=True,
        )


def summary(pairs: Sequence[Pair]) -> dict[str, int]:
    """Count pairs, scenes, and the pairs of each split."""
    counts = {split: sum(pair.split == split for pair in pairs) for split in SPLITS}
    return {"pairs": len(pairs), "scenes": len({pair.scene for pair in pairs}), **counts}


def _say(pairs: Sequence[Pair], manifest: Path, *, as_json: bool) -> None:
    counts = summary(pairs)
    if as_json:
        typer.echo(json.dumps({"manifest": str(manifest), **counts}, ensure_ascii=False))
        return
    said = ", ".join(f"{counts[split]} to {verb} with" for split, verb in zip(SPLITS, VERBS, strict=True))
    typer.echo(f"{counts['pairs']} pairs of {counts['scenes']} scenes: {said}.", err=True)
    typer.echo(manifest)
