"""The real adb's answer without a phone, and stand-ins that answer as adb and a phone's shell do."""

import shutil
import stat
import subprocess
import sys
import textwrap

import pytest

from crispnet.data.rig.adb import Adb
from crispnet.data.rig.plan import Step
from crispnet.errors import MissedShot, RigError

STEP = Step(3, "photograph", "p.jpg")
# A phone in a folder: `phone/` holds its files, `new/` those that the shutter makes; pulling copies.
PHONE = """
import pathlib, shutil, sys
asked, here = sys.argv[1:], pathlib.Path(sys.argv[0]).parent.parent
(here / 'asked').open('a').write(repr(asked) + chr(10))
phone, new = here / 'phone', here / 'new'
def shutter():
    for file in new.iterdir():
        shutil.copy(file, phone / file.name)
def pull(remote, local):
    shutil.copy(phone / pathlib.PurePosixPath(remote).name, local)
    print(f'{remote}: 1 file pulled, 0 skipped. 30.1 MB/s (24000000 bytes in 0.760s)')
def complain(words):
    print(words, file=sys.stderr)
    sys.exit(1)
def listing():
    for file in sorted(phone.iterdir()):
        print(file.stat().st_size, f'/sdcard/DCIM/Camera/{file.name}')
"""
USUAL = """
if asked[0] == 'get-state': print('device')
elif asked[:2] == ['shell', 'input']: shutter()
elif asked[0] == 'shell': listing()
elif asked[0] == 'pull': pull(*asked[1:])
"""


@pytest.fixture
def standing_in(tmp_path):
    for folder in ("bin", "phone", "new", "captures"):
        (tmp_path / folder).mkdir()
    (tmp_path / "phone" / "IMG_1.dng").write_bytes(b"an old raw")
    (tmp_path / "new" / "IMG_2.dng").write_bytes(b"a raw")
    (tmp_path / "new" / "IMG_2.jpg").write_bytes(b"a JPEG")

    def make(program=USUAL, **changes):
        path = tmp_path / "bin" / "adb"
        path.write_text(f"#!{sys.executable}\n" + PHONE + textwrap.dedent(program))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Adb(program=str(path), pause=0.5, sleep=lambda _: None, **{"seconds": 5.0, **changes})

    return make


def test_the_new_raw_and_jpeg_are_pulled_under_the_stem(standing_in, tmp_path):
    phone = standing_in()
    phone.prepare()
    taken = phone.shoot(STEP, tmp_path / "captures" / "0003")
    assert (taken.raw.name, taken.picture.name) == ("0003.dng", "0003.jpg")
    assert (taken.raw.read_bytes(), taken.picture.read_bytes()) == (b"a raw", b"a JPEG")
    assert sorted(path.name for path in taken.raw.parent.iterdir()) == ["0003.dng", "0003.jpg"]
    assert (tmp_path / "phone" / "IMG_2.dng").exists()  # nothing on the phone is deleted


def test_the_commands_are_the_documented_ones(standing_in, tmp_path):
    standing_in(folder="/sdcard/My Photos", key="KEYCODE_VOLUME_UP").shoot(STEP, tmp_path / "captures" / "0003")
    asked = [eval(line) for line in (tmp_path / "asked").read_text().splitlines()]
    assert asked[0] == ["shell", "find '/sdcard/My Photos' -type f -exec stat -c '%s %n' {} +"]
    assert asked[1] == ["shell", "input", "keyevent", "KEYCODE_VOLUME_UP"]
    assert [words[:2] for words in asked[-2:]] == [
        ["pull", "/sdcard/DCIM/Camera/IMG_2.dng"],
        ["pull", "/sdcard/DCIM/Camera/IMG_2.jpg"],
    ]


def test_a_file_that_still_grows_is_waited_for(standing_in, tmp_path):
    growing = USUAL.replace(
        "elif asked[0] == 'shell': listing()",
        "elif asked[0] == 'shell':\n    for file in phone.glob('*2*'):\n"
        "        if file.stat().st_size < 40: file.open('ab').write(b'0123456789')\n    listing()",
    )
    taken = standing_in(growing).shoot(STEP, tmp_path / "captures" / "0003")
    assert taken.raw.stat().st_size >= 40


@pytest.mark.parametrize("lost", ["IMG_2.dng", "IMG_2.jpg"])
def test_a_phone_that_saves_only_one_file_misses_the_shot(standing_in, tmp_path, lost):
    (tmp_path / "new" / lost).unlink()
    with pytest.raises(MissedShot, match=r"IMG_2\.\w+ appeared.*A new DNG and JPEG were needed"):
        standing_in(seconds=1.5).shoot(STEP, tmp_path / "captures" / "0003")


def test_a_full_phone_saves_nothing(standing_in, tmp_path):
    with pytest.raises(MissedShot, match=r"nothing appeared.*the phone has room"):
        standing_in(USUAL.replace("shutter()", "pass"), seconds=1.5).shoot(STEP, tmp_path / "captures" / "0003")


ANSWERS = [
    ("error: no devices/emulators found", "USB debugging"),
    ("* daemon not running; starting now at tcp:5037\nerror: no devices/emulators found", "used: error: no devices"),
    (
        "error: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\nTry 'adb kill-server' if that "
        "seems wrong.\nOtherwise check for a confirmation dialog on your device.",
        "allow this computer",
    ),
    ("error: insufficient permissions for device: missing udev rules? user is in the plugdev group", "add your user"),
    ("error: device offline", "unlock it"),
    ("error: more than one device/emulator", "ANDROID_SERIAL"),
    ("adb: error: failed to get feature set: device '8A' not found", "unplugged"),
]


@pytest.mark.parametrize(("words", "advice"), ANSWERS)
def test_a_phone_that_cannot_be_used_is_refused_with_advice(standing_in, tmp_path, words, advice):
    phone = standing_in(f"complain({words!r})")
    with pytest.raises(RigError, match=advice) as refused:
        phone.prepare()
    assert next(line for line in words.split("\n") if line[0] != "*") in str(refused.value)
    with pytest.raises(RigError, match=advice):
        phone.shoot(STEP, tmp_path / "captures" / "0003")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("adb: error: failed to copy 'a' to 'b': couldn't read from device", "adb devices"),
        ("adb: error: cannot create 'b': No space left on device", "make room"),
        ("adb: error: failed to get feature set: device '8A' not found", "plug it in again"),
    ],
)
def test_a_pull_that_fails_half_way_leaves_nothing_behind(standing_in, tmp_path, words, advice):
    half = f"(pathlib.Path(asked[2]).write_bytes(b'half'), complain({words!r}))"
    phone = standing_in(USUAL.replace("pull(*asked[1:])", half))
    with pytest.raises(RigError, match=advice):
        phone.shoot(STEP, tmp_path / "captures" / "0003")
    assert list((tmp_path / "captures").iterdir()) == []


def test_a_folder_that_is_not_there_is_named(standing_in):
    program = USUAL.replace("listing()", "complain('find: /sdcard/DCIM: No such file or directory')")
    with pytest.raises(RigError, match=r"/sdcard/DCIM.*--phone-folder"):
        standing_in(program).prepare()


def test_a_phone_that_only_recovers_is_refused(standing_in):
    with pytest.raises(RigError, match="in the state 'recovery'"):
        standing_in("print('recovery')").prepare()


@pytest.mark.tools
def test_the_real_program_has_no_phone(monkeypatch, tmp_path):
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "5938")  # a server of our own, to be ended
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    try:
        for asked in (lambda: Adb().prepare(), lambda: Adb().shoot(STEP, tmp_path / "0003")):
            with pytest.raises(RigError, match=r"no devices/emulators found.*USB debugging"):
                asked()
    finally:
        subprocess.run(["adb", "kill-server"], check=False, capture_output=True)
