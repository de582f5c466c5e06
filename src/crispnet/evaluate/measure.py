"""Measures a rendition on frames: one row per picture, means with their intervals, differences with theirs.

A **row** is a flat dict: ``name``, ``scene``, ``tags`` of the frame, then the ``metrics.METRICS`` of its rendition.
A **render** is any function from a frame to (2h, 2w, 3) sRGB: a control, or a look by way of ``as_look``.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from crispnet.colour import SRGB_TO_XYZ
from crispnet.darkroom.tiling import windows, with_halo
from crispnet.data.frames import Frame
from crispnet.evaluate.intervals import Interval, interval
from crispnet.evaluate.metrics import METRICS, compare
from crispnet.evaluate.provenance import provenance
from crispnet.files import whole_file
from crispnet.look.contract import Look, Metadata
from crispnet.raw.image import Box

Render = Callable[[Frame], np.ndarray]
Row = dict[str, object]


def measure(render: Render, frames: Iterable[Frame], *, progress: Callable[[Row], object] | None = None) -> list[Row]:
    """Render every frame and compare it with the camera's own picture.

    Args:
        render: makes (2h, 2w, 3) sRGB, nominally in [0, 1], of a frame.
        frames: those to be measured, one at a time.
        progress: is given each row when it is done.
    """
    rows = []
    for frame in frames:
        target = np.asarray(frame.target, np.float32) / np.float32(255)
        row: Row = {"name": frame.name, "scene": frame.scene, "tags": dict(frame.tags)}
        row |= compare(render(frame), target)
        rows.append(row)
        if progress is not None:
            progress(row)
    return rows


def as_look(look: Look) -> Render:
    """Make a render of a look: what developing would show of a frame, with its own metadata, window by window.

    A look with ``halo`` None, which is exact on whole frames only, gets the whole frame. Beyond the edges the mosaic
    is mirrored, as in developing.
    """

    def render(frame: Frame) -> np.ndarray:
        packed = np.asarray(frame.packed, np.float32)
        scene = look.scene(np.asarray(frame.thumbnail, np.float32)[None], metadata_of(frame))
        halo = look.halo or 0
        pixels = np.empty((2 * packed.shape[1], 2 * packed.shape[2], 3), np.float32)
        for window in _windows(look, *packed.shape[1:]):
            around = with_halo(packed, window, halo=halo, stride=look.stride)
            rendered = look.render(around[None], scene)[0].transpose(1, 2, 0)
            inner = rendered[2 * halo :, 2 * halo :][: 2 * window.height, : 2 * window.width]
            pixels[2 * window.top : 2 * window.bottom, 2 * window.left : 2 * window.right] = inner
        return pixels

    return render


def _windows(look: Look, height: int, width: int) -> Iterable[Box]:
    some = windows(height, width, cells=look.cells_at_once, stride=look.stride)
    return [Box(0, 0, height, width)] if look.halo is None else some


def metadata_of(frame: Frame) -> Metadata:
    """Give what a look may know of a frame beside its pixels; nobody has asked for another exposure."""
    balanced_to_xyz = SRGB_TO_XYZ @ np.asarray(frame.to_srgb, np.float64)
    nothing = np.zeros(1)
    return Metadata(np.asarray(frame.white_balance, np.float64)[None], balanced_to_xyz[None], nothing, nothing)


def summary(rows: Sequence[Row], *, groups: Sequence[str] = (), seed: int = 0) -> dict[str, object]:
    """Average rows: each metric's mean with its 95 % interval over scenes.

    Args:
        rows: what ``measure`` gave.
        groups: tags by which to part the rows as well (scene type, light level); rows without the tag are left out.
        seed: of the bootstrap.

    Returns:
        ``images``, ``scenes``, ``metrics`` (name → mean, low, high), and with groups ``groups``: tag → value → the
        same again.
    """
    scenes = [str(row["scene"]) for row in rows]
    means = {metric: interval(_values(rows, metric), scenes, seed=seed)._asdict() for metric in METRICS}
    result: dict[str, object] = {"images": len(rows), "scenes": len(set(scenes)), "metrics": means}
    if groups:
        result["groups"] = {tag: _parted(rows, tag, seed=seed) for tag in groups}
    return result


def paired(rows_a: Sequence[Row], rows_b: Sequence[Row], metric: str, *, seed: int = 0) -> Interval:
    """Give the mean difference a - b of a metric on the same pictures, with its 95 % interval over scenes.

    Below 0, a is smaller: better for ΔE, worse for what ``metrics.HIGHER_IS_BETTER`` names. An interval that leaves
    out 0 is a difference that other scenes of this kind would show as well.

    Raises:
        ValueError: the rows are not of the same pictures.
    """
    of_b = {row["name"]: value for row, value in zip(rows_b, _values(rows_b, metric), strict=True)}
    names = [row["name"] for row in rows_a]
    if len(names) != len(rows_b) or set(names) != set(of_b):
        different = sorted(str(name) for name in set(names) ^ set(of_b))
        raise ValueError(f"expected rows of the same pictures, got differences in {different[:5]}")
    pairs = zip(names, _values(rows_a, metric), strict=True)
    return interval([value - of_b[name] for name, value in pairs], [str(row["scene"]) for row in rows_a], seed=seed)


def write_results(
    path: Path,
    rows: Sequence[Row],
    *,
    what: str,
    precision: str = "float32",
    groups: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> None:
    """Write a result as JSON: what was measured, the summary, the rows, and where the figures come from.

    What is not a finite number (the PSNR of two equal pictures, the interval of a single scene) becomes null.

    Args:
        path: of the file to make or replace.
        rows: what ``measure`` gave.
        what: was measured, in one sentence: look, data, split.
        precision: of the look's arithmetic.
        groups: see ``summary``.
        facts: anything else worth keeping: recipe, checkpoint's hash, paired differences.

    Raises:
        OutputError: the file cannot be written.
    """
    document = {
        "what": what,
        "summary": summary(rows, groups=groups),
        "facts": dict(facts or {}),
        "provenance": provenance(precision=precision),
        "rows": list(rows),
    }
    text = json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False)
    with whole_file(path, overwrite=True) as hidden:
        hidden.write_text(text + "\n", encoding="utf-8")


def _values(rows: Sequence[Row], metric: str) -> list[float]:
    if metric not in METRICS:
        raise ValueError(f"expected one of {', '.join(METRICS)}, got {metric!r}")
    return [float(row[metric]) for row in rows]  # type: ignore[arg-type]


def _parted(rows: Sequence[Row], tag: str, *, seed: int) -> dict[str, object]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        tags = row["tags"]
        if isinstance(tags, Mapping) and tag in tags:
            parts.setdefault(str(tags[tag]), []).append(row)
    return {value: summary(part, seed=seed) for value, part in sorted(parts.items())}


def _finite(value: object) -> object:
    """Replace numbers that JSON has no word for by None, and numpy's by Python's."""
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, np.generic | np.ndarray):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
