import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.darkroom.levels import shrunk
from crispnet.darkroom.photo import develop
from crispnet.data.camera import photograph
from crispnet.data.proofs import cropped, proof_of, size_within, smaller
from crispnet.raw.bayer import pack, pack_linear
from crispnet.raw.image import Box
from making import raw_image
from scenery import PLAIN, market


def ramp(height, width):
    """Planes that say where their photosites lie, from 0 to 1 over the frame: down + 2 across."""
    y, x = np.mgrid[: 2 * height, : 2 * width].astype(np.float32) + 0.5
    return pack(y / (2 * height) + 2 * x / (2 * width), "RGGB")


@given(st.integers(6, 40), st.integers(6, 40), st.integers(3, 9), st.integers(3, 9))
def test_photosites_of_a_smaller_mosaic_lie_where_they_say(height, width, rows, columns):
    rows, columns = min(rows, height), min(columns, width)
    made, wanted = smaller(ramp(height, width), (rows, columns)), ramp(rows, columns)
    # Where a sample is cut in two, its halves lie an eighth off at most; at the edges there is less to average.
    exact = height % rows == 0 and width % columns == 0
    away = 1e-5 if exact and height // rows % 2 and width // columns % 2 else 0.126 * (1 / height + 2 / width)
    np.testing.assert_allclose(made[:, 1:-1, 1:-1], wanted[:, 1:-1, 1:-1], atol=away)


def test_a_mosaic_of_that_size_is_not_touched():
    planes = ramp(6, 8).astype(np.float16)
    assert smaller(planes, (6, 8)) is planes


def test_only_cells_of_the_crop_are_taken():
    raw = raw_image(height=40, width=60, cfa="BGGR", crop=Box(3, 4, 30, 50))
    packed = pack_linear(raw)
    # The mosaic begins with a row and a column before red; row 3 is then a cell's first, column 4 a cell's second.
    np.testing.assert_array_equal(cropped(raw, packed), packed[:, 2:17, 3:27])


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_proof_is_the_photograph_but_small(orientation):
    raw = photograph(market((480, 640)), PLAIN, orientation=orientation)
    small = proof_of(raw, longest=160)
    assert small.shape == (120, 160, 3)
    whole = np.clip(develop(raw, "plain").pixels, 0, 1)
    assert np.abs(small - shrunk(whole, 4)).mean() < 0.03


def test_no_proof_is_larger_than_its_raw():
    assert size_within((15, 20), 320) == (15, 20)
    assert proof_of(raw_image(height=30, width=40), longest=640).shape == (30, 40, 3)
