"""An Android phone on a cable, by adb: its camera app is told to shoot, and the new files are pulled.

    adb get-state
    adb shell find FOLDER -type f -exec stat -c '%s %n' {} +
    adb shell input keyevent KEYCODE_CAMERA
    adb pull FOLDER/NAME.dng STEM.dng

The app must be open, in front, and set to save raw and JPEG. Nothing on the phone is deleted.
"""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.plan import Step
from crispnet.data.rig.program import Answer, ask
from crispnet.errors import MissedShot, RigError

PROGRAM, KEY, FOLDER = "adb", "KEYCODE_CAMERA", "/sdcard/DCIM"
RAWS, JPEGS = (".dng",), (".jpg", ".jpeg")
FORBIDDEN = "You may not use the USB device: add your user to the group that may (Debian: plugdev)."
REMEDIES = {
    "no devices/emulators found": "Plug the phone in, and switch USB debugging on in its developer options.",
    "no devices found": "Plug the phone in, and switch USB debugging on in its developer options.",
    "unauthorized": "Unlock the phone, and allow this computer to debug it.",
    "no permissions": FORBIDDEN,
    "insufficient permissions": FORBIDDEN,
    "offline": "The phone does not answer: unlock it, and plug it in again.",
    "more than one device": "Several phones are there: unplug the others, or set ANDROID_SERIAL.",
    "device '": "The phone was unplugged: plug it in again.",
    "no space left": "The disk is full: make room.",
    "permission denied": "That folder may not be read: name another with --phone-folder.",
    "no such file or directory": "There is no such folder on the phone: name another with --phone-folder.",
}


@dataclass
class Adb:
    """A phone that adb speaks to.

    Attributes:
        program: its name or path.
        folder: on the phone, into which, or below which, its camera app saves.
        key: that the app takes for the shutter.
        seconds: that an answer may take, and that files may take to appear.
        pause: seconds between two looks whether they did.
        sleep: waits for so many seconds.
    """

    program: str = PROGRAM
    folder: str = FOLDER
    key: str = KEY
    seconds: float = 30.0
    pause: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    name: str = "adb"

    def prepare(self) -> None:
        """Make sure that there is a phone, and that its folder can be read.

        Raises:
            RigError: there is none, it is not allowed, or adb is not installed.
        """
        state = self._answered("get-state").output.strip()
        if state != "device":
            raise RigError(f"The phone is in the state {state!r}. 'device' was needed. Start it, and unlock it.")
        self._files()

    def shoot(self, step: Step, stem: Path) -> Taken:  # noqa: ARG002 (an app's exposure is its own)
        """Press the shutter, wait for a new raw and a new JPEG, and pull both.

        Raises:
            MissedShot: they do not appear in time.
            RigError: the phone cannot be used, or not any more.
        """
        before = self._files()
        self._answered("shell", "input", "keyevent", self.key)
        raw, picture = self._appeared(before)
        taken = Taken(stem.with_suffix(PurePosixPath(raw).suffix), stem.with_suffix(PurePosixPath(picture).suffix))
        for remote, local in ((raw, taken.raw), (picture, taken.picture)):
            hidden = local.with_name(f".{local.name}.part")
            try:
                self._answered("pull", remote, str(hidden))
                hidden.replace(local)
            finally:
                hidden.unlink(missing_ok=True)
        return taken

    def _appeared(self, before: dict[str, int]) -> tuple[str, str]:
        """Wait until there is a new raw and a new JPEG, and neither grows any more."""
        last: dict[str, int] = {}
        for _ in range(max(2, round(self.seconds / self.pause))):
            self.sleep(self.pause)
            new = {path: size for path, size in self._files().items() if path not in before}
            settled = [path for path, size in sorted(new.items()) if size and last.get(path) == size]
            raws, pictures = (
                [path for path in settled if PurePosixPath(path).suffix.lower() in endings] for endings in (RAWS, JPEGS)
            )
            if raws and pictures:
                return raws[-1], pictures[-1]
            last = new
        got = ", ".join(PurePosixPath(path).name for path in last) or "nothing"
        raise MissedShot(
            f"{got} appeared in {self.folder} within {self.seconds:.0f} s. A new DNG and JPEG were needed. Open the "
            "camera app, set it to save both, and see that the phone has room; --phone-key may be another for it."
        )

    def _files(self) -> dict[str, int]:
        """List the files in the folder and their sizes."""
        listing = f"find {shlex.quote(self.folder)} -type f -exec stat -c '%s %n' {{}} +"
        files = {}
        for line in self._answered("shell", listing).output.splitlines():
            size, _, path = line.strip().partition(" ")
            if size.isdecimal() and path:
                files[path] = int(size)
        return files

    def _answered(self, *words: str) -> Answer:
        """Ask adb, and refuse to go on where it complains."""
        answer = ask([self.program, *words], seconds=self.seconds)
        if answer.status:
            said = f"{answer.complaint} {answer.output}".lower()
            remedy = next(
                (remedy for words, remedy in REMEDIES.items() if words in said), "See what `adb devices` says."
            )
            raise RigError(f"The phone cannot be used: {answer.words()}. {remedy} Then call again to go on.")
        return answer
