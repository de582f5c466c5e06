"""Mosaics and planes: every colour in its place, every count once, whatever the filter array and the size."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.raw.bad_pixels import fix_bad_pixels
from crispnet.raw.bayer import (
    PLANE_COLOURS,
    aligned,
    aligned_black,
    area_average,
    mirrored,
    pack,
    pack_linear,
    packed_size,
    red_offset,
    remosaic,
    thumbnail,
    unpack,
)
from crispnet.raw.image import CFAS, Box
from crispnet.raw.opcodes import FixBadPixelsList, GainMap
from crispnet.raw.shading import gain
from making import BLACK, WHITE, gain_map, raw_image

each_cfa = pytest.mark.parametrize("cfa", CFAS)
cfas, sides = st.sampled_from(CFAS), st.integers(2, 19)
RED, GREEN_OF_RED_ROW, BLUE, GREEN_OF_BLUE_ROW = range(4)


def numbered(height: int, width: int) -> np.ndarray:
    """A mosaic in which no two photosites are equal."""
    return np.arange(height * width, dtype=np.uint16).reshape(height, width)


def colour_coded(height: int, width: int, cfa: str) -> np.ndarray:
    """A mosaic whose counts are the number of the plane they belong to."""
    colours = np.array(list(cfa)).reshape(2, 2)[np.ix_(np.arange(height) % 2, np.arange(width) % 2)]
    on_red_row = (colours == "R").any(axis=1, keepdims=True)
    greens = np.where(on_red_row, GREEN_OF_RED_ROW, GREEN_OF_BLUE_ROW)
    return np.where(colours == "R", RED, np.where(colours == "B", BLUE, greens)).astype(np.uint16)


@given(height=sides, width=sides, cfa=cfas)
def test_unpack_undoes_pack(height: int, width: int, cfa: str) -> None:
    mosaic = numbered(height, width)
    packed = pack(mosaic, cfa)
    assert packed.shape == (4, *packed_size(height, width, cfa))
    assert packed.dtype == mosaic.dtype
    np.testing.assert_array_equal(unpack(packed, cfa, height, width), mosaic)


@given(height=sides, width=sides, cfa=cfas)
def test_every_plane_holds_one_colour_to_the_very_edge(height: int, width: int, cfa: str) -> None:
    packed = pack(colour_coded(height, width, cfa), cfa)
    for plane, values in enumerate(packed):
        np.testing.assert_array_equal(values, plane)


@each_cfa
def test_planes_keep_their_neighbours(cfa: str) -> None:
    """The red of each cell lies left of the green on its row and above the green on the blue row."""
    packed = pack(numbered(8, 10), cfa)[:, 1:-1, 1:-1].astype(int)
    np.testing.assert_array_equal(packed[GREEN_OF_RED_ROW] - packed[RED], 1)
    np.testing.assert_array_equal(packed[GREEN_OF_BLUE_ROW] - packed[RED], 10)
    np.testing.assert_array_equal(packed[BLUE] - packed[RED], 11)


@given(height=sides, width=sides, cfa=cfas)
def test_aligned_begins_with_red_and_mirrors_what_is_missing(height: int, width: int, cfa: str) -> None:
    mosaic = numbered(height, width)
    whole = aligned(mosaic, cfa)
    rows = mirrored(height, red_offset(cfa)[0], whole.shape[0])
    columns = mirrored(width, red_offset(cfa)[1], whole.shape[1])
    np.testing.assert_array_equal(whole, mosaic[np.ix_(rows, columns)])
    assert not any(side % 2 for side in whole.shape)
    coded = aligned(colour_coded(height, width, cfa), cfa)
    np.testing.assert_array_equal(coded, colour_coded(*whole.shape, "RGGB"))


def test_aligned_copies_nothing_without_need() -> None:
    mosaic = numbered(6, 8)
    assert aligned(mosaic, "RGGB") is mosaic


@each_cfa
def test_black_packs_to_0_and_white_to_1_at_every_site(cfa: str) -> None:
    black = np.tile(BLACK, (24, 32)).astype(np.uint16)
    for counts, level in ((black, 0), (np.full((47, 63), WHITE), 1)):
        raw = raw_image(cfa=cfa, mosaic=counts[:47, :63].astype(np.uint16))
        np.testing.assert_allclose(pack_linear(raw), level, atol=1e-6)


@each_cfa
def test_counts_are_linear_in_light_and_nothing_is_clipped(cfa: str) -> None:
    raw = raw_image(cfa=cfa, height=33, width=41)
    sites = np.tile(BLACK, (17, 21))[:33, :41]
    expected = pack((raw.mosaic - sites) / (WHITE - sites), cfa)
    np.testing.assert_allclose(pack_linear(raw), expected, atol=1e-6)
    extremes = raw_image(cfa=cfa, mosaic=np.array([[0, 65535] * 8] * 16, np.uint16))
    assert pack_linear(extremes).min() < -0.03
    assert pack_linear(extremes).max() > 4


@given(cfa=cfas)
def test_black_is_moved_with_the_mosaic(cfa: str) -> None:
    coded = np.where(np.array(list(cfa)) == "R", 1, 0).reshape(2, 2)
    np.testing.assert_array_equal(aligned_black(raw_image(cfa=cfa, black=coded)), [[1, 0], [0, 0]])


@each_cfa
@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_black_deltas_belong_to_rows_and_columns(cfa: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    rows, columns = rng.uniform(0, 50, size[0]), rng.uniform(0, 50, size[1])
    counts = np.tile(BLACK, (24, 32))[: size[0], : size[1]] + rows[:, None] + columns
    raw = raw_image(cfa=cfa, mosaic=counts.round().astype(np.uint16), black_rows=rows, black_columns=columns)
    assert np.abs(pack_linear(raw)).max() < 0.51 / (WHITE - BLACK.max())


@each_cfa
def test_gains_multiply_each_photosite_where_it_lies(cfa: str) -> None:
    """A map on every second row and column reaches one plane only: that of the photosites there."""
    opcode = gain_map(area=(1, 0, 47, 63), pitch=(2, 2))
    plain = raw_image(height=47, width=63, cfa=cfa)
    shaded = replace(plain, opcodes=(opcode,))
    sites = gain(opcode, np.arange(47), np.arange(63), frame=(47, 63))
    np.testing.assert_allclose(pack_linear(shaded), pack_linear(plain) * pack(sites, cfa), rtol=1e-5)
    changed = [plane for plane in range(4) if (pack(sites, cfa)[plane] != 1).any()]
    letter, on_red_row = cfa[2], "R" in cfa[2:]
    assert changed == [{"R": RED, "B": BLUE}.get(letter, GREEN_OF_RED_ROW if on_red_row else GREEN_OF_BLUE_ROW)]


def test_maps_of_an_rgb_file_belong_to_colours() -> None:
    """In a file that was demosaiced before, plane 2 of a map is blue."""
    gains = np.ones((1, 1, 3), np.float32) * [1, 1, 2]
    opcode = GainMap(2, True, 0, 0, 48, 64, 0, 3, 1, 1, (1, 1), (0, 0), gains.astype(np.float32))
    plain = raw_image(demosaiced_before=True)
    ratio = pack_linear(replace(plain, opcodes=(opcode,))) / pack_linear(plain)
    np.testing.assert_allclose(ratio.mean(axis=(1, 2)), [1, 1, 2, 1], rtol=1e-6)


def test_bad_pixels_are_replaced_where_the_frame_says() -> None:
    """List 1 counts from the stored frame, of which the mosaic is a part."""
    dead = FixBadPixelsList(1, True, np.array([[13, 17]]), np.zeros((0, 4), np.int64), 0)
    sound = raw_image()
    mosaic = sound.mosaic.copy()
    mosaic[10, 12] = 60000
    raw = replace(sound, mosaic=mosaic, opcodes=(dead,), active_area=Box(3, 5, 48, 64), stored_size=(60, 80))
    expected = replace(sound, mosaic=fix_bad_pixels(mosaic, (dead,), "RGGB", origin=(3, 5)))
    np.testing.assert_array_equal(pack_linear(raw), pack_linear(expected))
    assert pack_linear(raw).max() < 1
    assert pack_linear(replace(raw, demosaiced_before=True)).max() > 3


def test_remosaicking_takes_each_colour_from_its_place() -> None:
    rgb = np.random.default_rng(0).random((9, 14, 3))
    mosaic = remosaic(rgb)
    assert mosaic.shape == (9, 14)
    height, width = np.indices(mosaic.shape)
    np.testing.assert_array_equal(mosaic, np.take_along_axis(rgb, ((height % 2) + (width % 2))[..., None], 2)[..., 0])
    constant = remosaic(np.broadcast_to([10.0, 20.0, 30.0], (9, 14, 3)))
    planes = pack(constant, "RGGB")
    np.testing.assert_array_equal(planes.mean(axis=(1, 2)), 10.0 * (1 + np.array(PLANE_COLOURS)))


def integral(line: np.ndarray, start: float, stop: float) -> np.ndarray:
    """The mean of a staircase between two places, by summing its steps one by one."""
    total = np.zeros(line.shape[1:])
    for step, value in enumerate(line):
        total += max(0.0, min(stop, step + 1) - max(start, step)) * value
    return total / (stop - start)


@given(height=st.integers(1, 40), width=st.integers(1, 40), rows=st.integers(1, 40), columns=st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_an_area_average_is_the_integral_over_each_area(height: int, width: int, rows: int, columns: int) -> None:
    """Smaller, larger and equal sizes; areas that cut through pixels take their share of them."""
    plane = np.random.default_rng(height * 41 + width).random((height, width))
    found = area_average(plane, rows, columns)
    down = np.stack([integral(plane, i * height / rows, (i + 1) * height / rows) for i in range(rows)])
    expected = [integral(down.T, j * width / columns, (j + 1) * width / columns) for j in range(columns)]
    np.testing.assert_allclose(found, np.stack(expected).T, rtol=1e-9)
    assert found.mean() == pytest.approx(plane.mean(), rel=1e-9)


@pytest.mark.parametrize("size", [(5, 7), (46, 60), (368, 480), (501, 777)])
def test_a_thumbnail_keeps_what_is_the_same_everywhere(size: tuple[int, int]) -> None:
    packed = np.broadcast_to(np.array([0.1, 0.2, 0.3, 0.4], np.float32)[:, None, None], (4, *size))
    small = thumbnail(packed)
    assert small.shape == (3, 368, 480)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, np.broadcast_to(np.array([[[0.1]], [[0.3]], [[0.3]]]), small.shape), rtol=1e-5)


def test_a_thumbnail_keeps_means_and_places() -> None:
    packed = np.zeros((4, 700, 900), np.float32)
    packed[:, :350, 450:] = 1  # light in the upper right quarter
    small = thumbnail(packed)
    assert small.mean() == pytest.approx(0.25, rel=1e-6)
    np.testing.assert_allclose(small[:, :184, 240:], 1, rtol=1e-6)
    np.testing.assert_allclose(small[:, 184:, :], 0, atol=1e-6)


def test_a_thumbnail_of_its_own_size_is_the_frame() -> None:
    packed = np.random.default_rng(0).random((4, 368, 480)).astype(np.float32)
    expected = np.stack([packed[0], (packed[1] + packed[3]) / 2, packed[2]])
    np.testing.assert_allclose(thumbnail(packed), expected, rtol=1e-6)
