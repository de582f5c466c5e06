import numpy as np
import pytest

from crispnet.raw.bad_pixels import fix_bad_pixels
from crispnet.raw.image import CFAS
from crispnet.raw.opcodes import FixBadPixelsConstant, FixBadPixelsList
from making import gain_map


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
