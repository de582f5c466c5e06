"""The gate between a folder of files and what a look may learn from: raws with the camera's own pictures of them.

A raw comes through with the first picture that belongs to it. What does not come through is told why, for each of its
pictures. Reasons have the three parts of an error's message.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from crispnet.darkroom.matching import Match, match
from crispnet.data.finding import Candidate, by_editor
from crispnet.data.proofs import proof_of
from crispnet.errors import CrispnetError, ForeignPicture
from crispnet.raw.image import RawImage
from crispnet.raw.opening import HERE, Opening
from crispnet.raw.orientation import upright
from crispnet.raw.picture import CameraPicture

LONGEST = 640  # pixels of the proof that pictures are held against
LEAST = 300  # pixels along a picture's longer side
MOST_CLIPPED = 0.6  # of a picture
BLACK, WHITE = 2, 253  # codes beyond which a picture says nothing of colour
NEEDED_RAW = "A whole raw file was needed. Copy it again from the card."
NO_PICTURE = "There is no picture of it. One was needed to learn from. Set the camera to save JPEGs beside its raws."
TAKE_AWAY = "Nothing needs to be done."


@dataclass(frozen=True, eq=False)
class Refused:
    """A picture that does not come through.

    Attributes:
        candidate: which.
        reason: why, in three parts.
        pixels: of the picture, (h, w, 3) uint8, upright, as far as it could be read.
    """

    candidate: Candidate
    reason: str
    pixels: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Verdict:
    """What became of a raw.

    Attributes:
        path: of the raw.
        reason: why it is left out; "" where it comes through.
        raw: as it was read; None where it could not be, or need not.
        proof: (h, w, 3) float32 sRGB, upright: a small rendering of it.
        candidate: the picture that belongs to it.
        picture: its pixels and colour space.
        match: where that lies in the proof, and how well its colours can be met.
        refused: pictures that do not belong to it.
        unreadable: whether the raw could not be read.
    """

    path: Path
    reason: str
    raw: RawImage | None = None
    proof: np.ndarray | None = None
    candidate: Candidate | None = None
    picture: CameraPicture | None = None
    match: Match | None = None
    refused: tuple[Refused, ...] = ()
    unreadable: bool = False

    def box(self) -> tuple[float, ...]:
        """Top, left, height and width of what the picture shows, in pixels of the developed photograph."""
        if self.match is None or self.raw is None or self.proof is None:
            raise ValueError("expected a raw that came through, got one that did not")
        rows, columns = (full / small for full, small in zip(self.raw.upright_size, self.proof.shape, strict=False))
        top, left, height, width = self.match.box
        return top * rows, left * columns, height * rows, width * columns


@dataclass
class Gate:
    """Lets raws through one after another, and remembers them, so that none comes through twice.

    Attributes:
        seen: digests of the raws that came.
        taken: pictures that belong to a raw already, by their absolute paths.
        opening: opens raws and pictures.
    """

    seen: dict[bytes, Path] = field(default_factory=dict)
    taken: dict[Path, Path] = field(default_factory=dict)
    opening: Opening = HERE

    def judge(self, path: Path, candidates: Iterable[Candidate]) -> Verdict:
        """Find the picture that belongs to a raw, or say why there is none."""
        try:
            twin = self._twin(path)
            raw = None if twin else self.opening.raw(path)
        except CrispnetError as error:
            return Verdict(path, str(error), unreadable=True)
        except OSError as error:
            return Verdict(path, f"{path} cannot be read: {error.strerror or error}. {NEEDED_RAW}", unreadable=True)
        if raw is None:
            return Verdict(path, f"It is a copy of {twin}. Each shot was needed once. {TAKE_AWAY}")
        proof = upright(proof_of(raw, longest=LONGEST), raw.orientation)
        refused: list[Refused] = []
        for candidate in candidates:
            picture = None
            try:
                self._refuse_taken(candidate)
                _refuse_converted(candidate, raw)
                picture = candidate.read(self.opening)
                found = judged(proof, picture.pixels, certain=candidate.certain)
            except CrispnetError as error:
                refused.append(Refused(candidate, str(error), None if picture is None else picture.pixels))
                continue
            if candidate.path:
                self.taken[candidate.path.absolute()] = path
            return Verdict(path, "", raw, proof, candidate, picture, found, tuple(refused))
        return Verdict(path, _joined(refused) or NO_PICTURE, raw, proof, refused=tuple(refused))

    def _twin(self, path: Path) -> Path | None:
        """Find a raw of the same content that came before."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "blake2b").digest()
        return None if (first := self.seen.setdefault(digest, path)) == path else first

    def _refuse_taken(self, candidate: Candidate) -> None:
        owner = self.taken.get(candidate.path.absolute()) if candidate.path else None
        if owner:
            raise ForeignPicture(f"It belongs to {owner} already. Each shot was needed once. {TAKE_AWAY}")


def judged(proof: np.ndarray, picture: np.ndarray, *, certain: bool = False) -> Match:
    """Hold a picture against a proof of the raw, both upright; one that is certain to be of it may be edited.

    Raises:
        ForeignPicture: nothing can be learned from the two together.
    """
    _refuse_small(picture)
    _refuse_clipped(picture)
    return match(proof, picture, any_colours=certain)


def _refuse_converted(candidate: Candidate, raw: RawImage) -> None:
    """Refuse the picture in a raw that was converted: who converts puts in a picture of his own."""
    software = str(raw.exif.get("software", ""))
    if candidate.path is None and by_editor(software):
        raise ForeignPicture(
            f"The picture in it is by {software[:60]}, as the raw file is, and not by the camera. The camera's own was "
            "needed. Look for the raw as the camera wrote it, or for the JPEG that was written with it."
        )


def _refuse_small(picture: np.ndarray) -> None:
    height, width = picture.shape[:2]
    if max(height, width) < LEAST:
        raise ForeignPicture(
            f"The picture has {width} x {height} pixels, too few to learn from. At least {LEAST} along a side were "
            "needed. Let the camera save a JPEG beside the raw."
        )


def _refuse_clipped(picture: np.ndarray) -> None:
    step = max(1, max(picture.shape) // LONGEST)
    some = picture[::step, ::step]
    clipped = float(np.mean((some >= WHITE).any(axis=-1) | (some <= BLACK).all(axis=-1)))
    if clipped > MOST_CLIPPED:
        raise ForeignPicture(
            f"{clipped:.0%} of the picture are black or white. Colours were needed in {1 - MOST_CLIPPED:.0%} of it at "
            "least. Take a shot that is exposed for its subject."
        )


def _joined(refused: Iterable[Refused]) -> str:
    """Say why none of a raw's pictures came through."""
    return " ".join(f"{each.candidate.path}: {each.reason}" if each.candidate.path else each.reason for each in refused)
