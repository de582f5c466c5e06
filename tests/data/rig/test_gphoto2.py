"""The real gphoto2's answer without a camera, and stand-ins that answer as gphoto2 and libgphoto2 do."""

import shutil
import stat
import sys
import textwrap

import pytest

from crispnet.data.rig.gphoto2 import Gphoto2
from crispnet.data.rig.plan import Step
from crispnet.errors import MissedShot, RigError

STEP = Step(3, "photograph", "p.jpg", ev=-1.0, iso=200)
FOUND = """\
Model                          Port
----------------------------------------------------------
Canon EOS 5D Mark IV           usb:001,004
"""
# What follows every error, on the standard error.
HINT = "For debugging messages, please use the --debug option.\\n"


@pytest.fixture
def standing_in(tmp_path):
    """Make an executable of a Python program that stands in for gphoto2, and notes what it was asked."""

    def make(program, **changes):
        path = tmp_path / "bin" / "gphoto2"
        path.parent.mkdir(exist_ok=True)
        begin = f"#!{sys.executable}\nimport sys, os, pathlib, time\nasked = sys.argv[1:]\n"
        begin += (
            f"with open({str(tmp_path / 'asked')!r}, 'a') as file: print((asked, os.environ['LC_ALL']), file=file)\n"
        )
        begin += f"FOUND, HINT = {FOUND!r}, {HINT!r}\n"
        begin += "stem = asked[asked.index('--filename') + 1] if '--filename' in asked else ''\n"
        path.write_text(begin + textwrap.dedent(program))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Gphoto2(program=str(path), **changes)

    return make


BOTH = """
if '--auto-detect' in asked:
    print(FOUND)
    sys.exit()
for ending in ('cr2', 'jpg'):
    print(f'New file is in location /capt0000.{ending} on the camera')
    pathlib.Path(stem.replace('%C', ending)).write_bytes(ending.encode())
    print(f'Saving file as {stem}')
    print(f'Keeping file /capt0000.{ending} on the camera')
"""


def test_a_raw_and_a_jpeg_are_brought_under_the_stem(standing_in, tmp_path):
    camera = standing_in(BOTH)
    camera.prepare()
    assert camera.name == "gphoto2: Canon EOS 5D Mark IV"
    taken = camera.shoot(STEP, tmp_path / "0003")
    assert (taken.raw, taken.picture) == (tmp_path / "0003.cr2", tmp_path / "0003.jpg")
    assert taken.raw.read_bytes() == b"cr2"


def test_the_commands_are_the_documented_ones_in_english_and_delete_nothing(standing_in, tmp_path):
    camera = standing_in(BOTH)
    camera.prepare()
    camera.shoot(STEP, tmp_path / "0003")
    camera.shoot(Step(0, "chart"), tmp_path / "0000")
    asked = [eval(line) for line in (tmp_path / "asked").read_text().splitlines()]
    settings = ["--set-config", "iso=200", "--set-config", "exposurecompensation=-1"]
    kept = ["--keep", "--force-overwrite", "--filename"]
    assert asked == [
        (["--auto-detect"], "C"),
        ([*settings, *kept, "0003.%C", "--capture-image-and-download"], "C"),
        ([*kept, "0000.%C", "--capture-image-and-download"], "C"),
    ]


FAILED = """
print('\\n*** Error ***              \\n{words}\\n*** Error ({code}: \\'{name}\\') ***       \\n', file=sys.stderr)
print(HINT)
sys.exit(1)
"""
ANSWERS = [
    ("Could not detect any camera", -105, "Unknown model", "switch it on"),
    (
        "An error occurred in the io-library ('Could not claim the USB device'): Could not claim interface 0 (Device "
        "or resource busy). Make sure no other program (gvfs-gphoto2-volume-monitor) or kernel module (such as sdc2xx) "
        "is using the device and you have read/write access to the device.",
        -53,
        "Could not claim the USB device",
        "add your user to the group",
    ),
    ("PTP Store Full", -1, "Unspecified error", "card is full"),
    ("PTP Store Not Available", -1, "Unspecified error", "has no card"),
    ("Not enough space on device in order to save '0003.cr2'.", -115, "x", "make room"),
    ("Could not find the requested device on the USB port", -52, "x", "unplugged or fell asleep"),
    ("iso not found in configuration tree.", -1, "Unspecified error", "without --iso"),
]


@pytest.mark.parametrize(("words", "code", "name", "advice"), ANSWERS)
def test_what_cannot_get_better_by_itself_ends_the_session_with_advice(
    standing_in, tmp_path, words, code, name, advice
):
    escaped = words.replace("'", "\\'")
    camera = standing_in(FAILED.format(words=escaped, code=code, name=name))
    with pytest.raises(RigError, match=advice) as refused:
        camera.shoot(STEP, tmp_path / "0003")
    assert not isinstance(refused.value, MissedShot)
    assert words.split(" (")[0].split("'")[0] in str(refused.value)


def test_a_camera_that_cannot_focus_misses_one_shot(standing_in, tmp_path):
    camera = standing_in(
        FAILED.format(words="Canon EOS Capture failed to release: Perhaps no focus?", code=-1, name="x")
    )
    with pytest.raises(MissedShot, match=r"Perhaps no focus\?.*manual focus"):
        camera.shoot(STEP, tmp_path / "0003")


def test_a_cable_pulled_half_way_ends_the_session(standing_in, tmp_path):
    program = "pathlib.Path(stem.replace('%C', 'cr2')).write_bytes(b'half')\n"
    program += FAILED.format(words="PTP I/O Error", code=-7, name="I/O problem")
    camera = standing_in(program)
    with pytest.raises(RigError, match="plug it in again"):
        camera.shoot(STEP, tmp_path / "0003")
    assert standing_in(BOTH).shoot(STEP, tmp_path / "0003").raw.read_bytes() == b"cr2"  # and the half is replaced


@pytest.mark.parametrize(
    ("endings", "words"), [(("jpg",), r"gave \.jpg"), (("cr2",), r"gave \.cr2"), ((), "gave no file")]
)
def test_a_camera_that_gives_only_one_file_is_told_to_give_both(standing_in, tmp_path, endings, words):
    camera = standing_in(BOTH.replace("('cr2', 'jpg')", repr(endings)))
    with pytest.raises(MissedShot, match=rf"{words}.*RAW \+ JPEG"):
        camera.shoot(STEP, tmp_path / "0003")


def test_a_camera_that_hangs_is_given_up(standing_in, tmp_path):
    with pytest.raises(MissedShot, match="did not answer within 0 s"):
        standing_in("time.sleep(20)", seconds=0.2).shoot(STEP, tmp_path / "0003")


def test_a_list_without_a_camera_is_refused(standing_in):
    with pytest.raises(RigError, match="gphoto2 sees no camera"):
        standing_in("print(FOUND.rsplit('Canon')[0])").prepare()


def test_a_program_that_is_not_there_is_asked_for(tmp_path):
    with pytest.raises(RigError, match=r"cannot be run: No such file.*Install it"):
        Gphoto2(program=str(tmp_path / "gphoto2")).prepare()


@pytest.mark.tools
def test_the_real_program_has_no_camera(tmp_path):
    if shutil.which("gphoto2") is None:
        pytest.skip("gphoto2 is not installed")
    camera = Gphoto2()
    with pytest.raises(RigError, match="gphoto2 sees no camera"):
        camera.prepare()
    with pytest.raises(RigError, match=r"Could not detect any camera.*Plug the camera in") as refused:
        camera.shoot(Step(0, "chart"), tmp_path / "0000")
    assert not isinstance(refused.value, MissedShot)
