"""Frames that nothing can be learned from are found while they are used, named, and passed over.

A disk may lose what was written on it, somebody may shorten a file that is mapped into memory (to touch what is gone
ends a process), and an index may be damaged. What is wrong is found when a frame is first used; that its file is
still as long as it was, at each use.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import overload

import numpy as np

from crispnet.data.frames import Frame
from crispnet.errors import DataError
from crispnet.raw.white_balance import BEYOND_BELIEF

ROUNDING = 1.001  # of a ratio of numbers kept in 32 bits


class SoundFrames(Sequence[Frame]):
    """A sequence of frames in which the next sound one stands for each that is not.

    Args:
        frames: as they were opened.
        tell: told the name of each frame that is passed over, once, and why, as soon as it is found.
    """

    def __init__(self, frames: Sequence[Frame], tell: Callable[[str, str], None]) -> None:
        self._frames, self._tell = frames, tell
        self._looked_at: dict[int, str | None] = {}
        self._lock = Lock()  # one thread makes the next batch while another validates

    def __len__(self) -> int:
        """Count all frames, so that what is drawn does not depend on what is damaged."""
        return len(self._frames)

    @overload
    def __getitem__(self, place: int) -> Frame: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Frame]: ...

    def __getitem__(self, place: int | slice) -> Frame | Sequence[Frame]:
        """Give the frame at a place, or the first sound one after it.

        Raises:
            DataError: no frame is sound.
        """
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        for step in range(len(self)):
            candidate = (place + step) % len(self)
            if self._is_sound(candidate):
                return self._frames[candidate]
        raise DataError(
            f"None of the {len(self)} frames is sound any more ({self._looked_at[place % len(self)]}). Whole ones were "
            "needed. Remove the folder of the frames; they are then written again."
        )

    def sound(self) -> list[Frame]:
        """Give those that are sound, each once.

        Raises:
            DataError: there is none.
        """
        found = [self._frames[place] for place in range(len(self)) if self._is_sound(place)]
        return found or [self[0]]

    def _is_sound(self, place: int) -> bool:
        frame = self._frames[place]
        with self._lock:
            if self._looked_at.get(place) is None and frame.kept is not None and frame.kept.is_cut():
                self._find(place, "its file has become shorter")
            if place not in self._looked_at:
                self._find(place, fault_of(frame))
            return self._looked_at[place] is None

    def _find(self, place: int, fault: str | None) -> None:
        self._looked_at[place] = fault
        if fault:
            self._tell(self._frames[place].name, fault)


def fault_of(frame: Frame) -> str | None:
    """Say why nothing can be learned from a frame, or None of a sound one."""
    return next(_faults(frame), None)


def _faults(frame: Frame) -> Iterator[str]:
    balance = frame.white_balance
    if not np.isfinite(balance).all() or balance.min() <= 0:
        yield "its white balance is not above zero"
    elif balance.max() > ROUNDING * BEYOND_BELIEF * balance.min():
        yield "its white balance is absurd"
    if not np.isfinite(frame.to_srgb).all():
        yield "its colour matrix is not finite"
    if frame.kept is not None and frame.kept.checksum is not None:
        if frame.kept.is_changed():
            yield "its pixels are not those that were written"
    elif not (np.isfinite(frame.packed).all() and np.isfinite(frame.thumbnail).all()):
        yield "its pixels are not all finite"
