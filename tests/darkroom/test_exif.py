import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from crispnet.darkroom.output import srgb_profile
from crispnet.darkroom.quantise import quantise
from crispnet.version import VERSION
from making import FORMS, photo, picture


@pytest.mark.parametrize(("name", "depth"), FORMS)
def test_every_format_carries_the_profile_and_the_shooting_data(name, depth, tmp_path):
    saved = photo(orientation=6).save(tmp_path / name, depth=depth)
    if name == "a.tif":
        with tifffile.TiffFile(saved) as tiff:
            tags = tiff.pages[0].tags
            profile, shot = tags[34675].value, tags[34665].value
            texts = {tag: tags[tag].value for tag in (271, 305, 315)}
            dimensions = (shot["PixelXDimension"], shot["PixelYDimension"], shot["ColorSpace"])
            exposure = shot["ExposureTime"]
    else:
        with Image.open(saved) as image:
            profile, exif = image.info["icc_profile"], image.getexif()
            shot = exif.get_ifd(34665)
            # EXIF's text is UTF-8, as everybody writes it, but Pillow keeps to Latin-1.
            texts = {tag: exif[tag].encode("latin-1").decode() for tag in (271, 305, 315)}
            dimensions = (shot[40962], shot[40963], shot[40961])
            exposure = shot[33434].numerator, shot[33434].denominator
            assert (shot[34855], float(shot[33437]), float(shot[37386])) == (200, 2.8, 35)
            assert (shot[36867], shot[42036]) == ("2024:02:29 12:34:56", "Objektiv 35 mm")
            assert exif.get(274, 1) == 1
    assert profile == srgb_profile()
    assert texts == {271: "Jürgens Kamera", 305: f"crispnet {VERSION}, look plain 0.1.0", 315: "Zoë"}
    assert dimensions == (70, 90, 1)
    assert exposure == (1, 240)


def test_the_profile_is_srgb():
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    assert len(srgb_profile()) < 1024
    colorants = [getattr(profile.profile, f"{name}_colorant")[0] for name in ("red", "green", "blue")]
    published = [[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141]]  # sRGB, adapted to D50
    assert np.allclose(colorants, published, atol=2e-4)
    source = Image.fromarray(quantise(picture(), depth=8))
    moved = ImageCms.profileToProfile(source, profile, ImageCms.createProfile("sRGB"))
    assert np.abs(np.asarray(moved).astype(int) - np.asarray(source)).max() <= 1


@pytest.mark.parametrize(
    "exif", [{}, {"iso": float("nan"), "aperture": -1, "exposure_time": 1e-30, "make": "x" * 10**6}]
)
def test_missing_and_absurd_shooting_data_do_no_harm(exif, tmp_path):
    with Image.open(photo(exif=exif).save(tmp_path / "a.jpg")) as image:
        assert not {33434, 33437, 34855} & set(image.getexif().get_ifd(34665))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1 / 8000, (1, 8000)), (0.3, (3, 10)), (0.5, (1, 2)), (1.3, (13, 10)), (30.0, (30, 1))]
)
def test_exposure_times_are_written_as_photographers_say_them(seconds, expected, tmp_path):
    exif = {"exposure_time": float(np.float32(seconds))}
    with Image.open(photo(exif=exif).save(tmp_path / "a.jpg")) as image:
        written = image.getexif().get_ifd(34665)[33434]
    assert (written.numerator, written.denominator) == expected


def test_a_sensitivity_above_16_bits_is_saturated(tmp_path):
    with Image.open(photo(exif={"iso": 102400.0}).save(tmp_path / "a.jpg")) as image:
        shot = image.getexif().get_ifd(34665)
    assert (shot[34855], shot[34864], shot[34866]) == (65535, 2, 102400)
