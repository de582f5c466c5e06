import struct
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.raw.bad_pixels import fix_bad_pixels
from crispnet.raw.opcodes import (
    NAMES,
    FixBadPixelsConstant,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    WarpRectilinear,
    parse,
    serialise,
)
from crispnet.raw.shading import apply_gains
from making import FRAME, gain_map, one_of_each


def fields(opcode):
    return {name: np.asarray(value).tolist() for name, value in vars(opcode).items()}


def lists(opcodes):
    """Opcodes by the list they stand in."""
    return {stage: [opcode for opcode in opcodes if opcode.stage == stage] for stage in (1, 2, 3)}


def raw_list(*entries, count=None):
    """A list by hand: (number, flags, body) each, independent of ``serialise``."""
    packed = b"".join(struct.pack(">4I", n, 0x01030000, flags, len(body)) + body for n, flags, body in entries)
    return struct.pack(">I", len(entries) if count is None else count) + packed


finite = st.floats(-1e4, 1e4)
share = st.floats(0, 1)
whole = st.integers(-(2**31), 2**31 - 1)


@st.composite
def any_gain_map(draw):
    grid = (draw(st.integers(2, 4)), draw(st.integers(2, 4)), draw(st.integers(1, 3)))
    values, count = st.floats(2**-20, 1000, width=32), int(np.prod(grid))
    gains = np.array(draw(st.lists(values, min_size=count, max_size=count)), np.float32).reshape(grid)
    top, left = draw(st.integers(0, 2**29)), draw(st.integers(0, 2**29))
    size = st.integers(1, 2**29)
    small = st.integers(1, 2**32 - 1)
    area = (top, left, top + draw(size), left + draw(size), draw(st.integers(0, 2**32 - 1)))
    pitch = (draw(small), draw(small), draw(small))
    grid_places = (draw(st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))), draw(st.tuples(finite, finite)))
    return GainMap(1, draw(st.booleans()), *area, *pitch, *grid_places, gains)


@st.composite
def any_bad_pixels(draw):
    points = draw(st.lists(st.tuples(whole, whole), max_size=5))
    rectangles = draw(st.lists(st.tuples(whole, whole, whole, whole), max_size=5))
    points, rectangles = np.array(points, np.int32).reshape(-1, 2), np.array(rectangles, np.int32).reshape(-1, 4)
    return FixBadPixelsList(1, draw(st.booleans()), points, rectangles, draw(st.integers(0, 3)))


@st.composite
def any_warp(draw):
    sets = draw(st.sampled_from([1, 3]))
    terms = st.tuples(st.floats(0.8, 1.2), *[st.floats(-0.1, 0.1)] * 3, *[st.floats(-1, 1)] * 2)
    numbers = draw(st.lists(terms, min_size=sets, max_size=sets))
    return WarpRectilinear(3, draw(st.booleans()), np.array(numbers), (draw(share), draw(share)))


vignettes = st.builds(FixVignetteRadial, st.just(1), st.booleans(), st.tuples(*[finite] * 5), st.tuples(share, share))
constants = st.builds(FixBadPixelsConstant, st.just(1), st.booleans(), *[st.integers(0, 2**32 - 1)] * 2)


# Reading and writing


@given(st.lists(any_gain_map() | any_bad_pixels() | any_warp() | vignettes | constants, max_size=4))
def test_parse_gives_back_what_serialise_wrote(opcodes):
    for stage, written in lists(opcodes).items():
        again, notes = parse(serialise(written), stage)
        assert notes == ()
        assert [type(opcode) for opcode in again] == [type(opcode) for opcode in written]
        assert [fields(opcode) for opcode in again] == [fields(opcode) for opcode in written]
        assert serialise(again) == serialise(written)


def test_every_kind_survives_a_round_trip():
    for stage, written in lists(one_of_each()).items():
        again, notes = parse(serialise(written), stage)
        assert notes == ()
        assert [fields(opcode) for opcode in again] == [fields(opcode) for opcode in written]


@pytest.mark.parametrize(("kind", "stage"), [(WarpRectilinear, 2), (FixBadPixelsConstant, 3), (FixBadPixelsList, 3)])
def test_a_kind_in_a_list_where_it_cannot_be_applied_is_said(kind, stage):
    opcode = next(opcode for opcode in one_of_each() if type(opcode) is kind)
    again, (note,) = parse(serialise([opcode]), stage)
    assert again == ()
    assert "cannot be applied in this list" in note


def test_a_gain_map_is_laid_out_as_the_specification_says():
    body = struct.pack(">4i4I2I4dI4f", 1, 0, 9, 8, 0, 1, 2, 2, 2, 2, 1.0, 0.5, 0.0, 0.25, 1, 1.5, 2, 2.5, 3)
    (opcode,), notes = parse(raw_list((9, 3, body)), 2)
    assert notes == ()
    assert opcode.optional
    assert (opcode.top, opcode.left, opcode.bottom, opcode.right) == (1, 0, 9, 8)
    assert (opcode.row_pitch, opcode.column_pitch, opcode.plane, opcode.planes) == (2, 2, 0, 1)
    assert (opcode.spacing, opcode.origin) == ((1.0, 0.5), (0.0, 0.25))
    assert opcode.gains[:, :, 0].tolist() == [[1.5, 2], [2.5, 3]]


# Strangers' bytes


@given(st.binary(max_size=400), st.integers(1, 3))
def test_parse_never_raises_on_any_bytes(data, stage):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opcodes, notes = parse(data, stage)
    assert all(opcode.stage == stage for opcode in opcodes)
    assert all(note.startswith(f"OpcodeList{stage}: ") for note in notes)


@given(st.data(), st.integers(1, 3))
def test_a_mutated_list_gives_only_opcodes_that_can_be_applied(data, stage):
    sound = bytearray(serialise(lists(one_of_each())[stage]))
    position = st.integers(0, len(sound) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        sound[data.draw(position)] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opcodes, _ = parse(bytes(sound), stage)
        plane = np.ones((23, 31), np.float32)
        apply_gains(plane, opcodes, np.arange(0, 46, 2), np.arange(0, 62, 2), frame=FRAME, colour=1)
        fixed = fix_bad_pixels(np.full(FRAME, 100, np.uint16), opcodes, "RGGB")
    assert np.isfinite(plane).all()
    assert (plane > 0).all()
    assert (fixed == 100).all()


def test_a_truncated_list_keeps_what_came_before():
    opcodes = 2 * lists(one_of_each())[2]
    data = serialise(opcodes)
    ends = [len(serialise(opcodes[:n])) for n in range(len(opcodes) + 1)]
    for length in range(4, len(data)):
        kept, notes = parse(data[:length], 2)
        assert len(kept) == sum(end <= length for end in ends) - 1
        assert "ends early" in notes[0]


@pytest.mark.parametrize(("number", "name"), NAMES.items())
def test_an_empty_body_is_skipped_or_complained_about_by_name(number, name):
    (_, optional), (_, demanded) = parse(raw_list((number, 1, b"")), 2), parse(raw_list((number, 0, b"")), 2)
    assert optional[0].startswith(f"OpcodeList2: skipped optional opcode {number} ({name})")
    assert demanded[0].startswith(f"OpcodeList2: the file demands opcode {number} ({name}), ")
    assert demanded[0].endswith("may be off")


def test_notes_about_unknown_opcodes_have_the_agreed_words():
    _, notes = parse(raw_list((13, 1, b"x"), (7, 0, b"y"), (13, 3, b"z")), 2)
    assert notes == (
        "OpcodeList2: skipped optional opcode 13 (ScalePerColumn)",
        "OpcodeList2: the file demands opcode 7 (MapTable), which crispnet does not know; "
        "colours or brightness may be off",
    )


def altered(**changes):
    values = vars(gain_map()) | changes
    return serialise([GainMap(**values)])


@pytest.mark.parametrize(
    "changes",
    [
        {"gains": np.full((5, 7, 1), np.nan, np.float32)},
        {"gains": np.full((5, 7, 1), np.inf, np.float32)},
        {"gains": np.zeros((5, 7, 1), np.float32)},
        {"gains": np.full((5, 7, 1), -1, np.float32)},
        {"gains": np.full((5, 7, 1), 1001, np.float32)},
        {"gains": np.ones((0, 7, 1), np.float32)},
        {"spacing": (0.0, 0.1)},
        {"spacing": (np.nan, 0.1)},
        {"spacing": (0.1, np.inf)},
        {"origin": (np.nan, 0.0)},
        {"row_pitch": 0},
        {"column_pitch": 0},
        {"planes": 0},
        {"top": -1},
        {"bottom": 0, "row_pitch": 2},
    ],
)
def test_an_absurd_gain_map_is_refused(changes):
    assert parse(altered(), 2)[1] == ()
    opcodes, notes = parse(altered(**changes), 2)
    assert opcodes == ()
    assert len(notes) == 1


def test_sizes_that_promise_more_than_the_bytes_hold_are_refused():
    huge = struct.pack(">4i6I4dI", 0, 0, 9, 9, 0, 1, 1, 1, 2**32 - 1, 2**32 - 1, 0.1, 0.1, 0, 0, 2**32 - 1)
    pixels = struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1)
    warp = struct.pack(">I", 2**32 - 1)
    opcodes, notes = parse(raw_list((9, 1, huge), (5, 1, pixels), (1, 1, warp)), 2)
    assert (opcodes, len(notes)) == ((), 3)


def test_too_many_opcodes_are_not_looked_at():
    entry = (4, 1, struct.pack(">2I", 0, 0))
    opcodes, notes = parse(raw_list(*[entry] * 1000), 1)
    assert len(opcodes) == 256
    assert "1000" in notes[0]


def test_a_warp_that_is_no_lens_is_refused():
    for terms in ([0.0, 0, 0, 0, 0, 0], [1.0, 9, 0, 0, 0, 0], [1.0, 0, 0, 0, 2, 0], [np.nan, 0, 0, 0, 0, 0]):
        assert parse(serialise([WarpRectilinear(3, True, np.array([terms]), (0.5, 0.5))]), 3)[0] == ()
    assert parse(serialise([WarpRectilinear(3, True, np.ones((1, 6)) * [1, 0, 0, 0, 0, 0], (2, 0.5))]), 3)[0] == ()
