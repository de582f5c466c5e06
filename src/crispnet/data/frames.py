"""Pairs, decoded once and for all: what training reads instead of raws and pictures.

The frames of a split lie in one folder, ``folder/split``:

- ``frames.json``, the index: what each frame is, in order, and the name and size of
- ``frames-….bin``, the content: for each frame its packed planes (float16), target (uint8) and thumbnail (float32),
  one after another, little-endian, without gaps. It is memory-mapped, so that a split may be larger than the memory.

The index is written last and names its own content, so that a folder that was left half-way is told from a whole one.
"""

import json
import math
import mmap
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

from crispnet.colour import XYZ_TO_SRGB
from crispnet.data.decoding import decoded
from crispnet.data.kept import Kept
from crispnet.data.laid import believed, laid_target
from crispnet.data.pairs import Pair, distinct_names, fingerprint
from crispnet.data.proofs import cropped, smaller
from crispnet.data.target import LAID, target_of, whole_cells
from crispnet.errors import CrispnetError, DataError
from crispnet.files import make_folder, whole_file
from crispnet.raw.bayer import THUMBNAIL, pack_linear, thumbnail
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from crispnet.strips import cores
from crispnet.version import VERSION

SCHEMA = "crispnet frames 1"
INDEX = "frames.json"
AGAIN = "Write the frames again from their manifest."
LeaveOut = Callable[[str, str], object]  # takes the path of a raw, and why


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
        kept: where the pixels are on the disk, None of a frame that is not from there.
    """

    name: str
    scene: str
    packed: np.ndarray
    target: np.ndarray
    thumbnail: np.ndarray
    white_balance: np.ndarray
    to_srgb: np.ndarray
    tags: Mapping[str, object]
    kept: Kept | None = None


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
    leave_out: LeaveOut | None = None,
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
        leave_out: told of each pair that cannot be decoded, and why; without it, that is an error.

    Raises:
        DataError, RawError: there is no pair, none can be decoded or, without ``leave_out``, one cannot.
        OutputError: the frames cannot be written there.
    """
    chosen, place = [pair for pair in pairs if pair.split == split], Path(folder) / split
    if not chosen:
        raise DataError(f"There is no pair to {split} with. One at least was needed. Split the manifest by scene.")
    known = _written_before(place, origin := fingerprint(chosen, SCHEMA, VERSION))
    if known is not None and (leave_out or not known):
        for raw, reason in known:
            if leave_out:
                leave_out(raw, reason)
        return open_frames(folder, split)
    make_folder(place, purpose="the frames")
    content = place / f"frames-{secrets.token_hex(4)}.bin"
    with whole_file(content, overwrite=False) as hidden, hidden.open("xb") as file:
        found = _decoded(chosen, workers or cores())
        entries, left_out = _write_all(found, file, count=len(chosen), progress=progress, leave_out=leave_out)
        size = file.tell()
    _publish(content, {"bytes": size, "origin": origin, "left_out": left_out, "frames": entries})
    return open_frames(folder, split)


def _publish(content: Path, facts: Mapping[str, Any]) -> None:
    """Write the index that makes frames of a file of content, and forget those that were there before."""
    index = {"schema": SCHEMA, "content": content.name, **facts}
    with whole_file(content.parent / INDEX, overwrite=True) as hidden:
        hidden.write_text(json.dumps(index, indent=1), encoding="utf-8")
    _forget_all_but(content)


def _write_all(
    found: Iterable[tuple[Pair, Frame | CrispnetError]],
    file: IO[bytes],
    *,
    count: int,
    progress: Callable[[int, int], None] | None,
    leave_out: LeaveOut | None,
) -> tuple[list[dict[str, object]], list[tuple[str, str]]]:
    """Write frames as they are decoded; give their entries, and the pairs that were left out, with the reasons."""
    entries: list[dict[str, object]] = []
    left_out: list[tuple[str, str]] = []
    for done, (pair, frame) in enumerate(found, 1):
        if isinstance(frame, Frame):
            entries.append(_stored(frame, file))
        elif leave_out:
            left_out.append((str(pair.raw), str(frame)))
            leave_out(*left_out[-1])
        else:
            raise frame
        if progress:
            progress(done, count)
    if not entries:
        raise DataError(f"None of the {count} pairs can be learned from. The first: {left_out[0][1]}")
    return entries, left_out


def _decoded(pairs: Sequence[Pair], workers: int) -> Iterator[tuple[Pair, Frame | CrispnetError]]:
    """Decode pairs, in order, and name their frames; of one that cannot be decoded, give the reason."""
    found = decoded(pairs, frame_of, workers=workers, name=lambda pair: pair.raw)
    for name, (pair, frame) in zip(distinct_names(pairs), found, strict=True):
        yield pair, replace(frame, name=name) if isinstance(frame, Frame) else frame


def _forget_all_but(content: Path) -> None:
    for old in (*content.parent.glob("frames-*.bin"), *content.parent.glob(".crispnet-*.part")):
        if old != content:
            with suppress(OSError):  # Windows does not delete what is still open
                old.unlink()


def _stored(frame: Frame, file: IO[bytes]) -> dict[str, object]:
    """Write the pixels of a frame to the end of a file, and give its entry in the index."""
    checksum = 0
    for part in (frame.packed, frame.target, frame.thumbnail):
        file.write(part.data)
        checksum = zlib.crc32(part.data, checksum)
    return {
        "name": frame.name,
        "scene": frame.scene,
        "cells": frame.packed.shape[1:],
        "white_balance": frame.white_balance.tolist(),
        "to_srgb": frame.to_srgb.tolist(),
        "tags": dict(frame.tags),
        "crc32": checksum,
    }


def open_frames(folder: str | Path, split: str) -> Sequence[Frame]:
    """Open the frames of a split; their pixels are read from the disk when they are looked at.

    Raises:
        DataError: there are none, or they are not whole.
    """
    place = Path(folder) / split
    index = _index_of(place)
    try:
        if Path(index["content"]).name != index["content"]:
            raise ValueError(f"its content is said to be {index['content']!r}")
        with (place / index["content"]).open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ends = list(accumulate((_bytes_of(entry) for entry in index["frames"]), initial=0))
        if not len(content) == index["bytes"] == ends[-1]:
            raise ValueError(f"{len(content)} bytes instead of {ends[-1]}")
        return [
            _opened(entry, Kept(content, *part, entry.get("crc32")))
            for entry, part in zip(index["frames"], pairwise(ends), strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"The frames in {place} are damaged ({error}). Whole ones were needed. {AGAIN}") from error


def _written_before(place: Path, origin: str) -> Sequence[tuple[str, str]] | None:
    """Give what was left out of frames that are there and of this origin; None where there are none."""
    with suppress(DataError):
        index = _index_of(place)
        if index.get("origin") == origin:
            open_frames(place.parent, place.name)  # which finds out whether they are whole
            return [(str(raw), str(reason)) for raw, reason in index.get("left_out", ())]
    return None


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


def _opened(entry: Mapping[str, Any], kept: Kept) -> Frame:
    parts, begin = [], kept.begin
    for kind, shape in _shapes(entry):
        count = math.prod(shape)
        parts.append(np.frombuffer(kept.content, kind, count, offset=begin).reshape(shape))
        begin += np.dtype(kind).itemsize * count
    packed, target, small = parts
    balance, matrix = (np.array(entry[name], np.float32) for name in ("white_balance", "to_srgb"))
    if balance.shape != (4,) or matrix.shape != (3, 3):
        raise ValueError(f"expected 4 and 3 x 3 numbers, got {balance.shape} and {matrix.shape}")
    return Frame(entry["name"], entry["scene"], packed, target, small, balance, matrix, entry["tags"], kept)
