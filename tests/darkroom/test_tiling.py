import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crispnet.darkroom.tiling import LEAST_COLUMNS, LEAST_ROWS, windows, with_halo
from crispnet.raw.bayer import pack, unpack
from crispnet.raw.image import Box

sizes = st.integers(1, 700)


@given(sizes, sizes, st.integers(1, 300_000), st.sampled_from([1, 4, 16]))
def test_windows_cover_every_cell_once(height, width, cells, stride):
    times = np.zeros((height, width), int)
    for window in windows(height, width, cells=cells, stride=stride):
        times[window.rows, window.columns] += 1
        assert window.top % stride == window.left % stride == 0
    assert (times == 1).all()


@given(sizes, st.integers(300, 5000), st.integers(1 << 16, 1 << 20))
def test_windows_stay_within_their_budget(height, width, cells):
    assert all(window.height * window.width <= cells for window in windows(height, width, cells=cells))


@given(sizes, st.integers(1, 5000), st.integers(0, 64), st.integers(1 << 16, 1 << 20))
def test_windows_with_their_halo_fit_the_room_or_are_the_smallest_there_are(height, width, halo, room):
    for window in windows(height, width, cells=1 << 30, halo=halo, room=room):
        smallest = window.height <= LEAST_ROWS and window.width <= LEAST_COLUMNS
        assert smallest or (window.height + 2 * halo) * (window.width + 2 * halo) <= room


@given(st.data())
def test_a_window_with_its_halo_is_cut_out_of_the_mirrored_mosaic(data):
    height, width = data.draw(st.integers(3, 12)), data.draw(st.integers(3, 12))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = Box(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    halo, stride = data.draw(st.sampled_from([(0, 1), (3, 1), (4, 4), (16, 8)]))
    packed = np.random.default_rng(5).uniform(size=(4, height, width))

    reach = 2 * (halo + stride + 8)
    mosaic = np.pad(unpack(packed, "RGGB", 2 * height, 2 * width), reach, mode="reflect")
    mirrored = pack(mosaic, "RGGB")
    cut = with_halo(packed, window, halo=halo, stride=stride)

    first_row, first_column = (reach // 2 + corner - halo for corner in (top, left))
    rows, columns = cut.shape[1:]
    np.testing.assert_array_equal(cut, mirrored[:, first_row : first_row + rows, first_column : first_column + columns])
    for size, inner in ((rows, window.height), (columns, window.width)):
        assert size % stride == 0
        assert inner + 2 * halo <= size < inner + 2 * halo + stride


def test_a_window_inside_the_frame_is_not_copied():
    packed = np.zeros((4, 50, 60), np.float32)
    assert np.shares_memory(with_halo(packed, Box(10, 10, 20, 20), halo=3), packed)
