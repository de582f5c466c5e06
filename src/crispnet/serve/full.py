"""What a worker does with photographs at their full size: develops them, and reports on pictures."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.darkroom.exiftool import ExifTool, installed
from crispnet.darkroom.formats import DEPTHS
from crispnet.darkroom.photo import Photo, develop
from crispnet.darkroom.preview import pictures_of
from crispnet.errors import NoCameraPicture
from crispnet.raw.image import RawImage
from crispnet.raw.orientation import upright
from crispnet.raw.picture import CameraPicture
from crispnet.raw.reader import open_raw
from crispnet.serve.bench import as_jpeg
from crispnet.serve.looks import Looks
from crispnet.serve.naming import named, spoken
from crispnet.serve.wish import Wish
from crispnet.serve.worker import Facts, Handle

VIEW, REPORT = "view", "report"  # a picture to look at, not to keep: no shooting data, so no position; a page


def full(looks: Mapping[str, str]) -> Handle:
    """Make what develops photographs at their full size."""
    exiftool = installed().__enter__()  # until this process ends
    known = Looks(looks)

    def work(request: Facts) -> tuple[Facts, bytes]:
        started = time.perf_counter()
        told = _score(request) if request["do"] == "score" else _develop(request, known, exiftool)
        return told | {"seconds": round(time.perf_counter() - started, 3)}, b""

    return partial(spoken, work)


def _develop(request: Facts, looks: Looks, exiftool: ExifTool | None) -> Facts:
    """Develop a photograph as ``crispnet develop`` does, into ``target``."""
    wish, kind = Wish.of(request["wish"]).plainly(), request["kind"]
    wish.check()
    raw = open_raw(request["path"])
    photo = develop(
        raw,
        looks.wished(wish),
        white_balance=wish.multipliers(raw),
        exposure=wish.exposure,
        match_preview=wish.match,
        depth=DEPTHS.get(kind, (8,))[0],
        max_memory=request["max_memory"],
    )
    target = Path(request["target"])
    if kind == VIEW:
        target.write_bytes(as_jpeg(upright(photo.pixels, raw.orientation)))
    elif kind == REPORT:
        target.write_text(_report(photo, request["names"][request["path"]]), encoding="utf-8")
    else:
        photo.save(target, format=kind, overwrite=True, exiftool=exiftool)
    return {"look": photo.look, "notes": list(photo.notes), "mixes": looks.mixes(wish)}


def _report(photo: Photo, name: str) -> str:
    """Set the page about a photograph beside the camera's own picture of it."""
    from crispnet.evaluate.comparing import compare_pixels
    from crispnet.evaluate.score_page import LARGE, pair_page

    pixels = upright(photo.pixels, photo.raw.orientation)
    pair = (_as_shares(each) for each in (pixels, _camera_picture(photo.raw).pixels))
    case = compare_pixels(name, *pair, align=True, longest=LARGE)
    return pair_page(f"{name}, {photo.look}, against the camera's own picture", case)


def _camera_picture(raw: RawImage) -> CameraPicture:
    """Read the first picture of the camera's that can be read."""
    reasons = []
    for _, read in pictures_of(raw):
        try:
            return read()
        except NoCameraPicture as error:
            reasons.append(str(error))
    raise NoCameraPicture(" ".join(reasons))


def _as_shares(codes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(codes, np.float32) / np.float32(255)


def _score(request: Facts) -> Facts:
    """Set the page about two pictures, as ``crispnet score --html`` does, into ``target``."""
    from crispnet.evaluate.comparing import compare_files
    from crispnet.evaluate.score_page import LARGE, pair_page

    paths = Path(request["path"]), Path(request["reference"])
    names: dict[str, Any] = request["names"]
    case = compare_files(*paths, align=request["align"], longest=LARGE)
    case = replace(case, notes=named(list(case.notes), names))
    title = " against ".join(names[str(path)] for path in paths)
    Path(request["target"]).write_text(pair_page(title, case), encoding="utf-8")
    return {"notes": list(case.notes)}
