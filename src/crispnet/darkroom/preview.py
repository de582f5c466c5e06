"""Makes a rendering like the camera's own picture of the same raw, where there is one that belongs to it.

Pictures beside the raw file are tried first, for they are the larger ones; then that inside it, which nobody edited.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from crispnet.darkroom.matching import Match, match
from crispnet.errors import ForeignPicture, NoCameraPicture
from crispnet.raw.image import RawImage
from crispnet.raw.opening import HERE, Opening
from crispnet.raw.orientation import upright
from crispnet.raw.picture import CameraPicture
from crispnet.raw.sidecar import sidecars

EMBEDDED = "the picture inside the raw"


@dataclass(frozen=True, eq=False)
class Preview:
    """What became of the wish to have the camera's colours.

    Attributes:
        match: the map that was applied; None where no picture belonged to the raw.
        picture: which picture it was fitted to: a path, or ``EMBEDDED``; "" for none.
        reasons: why other pictures were not taken.
    """

    match: Match | None
    picture: str
    reasons: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know: nothing where the first picture fitted."""
        ending = () if self.match else ("The colours are the look's own, not the camera's.",)
        return self.reasons + ending


def match_own_picture(pixels: np.ndarray, raw: RawImage, *, opening: Opening = HERE) -> Preview:
    """Bring a rendering, in place, to the colours of the camera's own picture; leave it alone where none belongs.

    Args:
        pixels: (h, w, 3) float32 sRGB of the raw's crop, in sensor orientation.
        raw: what it was developed from.
        opening: opens the pictures.
    """
    rendering = upright(pixels, raw.orientation)
    reasons = []
    for name, read in pictures_of(raw, opening=opening):
        try:
            found = match(rendering, read().pixels)
        except ForeignPicture as error:
            reasons.append(f"{name}: {error}")
        except NoCameraPicture as error:
            reasons.append(str(error))
        else:
            found.colours.apply(rendering, out=rendering)
            return Preview(found, name, tuple(reasons))
    return Preview(None, "", tuple(reasons))


def pictures_of(raw: RawImage, *, opening: Opening = HERE) -> Iterator[tuple[str, Callable[[], CameraPicture]]]:
    """Give the pictures that may be the camera's own, the likeliest first, each with what reads it."""
    if raw.path is None:
        return
    for path in sidecars(raw.path):
        yield str(path), partial(opening.picture_file, path)
    yield EMBEDDED, partial(opening.camera_picture, raw.path)
