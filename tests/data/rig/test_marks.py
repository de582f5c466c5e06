import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.data.rig.marks import BASE, DIM, MOST_FRAMES, PLACES, Identity, Layout, place_and_digit
from rigging import marked

identities = st.builds(Identity, st.integers(0, MOST_FRAMES - 1), st.integers(0, BASE - 1))


def digits_of(identity: Identity) -> dict[int, int]:
    return dict(map(place_and_digit, identity.markers()))


@given(identities, st.sets(st.integers(0, PLACES - 1)))
def test_an_identity_is_read_from_any_markers_that_hold_each_digit_once(identity, covered):
    seen = {place: digit for place, digit in digits_of(identity).items() if place not in covered}
    complete = {place % 4 for place in seen} == {0, 1, 2, 3}
    assert Identity.read(seen) == (identity if complete else None)


@given(identities, st.integers(0, PLACES - 1), st.integers(1, BASE - 1))
def test_no_misread_digit_gives_another_identity(identity, place, off):
    seen = digits_of(identity)
    seen[place] = (seen[place] + off) % BASE
    assert Identity.read(seen) is None
    alone = {other: digit for other, digit in seen.items() if other == place or other % 4 != place % 4}
    assert Identity.read(alone) is None  # not even where the digit is seen once


def test_frames_of_a_session_differ_and_are_bounded():
    markers = {tuple(Identity(number, 3).markers()) for number in range(0, MOST_FRAMES, 7)}
    assert len(markers) == len(range(0, MOST_FRAMES, 7))
    for number, session in ((-1, 0), (MOST_FRAMES, 0), (0, BASE)):
        with pytest.raises(ValueError, match="expected a number below"):
            Identity(number, session)


@settings(max_examples=25, deadline=None)  # large frames
@given(st.integers(400, 2400), st.integers(400, 4200))
def test_markers_stand_around_the_field_on_any_screen(rows, columns):
    layout = Layout(rows, columns)
    taken = np.zeros((rows, columns), int)
    for box in layout.squares():
        assert min(box.top, box.left) >= layout.module
        assert box.bottom <= rows - layout.module
        assert box.right <= columns - layout.module
        taken[box.rows, box.columns] += 1
    taken[layout.field.rows, layout.field.columns] += 1
    assert taken.max() == 1
    assert layout.field.height * layout.field.width > 0.55 * rows * columns


def test_corners_are_those_of_the_black_borders():
    layout = Layout(480, 640)
    frame = marked(Identity(5, 1), layout)
    for corners in layout.corners():
        (left, top), (right, bottom) = corners[0] + 0.5, corners[2] + 0.5
        assert not frame[int(top) : int(bottom), int(left)].any()
        assert not frame[int(bottom) - 1, int(left) : int(right)].any()
        rim = frame[int(top) - 1, int(left) - 1 : int(right) + 1]
        assert (rim == DIM).all()


def test_a_tiny_screen_is_refused():
    with pytest.raises(ValueError, match="some hundred pixels, got 320 x 200"):
        Layout(200, 320)
