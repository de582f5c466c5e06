"""Tables keep their colours in every file, and a damaged file is refused by what is wrong with it."""

import itertools
import warnings

import numpy as np
import pytest

from crispnet.errors import LookError
from crispnet.look.cube import cube_text, from_hald, read_cube, to_hald
from crispnet.look.trilinear import identity, interpolate, resampled

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it wishes for matplotlib
    import colour

HALF_A_CODE = 0.5 / 65535 + 1e-7


def table(size, seed=0):
    return np.random.default_rng(seed).random((size, size, size, 3)).astype(np.float32)


def places(count=500, seed=1):
    """Random places, and the corners of the cube."""
    return np.concatenate([np.random.default_rng(seed).random((count, 3)), list(itertools.product((0, 1), repeat=3))])


def test_between_nodes_a_table_is_trilinear():
    nodes, size = table(5), 5
    for place, found in zip(places(), interpolate(nodes, places()), strict=True):
        low = np.minimum((place * (size - 1)).astype(int), size - 2)
        share = place * (size - 1) - low
        expected = np.zeros(3)
        for corner in itertools.product((0, 1), repeat=3):
            weight = np.prod(np.where(corner, share, 1 - share))
            expected += weight * nodes[tuple(low + corner)]
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 17])
def test_the_identity_changes_nothing_and_what_lies_outside_goes_to_the_surface(size):
    assert np.abs(interpolate(identity(size), places()) - places()).max() < 1e-6
    np.testing.assert_allclose(interpolate(identity(size), np.array([[-1, 0.5, 2.0]])), [[0, 0.5, 1]], atol=1e-6)


def test_a_finer_table_reads_alike_and_one_of_the_same_size_is_the_same():
    nodes = table(5)
    np.testing.assert_array_equal(resampled(nodes, 5), nodes)
    assert np.abs(interpolate(resampled(nodes, 9), places()) - interpolate(nodes, places())).max() < 1e-6


# .cube


def test_a_cube_comes_back_as_it_went(tmp_path):
    path = tmp_path / "a.cube"
    path.write_bytes(cube_text(table(5), title="mine 1"))
    np.testing.assert_allclose(read_cube(path), table(5), atol=5.1e-7)


def test_another_library_reads_the_same_colours_title_and_comments(tmp_path):
    path = tmp_path / "a.cube"
    path.write_bytes(cube_text(table(5), title="mine 1", comments=["fitted to 3 raws"]))
    read = colour.read_LUT(str(path))
    assert (read.name, read.comments, read.domain.tolist()) == ("mine 1", ["fitted to 3 raws"], [[0] * 3, [1] * 3])
    np.testing.assert_allclose(read.table, table(5), atol=5.1e-7)
    theirs = read.apply(places(), interpolator=colour.algebra.table_interpolation_trilinear)
    np.testing.assert_allclose(interpolate(table(5), places()), theirs, atol=2e-6)


def test_a_cube_of_another_library_is_read(tmp_path):
    written = colour.LUT3D(table(4), "theirs")
    colour.write_LUT(written, str(tmp_path / "a.cube"), decimals=9)
    np.testing.assert_allclose(read_cube(tmp_path / "a.cube"), table(4), atol=1e-7)


def test_names_of_any_letters_leave_a_cube_in_ascii_on_lines_of_its_own():
    text = cube_text(table(2), title='Zoë\'s "best"\nLUT_3D_SIZE 9', comments=["a\nb", "x" * 999]).decode("ascii")
    lines = text.splitlines()
    assert lines[0] == "TITLE \"Zo?'s 'best' LUT_3D_SIZE 9\""
    assert lines[1] == "# a b"
    assert max(map(len, lines)) <= 250
    assert lines[3:6] == ["LUT_3D_SIZE 2", "DOMAIN_MIN 0.0 0.0 0.0", "DOMAIN_MAX 1.0 1.0 1.0"]
    assert len(lines) == 6 + 8


def test_red_changes_fastest():
    lines = cube_text(identity(2), title="").decode().splitlines()[-8:]
    assert lines[1] == "1.000000 0.000000 0.000000"
    np.testing.assert_array_equal(to_hald(identity(4))[0, :4, 0], [0, 21845, 43690, 65535])


GOOD = cube_text(identity(2), title="good").decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD.replace("LUT_3D_SIZE 2", "LUT_1D_SIZE 2"), "one dimension"),
        (GOOD.replace("LUT_3D_SIZE 2", ""), "8 colours where 0"),
        (GOOD.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE 3"), "8 colours where 27"),
        (GOOD.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE 999"), "its size is"),
        (GOOD.replace("LUT_3D_SIZE 2", "LUT_3D_SIZE"), "its size is"),
        (GOOD.replace("DOMAIN_MAX 1.0", "DOMAIN_MAX 4.0"), "DOMAIN_MAX"),
        (GOOD.replace("DOMAIN_MIN", "DOMAIN_MEAN"), "'DOMAIN_MEAN'"),
        (GOOD.replace("1.000000 1.000000 1.000000", "1 1"), "not colours"),
        (GOOD[:-30], "7 colours"),
        (GOOD.replace("1.000000 1.000000 1.000000", "1 1 1e999"), "not numbers"),
        (GOOD.replace("1.000000 1.000000 1.000000", "1 1 1,5"), "no line of a table"),
        ("\0" * 100, "no line of a table"),
        ("", "0 colours"),
        ("#" * (33 << 20), "larger"),
    ],
)
def test_what_is_no_table_is_refused_by_what_is_wrong_with_it(tmp_path, content, said):
    path = tmp_path / "a.cube"
    path.write_text(content)
    with pytest.raises(LookError, match=said):
        read_cube(path)


def test_a_missing_cube_is_said_to_be(tmp_path):
    with pytest.raises(LookError, match="cannot be read"):
        read_cube(tmp_path / "a.cube")


# HaldCLUT


@pytest.mark.parametrize("level", [2, 3, 4])
def test_a_hald_comes_back_as_it_went(level):
    nodes = table(level**2)
    picture = to_hald(nodes)
    assert (picture.shape, picture.dtype) == ((level**3, level**3, 3), np.uint16)
    assert np.abs(from_hald(picture) - nodes).max() <= HALF_A_CODE


def test_a_hald_of_8_bits_is_read():
    picture = (to_hald(table(4)) >> 8).astype(np.uint8)
    np.testing.assert_allclose(from_hald(picture), table(4), atol=1.01 / 255)


@pytest.mark.parametrize("shape", [(9, 9, 3), (8, 9, 3), (8, 8, 4), (1, 1, 3), (8, 8)])
def test_no_other_picture_is_a_hald(shape):
    with pytest.raises(ValueError, match="expected a square"):
        from_hald(np.zeros(shape, np.uint8))


def test_a_table_without_a_level_is_no_hald():
    with pytest.raises(ValueError, match="got 5"):
        to_hald(identity(5))
