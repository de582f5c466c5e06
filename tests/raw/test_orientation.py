import numpy as np
import pytest

from crispnet.raw.orientation import upright


@pytest.mark.parametrize(
    ("orientation", "corner"),
    # Where the sensor's first pixel shows, by the words of the EXIF standard: its 0th row, its 0th column.
    [(1, "tl"), (2, "tr"), (3, "br"), (4, "bl"), (5, "tl"), (6, "tr"), (7, "br"), (8, "bl")],
)
def test_the_first_pixel_shows_in_the_corner_that_exif_names(orientation, corner):
    marked = np.zeros((2, 3))
    marked[0, 0] = 1
    row, column = np.argwhere(upright(marked, orientation))[0]
    height, width = upright(marked, orientation).shape
    assert (row, column) == ((height - 1) * (corner[0] == "b"), (width - 1) * (corner[1] == "r"))


def test_turning_copies_nothing_and_refuses_what_is_no_orientation():
    pixels = np.zeros((7, 9, 3), np.float32)
    assert all(np.shares_memory(upright(pixels, orientation), pixels) for orientation in range(1, 9))
    with pytest.raises(ValueError, match="expected an EXIF orientation"):
        upright(pixels, 0)
