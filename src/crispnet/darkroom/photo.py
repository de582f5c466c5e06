"""A photograph from a raw file, in three steps: decode it, let a look expose it, finish.

The middle one is the look's, and takes nearly all of the time. Of many photographs the steps may overlap.
"""

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crispnet.darkroom.exiftool import ExifTool
from crispnet.darkroom.lens import straighten
from crispnet.darkroom.output import save
from crispnet.darkroom.preview import Preview, match_own_picture
from crispnet.darkroom.quantise import quantise
from crispnet.darkroom.rendering import MAX_MEMORY, expected, in_cells, render
from crispnet.files import NOBODY, Handover
from crispnet.look import DEFAULT
from crispnet.look.contract import Look, Metadata
from crispnet.look.shelf import load_look
from crispnet.raw.bayer import pack_linear, packed_size, thumbnail
from crispnet.raw.image import Box, RawImage
from crispnet.raw.opcodes import WarpRectilinear
from crispnet.raw.opening import HERE, Opening
from crispnet.raw.reader import open_raw


@dataclass(frozen=True, eq=False)
class Photo:
    """A developed photograph.

    Attributes:
        pixels: (h, w, 3) sRGB-encoded: float32, nominally in [0, 1], not clipped; or uint8 or uint16, quantised. In
            sensor orientation: it is turned upright where it is saved, and only there.
        raw: what it was developed from.
        look: name and version of the look that rendered it.
        preview: what became of matching the camera's own picture; None where it was not asked for.
    """

    pixels: np.ndarray
    raw: RawImage
    look: str
    preview: Preview | None = None

    def save(
        self,
        path: str | Path,
        *,
        format: str | None = None,  # noqa: A002 - the word a photographer would use
        depth: int | None = None,
        quality: int = 95,
        overwrite: bool = False,
        exiftool: ExifTool | None = None,
        head: "Future[bytes] | None" = None,
        handover: Handover = NOBODY,
    ) -> Path:
        """Save the photograph, upright, and return the path; see ``darkroom.output.save`` for the arguments.

        Raises:
            OutputError: it cannot be written there; nothing half-written is left behind.
        """
        return save(
            self.pixels,
            self.raw,
            path,
            look=f"{self.look}, matched to the camera's picture" if self.preview and self.preview.match else self.look,
            format=format,
            depth=depth,
            quality=quality,
            overwrite=overwrite,
            exiftool=exiftool,
            head=head,
            handover=handover,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about it."""
        return self.raw.notes + (self.preview.notes if self.preview else ())


def develop(
    raw: RawImage | str | Path,
    look: Look | str = DEFAULT,
    *,
    white_balance: np.ndarray | None = None,
    exposure: float = 0.0,
    match_preview: bool = False,
    depth: int | None = None,
    max_memory: int = MAX_MEMORY,
) -> Photo:
    """Develop a raw image, or a raw file, with a look.

    Args:
        raw: what ``open_raw`` gave, or a path.
        look: what ``load_look`` gave, or the name of a look.
        white_balance: (4,) multipliers R, G, B, G in place of those as shot.
        exposure: EV to add to what the look finds right.
        match_preview: whether to bring the colours to those of the camera's own picture, beside the raw file or in it.
            Where none belongs to it, the photograph is the look's own, and ``Photo.notes`` say why.
        depth: 8 or 16 to quantise while developing, which saves memory; None for float.
        max_memory: bytes to stay within, as far as the frame allows; the picture does not depend on it.

    Raises:
        RawError: the file cannot be developed.
        LookError: there is no such look.
    """
    raw = raw if isinstance(raw, RawImage) else open_raw(raw)
    look = load_look(look) if isinstance(look, str) else look
    wanted = Wanted(white_balance, exposure, match_preview, depth, max_memory)
    return finish(expose(raw, look, wanted), raw, look, wanted)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a photograph should be like: see ``develop`` for the fields."""

    white_balance: np.ndarray | None = None
    exposure: float = 0.0
    match_preview: bool = False
    depth: int | None = None
    max_memory: int = MAX_MEMORY

    def __post_init__(self) -> None:
        if self.match_preview and (self.exposure or self.white_balance is not None):
            raise ValueError("expected the camera's picture or the user to say how light it is, and of which colour")


def expose(raw: RawImage, look: Look, wanted: Wanted) -> np.ndarray:
    """Let a look render a raw image, the second step: (h, w, 3), quantised unless ``finish`` changes pixels."""
    metadata = Metadata.of(raw, white_balance=wanted.white_balance, exposure=wanted.exposure)
    region = in_cells(Box(0, 0, *raw.mosaic.shape) if _is_bent(raw) else raw.crop, raw.cfa)
    later = _is_bent(raw) or wanted.match_preview
    depth = None if later else wanted.depth
    height, width = raw.mosaic.shape
    with expected(packed_size(height, width, raw.cfa), look, region, depth=depth, budget=wanted.max_memory):
        packed = pack_linear(raw)
        scene = look.scene(thumbnail(packed)[None], metadata)
    return render(packed, look, scene, region, depth=depth, budget=wanted.max_memory)


def finish(pixels: np.ndarray, raw: RawImage, look: Look, wanted: Wanted, *, opening: Opening = HERE) -> Photo:
    """Straighten what a look has rendered, take the camera's colours where that is wanted, quantise: the third step."""
    if _is_bent(raw):
        pixels = straighten(pixels, raw.opcodes)[raw.crop.rows, raw.crop.columns]
    preview = match_own_picture(pixels, raw, opening=opening) if wanted.match_preview else None
    if wanted.depth is not None:
        pixels = quantise(pixels, depth=wanted.depth)
    return Photo(pixels, raw, named(look), preview)


def named(look: Look) -> str:
    """Name a look and its version, as a photograph does."""
    return f"{look.name} {look.version}"


def _is_bent(raw: RawImage) -> bool:
    return any(isinstance(opcode, WarpRectilinear) for opcode in raw.opcodes)
