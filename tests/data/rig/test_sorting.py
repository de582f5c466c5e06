from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from crispnet.data.rig.camera import Taken
from crispnet.data.rig.charting import Reading
from crispnet.data.rig.looking import Seen
from crispnet.data.rig.marks import Identity
from crispnet.data.rig.plan import Plan, Step
from crispnet.data.rig.sighting import Sighting
from crispnet.data.rig.sorting import FAULTS, sort
from crispnet.raw.image import Box
from rigging import LAYOUT, SESSION

CHARTS = (0, 6, 12, 18)
STEPS = tuple(
    Step(number, "chart") if number in CHARTS else Step(number, "photograph", f"{number}.jpg") for number in range(19)
)
PLAN = Plan(SESSION, 0.0, "", STEPS)
GREY = np.linspace(0.02, 0.8, 12)[:, None] * np.ones(3)


def reading(*, light=1.0, tint=(1.0, 1.0, 1.0), moire=0.0):
    return Reading(GREY * light * tint, GREY * light * tint, known=True, moire=moire)


def seen(number, *, expected=None, shift=(0.0, 0.0), **changes):
    """A good capture of a frame, but for the changes."""
    place = np.array([(1.0, 0, shift[0]), (0, 1, shift[1]), (0, 0, 1)])
    step = STEPS[number]
    return Seen(
        **{
            "taken": Taken(Path(f"{number}.dng"), Path(f"{number}.jpg")),
            "expected": number if expected is None else expected,
            "sighting": Sighting(Identity(number, SESSION), place, 8, 0.1),
            "step": step,
            "box": Box(40, 40, 390, 550),
            "blur": 0.8,
            "level": 0.2,
            "alike": 0.99,
            "reading": reading() if step.kind == "chart" else None,
            "size": (3000, 4000),
        }
        | changes
    )


def session(**changed):
    """All captures of the plan, some of them changed: ``_3=...``."""
    return [changed.get(f"_{number}", seen(number)) for number in range(len(STEPS))]


def faults(captures):
    notes = sort(captures, PLAN, LAYOUT)
    assert {each.fault for each in captures} - {""} <= FAULTS.keys()
    assert all(each.reason for each in captures if each.fault)
    return {place: each.fault for place, each in enumerate(captures) if each.fault}, notes


def test_of_a_good_session_nothing_is_left_out():
    assert faults(session()) == ({}, [])


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (seen(3, missing=(".jpg",), sighting=None, step=None), "missing"),
        (seen(3, unreadable="it is damaged", sighting=None, step=None), "unreadable"),
        (seen(3, sighting=None, step=None, blur=None), "not found"),
        (seen(3, sighting=None, step=None, blur=2.0), "blurred"),
        (seen(3, sighting=None, step=None, blur=None, clipped=0.8), "clipped"),
        (seen(3, sighting=None, step=None, blur=None, level=0.001), "dark"),
        (seen(3, step=None), "not found"),
        (seen(2, expected=3), "wrong frame"),
        (seen(3, shift=(14.0, -6.0)), "moved"),
        (seen(3, blur=1.6), "blurred"),
        (seen(3, clipped=0.6), "clipped"),
        (seen(3, level=0.002), "dark"),
        (seen(3, alike=0.1), "covered"),
        (seen(3, box=Box(0, 0, 60, 400)), "out of frame"),
    ],
)
def test_a_fault_is_named_and_no_other_capture_suffers(bad, fault):
    assert faults(session(_3=bad))[0] == {3: fault}


def test_a_plain_photograph_and_an_unknown_sharpness_are_no_faults():
    assert faults(session(_3=seen(3, alike=None), _4=seen(4, blur=None)))[0] == {}


def test_a_camera_that_was_moved_for_good_is_said_and_costs_nothing():
    moved = {f"_{number}": seen(number, shift=(30.0, 8.0)) for number in range(9, 19)}
    found, notes = faults(session(**moved))
    assert found == {}
    assert notes == [
        "The camera was moved between frames 8 and 9; what is cut out of captures was found anew.",
    ]


@pytest.mark.parametrize("number", [1, 2, 16, 17])
def test_a_bump_near_an_end_of_the_session_is_found_as_well(number):
    assert faults(session(**{f"_{number}": seen(number, shift=(20.0, 0.0))}))[0] == {number: "moved"}


def test_two_bumps_in_a_row_are_two():
    bumped = {"_9": seen(9, shift=(20.0, 0.0)), "_10": seen(10, shift=(-15.0, 9.0))}
    assert faults(session(**bumped))[0] == {9: "moved", 10: "moved"}


def test_sharpness_is_judged_beside_the_sharper_half():
    blurred = {f"_{number}": seen(number, blur=1.9) for number in range(1, 9)}
    assert set(faults(session(**blurred))[0]) == set(range(1, 9))


@pytest.mark.parametrize("later", [{"tint": (1.0, 1.0, 0.9)}, {"light": 0.8}])
def test_photographs_beside_a_drifted_chart_are_left_out_and_others_kept(later):
    drifted = {"_12": seen(12, reading=reading(**later)), "_18": seen(18, reading=reading(**later))}
    found, _ = faults(session(**drifted))
    assert set(found) == {7, 8, 9, 10, 11, 13, 14, 15, 16, 17}
    assert set(found.values()) == {"drifted"}


def test_a_chart_that_is_itself_at_fault_judges_nobody():
    bad = seen(12, blur=1.9, reading=reading(tint=(1.0, 1.0, 0.9)))
    assert faults(session(_12=bad))[0] == {12: "blurred"}


def test_a_grid_that_shows_is_said_with_what_to_do():
    found, notes = faults(session(_6=seen(6, reading=reading(moire=0.04))))
    assert Counter(found.values()) == {"moire": 10}
    assert "Turn the camera" in notes[0]


def test_without_a_chart_drift_is_not_known():
    captures = [each for each in session() if each.step.kind == "photograph"]
    assert faults(captures) == ({}, ["There is no good capture of a chart: whether the screen drifted is not known."])


def test_of_two_captures_of_a_frame_the_sharper_one_stays():
    captures = [*session(_4=seen(4, blur=1.0)), seen(4, blur=0.7)]
    assert faults(captures)[0] == {4: "again"}
    assert "4.dng shows the same frame" in captures[4].reason


def test_a_bad_capture_does_not_push_a_good_one_out():
    captures = [*session(), seen(4, blur=0.1, clipped=0.9)]
    assert faults(captures)[0] == {19: "clipped"}


def test_what_was_taken_anew_is_judged_by_what_was_taken_around_it():
    """Frame 3 was taken anew in the end, when the camera stood elsewhere and the screen was as at first again."""
    shift = (30.0, 8.0)
    captures = [
        *(seen(number) for number in (0, 1, 2, 4, 5)),
        *(seen(number, reading=reading(light=0.8) if number == 6 else None) for number in (6, 7, 8)),
        *(seen(number, shift=shift) for number in (12, 13, 3, 14, 18)),
    ]
    found, _ = faults(captures)
    assert {captures[place].step.number: fault for place, fault in found.items()} == dict.fromkeys(
        (4, 5, 1, 2, 7, 8), "drifted"
    )
