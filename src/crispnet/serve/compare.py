"""Ours beside the camera's own picture: where it lies in our frame, and how far colours are from it, place by place.

Everything here is measured on quick renderings at half their size: noise and fine detail are averaged away, so what is
left is colour, and a small picture of the camera's is not compared with detail that it cannot show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crispnet.colour import JND, delta_e_76, srgb_to_lab
from crispnet.darkroom.levels import shrunk
from crispnet.darkroom.preview import pictures_of
from crispnet.darkroom.registration import Registration, register
from crispnet.errors import ForeignPicture, NoCameraPicture
from crispnet.raw.image import RawImage
from crispnet.raw.picture import CameraPicture

PITCH = 2  # pixels of a quick rendering in one that is measured
HUNDREDTHS = 100  # of ΔE76, in which the map is given
UNKNOWN = 65535  # in the map: the camera's picture does not show this place


@dataclass(frozen=True, eq=False)
class Camera:
    """The camera's own picture of a photograph.

    Attributes:
        picture: as the camera rendered it, upright, in sRGB.
        name: which one it is: a path, or ``darkroom.preview.EMBEDDED``.
        registration: where it lies in our rendering at that size; None where it does not belong to the raw.
        laid: (h, w, 3) sRGB in [0, 1], laid over it; None likewise.
        inside: (h, w) bool, where it shows something; None likewise.
        reason: why it does not belong; "" where it does.
    """

    picture: CameraPicture
    name: str
    registration: Registration | None
    laid: np.ndarray | None
    inside: np.ndarray | None
    reason: str

    @classmethod
    def of(cls, raw: RawImage, rendering: np.ndarray) -> "Camera":
        """Find the camera's picture of a raw: the first that belongs to it, else the first that can be read.

        Args:
            raw: the raw.
            rendering: (h, w, 3) sRGB of its crop, quick and upright.

        Raises:
            NoCameraPicture: there is none.
        """
        small, foreign, absent = shrunk(rendering, PITCH), [], []
        for name, read in pictures_of(raw):
            try:
                picture = read()
            except NoCameraPicture as error:
                absent.append(str(error))
                continue
            try:
                found = register(small, picture.pixels)
            except ForeignPicture as error:
                foreign.append(cls(picture, name, None, None, None, str(error)))
                continue
            laid, weights = found.lay(picture.pixels)
            return cls(picture, name, found, np.clip(laid, 0, 1), weights > 0, "")
        if foreign:
            return foreign[0]
        raise NoCameraPicture(" ".join(absent) or "This raw was made in memory, so no camera made a picture of it.")

    @property
    def place(self) -> dict[str, float] | None:
        """Say where it lies in our frame, in shares of its height and width; None where it does not belong."""
        if self.registration is None:
            return None
        top, left, height, width = self.registration.box
        rows, columns = self.registration.rendering_size
        return {"top": top / rows, "left": left / columns, "height": height / rows, "width": width / columns}

    def differences(self, rendering: np.ndarray) -> np.ndarray:
        """Measure ΔE76 (h, w) float32 of a quick rendering, upright; NaN where the camera's picture shows nothing.

        Raises:
            ForeignPicture: the picture does not belong to the raw.
        """
        if self.laid is None or self.inside is None:
            raise ForeignPicture(self.reason)
        labs = [srgb_to_lab(np.clip(each, 0, 1)) for each in (shrunk(rendering, PITCH), self.laid)]
        return np.where(self.inside, delta_e_76(*labs), np.nan).astype(np.float32)


def figures(differences: np.ndarray) -> dict[str, Any]:
    """Sum up ΔE76 (h, w): mean, median, 95th percentile, and the share below what is just noticeable."""
    seen = differences[np.isfinite(differences)]
    median, high = (float(value) for value in np.percentile(seen, [50, 95]))
    return {
        "mean": float(np.mean(seen, dtype=np.float64)),
        "median": median,
        "p95": high,
        "below_jnd": float(np.mean(seen < JND)),
        "jnd": JND,
        "compared": seen.size / differences.size,
    }


def as_map(differences: np.ndarray) -> bytes:
    """Give ΔE76 row by row as 16-bit little-endian numbers, in hundredths; ``UNKNOWN`` where nothing was compared."""
    hundredths = np.minimum(np.rint(np.nan_to_num(differences) * HUNDREDTHS), UNKNOWN - 1)
    return np.where(np.isfinite(differences), hundredths, UNKNOWN).astype("<u2").tobytes()
