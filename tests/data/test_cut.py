from dataclasses import replace

import numpy as np
import pytest

from crispnet.data.cut import cut_out
from crispnet.raw.bayer import pack_linear
from crispnet.raw.image import CFAS, Box
from crispnet.raw.opcodes import FixBadPixelsConstant, FixBadPixelsList, FixVignetteRadial, WarpRectilinear
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import gain_map, raw_image

FRAME, BOX = (46, 62), Box(6, 10, 28, 40)
VIGNETTE = FixVignetteRadial(2, True, (0.3, 0.1, -0.05, 0.02, 0.01), (0.5, 0.45))


def packed_part(raw):
    cells = pack_linear(raw)
    return cells[:, BOX.top // 2 : BOX.bottom // 2, BOX.left // 2 : BOX.right // 2]


@pytest.mark.parametrize(
    "opcodes",
    [
        (),
        (gain_map(),),
        (gain_map(area=(1, 0, *FRAME), pitch=(2, 2)),),
        (gain_map(area=(8, 12, 30, 40), pitch=(2, 3)),),
        (gain_map(area=(0, 0, 0, 0)),),
        (gain_map(origin=(0.1, -0.2), spacing=(0.2, 0.3)),),
        (VIGNETTE,),
        (gain_map(stage=1),),
    ],
    ids=["none", "all", "phase", "part", "everywhere", "origin", "vignette", "stored frame"],
)
def test_a_part_is_evened_out_as_the_whole_is(opcodes):
    raw = raw_image(height=FRAME[0], width=FRAME[1], opcodes=opcodes)
    np.testing.assert_allclose(pack_linear(cut_out(raw, BOX)), packed_part(raw), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("cfa", CFAS)
def test_a_part_keeps_its_colours_and_black_levels(cfa):
    rows, columns = np.arange(FRAME[0]) % 5.0, np.arange(FRAME[1]) % 3.0
    raw = raw_image(height=FRAME[0], width=FRAME[1], cfa=cfa, black_rows=rows, black_columns=columns)
    part = cut_out(raw, BOX)
    assert part.cfa == cfa
    np.testing.assert_array_equal(part.mosaic, raw.mosaic[BOX.rows, BOX.columns])
    inner = np.s_[:, 1:12, 1:18]  # the others are mirrored where a mosaic does not begin with red
    np.testing.assert_allclose(pack_linear(part)[inner], packed_part(raw)[inner], rtol=1e-6)


def test_bad_pixels_move_along_and_those_outside_are_forgotten():
    points = np.array([[6, 10], [33, 49], [5, 10], [34, 12]], np.int32)
    rectangles = np.array([[0, 0, 8, 12], [30, 40, 46, 62], [0, 0, 6, 62]], np.int32)
    constant = FixBadPixelsConstant(1, False, 0, 1)
    raw = raw_image(
        height=FRAME[0], width=FRAME[1], opcodes=(constant, FixBadPixelsList(2, True, points, rectangles, 2))
    )
    kept, found = cut_out(raw, BOX).opcodes
    assert kept == constant
    assert found.points.tolist() == [[0, 0], [27, 39]]
    assert found.rectangles.tolist() == [[0, 0, 2, 2], [24, 30, 28, 40]]


def test_a_part_does_not_say_how_to_straighten_the_whole():
    warp = WarpRectilinear(3, False, np.array([[1.01, -0.02, 0.003, 0.001, 1e-4, -2e-4]]), (0.5, 0.5))
    assert cut_out(raw_image(height=FRAME[0], width=FRAME[1], opcodes=(warp,)), BOX).opcodes == ()


def test_a_part_is_written_and_read(tmp_path):
    raw = raw_image(height=FRAME[0], width=FRAME[1], opcodes=(gain_map(pitch=(2, 2)), VIGNETTE), orientation=6)
    part = cut_out(replace(raw, crop=Box(2, 2, 40, 50)), BOX)
    again = open_raw(write_dng(part, tmp_path / "part.dng"))
    assert (again.crop, again.orientation) == (Box(0, 0, 28, 40), 6)
    np.testing.assert_allclose(pack_linear(again), packed_part(raw), rtol=2e-5, atol=1e-6)


def test_an_odd_corner_is_refused_and_odd_sides_are_not():
    with pytest.raises(ValueError, match="even corner"):
        cut_out(raw_image(), Box(1, 0, 10, 10))
    assert cut_out(raw_image(), Box(2, 2, 11, 13)).mosaic.shape == (10, 12)
