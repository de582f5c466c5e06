"""What ``crispnet develop`` does with each raw: decode it, let the look expose it, finish and save it."""

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from crispnet.app.batch import Outcome, Task
from crispnet.app.desk import Desk
from crispnet.app.ledger import Made
from crispnet.darkroom.exiftool import ExifTool
from crispnet.darkroom.formats import kind_and_depth
from crispnet.darkroom.output import jpeg_head
from crispnet.darkroom.photo import Wanted, expose, finish, named
from crispnet.darkroom.preview import Preview
from crispnet.look.contract import Look
from crispnet.raw.calibration import white_balance_at
from crispnet.raw.image import RawImage
from crispnet.raw.opening import Opening


@dataclass(frozen=True, eq=False)
class Decoded:
    """A raw in memory, what its picture is made of, and the seconds that were spent on it."""

    task: Task
    raw: RawImage
    made: Made | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Exposed:
    """The same, as the look has rendered it."""

    decoded: Decoded
    pixels: np.ndarray
    wanted: Wanted
    head: "Future[bytes] | None"
    seconds: float


@dataclass(frozen=True, eq=False)
class Developer:
    """The three steps.

    Attributes:
        desk: where raws are taken in.
        look: which renders them.
        exiftool: copies their metadata, where it is installed.
        opening: decodes raws, and the camera's pictures of them.
        aside: does what can be done while the look renders.
    """

    desk: Desk
    look: Look
    exiftool: ExifTool | None
    opening: Opening
    aside: Executor

    def develop(self, task: Task) -> dict[str, Any]:
        """Do all three, one after another, and give the facts."""
        decoded = self.prepare(task)
        done = decoded if isinstance(decoded, Outcome) else self.finish(self.expose(decoded))
        return done.facts or {}

    def prepare(self, task: Task) -> Decoded | Outcome:
        """Decode a raw, unless its picture was made before."""
        started = time.perf_counter()
        made = self.desk.take(task)
        if isinstance(made, Outcome):
            return made
        return Decoded(task, self.opening.raw(task.raw), made, time.perf_counter() - started)

    def weight(self, decoded: Decoded) -> int:
        """Give the bytes of a mosaic and of the picture that comes of it."""
        depth = kind_and_depth(decoded.task.picture, self.desk.wish.format, self.desk.wish.depth)[1]
        bytes_each = 4 if self.desk.wish.match_preview else depth // 8  # what is changed later is not quantised yet
        return decoded.raw.mosaic.nbytes + 3 * bytes_each * decoded.raw.crop.height * decoded.raw.crop.width

    def expose(self, decoded: Decoded) -> Exposed:
        """Let the look render it."""
        started = time.perf_counter()
        wish, raw = self.desk.wish, decoded.raw
        _, depth = kind_and_depth(decoded.task.picture, wish.format, wish.depth)
        balance = _multipliers(wish.white_balance, raw)
        wanted = Wanted(balance, wish.exposure, wish.match_preview, depth, wish.max_memory)
        head = self._head(decoded)
        pixels = expose(raw, self.look, wanted)
        return Exposed(decoded, pixels, wanted, head, decoded.seconds + time.perf_counter() - started)

    def finish(self, exposed: Exposed) -> Outcome:
        """Finish and save the picture, and tell what a user may want to know of it."""
        started = time.perf_counter()
        wish, task, raw = self.desk.wish, exposed.decoded.task, exposed.decoded.raw
        photo = finish(exposed.pixels, raw, self.look, exposed.wanted, opening=self.opening)
        kind, depth = kind_and_depth(task.picture, wish.format, wish.depth)
        photo.save(
            task.picture,
            format=kind,
            depth=depth,
            quality=wish.quality,
            overwrite=wish.overwrite,
            exiftool=self.exiftool,
            head=exposed.head,
            handover=self.desk.handover(task, exposed.decoded.made),
        )
        height, width = raw.upright_size
        facts = {
            "picture": str(task.picture),
            "look": photo.look,
            "width": width,
            "height": height,
            **({"match": _fit(photo.preview)} if photo.preview else {}),
            "seconds": round(exposed.seconds + time.perf_counter() - started, 3),
            "notes": photo.notes,
        }
        return Outcome(task, facts=facts)

    def _head(self, decoded: Decoded) -> "Future[bytes] | None":
        """Begin to make the head of a JPEG, unless what stands in it depends on the pixels."""
        kind, _ = kind_and_depth(decoded.task.picture, self.desk.wish.format, self.desk.wish.depth)
        if kind != "jpeg" or self.exiftool is None or self.desk.wish.match_preview:
            return None
        raw = decoded.raw
        return self.aside.submit(jpeg_head, raw, raw.upright_size, look=named(self.look), exiftool=self.exiftool)


def _fit(preview: Preview) -> dict[str, Any] | None:
    """Say how well the colours of the camera's own picture were met, as mean ΔE76; None where they were not."""
    if preview.match is None:
        return None
    found = preview.match
    box = dict(zip(("top", "left", "height", "width"), (round(length, 1) for length in found.box), strict=True))
    return {
        "picture": preview.picture,
        "delta_e_before": round(found.before, 2),
        "delta_e": round(found.after, 2),
        "shows": box,
        "place_by_place": found.registration.local,
    }


def _multipliers(white_balance: str, raw: RawImage) -> np.ndarray | None:
    """Turn as-shot, a temperature, or R,G,B into multipliers for this camera; None for as shot."""
    if white_balance == "as-shot":
        return None
    values = [float(value) for value in white_balance.rstrip("k").split(",")]
    if len(values) == 1:
        return white_balance_at(raw.calibrations, values[0])
    red, green, blue = values
    return np.array([red, green, blue, green]) / green
