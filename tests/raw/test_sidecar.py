from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.errors import NoCameraPicture
from crispnet.raw.orientation import upright
from crispnet.raw.sidecar import picture_file, sidecars


def test_pictures_of_its_name_are_found_and_no_others(tmp_path: Path):
    for name in ("a.JPG", "a.jpeg", "a.dng.jpg", "b.jpg", "a.png", "a.dng"):
        (tmp_path / name).touch()
    (tmp_path / "a.jpg").mkdir()
    assert [path.name for path in sidecars(tmp_path / "a.dng")] == ["a.JPG", "a.jpeg"]
    assert sidecars(tmp_path / "nowhere" / "a.dng") == []


@pytest.mark.parametrize("orientation", [None, *range(1, 9), 42])
def test_it_stands_as_a_viewer_shows_it(tmp_path: Path, orientation):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    expected = upright(pixels, orientation if orientation in range(1, 9) else 1)
    np.testing.assert_array_equal(picture_file(tmp_path / "a.png").pixels, expected)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA"])
def test_every_kind_of_picture_becomes_three_colours(tmp_path: Path, mode):
    Image.new("RGB", (8, 6), (200, 100, 50)).convert(mode).save(tmp_path / "a.tiff")
    assert picture_file(tmp_path / "a.tiff").pixels.shape == (6, 8, 3)


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_what_is_no_picture_is_refused(tmp_path: Path, content):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoCameraPicture, match="was needed"):
        picture_file(path)


def test_a_cut_off_picture_is_refused(tmp_path: Path):
    path = tmp_path / "a.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(NoCameraPicture):
        picture_file(path)
