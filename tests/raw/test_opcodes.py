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
    WarpRectilinear2,
    parse,
    serialise,
)
from crispnet.raw.shading import apply_gains, gain, vignette_gain

CFAS = ("RGGB", "GRBG", "GBRG", "BGGR")
FRAME = (46, 62)


def gain_map(*, stage=2, optional=True, area=(0, 0, 46, 62), plane=0, planes=1, pitch=(1, 1), grid=(5, 7), **rest):
    maps = rest.get("maps", 1)
    gains = np.random.default_rng(3).uniform(1, 3, (*grid, maps)).astype(np.float32)
    spacing = rest.get("spacing", (1 / (grid[0] - 1 or 1), 1 / (grid[1] - 1 or 1)))
    origin = rest.get("origin", (0.0, 0.0))
    return GainMap(stage, optional, *area, plane, planes, *pitch, spacing, origin, gains)


def one_of_each():
    warp = np.array([[1.01, -0.02, 0.003, 0.001, 1e-4, -2e-4]])
    odd = np.array([[0.98, 0.01, *[0.002] * 13, 1e-4, 0.0, 0.0, 1.0]] * 3)
    return (
        gain_map(pitch=(2, 2)),
        FixVignetteRadial(2, True, (0.3, 0.1, -0.05, 0.02, 0.01), (0.5, 0.45)),
        WarpRectilinear(2, False, warp, (0.5, 0.5)),
        WarpRectilinear2(2, True, odd, (0.5, 0.4), True),
        FixBadPixelsConstant(2, False, 0, 1),
        FixBadPixelsList(2, True, np.array([[3, 4]], np.int32), np.array([[0, 1, 9, 2]], np.int32), 2),
    )


def fields(opcode):
    return {name: np.asarray(value).tolist() for name, value in vars(opcode).items()}


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
    return WarpRectilinear(1, draw(st.booleans()), np.array(numbers), (draw(share), draw(share)))


vignettes = st.builds(FixVignetteRadial, st.just(1), st.booleans(), st.tuples(*[finite] * 5), st.tuples(share, share))
constants = st.builds(FixBadPixelsConstant, st.just(1), st.booleans(), *[st.integers(0, 2**32 - 1)] * 2)


# --- reading and writing


@given(st.lists(any_gain_map() | any_bad_pixels() | any_warp() | vignettes | constants, max_size=4))
def test_parse_gives_back_what_serialise_wrote(opcodes):
    again, notes = parse(serialise(opcodes), 1)
    assert notes == ()
    assert [type(opcode) for opcode in again] == [type(opcode) for opcode in opcodes]
    assert [fields(opcode) for opcode in again] == [fields(opcode) for opcode in opcodes]
    assert serialise(again) == serialise(opcodes)


def test_every_kind_survives_a_round_trip():
    again, notes = parse(serialise(one_of_each()), 2)
    assert notes == ()
    assert [fields(opcode) for opcode in again] == [fields(opcode) for opcode in one_of_each()]


def test_a_gain_map_is_laid_out_as_the_specification_says():
    body = struct.pack(">4i4I2I4dI4f", 1, 0, 9, 8, 0, 1, 2, 2, 2, 2, 1.0, 0.5, 0.0, 0.25, 1, 1.5, 2, 2.5, 3)
    (opcode,), notes = parse(raw_list((9, 3, body)), 2)
    assert notes == ()
    assert opcode.optional
    assert (opcode.top, opcode.left, opcode.bottom, opcode.right) == (1, 0, 9, 8)
    assert (opcode.row_pitch, opcode.column_pitch, opcode.plane, opcode.planes) == (2, 2, 0, 1)
    assert (opcode.spacing, opcode.origin) == ((1.0, 0.5), (0.0, 0.25))
    assert opcode.gains[:, :, 0].tolist() == [[1.5, 2], [2.5, 3]]


# --- strangers' bytes


@given(st.binary(max_size=400), st.integers(1, 3))
def test_parse_never_raises_on_any_bytes(data, stage):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opcodes, notes = parse(data, stage)
    assert all(opcode.stage == stage for opcode in opcodes)
    assert all(note.startswith(f"OpcodeList{stage}: ") for note in notes)


@given(st.data())
def test_a_mutated_list_gives_only_opcodes_that_can_be_applied(data):
    sound = bytearray(serialise(one_of_each()))
    position = st.integers(0, len(sound) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        sound[data.draw(position)] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opcodes, _ = parse(bytes(sound), 2)
        plane = np.ones((23, 31), np.float32)
        apply_gains(plane, opcodes, np.arange(0, 46, 2), np.arange(0, 62, 2), frame=FRAME)
        fixed = fix_bad_pixels(np.full(FRAME, 100, np.uint16), opcodes, "RGGB")
    assert np.isfinite(plane).all()
    assert (plane > 0).all()
    assert (fixed == 100).all()


def test_a_truncated_list_keeps_what_came_before():
    opcodes = one_of_each()
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


# --- gains


def by_hand(opcode, row, column, frame, map_plane=0):
    """One photosite, as the specification's words go, in double precision."""
    area = (opcode.top, opcode.left, opcode.bottom, opcode.right)
    if area[0] < area[2] and area[1] < area[3]:
        if not (area[0] <= row < area[2] and area[1] <= column < area[3]):
            return 1.0
        if (row - area[0]) % opcode.row_pitch or (column - area[1]) % opcode.column_pitch:
            return 1.0
    value = 0.0
    v, h, _ = opcode.gains.shape
    y = min(max(((row + 0.5) / frame[0] - opcode.origin[0]) / opcode.spacing[0], 0), v - 1)
    x = min(max(((column + 0.5) / frame[1] - opcode.origin[1]) / opcode.spacing[1], 0), h - 1)
    for i in range(v):
        for j in range(h):
            value += max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j)) * float(opcode.gains[i, j, map_plane])
    return value


@pytest.mark.parametrize(
    "opcode",
    [
        gain_map(),
        gain_map(area=(3, 5, 40, 33), pitch=(2, 3)),
        gain_map(spacing=(0.1, 0.07), origin=(0.2, 0.3)),
        gain_map(spacing=(0.5, 0.4), origin=(-0.3, -0.1), maps=2),
        gain_map(grid=(1, 7), area=(0, 0, 0, 0)),
        gain_map(grid=(5, 1)),
        gain_map(grid=(1, 1)),
    ],
)
def test_gain_interpolates_as_by_hand(opcode):
    map_plane = opcode.gains.shape[2] - 1
    rows, columns = np.arange(FRAME[0]), np.arange(FRAME[1])
    expected = [[by_hand(opcode, r, c, FRAME, map_plane) for c in columns] for r in rows]
    found = gain(opcode, rows, columns, frame=FRAME, map_plane=map_plane)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_constant_map_gives_exactly_its_constant():
    opcode = gain_map()
    opcode.gains[:] = 1.7
    assert (gain(opcode, np.arange(46), np.arange(62), frame=FRAME) == np.float32(1.7)).all()


@given(st.integers(0, 40), st.integers(1, 46), st.integers(0, 50), st.integers(1, 62), st.integers(1, 3))
def test_a_window_has_exactly_the_values_of_the_whole(top, height, left, width, step):
    opcode = gain_map(area=(3, 2, 41, 60), pitch=(2, 1), spacing=(0.23, 0.17), origin=(0.05, -0.02))
    vignette = FixVignetteRadial(3, True, (0.3, 0.1, -0.05, 0.02, 0.01), (0.4, 0.55))
    window = (slice(top, top + height, step), slice(left, left + width, step))
    rows, columns = np.arange(46), np.arange(62)
    for evaluate, subject in ((gain, opcode), (vignette_gain, vignette)):
        everything = evaluate(subject, rows, columns, frame=FRAME)
        part = evaluate(subject, rows[window[0]], columns[window[1]], frame=FRAME)
        assert (part == everything[window]).all()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_map_with_pitch_two_reaches_one_packed_plane_only(row, column):
    opcode = gain_map(area=(row, column, *FRAME), pitch=(2, 2))
    for r in range(2):
        for c in range(2):
            plane = np.ones((23, 31), np.float32)
            apply_gains(plane, [opcode], np.arange(r, 46, 2), np.arange(c, 62, 2), frame=FRAME)
            assert (plane != 1).all() == ((r, c) == (row, column))
            assert (plane == 1).all() == ((r, c) != (row, column))


def test_apply_gains_multiplies_by_all_in_place():
    opcodes = [o for o in one_of_each() if not isinstance(o, GainMap)]
    opcodes += [gain_map(area=(10, 10, 30, 30)), gain_map(stage=1)]
    rows, columns = np.arange(1, 46, 2), np.arange(0, 62, 2)
    plane = np.full((23, 31), 0.5, np.float32)
    apply_gains(plane, opcodes, rows, columns, frame=FRAME)
    expected = 0.5 * vignette_gain(opcodes[0], rows, columns, frame=FRAME)
    for opcode in opcodes[-2:]:
        expected = expected * gain(opcode, rows, columns, frame=FRAME)
    np.testing.assert_allclose(plane, expected, rtol=1e-6)


def test_maps_of_list_three_choose_their_colours():
    rows, columns = np.arange(0, 46, 2), np.arange(0, 62, 2)
    opcode = gain_map(stage=3, plane=1, planes=5, maps=2)
    for colour, map_plane in ((None, None), (0, None), (1, 0), (2, 1)):
        plane = np.ones((23, 31), np.float32)
        apply_gains(plane, [opcode], rows, columns, frame=FRAME, colour=colour)
        expected = 1 if map_plane is None else gain(opcode, rows, columns, frame=FRAME, map_plane=map_plane)
        assert (plane == expected).all()


def test_vignette_follows_the_polynomial_and_is_one_at_its_centre():
    k, centre = (0.5, -0.1, 0.2, 0.05, 0.03), (0.25, 0.5)
    rows, columns = np.arange(41), np.arange(60)
    found = vignette_gain(FixVignetteRadial(3, True, k, centre), rows, columns, frame=(41, 60))
    y, x = np.meshgrid(rows + 0.5 - 20.5, columns + 0.5 - 15, indexing="ij")
    r = np.sqrt(x**2 + y**2) / np.hypot(45, 20.5)
    np.testing.assert_allclose(found, 1 + sum(k[n] * r ** (2 * n + 2) for n in range(5)), rtol=2e-6)
    assert found[20, 15] == pytest.approx(1, abs=1e-3)


def test_an_extreme_vignette_stays_bounded():
    for k in (1e4, -1e4):
        found = vignette_gain(FixVignetteRadial(3, True, (k,) * 5, (0, 0)), np.arange(9), np.arange(9), frame=(9, 9))
        assert 0.1 <= found.min() <= found.max() <= 100


# --- bad pixels


def ramp(cfa, shape=(40, 48)):
    """Four ramps of different colours, each linear, so that a mean over the wrong colour shows."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    level = np.array([{"R": 1000, "G": 8000, "B": 30000}[letter] for letter in cfa])[y % 2 * 2 + x % 2]
    return (level + 40 * y + 20 * x).astype(np.uint16)


def bad_list(points=(), rectangles=(), stage=1):
    points, rectangles = np.array(points, np.int32).reshape(-1, 2), np.array(rectangles, np.int32).reshape(-1, 4)
    return FixBadPixelsList(stage, True, points, rectangles, 0)


POINTS = [(10, 10), (10, 21), (21, 10), (21, 21), (30, 30), (30, 32), (0, 7), (39, 47)]


@pytest.mark.parametrize("cfa", CFAS)
def test_listed_points_and_rectangles_are_restored_on_a_ramp(cfa):
    truth = ramp(cfa)
    mosaic = truth.copy()
    rectangles = [(14, 15, 16, 17), (24, 40, 34, 41)]
    for r, c in POINTS:
        mosaic[r, c] = 65535
    for top, left, bottom, right in rectangles:
        mosaic[top:bottom, left:right] = 65535
    fixed = fix_bad_pixels(mosaic, [bad_list(POINTS, rectangles)], cfa)
    inner = np.s_[8:-8, 8:-6]
    assert np.abs(fixed[inner].astype(int) - truth[inner]).max() <= 1
    assert np.abs(fixed.astype(int) - truth).max() <= 200  # in a corner only one side is there to ask
    untouched = mosaic != 65535
    assert (fixed[untouched] == truth[untouched]).all()


@pytest.mark.parametrize("cfa", CFAS)
def test_the_constant_marks_bad_pixels(cfa):
    truth = ramp(cfa)
    mosaic = truth.copy()
    for r, c in POINTS[:-2]:
        mosaic[r, c] = 0
    fixed = fix_bad_pixels(mosaic, [FixBadPixelsConstant(1, True, 0, 0)], cfa)
    assert np.abs(fixed.astype(int) - truth).max() <= 1


def test_list_one_refers_to_the_stored_frame_and_list_two_to_the_active_area():
    truth = ramp("RGGB")
    mosaic = truth.copy()
    mosaic[10, 12] = 0
    for stage, place in ((1, (14, 18)), (2, (10, 12))):
        fixed = fix_bad_pixels(mosaic, [bad_list([place], stage=stage)], "RGGB", origin=(4, 6))
        assert (fixed == truth).all()


def test_overlapping_rectangles_beyond_the_frame_condemn_what_they_cover():
    mosaic = ramp("RGGB")
    mosaic[:, 20] = 0
    mosaic[3, 3] = 0
    everywhere = [(-(2**31), 20, 2**31 - 1, 21)] * 50 + [(30, 30, 20, 20), (-5, -5, 0, 0)]
    fixed = fix_bad_pixels(mosaic, [bad_list([(3, 3), (-1, 5), (400, 400)], everywhere)], "RGGB")
    assert fixed.min() > 0


def test_nothing_to_fix_returns_the_same_array():
    mosaic = ramp("RGGB")
    unbelievable = bad_list(rectangles=[(0, 0, 40, 48)])
    elsewhere = bad_list([(100, 100)])
    for opcodes in ([], [gain_map()], [FixBadPixelsConstant(1, True, 0, 0)], [unbelievable], [elsewhere]):
        assert fix_bad_pixels(mosaic, opcodes, "RGGB") is mosaic
