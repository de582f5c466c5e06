"""What ``crispnet data simulate`` does with folders of photographs."""

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from PIL import Image

from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.data.captures import CaptureSet, captures_of, freeze
from crispnet.data.pairs import SPLITS, read_manifest
from crispnet.data.setfile import named_set, write_set
from crispnet.data.simulate import JOURNAL, MANIFEST, Makers, simulate
from crispnet.data.sources import LEAST, MOST_PIXELS, Source, find_sources
from crispnet.data.spectra import cameras
from crispnet.errors import DataError
from crispnet.strips import cores

CAMERAS = ("Apple iPhone 11",)
CAPTURES, SEED = 2, 1
SHARES = (0.8, 0.1, 0.1)
SET = "set.json"
OURS = frozenset({MANIFEST, JOURNAL, "recipe.json", "frames.json"})  # pictures below these are made, not taken


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet data simulate --help``."""

    captures: str | None = None
    cameras: tuple[str, ...] = ()
    each: int | None = None
    seed: int | None = None
    jobs: int | None = None
    ray: str | None = None


def simulate_and_say(photographs: Sequence[Path], folder: Path, wish: Wish, *, as_json: bool) -> int:
    """Take virtual captures, say where they are, and return how many photographs were left out."""
    manifest, left_out = take_captures(photographs, folder, wish)
    pairs = read_manifest(manifest)
    counts = {split: sum(pair.split == split for pair in pairs) for split in SPLITS}
    if as_json:
        typer.echo(json.dumps({"manifest": str(manifest), "captures": len(pairs), "left_out": left_out, **counts}))
        return left_out
    said = ", ".join(f"{count} to {split} with" for split, count in counts.items())
    typer.echo(f"{len(pairs)} captures: {said}.", err=True)
    typer.echo(manifest)
    return left_out


def take_captures(photographs: Sequence[Path], folder: Path, wish: Wish) -> tuple[Path, int]:
    """Take virtual captures into a folder: the manifest, and how many photographs were left out.

    Raises:
        DataError: there are too few photographs, or a set needs others.
        OutputError: the folder cannot be written to.
    """
    _check_cameras(wish.cameras)
    sources = _taken(find_sources(*photographs), photographs)
    usable = sources if wish.captures else _usable(sources)
    chosen = named_set(wish.captures) if wish.captures else _frozen(usable, photographs, wish)
    captures = captures_of(chosen, usable)
    workers = min(wish.jobs or cores(), len(captures))
    with watched(len(captures), "capturing") as tell, _makers(wish.ray) as makers:
        manifest = simulate(captures, folder, workers=workers, makers=makers, progress=lambda done, _: tell(done))
    write_set(chosen, folder / SET)
    return manifest, len(sources) - len(usable)


@contextmanager
def _makers(ray: str | None) -> Iterator[Makers | None]:
    """Connect to a cluster, if there is to be one."""
    if ray is None:
        yield None
        return
    from crispnet.app.cluster import connected
    from crispnet.app.photographing import makers_on

    with connected(ray) as cluster:
        yield makers_on(cluster)


def _check_cameras(names: Sequence[str]) -> None:
    known = {each.name for each in cameras()}
    for name in names:
        if name not in known:
            raise DataError(
                f"There is no camera called {name!r}. One whose sensor has been measured was needed, such as "
                f"{CAMERAS[0]!r}. `crispnet data cameras` lists them."
            )


def _taken(sources: Sequence[Source], folders: Sequence[Path]) -> list[Source]:
    """Leave out pictures that we made: captures, and the strips of runs."""
    tops = {folder.absolute() for folder in folders}
    made: dict[Path, bool] = {}

    def ours(folder: Path) -> bool:
        if folder not in made:
            above = folder not in tops and folder != folder.parent and ours(folder.parent)
            made[folder] = above or any((folder / name).exists() for name in OURS)
        return made[folder]

    found = [source for source in sources if not ours(source.path.absolute().parent)]
    if not found:
        raise _too_few(0, folders)
    return found


def _usable(sources: Sequence[Source]) -> list[Source]:
    """Leave out what the virtual camera cannot use, and say so of each."""
    faults = {source: _fault(source) for source in sources}
    for source, fault in faults.items():
        if fault:
            complain(f"{source.path} is left out: {fault}")
    return [source for source, fault in faults.items() if not fault]


def _fault(source: Source) -> str:
    """Say why a photograph cannot be used; nothing where it can, as far as its header tells."""
    if source.is_panorama:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(source.path) as picture:
                short, long = sorted(picture.size)
    except Exception as error:  # of many kinds: Pillow checks little of what it unpacks
        return f"it cannot be read as a picture ({error}). A whole photograph was needed. Save it anew."
    if short < LEAST[0] or long < LEAST[1]:
        return f"it has {long} x {short} pixels. At least {LEAST[1]} x {LEAST[0]}, one patch, were needed."
    if long * short > MOST_PIXELS:
        return f"it has {long} x {short} pixels. At most {MOST_PIXELS / 1e6:.0f} million were needed. Make it smaller."
    return ""


def _frozen(sources: Sequence[Source], folders: Sequence[Path], wish: Wish) -> CaptureSet:
    """Make a set of all sources in which every split has a scene."""
    count = max(Counter(source.is_panorama for source in sources).values(), default=0)
    name = folders[0].resolve().name or "photographs"
    each, seed = wish.each or CAPTURES, SEED if wish.seed is None else wish.seed
    few = ((count - 2) / count, 1 / count, 1 / count) if count >= len(SPLITS) else SHARES
    for shares in (SHARES, few):
        found = freeze(
            sources,
            name,
            cameras=wish.cameras or CAMERAS,
            seed=seed,
            per_photograph=each,
            per_panorama=wish.each or 2 * each,
            shares=shares,
        )
        if {entry.split for entry in found.entries} == set(SPLITS):
            return found
    raise _too_few(len({entry.digest for entry in found.entries}), folders)


def _too_few(count: int, folders: Sequence[Path]) -> DataError:
    places = ", ".join(map(str, folders))
    return DataError(
        f"There are too few photographs in {places} that can be captured: {count}. At least {len(SPLITS)} different "
        "ones were needed, to train, to validate and to test with. Name a folder with more; better some dozens."
    )
