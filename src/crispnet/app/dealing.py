"""Deals out what a look of one's own is made of: what it learns from, what judges it, and what it learns at last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crispnet.app.collecting import complain_of, frames_of
from crispnet.app.varying import VARIANT
from crispnet.data.frames import Frame
from crispnet.data.pairs import Pair
from crispnet.data.target import LAID
from crispnet.errors import DataError
from crispnet.train.personal import PATCH


@dataclass(frozen=True, eq=False)
class Material:
    """What a look is fitted to.

    Attributes:
        frames: to learn from.
        validation: to choose the best weights by.
        held_out: to judge by. Where scenes are few, the same as ``validation``.
        variants: of those two.
    """

    frames: Sequence[Frame]
    validation: Sequence[Frame]
    held_out: Sequence[Frame]
    variants: Sequence[Frame] = ()

    @property
    def everything(self) -> Sequence[Frame]:
        """All there is to learn from, once it is judged."""
        validation = () if self.shared else self.validation
        return [*self.frames, *validation, *self.held_out, *self.variants]

    @property
    def shared(self) -> bool:
        """Whether the weights are chosen by the very frames that they are judged by."""
        return self.validation is self.held_out

    @property
    def own(self) -> int:
        """Count the pairs to learn from, before it is judged, that are the user's own."""
        return own(self.frames)

    @property
    def detailed(self) -> bool:
        """Whether all pictures have the raw's full size, and are large enough to be cut into patches."""
        return all(
            _is_full_size(frame) and all(side >= part for side, part in zip(frame.packed.shape[1:], PATCH, strict=True))
            for frame in self.everything
        )


def own(frames: Sequence[Frame]) -> int:
    """Count the frames that are the user's own, and no variants of those."""
    return sum(VARIANT not in frame.tags for frame in frames)


def _is_full_size(frame: Frame) -> bool:
    laid = frame.tags.get(LAID)
    return bool(laid.get("full_size")) if isinstance(laid, Mapping) else True


def material_of(pairs: Sequence[Pair], folder: Path) -> Material:
    """Decode pairs, and deal them out.

    Args:
        pairs: laid over their photosites; variants of raws are in the split of their raw.
        folder: for their frames.

    Raises:
        DataError: they are too few to learn from one scene and judge by another.
        OutputError: frames cannot be written there.
    """
    later = [replace(pair, split="train") for pair in pairs if pair.split != "train" and VARIANT in pair.tags]
    judging = [pair for pair in pairs if pair.split == "train" or VARIANT not in pair.tags]
    present = {pair.split for pair in judging}
    if "train" not in present or len(present) < 2:
        scenes = len({pair.scene for pair in pairs})
        raise DataError(
            f"{len(pairs)} pairs of {scenes} scenes are too few. Two scenes at least were needed, one to learn from "
            "and one to judge by; better twenty. Add raws of other places and other light."
        )

    def decoded(pairs: Sequence[Pair], split: str, place: Path = folder) -> Sequence[Frame]:
        return frames_of(pairs, split, places=[place], leave_out=complain_of)

    frames, held_out = (decoded(judging, split) for split in ("train", "test" if "test" in present else "validation"))
    validation = decoded(judging, "validation") if {"test", "validation"} <= present else held_out
    variants = decoded(later, "train", folder / "held-out-variants") if later else ()
    return Material(frames, validation, held_out, variants)
