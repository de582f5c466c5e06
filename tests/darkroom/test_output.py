import struct
import subprocess
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import get_sampling

from crispnet.darkroom import output
from crispnet.darkroom.output import srgb_profile
from crispnet.darkroom.quantise import quantise
from crispnet.errors import OutputError
from making import FORMS, names, photo, picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_picture_is_turned_as_pillow_turns_it(orientation, dtype, tmp_path):
    sensor = quantise(picture(), depth=8)
    tagged = Image.fromarray(sensor)
    tagged.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged))
    pixels = sensor if dtype == np.uint8 else sensor.astype(np.float32) / 255

    saved = photo(pixels, orientation=orientation).save(tmp_path / "a.png")

    with Image.open(saved) as image:
        assert np.array_equal(np.asarray(image), expected)
        assert image.getexif()[274] == 1


@pytest.mark.parametrize(("name", "depth"), [form for form in FORMS if form[0] in ("a.png", "a.tif")])
def test_lossless_formats_are_exact(name, depth, tmp_path):
    pixels = np.random.default_rng(1).uniform(-0.1, 1.1, (61, 47, 3)).astype(np.float32)
    saved = photo(pixels).save(tmp_path / name, depth=depth)
    back = tifffile.imread(saved) if name == "a.tif" else imagecodecs.png_decode(saved.read_bytes())
    expected = np.floor(np.clip(pixels, 0, 1) * np.float32(2**depth - 1) + np.float32(0.5))
    assert back.dtype.itemsize * 8 == depth
    assert np.array_equal(back, expected)


@pytest.mark.parametrize("name", ["a.jpg", "a.avif"])
def test_lossy_formats_are_close(name, tmp_path):
    pixels = picture(120, 160)
    saved = photo(pixels).save(tmp_path / name)
    with Image.open(saved) as image:
        assert np.abs(np.asarray(image) / 255 - pixels).mean() < 0.006


def test_jpeg_and_avif_keep_colour_in_every_pixel(tmp_path):
    with Image.open(photo().save(tmp_path / "a.jpg")) as image:
        assert get_sampling(image) == 0  # 4:4:4
    avif = photo().save(tmp_path / "a.avif").read_bytes()
    assert avif[avif.index(b"av1C") + 4 + 2] & 0b1100 == 0  # chroma_subsampling_x and _y


def test_quality_shrinks_the_file_and_must_be_a_percentage(tmp_path):
    sizes = [photo().save(tmp_path / f"{q}.jpg", quality=q).stat().st_size for q in (50, 95)]
    assert sizes[0] < sizes[1]
    with pytest.raises(ValueError, match="quality of 1 to 100, got 101"):
        photo().save(tmp_path / "a.jpg", quality=101)


def test_the_usual_depth_is_8_and_for_tiff_16(tmp_path):
    assert tifffile.imread(photo().save(tmp_path / "a.TIFF")).dtype == np.uint16
    assert imagecodecs.png_decode(photo().save(tmp_path / "a.png").read_bytes()).dtype == np.uint8


def test_a_large_tiff_is_cut_into_strips_that_every_reader_joins(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 256, (500, 700, 3), np.uint8)
    saved = photo(pixels, orientation=8).save(tmp_path / "a.tif", depth=8)
    expected = np.rot90(pixels)
    with tifffile.TiffFile(saved) as tiff:
        assert len(tiff.pages[0].dataoffsets) > 1
        assert np.array_equal(tiff.asarray(), expected)
    with Image.open(saved) as image:
        assert np.array_equal(np.asarray(image), expected)


def test_a_format_can_be_named(tmp_path):
    saved = photo().save(tmp_path / "picture", format="png")
    assert saved.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="expected a format among jpeg, png, tiff, avif, got 'bmp'"):
        photo().save(tmp_path / "a.png", format="bmp")


@pytest.mark.parametrize(("name", "depth", "words"), [("a.webp", 8, "ends in no known way"), ("a.jpg", 16, "16 bits")])
def test_what_a_file_cannot_be_is_refused(name, depth, words, tmp_path):
    with pytest.raises(OutputError, match=words):
        photo().save(tmp_path / name, depth=depth)
    assert names(tmp_path) == []


def test_the_chunks_of_a_png_are_sound_and_in_order(tmp_path):
    content = photo().save(tmp_path / "a.png", depth=16).read_bytes()
    position, order = 8, []
    while position < len(content):
        (length,), name = struct.unpack_from(">I", content, position), content[position + 4 : position + 8]
        body = content[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", content, position + 8 + length) == (zlib.crc32(body),)
        position += 12 + length
        order.append(name)
    assert order[:3] == [b"IHDR", b"iCCP", b"eXIf"]
    assert order[-1] == b"IEND"


@pytest.mark.parametrize(("name", "depth"), FORMS)
def test_the_same_photo_gives_the_same_bytes(name, depth, tmp_path, monkeypatch):
    first = photo().save(tmp_path / name, depth=depth).read_bytes()
    srgb_profile.cache_clear()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert photo().save(tmp_path / name, depth=depth, overwrite=True).read_bytes() == first


# Publishing


def test_an_existing_file_is_refused_before_any_work_and_kept(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_text("precious")
    monkeypatch.setattr(output, "_encode", lambda *_, **__: pytest.fail("worked for nothing"))
    with pytest.raises(OutputError, match="exists already"):
        photo().save(tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_text() == "precious"


def test_the_raw_is_never_written_to(tmp_path):
    raw = tmp_path / "raw.tif"
    raw.write_text("raw")
    with pytest.raises(OutputError, match="is the raw file itself"):
        photo(path=raw).save(tmp_path / "." / "raw.tif", overwrite=True)
    assert raw.read_text() == "raw"


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_is_none_is_refused(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"is not a folder\. .* needed\. Make it"):
        photo().save(tmp_path / folder / "a.jpg")
    with pytest.raises(OutputError, match="is a folder"):
        photo().save(tmp_path, format="png", overwrite=True)
    assert names(tmp_path) == ["file"]


def test_the_codecs_are_loaded_only_when_needed():
    code = "import sys, crispnet.darkroom.output; print({'PIL', 'tifffile', 'imagecodecs'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
