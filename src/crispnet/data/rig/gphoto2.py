"""A DSLR or mirrorless camera on a cable, by gphoto2: it shoots, and hands over its raw and its JPEG.

    gphoto2 --auto-detect
    gphoto2 --set-config iso=100 --set-config exposurecompensation=-1 --keep --force-overwrite
            --filename STEM.%C --capture-image-and-download

Set to RAW + JPEG, the camera gives both files, one after the other, under the same name. Both stay on its card, too.
"""

from dataclasses import dataclass, field
from pathlib import Path

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.plan import Step
from crispnet.data.rig.program import Answer, ask
from crispnet.errors import MissedShot, RigError

PROGRAM = "gphoto2"
JPEGS = (".jpg", ".jpeg")
HEAD = 2  # lines of --auto-detect above the cameras
# What gphoto2 and libgphoto2 say, and what to do about it.
REMEDIES = {
    "could not detect any camera": "Plug the camera in and switch it on.",
    "no camera found": "Plug the camera in and switch it on.",
    "could not find the requested device": "It was unplugged or fell asleep: plug it in, and switch its sleep off.",
    "could not claim the usb device": (
        "Another program has it, or you may not use it: close file managers, unmount it, or add your user to the group "
        "that may (Debian: plugdev)."
    ),
    "could not lock the device": "Another program has it: close that.",
    "store full": "Its card is full: put in an empty one.",
    "not enough free space": "Its card is full: put in an empty one.",
    "not enough space on device": "This computer's disk is full: make room.",
    "no space left": "This computer's disk is full: make room.",
    "store not available": "It has no card: put one in.",
    "i/o problem": "The cable or the camera failed: plug it in again.",
    "not found in configuration tree": "It has no such setting: plan the session without --iso and --exposure.",
}


@dataclass
class Gphoto2:
    """A camera that gphoto2 speaks to.

    Attributes:
        program: its name or path.
        seconds: that a capture may take, with its download.
        name: in the log: the model, once it is known.
    """

    program: str = PROGRAM
    seconds: float = 60.0
    name: str = field(default="gphoto2")

    def prepare(self) -> None:
        """Make sure that there is a camera.

        Raises:
            RigError: there is none, or gphoto2 is not installed.
        """
        answer = ask([self.program, "--auto-detect"], seconds=self.seconds)
        cameras = [line.strip() for line in answer.output.splitlines()[HEAD:] if line.strip()]
        if answer.status or not cameras:
            raise RigError(
                "gphoto2 sees no camera. One on a USB cable was needed, switched on. Plug it in; `gphoto2 "
                "--auto-detect` lists what is seen."
            )
        self.name = f"gphoto2: {cameras[0].rpartition('usb:')[0].strip() or cameras[0]}"

    def shoot(self, step: Step, stem: Path) -> Taken:
        """Photograph what is shown, and bring both files.

        Raises:
            MissedShot: the camera took a picture but gave no raw or no JPEG, or it did not answer in time.
            RigError: it cannot be used, or not any more.
        """
        settings = [] if step.iso is None else [f"iso={step.iso}"]
        settings += [f"exposurecompensation={step.ev:g}"] if step.ev else []
        words = [self.program, *(word for setting in settings for word in ("--set-config", setting))]
        words += ["--keep", "--force-overwrite", "--filename", f"{stem.name}.%C", "--capture-image-and-download"]
        answer = ask(words, seconds=self.seconds, folder=stem.parent)
        if answer.status or "*** error" in answer.complaint.lower():
            raise _refusal(answer)
        return _both(stem)


def _refusal(answer: Answer) -> RigError:
    said = f"{answer.complaint} {answer.output}".lower()
    remedy = next((remedy for words, remedy in REMEDIES.items() if words in said), None)
    if remedy is None:
        return MissedShot(
            f"The camera did not take a picture: {answer.words()}. One that can focus and shoot was needed. Set it to "
            "manual focus, and try its own shutter."
        )
    return RigError(f"The camera cannot be used: {answer.words()}. {remedy} Then call again to go on.")


def _both(stem: Path) -> Taken:
    """Find the raw and the JPEG that were brought."""
    brought = [path for path in stem.parent.iterdir() if path.stem == stem.name and path.is_file()]
    pictures = [path for path in brought if path.suffix.lower() in JPEGS]
    raws = [path for path in brought if path.suffix.lower() not in JPEGS]
    if len(pictures) != 1 or len(raws) != 1:
        got = ", ".join(sorted(path.suffix for path in brought)) or "no file"
        raise MissedShot(f"The camera gave {got}. A raw and a JPEG were needed. Set it to RAW + JPEG.")
    return Taken(raws[0], pictures[0])
