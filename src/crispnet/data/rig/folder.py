"""Any camera that shoots by itself: an intervalometer app, or a remote timer; its files come into a folder, later.

Each frame is shown for so long that one whole exposure falls into it. Markers say afterwards which capture shows what.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crispnet.data.rig.plan import Step

WHOLE = 2.2  # intervals within which at least one exposure begins and ends


@dataclass
class SelfShooting:
    """A camera that shoots at its own pace.

    Attributes:
        interval: seconds from one of its exposures to the next.
        sleep: waits for so many seconds.
    """

    interval: float
    sleep: Callable[[float], None] = time.sleep
    name: str = "folder"

    def prepare(self) -> None:
        """Be ready: nobody can ask it."""

    def shoot(self, step: Step, stem: Path) -> None:  # noqa: ARG002 (it knows nothing of frames)
        """Wait until it must have shot."""
        self.sleep(WHOLE * self.interval)
