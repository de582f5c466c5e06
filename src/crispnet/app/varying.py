"""More pairs for `crispnet fit`, where a command makes the pictures: it is asked for variants of the raws, too."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer

from crispnet.app.collecting import MANIFEST
from crispnet.app.commanding import make_pictures
from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.data.pairs import Pair, read_manifest, write_manifest
from crispnet.data.variants import rewritten, variants
from crispnet.errors import CrispnetError, OutputError
from crispnet.files import make_folder
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import picture_file
from crispnet.raw.writer import write_dng

MOST, EACH = 120, 6  # variants in all, and of each raw
RAWS, PICTURES, SAME = "raw", "picture", "same"
VARIANT = "variant"  # tag of a pair that was made of another
ALIKE = 2.0  # codes by which two pictures of the same raw may differ on the mean


def varied(pairs: Sequence[Pair], words: Sequence[str], folder: Path, *, seed: int) -> list[Pair]:
    """Make variants of raws, each in its raw's split, and let the command make pictures of them.

    What the command makes of a raw that was written anew must be what it made of the raw itself: programs may know
    more of a camera's own file than a DNG can say. If it is not, there are no variants.

    Args:
        pairs: with the pictures that the command made of them.
        words: of the command.
        folder: for raws and pictures; variants that are there are not made again.
        seed: of the variants.

    Raises:
        OutputError: they cannot be written there.
    """
    if (folder / MANIFEST).is_file():
        return read_manifest(folder / MANIFEST)
    each = min(EACH, MOST // len(pairs)) if pairs else 0
    for name in (RAWS, SAME):
        make_folder(folder / name, purpose="the variants", advice="Choose another place with -o.")
    if not each or not _same(pairs[0], words, folder / SAME):
        return []
    of_raws = dict(_written(pairs, folder / RAWS, each=each, seed=seed))
    made = make_pictures(words, list(of_raws), folder / PICTURES).pictures
    found = [
        replace(pair, raw=raw, picture=made[raw], tags={**pair.tags, VARIANT: True})
        for raw, pair in of_raws.items()
        if raw in made
    ]
    write_manifest(found, folder / MANIFEST)
    return found


def _same(pair: Pair, words: Sequence[str], folder: Path) -> bool:
    """Tell whether the command makes the same of a raw that was written anew."""
    try:
        path = _write(rewritten(open_raw(pair.raw)), folder / f"{pair.raw.stem}.dng")
        made = make_pictures(words, [path], folder).pictures.get(path)
        pictures = [picture_file(each).pixels.astype(float) for each in (pair.picture, made) if each]
    except CrispnetError as error:
        complain(f"There are no variants of the raws to learn from: {error}")
        return False
    alike = len(pictures) == 2 and pictures[0].shape == pictures[1].shape
    if alike and np.abs(pictures[0] - pictures[1]).mean() <= ALIKE:
        return True
    typer.echo("The command makes something else of a rewritten raw, so there are no variants to learn from.", err=True)
    return False


def _written(pairs: Sequence[Pair], folder: Path, *, each: int, seed: int) -> Iterator[tuple[Path, Pair]]:
    """Write variants, and give each with the pair that it comes from."""
    with watched(len(pairs), "varying") as tell:
        for place, pair in enumerate(pairs):
            try:
                for number, raw in enumerate(variants(open_raw(pair.raw), count=each, seed=seed + place), 1):
                    yield _write(raw, folder / f"{place:03d}-{pair.raw.stem}-{number}.dng"), pair
            except CrispnetError as error:
                complain(f"There are no variants of {pair.raw}: {error}")
            tell(place + 1)


def _write(raw: RawImage, path: Path) -> Path:
    try:
        return write_dng(raw, path, overwrite=True)
    except ValueError as error:  # what a DNG cannot say
        raise OutputError(f"{path} cannot be written: {error}. Raws that a DNG can hold were needed.") from error
