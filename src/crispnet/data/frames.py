"""Pairs, decoded once and for all: what training reads instead of raws and pictures.

The frames of a split lie in one folder, ``folder/split``:

- ``frames.json``, the index: what each frame is, in order, and the name and size of
- ``frames-….bin``, the content: for each frame its packed planes (float16), target (uint8) and thumbnail (float32),
  one after another, little-endian, without gaps. It is memory-mapped, so that a split may be larger than the memory.

The index is written last and names its own content, so that a folder that was left half-way is told from a whole one.
"""

import hashlib
import json
import math
import multiprocessing
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.colour import XYZ_TO_SRGB
from crispnet.data.laid import believed, laid_target
from crispnet.data.pairs import Pair
from crispnet.data.proofs import cropped, smaller
from crispnet.data.target import LAID, target_of, whole_cells
from crispnet.errors import DataError
from crispnet.files import make_folder, whole_file
from crispnet.raw.bayer import THUMBNAIL, pack_linear, thumbnail
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from crispnet.strips import cores
from crispnet.version import VERSION

SCHEMA = "crispnet frames 1"
INDEX = "frames.json"
AGAIN = "Write the frames again from their manifest."


@dataclass(frozen=True, eq=False)
class Frame:
    """A pair as training sees it, in sensor orientation.

    Attributes:
        name: of the pair, unique in its split.
        scene: what it shows.
        packed: (4, h, w) float16 planes R, G, B, G, linear, 0 = black level, 1 = white level; of the picture alone.
        target: (2h, 2w, 3) uint8 sRGB, the same photosites as the camera rendered them.
        thumbnail: (3, 368, 480) float32 of the whole frame, as developing makes it (``raw.bayer.thumbnail``).
        white_balance: (4,) float32 multipliers R, G, B, G; green is 1.
        to_srgb: (3, 3) float32 from balanced camera values to linear sRGB.
        tags: those of the pair.
    """

    name: str
    scene: str
    packed: np.ndarray
    target: np.ndarray
    thumbnail: np.ndarray
    white_balance: np.ndarray
    to_srgb: np.ndarray
    tags: Mapping[str, object]


def frame_of(pair: Pair) -> Frame:
    """Decode a pair.

    Only cells of 2 x 2 photosites that lie wholly in the picture are taken, so that nothing mirrored is learned from:
    a row or column of the picture is given up where it does not begin with a red photosite, or ends half-way. Where a
    smaller picture was laid over the photosites (``data.laid``), the mosaic is made smaller as well, and edges that the
    picture does not show are cut away from both.

    Raises:
        RawError: the raw file cannot be read.
        DataError: the picture cannot be read, or does not show the same pixels.
    """
    raw = open_raw(pair.raw)
    packed = pack_linear(raw)
    if LAID in pair.tags:
        laid, weights = laid_target(pair, raw)
        rows, columns = believed(weights)
        target = laid[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
        size = laid.shape[0] // 2, laid.shape[1] // 2
        cells = smaller(cropped(raw, packed), size)[:, rows, columns]
    else:
        target, cells = _cut(target_of(pair, raw), raw), cropped(raw, packed)
    with np.errstate(over="ignore"):  # refused below
        kept = cells.astype("<f2")
    if not np.isfinite(kept).all():
        raise DataError(
            f"{pair.raw} holds endless values once its gains are applied. A sound raw was needed. Take the pair out of "
            "the manifest."
        )
    return Frame(
        name=pair.raw.stem,
        scene=pair.scene,
        packed=np.ascontiguousarray(kept),
        target=np.ascontiguousarray(target),
        thumbnail=np.ascontiguousarray(thumbnail(packed)),
        white_balance=raw.white_balance.astype(np.float32),
        to_srgb=(XYZ_TO_SRGB @ raw.balanced_to_xyz()).astype(np.float32),
        tags={"orientation": raw.orientation, **pair.tags},
    )


def _cut(target: np.ndarray, raw: RawImage) -> np.ndarray:
    cells, top, left = whole_cells(raw.crop, raw.cfa)
    return target[top : top + 2 * cells.height, left : left + 2 * cells.width]


def write_frames(
    pairs: Iterable[Pair],
    folder: str | Path,
    split: str,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sequence[Frame]:
    """Decode the pairs of a split into ``folder/split`` and open them.

    What is there already is kept if it was made by this version from the same pairs, and their files have not changed
    since; else it is made anew, and replaces the old frames once it is whole.

    Args:
        pairs: of any split; the others are passed over.
        folder: where to; made if need be.
        split: which of the pairs to decode.
        workers: processes to decode with (default: one per core).
        progress: told how many are done, of how many.

    Raises:
        DataError: there is no pair, or one cannot be learned from (the message names it).
        RawError: a raw file cannot be read.
        OutputError: the frames cannot be written there.
    """
    chosen, place = [pair for pair in pairs if pair.split == split], Path(folder) / split
    if not chosen:
        raise DataError(f"There is no pair to {split} with. One at least was needed. Split the manifest by scene.")
    origin = _origin(chosen)
    with suppress(DataError):
        if _index_of(place)["origin"] == origin:
            return open_frames(folder, split)
    make_folder(place, purpose="the frames")
    content = place / f"frames-{secrets.token_hex(4)}.bin"
    entries = []
    with whole_file(content, overwrite=False) as hidden, hidden.open("xb") as file:
        for frame in _named(_decoded(chosen, workers or cores()), chosen):
            file.writelines(part.data for part in (frame.packed, frame.target, frame.thumbnail))
            entries.append(_entry(frame))
            if progress:
                progress(len(entries), len(chosen))
        size = file.tell()
    index = {"schema": SCHEMA, "content": content.name, "bytes": size, "origin": origin, "frames": entries}
    with whole_file(place / INDEX, overwrite=True) as hidden:
        hidden.write_text(json.dumps(index, indent=1), encoding="utf-8")
    _forget_all_but(content)
    return open_frames(folder, split)


def _origin(pairs: Sequence[Pair]) -> str:
    """Sum up what frames are made from: another sum, other frames."""
    said: list[object] = [SCHEMA, VERSION]
    for pair in pairs:
        said += [pair.scene, dict(pair.tags), pair.raw.stem]
        for path in (pair.raw, pair.picture):
            try:
                facts = os.stat(path)
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. The raw and the picture of "
                    "every pair were needed. Check the manifest."
                ) from error
            said += [str(path.absolute()), facts.st_size, facts.st_mtime_ns]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _forget_all_but(content: Path) -> None:
    for old in content.parent.glob("frames-*.bin"):
        if old != content:
            with suppress(OSError):  # Windows does not delete what is still open
                old.unlink()


def _decoded(pairs: Sequence[Pair], workers: int) -> Iterator[Frame]:
    """Decode pairs, in order, several at a time."""
    if workers == 1:
        yield from map(frame_of, pairs)
        return
    # LibRaw's OpenMP deadlocks in a forked process, hence spawn. Few wait at a time: each frame is some megabytes.
    with ProcessPoolExecutor(min(workers, len(pairs)), multiprocessing.get_context("spawn")) as pool:
        running: deque[Future[Frame]] = deque()
        try:
            for pair in pairs:
                running.append(pool.submit(frame_of, pair))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        except BrokenProcessPool as error:
            raise DataError(
                "A process that decodes pairs was ended by the system. Enough memory was needed. Try fewer workers."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _named(frames: Iterable[Frame], pairs: Sequence[Pair]) -> Iterator[Frame]:
    """Name frames after their raws: by as much of the path as tells them apart."""
    raws = [pair.raw.absolute() for pair in pairs]
    above = os.path.commonpath([raw.parent for raw in raws])
    paths = [raw.relative_to(above) for raw in raws]
    candidates: list[list[str]] = [
        [path.stem for path in paths],
        [path.with_suffix("").as_posix() for path in paths],
        [path.as_posix() for path in paths],
    ]
    names = next((names for names in candidates if len(set(names)) == len(names)), None)
    if names is None:
        raise DataError(
            f"A raw file below {above} is in more than one pair. Each was needed once. Take the others out of the "
            "manifest."
        )
    for name, frame in zip(names, frames, strict=True):
        yield replace(frame, name=name)


def _entry(frame: Frame) -> dict[str, object]:
    return {
        "name": frame.name,
        "scene": frame.scene,
        "cells": frame.packed.shape[1:],
        "white_balance": frame.white_balance.tolist(),
        "to_srgb": frame.to_srgb.tolist(),
        "tags": dict(frame.tags),
    }


def open_frames(folder: str | Path, split: str) -> Sequence[Frame]:
    """Open the frames of a split; their pixels are read from the disk when they are looked at.

    Raises:
        DataError: there are none, or they are not whole.
    """
    place = Path(folder) / split
    index = _index_of(place)
    try:
        content = np.asarray(np.memmap(place / index["content"], np.uint8, "r"))
        sizes = [_bytes_of(entry) for entry in index["frames"]]
        if not content.size == index["bytes"] == sum(sizes):
            raise ValueError(f"{content.size} bytes instead of {sum(sizes)}")
        parts = np.split(content, np.cumsum(sizes)[:-1])
        return [_opened(entry, part) for entry, part in zip(index["frames"], parts, strict=True)]
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"The frames in {place} are damaged ({error}). Whole ones were needed. {AGAIN}") from error


def _index_of(place: Path) -> dict[str, Any]:
    try:
        index: Any = json.loads((place / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{place} holds no frames, or its frames were never finished ({error.strerror or error}: {INDEX}). {AGAIN}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place / INDEX} is damaged ({error}). A whole index was needed. {AGAIN}") from error
    if not isinstance(index, dict) or index.get("schema") != SCHEMA:
        raise DataError(f"{place / INDEX} is not of the kind '{SCHEMA}', which was needed. {AGAIN}")
    return index


def _shapes(entry: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the type and shape of the parts of a frame, in the order of the file."""
    height, width = entry["cells"]
    yield "<f2", (4, height, width)
    yield "|u1", (2 * height, 2 * width, 3)
    yield "<f4", (3, *THUMBNAIL)


def _bytes_of(entry: Mapping[str, Any]) -> int:
    return sum(np.dtype(kind).itemsize * math.prod(shape) for kind, shape in _shapes(entry))


def _opened(entry: Mapping[str, Any], content: np.ndarray) -> Frame:
    parts, begin = [], 0
    for kind, shape in _shapes(entry):
        end = begin + np.dtype(kind).itemsize * math.prod(shape)
        parts.append(content[begin:end].view(kind).reshape(shape))
        begin = end
    packed, target, small = parts
    balance, matrix = (np.array(entry[name], np.float32) for name in ("white_balance", "to_srgb"))
    if balance.shape != (4,) or matrix.shape != (3, 3):
        raise ValueError(f"expected 4 and 3 x 3 numbers, got {balance.shape} and {matrix.shape}")
    return Frame(entry["name"], entry["scene"], packed, target, small, balance, matrix, entry["tags"])
