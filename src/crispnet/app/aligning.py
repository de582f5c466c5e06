"""What ``crispnet data align`` does with the pairs of a manifest.

picture/NAME.png    a picture laid over its photosites (``data.laid``), kept where its files have not changed since
manifest.jsonl      the pairs with these pictures; written last
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from crispnet.alone import alone_in
from crispnet.app import batch
from crispnet.app.collecting import MANIFEST
from crispnet.app.reporting import report
from crispnet.app.splitting import manifest_at
from crispnet.data.align import aligned
from crispnet.data.laid import facts_of, laid_before, made_from, write_laid
from crispnet.data.pairs import Pair, read_manifest, write_manifest
from crispnet.data.target import LAID
from crispnet.errors import DataError, OutputError
from crispnet.files import make_folder
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import picture_file

PICTURES = "picture"


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data align --help``."""

    manifest: Path
    output: Path
    longest: int | None


def align(wish: Wish, *, as_json: bool) -> int:
    """Lay the pictures of a manifest, say what became of each, and return how many could not be laid.

    Raises:
        DataError: the manifest cannot be used, or none of its pictures can be laid.
        OutputError: the results cannot be written there.
    """
    source, result = manifest_at(wish.manifest), wish.output / MANIFEST
    pairs = {pair.raw: pair for pair in _checked(read_manifest(source), source)}
    _check_place(source, result)
    pictures = wish.output / PICTURES
    make_folder(pictures, purpose="the pictures", advice="Choose another with -o.")
    with alone_in(wish.output, clearing=[pictures]):
        return _align(pairs, batch.plan(pairs, pictures, ".png"), wish, as_json=as_json)


def _align(pairs: Mapping[Path, Pair], tasks: Sequence[batch.Task], wish: Wish, *, as_json: bool) -> int:
    done: dict[Path, Pair] = {}

    def work(task: batch.Task) -> dict[str, Any]:
        done[task.raw], facts = lay(pairs[task.raw], task.picture, longest=wish.longest)
        return {"picture": str(task.picture), **facts}

    failed = report(batch.run(tasks, work), count=len(tasks), doing="aligning", as_json=as_json)
    if not done:
        raise DataError(
            f"No picture of {manifest_at(wish.manifest)} could be laid over its raw. One at least was needed. The "
            "reasons are above; `crispnet data scan` finds pairs that belong together."
        )
    result = write_manifest((done[raw] for raw in pairs if raw in done), wish.output / MANIFEST)
    typer.echo(f"{len(done)} of {len(pairs)} pairs are listed in {result}.", err=True)
    return failed


def _checked(pairs: list[Pair], source: Path) -> Iterator[Pair]:
    seen = set()
    for pair in pairs:
        if LAID in pair.tags:
            raise DataError(
                f"The pictures of {source} are laid over their photosites already. A manifest of the camera's own was "
                "needed. Name that one."
            )
        if pair.raw in seen:
            raise DataError(
                f"{pair.raw} is in more than one pair. Each raw was needed once. Take the others out of {source}."
            )
        seen.add(pair.raw)
        yield pair


def _check_place(source: Path, result: Path) -> None:
    """Refuse to replace a manifest that this command did not write."""
    if not result.exists():
        return
    if result.samefile(source) or any(LAID not in pair.tags for pair in read_manifest(result)):
        raise OutputError(
            f"{result} lists pairs that were not aligned, and would be replaced. A folder of their own was needed for "
            "aligned ones. Choose another with -o."
        )


def lay(pair: Pair, path: Path, *, longest: int | None) -> tuple[Pair, dict[str, object]]:
    """Lay the picture of a pair over its raw, unless that was done, and write it to ``path``.

    Returns:
        The pair with that picture, and what is worth knowing of it (``data.laid.facts_of``).

    Raises:
        RawError: the raw cannot be read.
        DataError: one of the files cannot be read.
        ForeignPicture: the picture does not belong to the raw.
        OutputError: the result cannot be written.
    """
    origin = made_from(pair, longest=longest)
    facts = laid_before(path, origin)
    if facts is None:
        raw = open_raw(pair.raw)
        found = aligned(raw, picture_file(pair.picture).pixels, longest=longest)
        write_laid(found, path, orientation=raw.orientation, origin=origin)
        facts = facts_of(found)
    return replace(pair, picture=path, tags={**pair.tags, LAID: facts}), facts
