"""Virtual captures on disk: a DNG and the virtual phone's JPEG for each, and their manifest.

raw/NAME.dng  picture/NAME.jpg    what was made, each whole or not there
captures.jsonl                    the journal: a line for each capture as soon as it is made, by which to go on
manifest.jsonl                    all pairs, written last: a folder that has it is whole
"""

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from crispnet.alone import alone_in
from crispnet.data.camera import photograph
from crispnet.data.captures import Capture
from crispnet.data.pairs import Pair, write_manifest
from crispnet.data.phone.isp import Rendering, render
from crispnet.data.pool import pool_of
from crispnet.data.sources import framed_scene_of, scene_of
from crispnet.errors import DataError, OutputError
from crispnet.files import whole_file
from crispnet.raw.image import RawImage
from crispnet.raw.writer import write_dng
from crispnet.version import VERSION

MANIFEST, JOURNAL = "manifest.jsonl", "captures.jsonl"
QUALITY = 95
LOW_LIGHT, HALF_LIGHT = 6.0, 20.0  # signal to noise of a photosite at the scene's middle


@dataclass(frozen=True)
class Made:
    """A line of the journal: what was made of a capture.

    Attributes:
        name: of the capture.
        how: digest of all that its pixels follow from; another shot, or another version of us, has another.
        raw_bytes, picture_bytes: sizes of its files.
        kind: what the phone took the scene for.
        level: ``light_level`` of it.
    """

    name: str
    how: str
    raw_bytes: int
    picture_bytes: int
    kind: str
    level: str


Makers = Callable[[Sequence[Capture], Path], Generator[Made, None, None]]


def simulate(
    captures: Sequence[Capture],
    folder: Path,
    *,
    workers: int = 1,
    makers: Makers | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make captures, ``raw/NAME.dng`` and ``picture/NAME.jpg``, and list them in ``manifest.jsonl``.

    What an earlier call has made of the same captures is kept, if the journal says so and both files still have their
    sizes: a call that was killed goes on where it was. The manifest is written last: a folder that has it is whole.

    Args:
        captures: what ``captures.captures_of`` lists.
        folder: where to; it is made.
        workers: processes to use; 1 stays in this one.
        makers: makes them elsewhere, and leaves their files in the folder; None for here.
        progress: called with how many are done, of how many.

    Returns:
        The manifest's path.

    Raises:
        DataError: a source cannot be used, or there is none.
        OutputError: the folder cannot be written to, or another process is working at it.
    """
    _check(captures)
    _make_folders(folder)
    with alone_in(folder, clearing=[path.parent for path in files_of("any", folder)]):
        made = _kept(captures, folder)
        missing = [capture for capture in captures if capture.name not in made]
        with closing(makers(missing, folder) if makers else _make(missing, folder, workers)) as outcomes:
            for outcome in outcomes:
                _note(folder, outcome)
                made[outcome.name] = outcome
                if progress is not None:
                    progress(len(made), len(captures))
        return write_manifest([_pair(capture, made[capture.name], folder) for capture in captures], folder / MANIFEST)


def take(capture: Capture) -> RawImage:
    """Take a capture into memory.

    Raises:
        DataError: its source cannot be used.
    """
    if capture.framing is None:
        scene, orientation = scene_of(capture.source, np.random.default_rng(capture.seed))
    else:
        scene, orientation = framed_scene_of(capture.source, capture.framing)
    return photograph(scene, capture.shot, orientation=orientation)


def light_level(raw: RawImage, rendering: Rendering) -> str:
    """Say whether noise is plain to see at the scene's middle: "low", "half" or "full" light."""
    scale, offset = raw.noise_profile.mean(axis=0) if raw.noise_profile is not None else (0.0, 0.0)
    middle = 2**rendering.sight.level
    ratio = middle / np.sqrt(scale * middle + offset + 1e-12)
    return "low" if ratio < LOW_LIGHT else "half" if ratio < HALF_LIGHT else "full"


def _check(captures: Sequence[Capture]) -> None:
    if not captures:
        raise DataError(
            "There is nothing to capture. A set of captures with at least one source was needed. Freeze one of a "
            "folder of photographs."
        )
    if len({capture.name for capture in captures}) < len(captures):
        raise ValueError("expected captures of different names, got two of the same")


def _make_folders(folder: Path) -> None:
    try:
        for path in files_of("any", folder):
            path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error


def files_of(name: str, folder: Path) -> tuple[Path, Path]:
    """Say where a capture's raw and its picture are."""
    return folder / "raw" / f"{name}.dng", folder / "picture" / f"{name}.jpg"


def _make(captures: Sequence[Capture], folder: Path, workers: int) -> Generator[Made, None, None]:
    """Make captures, in their order; those that nobody asks for any more are not begun."""
    if workers <= 1 or len(captures) <= 1:
        for capture in captures:
            yield make(capture, folder)
        return
    with pool_of(workers) as pool:
        futures = [pool.submit(make, capture, folder) for capture in captures]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool as error:
            raise DataError(
                f"A process that made captures for {folder} was ended by the system. More memory was needed, most "
                "likely. Call again with fewer workers: what has been made is kept."
            ) from error


def make(capture: Capture, folder: Path) -> Made:
    """Make the files of one capture.

    Raises:
        DataError: its source cannot be used.
        OutputError: the folder cannot be written to.
    """
    raw_path, picture_path = files_of(capture.name, folder)
    raw = take(capture)
    rendering = render(raw)
    write_dng(raw, raw_path, overwrite=True)
    with whole_file(picture_path, overwrite=True) as hidden:
        Image.fromarray(rendering.pixels).save(hidden, "JPEG", quality=QUALITY, subsampling=0)
    sizes = raw_path.stat().st_size, picture_path.stat().st_size
    return Made(capture.name, _how(capture), *sizes, rendering.sight.kind, light_level(raw, rendering))


def _how(capture: Capture) -> str:
    """Digest all that a capture's pixels follow from; what its source shows is in the seed."""
    said: tuple[object, ...] = (VERSION, QUALITY, capture.source.name, capture.seed, capture.shot)
    said += () if capture.framing is None else (capture.framing,)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _pair(capture: Capture, made: Made, folder: Path) -> Pair:
    raw_path, picture_path = files_of(capture.name, folder)
    tags = dict(capture.tags) | {"kind": made.kind, "level": made.level}
    return Pair(raw_path, picture_path, capture.scene, capture.split, tags)


def _read_journal(folder: Path) -> dict[str, Made]:
    """Read what an earlier call has made, by name; a line that was cut off is passed over."""
    made: dict[str, Made] = {}
    try:
        lines = (folder / JOURNAL).read_text("utf-8", errors="replace").split("\n")
    except OSError:  # there is none yet
        return made
    for line in lines:
        try:
            one = Made(**json.loads(line))
            made[one.name] = one
        except (ValueError, TypeError):
            continue
    return made


def _kept(captures: Sequence[Capture], folder: Path) -> dict[str, Made]:
    """List what an earlier call has made of these captures; where it is not all, the journal begins anew with it."""
    journal = _read_journal(folder)
    kept = {capture.name: journal[capture.name] for capture in captures if _is_kept(capture, journal, folder)}
    if len(kept) < len(captures):
        _begin_journal(folder, journal.values())
    return kept


def _is_kept(capture: Capture, journal: dict[str, Made], folder: Path) -> bool:
    made = journal.get(capture.name)
    if made is None or made.how != _how(capture):
        return False
    try:
        sizes = tuple(path.stat().st_size for path in files_of(capture.name, folder))
    except OSError:
        return False
    return sizes == (made.raw_bytes, made.picture_bytes)


def _begin_journal(folder: Path, made: Iterable[Made]) -> None:
    """Write the journal anew, without half a line at its end, and take the manifest away: more is to come."""
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    with whole_file(folder / JOURNAL, overwrite=True) as hidden:
        hidden.write_text("".join(map(_line, made)), encoding="utf-8", newline="\n")


def _note(folder: Path, made: Made) -> None:
    try:
        with (folder / JOURNAL).open("a", encoding="utf-8", newline="\n") as journal:
            journal.write(_line(made))
            journal.flush()
            os.fsync(journal.fileno())
    except OSError as error:
        raise _unwritable(folder, error) from error


def _line(made: Made) -> str:
    return json.dumps(asdict(made), ensure_ascii=False) + "\n"


def _unwritable(folder: Path, error: Exception) -> OutputError:
    return OutputError(
        f"{folder} cannot be written to: {getattr(error, 'strerror', None) or error}. A writable folder with enough "
        "free space was needed. Check it and the disk, or choose another."
    )
