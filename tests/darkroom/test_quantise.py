import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from crispnet.darkroom.quantise import quantise
from crispnet.raw.orientation import upright
from making import picture


@pytest.mark.parametrize(("depth", "dtype"), [(8, np.uint8), (16, np.uint16)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_value_survives_the_way_to_float_and_back(depth, dtype, kind):
    values = np.arange(2**depth, dtype=dtype)
    pixels = np.stack([values, values[::-1], values], axis=-1)[None]
    assert np.array_equal(quantise((pixels / (2**depth - 1)).astype(kind), depth=depth), pixels)


@given(
    arrays.arrays(np.float32, (3, 5, 3), elements=st.floats(-0.5, 1.5, width=32)),
    st.sampled_from([8, 16]),
)
def test_no_value_moves_by_more_than_half_a_step(pixels, depth):
    peak = 2**depth - 1
    error = quantise(pixels, depth=depth) - np.clip(pixels, 0, 1).astype(np.float64) * peak
    assert np.abs(error).max() <= 0.5 + peak * np.finfo(np.float32).eps


@pytest.mark.parametrize(("depth", "half"), [(8, 128), (16, 32768)])
def test_halves_go_up_and_the_absurd_is_clipped(depth, half):
    values = np.array([0.5, np.nan, -np.inf, np.inf, -3, 7], np.float32)
    quantised = quantise(np.repeat(values, 3).reshape(2, 3, 3), depth=depth)[..., 0].ravel()
    assert quantised.tolist() == [half, 0, 0, 2**depth - 1, 0, 2**depth - 1]


def test_depths_convert_into_each_other():
    eight = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    sixteen = quantise(eight, depth=16)
    assert sixteen.max() == 65535
    assert np.array_equal(quantise(sixteen, depth=8), eight)
    every = np.arange(65536, dtype=np.uint16).repeat(3).reshape(256, 256, 3)
    assert np.array_equal(quantise(every, depth=8), quantise(every / np.float64(65535), depth=8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_planes_apart_in_memory_quantise_like_pixels(orientation):
    pixels = picture()
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert np.array_equal(
        quantise(upright(planes, orientation), depth=8), quantise(upright(pixels, orientation), depth=8)
    )


def test_pixels_of_another_type_are_refused():
    with pytest.raises(ValueError, match="expected pixels of float32, uint8 or uint16, got int64"):
        quantise(np.zeros((2, 2, 3), np.int64), depth=8)
