import io
from pathlib import Path

import numpy as np
import pytest
import rawpy
from PIL import Image

from crispnet.raw.writer import write_dng
from making import first_page, jpeg_picture, raw_image


def test_a_cameras_own_picture_is_kept_bit_by_bit(tmp_path: Path) -> None:
    picture = jpeg_picture()
    path = write_dng(raw_image(), tmp_path / "a.dng", preview=picture)
    with rawpy.imread(str(path)) as decoder:
        assert decoder.extract_thumb().data == picture
    tags = first_page(path)
    assert (tags["ImageWidth"], tags["ImageLength"], tags["NewSubfileType"]) == (48, 32, 1)
    assert tags["YCbCrSubSampling"] == (2, 2)


def test_a_picture_without_leading_exif_is_kept_too(tmp_path: Path) -> None:
    picture = jpeg_picture(exif_first=False)  # LibRaw would put an EXIF block of its own in front
    content = write_dng(raw_image(), tmp_path / "a.dng", preview=picture).read_bytes()
    offset = content.index(picture)
    tags = first_page(tmp_path / "a.dng")
    assert (tags["StripOffsets"], tags["StripByteCounts"]) == ((offset,), (len(picture),))


def test_a_picture_given_as_pixels_looks_the_same(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64)
    preview = np.stack(np.broadcast_arrays(ramp[:48, None], ramp[None], 128.0), axis=-1).astype(np.uint8)
    with rawpy.imread(str(write_dng(raw_image(), tmp_path / "a.dng", preview=preview))) as decoder:
        shown = np.asarray(Image.open(io.BytesIO(decoder.extract_thumb().data)))
    assert shown.shape == preview.shape
    assert np.abs(shown.astype(int) - preview).max() <= 8
    assert first_page(tmp_path / "a.dng")["PreviewColorSpace"] == 2


@pytest.mark.parametrize(
    "preview",
    [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), b"", b"\xff\xd8\xff", b"\x89PNG" * 20, jpeg_picture()[:30]],
)
def test_what_is_no_preview_is_refused_and_leaves_nothing(preview: np.ndarray | bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_dng(raw_image(), tmp_path / "a.dng", preview=preview)
    assert not list(tmp_path.iterdir())
