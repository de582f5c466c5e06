"""Pictures of many kinds: what is opened, at which depth, in which colours, and what is refused."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from crispnet.darkroom.opening import open_picture
from crispnet.errors import PictureError
from crispnet.raw.orientation import upright
from crispnet.raw.picture import to_srgb

WHITE = (0.3127, 0.3290)
P3 = imagecodecs.cms_profile("rgb", whitepoint=WHITE, primaries=[0.68, 0.32, 0.265, 0.69, 0.15, 0.06], gamma=2.2)
LINEAR = imagecodecs.cms_profile("rgb", whitepoint=WHITE, primaries=[0.64, 0.33, 0.3, 0.6, 0.15, 0.06], gamma=1.0)
DIM_GREY = imagecodecs.cms_profile("gray", gamma=1.0)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def codes(*shape, kind=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


CODES, DEEP = codes(20, 30, 3), codes(20, 30, 3, kind=np.uint16)


def saved(path, pixels, *, mode=None, **options):
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def tiff(path, pixels, **options):
    tifffile.imwrite(path, pixels, photometric=options.pop("photometric", "rgb"), **options)
    return path


def refused(path, *words):
    with pytest.raises(PictureError) as caught:
        open_picture(path)
    for word in (str(path), *words):
        assert word in str(caught.value)
    assert str(caught.value).count(". ") >= 2  # what is wrong, what was needed, what to try


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_eight_bits_are_what_was_saved(tmp_path, ending):
    opened = open_picture(saved(tmp_path / f"a.{ending}", CODES))
    np.testing.assert_allclose(opened.pixels, CODES / 255, atol=1e-7)
    assert (opened.depth, opened.pixels.dtype, opened.notes) == (8, np.float32, ())


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_stay_sixteen(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "png":
        path.write_bytes(imagecodecs.png_encode(DEEP))
    else:
        tiff(path, DEEP)
    opened = open_picture(path)
    np.testing.assert_allclose(opened.pixels, DEEP / 65535, atol=1e-7)
    assert opened.depth == 16


def test_planes_of_a_tiff_may_lie_one_after_another(tmp_path):
    path = tiff(tmp_path / "a.tif", np.moveaxis(DEEP, -1, 0), planarconfig="separate")
    np.testing.assert_allclose(open_picture(path).pixels, DEEP / 65535, atol=1e-7)


def test_a_profile_is_followed_as_pillow_follows_it(tmp_path):
    opened = open_picture(saved(tmp_path / "a.png", CODES, icc_profile=P3))
    with Image.open(tmp_path / "a.png") as picture:
        expected = np.asarray(to_srgb(picture)[0])
    assert np.abs(255 * opened.pixels - expected).max() < 1.5
    assert "ICC profile" in opened.colour_space


def test_a_deep_picture_keeps_its_profile(tmp_path):
    shallow = open_picture(saved(tmp_path / "a.png", CODES, icc_profile=P3)).pixels
    deep = open_picture(tiff(tmp_path / "a.tif", CODES.astype(np.uint16) * 257, iccprofile=P3))
    np.testing.assert_allclose(deep.pixels, shallow, atol=1e-6)
    assert deep.depth == 16


def test_floating_point_is_read_by_its_profile_and_refused_without(tmp_path):
    encoded = open_picture(saved(tmp_path / "a.png", CODES, icc_profile=LINEAR)).pixels
    values = (CODES / 255).astype(np.float32)
    found = open_picture(tiff(tmp_path / "a.tif", values, iccprofile=LINEAR)).pixels
    np.testing.assert_allclose(found, encoded, atol=1e-6)
    assert encoded.mean() > values.mean() + 0.1
    refused(tiff(tmp_path / "b.tif", values), "floating-point", "profile")


def test_srgb_by_its_profile_is_untouched(tmp_path):
    opened = open_picture(saved(tmp_path / "a.png", CODES, icc_profile=SRGB))
    np.testing.assert_allclose(opened.pixels, CODES / 255, atol=1e-7)


def test_a_damaged_profile_is_said_to_be(tmp_path):
    opened = open_picture(saved(tmp_path / "a.png", CODES, icc_profile=b"nonsense" * 40))
    assert "cannot be used" in opened.colour_space
    np.testing.assert_allclose(opened.pixels, CODES / 255, atol=1e-7)


def test_grey_becomes_three_equal_channels(tmp_path):
    opened = open_picture(saved(tmp_path / "a.png", CODES[..., 0]))
    np.testing.assert_allclose(opened.pixels, np.repeat(CODES[..., :1], 3, axis=2) / 255, atol=1e-7)
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(DEEP[..., 0].copy()))
    np.testing.assert_allclose(open_picture(tmp_path / "b.png").pixels[..., 1], DEEP[..., 0] / 65535, atol=1e-7)
    linear = open_picture(saved(tmp_path / "c.png", CODES[..., 0], icc_profile=DIM_GREY)).pixels
    assert linear.mean() > opened.pixels.mean() + 0.1
    assert np.ptp(linear, axis=2).max() < 0.005


def test_white_may_be_zero(tmp_path):
    path = tiff(tmp_path / "a.tif", DEEP[..., 0], photometric="miniswhite")
    np.testing.assert_allclose(open_picture(path).pixels[..., 0], 1 - DEEP[..., 0] / 65535, atol=1e-6)


@settings(deadline=None, max_examples=8)
@given(turn=st.integers(1, 8))
@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_pictures_are_turned_upright(tmp_path_factory, ending, turn):
    path = tmp_path_factory.mktemp("turned") / f"a.{ending}"
    exif = Image.Exif()
    exif[274] = turn
    lossless = {"lossless": True} if ending == "webp" else {}
    Image.fromarray(CODES).save(path, exif=exif, **lossless)
    np.testing.assert_allclose(open_picture(path).pixels, upright(CODES, turn) / 255, atol=1e-7)


def test_deep_pictures_are_turned_too(tmp_path):
    path = tiff(tmp_path / "a.tif", DEEP, extratags=[(274, 3, 1, 6, True)])
    np.testing.assert_allclose(open_picture(path).pixels, upright(DEEP, 6) / 65535, atol=1e-7)


def test_an_alpha_channel_that_says_nothing_is_dropped(tmp_path):
    opaque = np.dstack([CODES, np.full(CODES.shape[:2], 255, np.uint8)])
    np.testing.assert_allclose(open_picture(saved(tmp_path / "a.png", opaque)).pixels, CODES / 255, atol=1e-7)
    opaque[3, 4, 3] = 254
    refused(saved(tmp_path / "b.png", opaque), "partly transparent")
    deep = np.dstack([DEEP, np.full(DEEP.shape[:2], 7, np.uint16)])
    refused(tiff(tmp_path / "c.tif", deep, extrasamples=["unassalpha"]), "partly transparent")


def test_inks_need_a_profile(tmp_path):
    refused(saved(tmp_path / "a.jpg", CODES, mode="CMYK"), "CMYK")


def test_a_palette_is_looked_up(tmp_path):
    few = np.array([[10, 20, 30], [200, 100, 50]], np.uint8)[codes(20, 30) % 2]
    Image.fromarray(few).quantize(2).save(tmp_path / "a.png")
    np.testing.assert_allclose(open_picture(tmp_path / "a.png").pixels, few / 255, atol=1e-7)


def test_films_are_refused_and_pages_noted(tmp_path):
    frames = [Image.fromarray(codes(20, 30, 3, seed=seed)) for seed in range(3)]
    for ending in ("gif", "webp", "png"):
        frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:])
        refused(tmp_path / f"a.{ending}", "film of 3 frames")
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    opened = open_picture(tmp_path / "a.tif")
    assert "3 pages" in opened.notes[0]
    np.testing.assert_allclose(opened.pixels, np.asarray(frames[0]) / 255, atol=1e-7)


def test_a_phones_jpeg_with_a_second_picture_is_its_first(tmp_path):
    frames = [Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (200, 20)]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert open_picture(tmp_path / "a.jpg").pixels.mean() == pytest.approx(200 / 255, abs=0.01)


def test_an_avif_of_ten_bits_is_said_to_have_been_read_with_eight(tmp_path):
    (tmp_path / "a.avif").write_bytes(imagecodecs.avif_encode(DEEP[:16, :16] >> 6, bitspersample=10))
    assert "more than 8 bits" in open_picture(tmp_path / "a.avif").notes[0]
    (tmp_path / "b.avif").write_bytes(imagecodecs.avif_encode(CODES[:16, :16]))
    assert open_picture(tmp_path / "b.avif").notes == ()


def test_what_is_no_picture_is_refused(tmp_path):
    refused(tmp_path / "missing.jpg", "cannot be read")
    refused(tmp_path, "cannot be read")
    (tmp_path / "empty.jpg").write_bytes(b"")
    refused(tmp_path / "empty.jpg", "is empty")
    (tmp_path / "text.jpg").write_text("Dear Sir or Madam,")
    refused(tmp_path / "text.jpg", "no picture of a known kind")
    (tmp_path / "text.tif").write_bytes(b"II*\0 and so on")
    refused(tmp_path / "text.tif", "cannot be decoded")
    whole = io.BytesIO()
    Image.fromarray(codes(200, 300, 3)).save(whole, "JPEG")
    (tmp_path / "half.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    refused(tmp_path / "half.jpg", "cannot be decoded")
    half = imagecodecs.png_encode(DEEP)
    (tmp_path / "half.png").write_bytes(half[: len(half) // 2])
    refused(tmp_path / "half.png", "cannot be decoded")


def test_other_colours_and_raws_are_refused(tmp_path):
    refused(tiff(tmp_path / "a.tif", codes(20, 30, 4, kind=np.uint16), photometric="separated"), "SEPARATED")
    refused(tiff(tmp_path / "b.tif", DEEP, extratags=[(50706, 1, 4, b"\1\4\0\0", True)]), "raw file", "develop")
    refused(saved(tmp_path / "c.tif", CODES, mode="LAB"), "LAB")
