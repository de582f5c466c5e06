"""What is found to be wrong while a run goes on, for its log and for whoever started it."""

from queue import Empty, SimpleQueue


class Remarks:
    """Sentences, from any thread.

    Attributes:
        said: all of them, in order.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self._new: SimpleQueue[str] = SimpleQueue()

    def add(self, text: str) -> None:
        """Say something."""
        self.said.append(text)
        self._new.put(text)

    def leave_out(self, frame: str, reason: str) -> None:
        """Say that nothing is learned from a frame."""
        self.add(f"The frame {frame} is left out: {reason}.")

    def new(self) -> list[str]:
        """Give what was said since this was last asked."""
        found = []
        while True:
            try:
                found.append(self._new.get_nowait())
            except Empty:
                return found
