"""What the rig asks of a camera: to shoot, and to hand over the raw and the picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crispnet.data.rig.plan import Step


@dataclass(frozen=True)
class Taken:
    """The files of a capture."""

    raw: Path
    picture: Path


class Camera(Protocol):
    """A camera on its tripod."""

    name: str

    def prepare(self) -> None:
        """Make sure that the camera is there.

        Raises:
            RigError: it is not, or must not be used.
        """

    def shoot(self, step: Step, stem: Path) -> Taken | None:
        """Photograph what is shown, and bring both files to ``stem`` with their endings.

        None where the files come by themselves, later, under names of their own.

        Raises:
            MissedShot: this capture failed.
            RigError: so will all others.
        """
