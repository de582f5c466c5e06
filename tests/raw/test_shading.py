from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.raw.bayer import pack_linear
from crispnet.raw.image import Box
from crispnet.raw.opcodes import FixVignetteRadial, GainMap
from crispnet.raw.shading import apply_gains, gain, vignette_gain
from making import FRAME, gain_map, one_of_each, raw_image


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


@pytest.mark.parametrize("stage", [1, 2])
def test_list_one_refers_to_the_stored_frame_and_list_two_to_the_active_area(stage):
    """The same map over a frame with margins, and over the active area alone."""
    active, stored = Box(6, 10, 40, 50), (60, 80)
    frame = stored if stage == 1 else (40, 50)
    shading = gain_map(stage=stage, area=(0, 0, *frame))
    raw = raw_image(height=40, width=50, active_area=active, stored_size=stored)
    rows, columns = (np.arange(0, size, 2) for size in (40, 50))
    down, across = (active.top, active.left) if stage == 1 else (0, 0)
    expected = pack_linear(raw)[0] * gain(shading, rows + down, columns + across, frame=frame)
    np.testing.assert_allclose(pack_linear(replace(raw, opcodes=(shading,)))[0], expected, rtol=1e-6)
