import json
import shutil
from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from crispnet.app import capturing
from crispnet.data.pairs import read_manifest
from crispnet.data.rig.log import history_of
from crispnet.data.rig.marks import Identity
from crispnet.data.rig.plan import read_plan
from crispnet.data.rig.virtual import Fault, VirtualCamera
from rigging import CHART, LAYOUT, SENSOR, Wall, camera, marked, write_photographs

SMALL = "steps=2 widths=4,8 blocks=1 dim=16 depth=1"


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Plant faults before the virtual camera, whose sensor is small, by the numbers of frames."""
    monkeypatch.chdir(tmp_path)

    def plant(faults):
        monkeypatch.setattr(capturing, "VirtualCamera", partial(VirtualCamera, sensor=SENSOR, faults=faults))

    plant({})
    return plant


@pytest.fixture
def wall(monkeypatch, planted):  # noqa: ARG001
    """A screen without a browser."""
    shown = Wall()
    shown.address, shown.see = "http://nowhere/", lambda: shown.frame
    monkeypatch.setattr(capturing, "Screen", lambda _: nullcontext(shown))
    monkeypatch.setattr(capturing, "Browser", lambda *_, **__: nullcontext(shown))
    monkeypatch.setattr(capturing.webbrowser, "open", lambda _: True)
    return shown


def capture(crispnet, *words):
    return crispnet("data", "capture", *words, "-o", "s", "--camera", "virtual", "--settle", 0, "--json")


@pytest.mark.usefixtures("wall")
def test_every_fault_is_named_no_good_pair_is_lost_and_another_call_mends_it(crispnet, planted):
    write_photographs(Path("photos"), 8)
    faults = {2: Fault(stale=True), 4: Fault(moved=(14.0, -6.0)), 6: Fault(blur=1.4), 7: Fault(ev=5.0)}
    planted({**faults, 8: Fault(lost=(".jpg",))})
    result = capture(crispnet, "photos", "--chart-every", 5, "--licence", "CC0")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert told["left_out"] == dict.fromkeys(["wrong frame", "moved", "blurred", "clipped", "missing"], 1)
    assert told["pairs"] == 4  # the blurred one is a chart
    lines = map(json.loads, Path("s/pairs/left-out.jsonl").read_text().splitlines())
    named = {line["frame"]: line["fault"] for line in lines}
    assert named == {2: "wrong frame", 4: "moved", 6: "blurred", 7: "clipped", 8: "missing"}
    report = Path("s/pairs/report.html").read_text()
    assert "it shows another frame than was to be photographed" in report

    planted({})
    again = capture(crispnet)
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["pairs"] == 8
    assert history_of(Path("s")).tries == {**dict.fromkeys(range(11), 1), **dict.fromkeys([2, 4, 6, 7, 8, 10], 2)}
    pairs = read_manifest("s/pairs/manifest.jsonl")
    assert Counter(pair.split for pair in pairs) == {"train": 6, "validation": 1, "test": 1}
    assert {pair.tags["licence"] for pair in pairs} == {"CC0"}
    assert capture(crispnet).exit_code == 0  # there is nothing left to do


@pytest.mark.tools
@pytest.mark.usefixtures("planted")
def test_from_a_real_page_to_a_scored_run(crispnet, monkeypatch):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed")
    monkeypatch.setattr(capturing, "WINDOW", (LAYOUT.rows, LAYOUT.columns))
    write_photographs(Path("photos"), 5)
    result = capture(crispnet, "photos")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pairs"] == 5
    result = crispnet("train", "crispnet", "s/pairs", "-o", "run", "--set", SMALL, "--threads", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    result = crispnet("evaluate", "run", "s/pairs", "--split", "test", "--json")
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("wall")
def test_a_camera_that_shoots_by_itself_is_sorted_by_its_markers(crispnet, wall, monkeypatch):
    """Its files come in any order, under any name, more than once, and not at all of one frame."""
    write_photographs(Path("photos"), 4)
    Path("card").mkdir()
    made = camera(wall)
    order = iter("hbdfagce")

    def shoot(_, step, __):
        if step.number != 3:
            made.shoot(step, Path("card") / f"IMG_{next(order)}")
        if step.number == 2:
            made.shoot(step, Path("card") / f"IMG_{next(order)}")

    monkeypatch.setattr(capturing.SelfShooting, "shoot", shoot)
    words = ("data", "capture", "photos", "-o", "s", "--settle", 0, "--interval", 0.1)
    result = crispnet(*words, "--from", "empty")
    assert result.exit_code == 0, result.output
    assert "Next: crispnet data identify s empty" in result.stderr
    result = crispnet("data", "identify", "s", "card", "--json")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert (told["pairs"], told["left_out"]) == (3, {"again": 1, "missing": 1})
    assert [step for step in range(6) if step not in history_of(Path("s")).shot] == [3]


@pytest.mark.usefixtures("wall")
def test_exposures_are_planned_only_for_cameras_that_can_be_told(crispnet):
    write_photographs(Path("photos"), 3)
    result = crispnet("data", "capture", "photos", "-o", "s", "--camera", "adb", "--exposure", -1)
    assert result.exit_code == 3
    assert "exposes as it likes" in result.stderr
    assert not Path("s").exists()


@pytest.mark.usefixtures("wall")
def test_no_page_is_opened_for_a_camera_that_is_not_there(crispnet, monkeypatch):
    write_photographs(Path("photos"), 1)
    opened = []
    monkeypatch.setattr(capturing.webbrowser, "open", opened.append)
    monkeypatch.setattr(capturing, "Gphoto2", partial(capturing.Gphoto2, program="no-such-program"))
    result = crispnet("data", "capture", "photos", "-o", "s", "--camera", "gphoto2")
    assert result.exit_code == 3
    assert "no-such-program cannot be run" in result.stderr
    assert opened == []


@pytest.mark.usefixtures("wall")
def test_a_session_needs_something_to_show_and_identifying_one_that_was_shown(crispnet):
    result = capture(crispnet)
    assert result.exit_code == 3
    assert "nothing was named to show" in result.stderr
    result = crispnet("data", "identify", "s")
    assert result.exit_code == 3
    assert "The folder of a session was needed" in result.stderr


@pytest.mark.usefixtures("wall")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(blur=3.0), "is not found in the first capture"),
        (Fault(grid=0.1), "grid makes waves"),
        (Fault(ev=-9.0), "is not found in the first capture"),
    ],
)
def test_a_session_from_which_nothing_would_come_ends_at_its_first_chart(crispnet, planted, fault, words):
    write_photographs(Path("photos"), 1)
    planted({0: fault})
    result = capture(crispnet, "photos")
    assert result.exit_code == 3
    assert words in result.stderr
    history = history_of(Path("s"))
    assert history.tries == {0: 1}
    assert history.shot == {}  # it is shown again


def test_captures_of_another_session_are_not_taken_for_ours(crispnet, wall):
    write_photographs(Path("photos"), 1)
    assert capture(crispnet, "photos").exit_code == 0
    wall.frame = marked(Identity(1, (read_plan(Path("s")).session + 1) % 125))
    Path("card").mkdir()
    camera(wall).shoot(CHART, Path("card/x"))
    result = crispnet("data", "identify", "s", "card", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["left_out"] == {"not found": 1}
