"""A raw file as crispnet sees it: the mosaic, what its numbers mean, and who said so.

Notation, used everywhere in the house:

- the **mosaic** holds one count per photosite, in sensor orientation, over the active area only;
- a **CFA** is a four-letter word read row by row at ``mosaic[:2, :2]``: RGGB, GRBG, GBRG or BGGR;
- four values *per plane* come in the order **R, G (red row), B, G (blue row)**, whatever the CFA;
- the **white balance** multiplies linear camera values; green is 1, and both greens are equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from crispnet.raw.calibration import Calibration, balanced_to_xyz
from crispnet.raw.opcodes import Opcode

CFAS = ("RGGB", "GRBG", "GBRG", "BGGR")


@dataclass(frozen=True)
class Box:
    """A rectangle of photosites: top-left corner and size."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """First row below the rectangle."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """First column right of the rectangle."""
        return self.left + self.width

    @property
    def rows(self) -> slice:
        """The rectangle's rows, to index an array with."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The rectangle's columns, to index an array with."""
        return slice(self.left, self.right)


EVERYTHING = Box(0, 0, 0, 0)  # stands for all of the mosaic until its size is known


@dataclass(frozen=True, eq=False)
class RawImage:
    """One raw photograph and everything needed to read its counts.

    Attributes:
        mosaic: (h, w) uint16 counts of the active area, in sensor orientation.
        cfa: colour of ``mosaic[:2, :2]`` read row by row, one of ``CFAS``.
        black: (2, 2) counts of no light at the sites of ``mosaic[:2, :2]``, repeating (DNG BlackLevel).
        white: counts at which the sensor saturates (DNG WhiteLevel).
        white_balance: (4,) multipliers for R, G, B, G; green is 1 (DNG AsShotNeutral, inverted).
        calibrations: the camera's colour under one to three known lights; empty if nobody knows it.
        orientation: EXIF Orientation 1-8, how the sensor image must be turned to stand upright.
        crop: the part of the mosaic that the maker means to be the picture (DNG DefaultCrop).
        active_area: where the mosaic lies in the frame that the file stores.
        stored_size: (height, width) of that frame.
        noise_profile: (4, 2) rows (scale, offset) per plane, R, G, B, G: the variance of a normalised
            value x is scale * x + offset (DNG NoiseProfile); None where the file does not say.
        black_rows: (h,) counts to add to ``black`` row by row (DNG BlackLevelDeltaV), or None.
        black_columns: (w,) counts to add to ``black`` column by column (DNG BlackLevelDeltaH), or None.
        opcodes: corrections the maker asks for, in the order of the file (DNG OpcodeList1-3).
        exif: shooting data that is known: make, model, iso, exposure_time, ... (see ``reader``).
        sources: for each value above, where it came from, in words.
        notes: what a user should know about this file, one sentence each.
        demosaiced_before: the file held RGB pixels, from which the mosaic was taken again.
        path: the file, or None for an image made in memory.
    """

    mosaic: np.ndarray
    cfa: str
    black: np.ndarray
    white: float
    white_balance: np.ndarray
    calibrations: tuple[Calibration, ...] = ()
    orientation: int = 1
    crop: Box = EVERYTHING
    active_area: Box = EVERYTHING
    stored_size: tuple[int, int] = (0, 0)
    noise_profile: np.ndarray | None = None
    black_rows: np.ndarray | None = None
    black_columns: np.ndarray | None = None
    opcodes: tuple[Opcode, ...] = ()
    exif: Mapping[str, object] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    demosaiced_before: bool = False
    path: Path | None = None

    def __post_init__(self) -> None:
        h, w = self._check_mosaic()
        full = Box(0, 0, h, w)
        settled = {
            "black": np.asarray(self.black, np.float64),
            "white": float(self.white),
            "white_balance": np.asarray(self.white_balance, np.float64),
            "crop": full if self.crop == EVERYTHING else self.crop,
            "active_area": full if self.active_area == EVERYTHING else self.active_area,
            "stored_size": self.stored_size if any(self.stored_size) else (h, w),
            "exif": MappingProxyType(dict(self.exif)),
            "sources": MappingProxyType(dict(self.sources)),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        self._check_values()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields; what reads them checks them again."""
        fields = {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}
        return rebuilt, (fields,)

    @property
    def rows(self) -> int:
        """Height of the mosaic in photosites."""
        return self.mosaic.shape[0]

    @property
    def columns(self) -> int:
        """Width of the mosaic in photosites."""
        return self.mosaic.shape[1]

    @property
    def upright_size(self) -> tuple[int, int]:
        """(height, width) of the developed picture, turned as ``orientation`` says."""
        size = (self.crop.height, self.crop.width)
        return size if self.orientation <= 4 else size[::-1]

    def balanced_to_xyz(self, white_balance: np.ndarray | None = None) -> np.ndarray:
        """3x3 from white-balanced linear camera values to XYZ relative to D65; (1, 1, 1) becomes D65 white.

        The matrix is the one for the light that ``white_balance`` (default: as shot) neutralises.
        """
        return balanced_to_xyz(self.calibrations, self.white_balance if white_balance is None else white_balance)

    def _check_mosaic(self) -> tuple[int, int]:
        if self.mosaic.ndim != 2 or self.mosaic.dtype != np.uint16:
            raise ValueError(f"expected a 2-D uint16 mosaic, got {self.mosaic.ndim}-D {self.mosaic.dtype}")
        if min(self.mosaic.shape) < 2:
            raise ValueError(f"expected a mosaic of at least 2 x 2 photosites, got {self.mosaic.shape}")
        return self.mosaic.shape

    def _check_values(self) -> None:
        h, w = self.mosaic.shape
        if self.cfa not in CFAS:
            raise ValueError(f"expected one of {', '.join(CFAS)}, got {self.cfa!r}")
        if self.black.shape != (2, 2) or not np.isfinite(self.black).all():
            raise ValueError(f"expected 2 x 2 finite black levels, got {self.black}")
        if not self.black.max() < self.white:
            raise ValueError(f"expected white above black, got white {self.white} and black {self.black.tolist()}")
        balance = self.white_balance
        if balance.shape != (4,) or not np.isfinite(balance).all() or balance.min() <= 0:
            raise ValueError(f"expected 4 positive white-balance multipliers, got {balance}")
        if self.orientation not in range(1, 9):
            raise ValueError(f"expected an EXIF orientation of 1 to 8, got {self.orientation}")
        crop = self.crop
        if min(crop.top, crop.left) < 0 or min(crop.height, crop.width) < 1 or crop.bottom > h or crop.right > w:
            raise ValueError(f"expected a crop within {h} x {w}, got {crop}")
        for name, length in (("black_rows", h), ("black_columns", w)):
            deltas = getattr(self, name)
            if deltas is not None and deltas.shape != (length,):
                raise ValueError(f"expected {length} {name}, got {deltas.shape}")


def rebuilt(fields: dict[str, Any]) -> RawImage:
    """Make a raw image of its fields, which is what pickles of it do."""
    return RawImage(**fields)
