"""A photograph on the bench: decoded once, and rendered small as often as a slider moves.

The scene is that of the whole frame at its full size, so a small rendering has the colours of the full one. Frames of
any shape are laid on a canvas of one size, beyond their edges the mosaic goes on mirrored: a network is compiled for
each shape it meets, which takes longer than to render it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from crispnet.darkroom.lens import straighten
from crispnet.darkroom.proof import Proof
from crispnet.darkroom.quantise import quantise
from crispnet.darkroom.rendering import render
from crispnet.darkroom.tiling import with_halo
from crispnet.look.contract import Look, Metadata
from crispnet.raw.image import Box, RawImage
from crispnet.raw.orientation import upright
from crispnet.raw.reader import open_raw
from crispnet.serve.wish import Wish

Size = Literal["draft", "quick"]
CANVAS: dict[Size, tuple[int, int]] = {"quick": (384, 512), "draft": (192, 256)}  # rows, columns of packed pixels
CLIPPED, DARK = 0.98, 0.002  # linear values from which, and up to which, nothing is told of a colour


@dataclass(frozen=True, eq=False)
class Photograph:
    """A decoded photograph.

    Attributes:
        raw: as it was read.
        proofs: of each size, the largest first.
    """

    raw: RawImage
    proofs: dict[Size, Proof]

    @classmethod
    def open(cls, path: str) -> "Photograph":
        """Decode a raw file and make it small.

        Raises:
            RawError: it cannot be developed.
        """
        raw = open_raw(path)
        proof = Proof.of(raw, longest=longest_on(CANVAS["quick"], raw))
        return cls(raw, {"quick": proof, "draft": proof.smaller(longest_on(CANVAS["draft"], raw))})

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        small = (proof.packed.nbytes + proof.thumbnail.nbytes for proof in self.proofs.values())
        return self.raw.mosaic.nbytes + sum(small)

    def develop(self, look: Look, wish: Wish, *, size: Size) -> np.ndarray:
        """Develop it small: (h, w, 3) float32 sRGB, not clipped, in sensor orientation.

        What ``wish`` says of matching is left to others, which have the camera's picture.
        """
        raw, proof = self.raw, self.proofs[size]
        metadata = Metadata.of(raw, white_balance=wish.multipliers(raw), exposure=wish.exposure)
        canvas = with_halo(proof.packed, Box(0, 0, *CANVAS[size]), halo=0)
        pixels = render(canvas, look, look.scene(proof.thumbnail[None], metadata), proof.region)
        down, across = pixels.shape[0] / raw.crop.height, pixels.shape[1] / raw.crop.width
        frame = round(raw.rows * down), round(raw.columns * across)
        offset = round(raw.crop.top * down), round(raw.crop.left * across)
        return straighten(pixels, raw.opcodes, frame=frame, offset=offset)

    def upright_codes(self, pixels: np.ndarray) -> np.ndarray:
        """Turn small pixels upright, and quantise them to 8 bits."""
        return quantise(upright(pixels, self.raw.orientation), depth=8)

    def neutral_at(self, across: float, down: float) -> np.ndarray | None:
        """Average the linear R, G, B of a small place, (3,); None where it is too dark or clipped.

        Args:
            across: 0 to 1, in the upright picture.
            down: likewise.
        """
        proof = self.proofs["quick"]
        region = proof.region
        cells = np.s_[region.top // 2 : (region.bottom + 1) // 2, region.left // 2 : (region.right + 1) // 2]
        planes = upright(proof.packed[:, *cells].transpose(1, 2, 0), self.raw.orientation)
        row, column = (
            min(int(place * length), length - 1) for place, length in zip((down, across), planes.shape[:2], strict=True)
        )
        around = planes[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3].reshape(-1, 4)
        red, green, blue, other_green = around.mean(axis=0)
        mean = np.array([red, (green + other_green) / 2, blue])
        return mean if around.max() < CLIPPED and mean.min() > DARK else None


def longest_on(canvas: tuple[int, int], raw: RawImage) -> int:
    """Give the length, in pixels, of the longer side of a frame that just fits on a canvas of packed pixels."""
    rows, columns = (length // 2 + 1 for length in raw.mosaic.shape)
    scale = max(rows / canvas[0], columns / canvas[1], 1.0)
    return max(2, int(2 * max(rows, columns) / scale))


def histogram(codes: np.ndarray, *, bins: int = 64) -> dict[str, list[int] | list[float]]:
    """Count the codes (h, w, 3) of each colour, and give the shares of them at the lowest and at the highest."""
    counts = [np.bincount(codes[..., colour].ravel(), minlength=256) for colour in range(3)]
    total = codes.shape[0] * codes.shape[1]
    grouped = [each.reshape(bins, -1).sum(axis=1).tolist() for each in counts]
    return {
        "red": grouped[0],
        "green": grouped[1],
        "blue": grouped[2],
        "black": [float(each[0]) / total for each in counts],
        "white": [float(each[255]) / total for each in counts],
    }


def warm_up(look: Look) -> None:
    """Let a look compile what it compiles for the sizes of small renderings."""
    thumbnail = np.full((1, 3, 368, 480), 0.2, np.float32)
    metadata = Metadata(np.array([[2, 1, 1.6, 1.0]]), np.eye(3)[None], np.zeros(1), np.zeros(1))
    scene = look.scene(thumbnail, metadata)
    for rows, columns in CANVAS.values():
        render(np.full((4, rows, columns), 0.2, np.float32), look, scene, Box(0, 0, 2 * rows, 2 * columns))
