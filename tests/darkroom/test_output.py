import doctest
import errno
import io
import logging
import os
import resource
import shutil
import struct
import subprocess
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import get_sampling

from crispnet.darkroom import output
from crispnet.darkroom.exif import ExifTool, ExifToolError
from crispnet.darkroom.output import destination, quantise, save, srgb_profile, upright
from crispnet.darkroom.photo import Photo
from crispnet.errors import OutputError
from crispnet.raw.image import RawImage

EXIF = {
    "make": "Jürgens Kamera",
    "model": "K 1",
    "lens": "Objektiv 35 mm",
    "iso": 200.0,
    "exposure_time": float(np.float32(1 / 240)),
    "aperture": float(np.float32(2.8)),
    "focal_length": 35.0,
    "datetime": "2024:02:29 12:34:56",
    "artist": "Zoë",
    "copyright": "© Zoë",
}
FORMS = [("a.jpg", 8), ("a.png", 8), ("a.png", 16), ("a.tif", 8), ("a.tif", 16), ("a.avif", 8)]
needs_exiftool = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed"),
]


def photo(pixels=None, *, orientation=1, exif=EXIF, path=None):
    pixels = picture() if pixels is None else pixels
    mosaic = np.zeros((4, 4), np.uint16)
    raw = RawImage(
        mosaic,
        cfa="RGGB",
        black=np.zeros((2, 2)),
        white=1023,
        white_balance=np.ones(4),
        orientation=orientation,
        exif=exif,
        path=path,
    )
    return Photo(pixels, raw, "plain 0.1.0")


def picture(height=70, width=90):
    """Smooth colours, different in each corner, float32."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height - 1, width - 1]).reshape(2, 1, 1)
    return np.stack([x, y, 0.5 * (1 - x)], axis=-1).astype(np.float32)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def raw_file(tmp_path_factory):
    """A raw of sorts for exiftool: a TIFF that is turned, with a place, a title and another colour space."""
    path = tmp_path_factory.mktemp("raws") / "-raw 100% dürr #1.tif"
    tifffile.imwrite(path, np.zeros((4, 6), np.uint16))
    tags = "-Orientation#=6 -ColorSpace#=65535 -ExifImageWidth=6 -GPSLatitude=48.5 -GPSLatitudeRef=N -XMP-dc:Title=Berg"
    tags += " -XMP-dc:Format=image/tiff -XMP-tiff:Orientation#=6 -Make=Real -UserComment=hello -Software=other"
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags.split(), path], check=True)
    return path


@pytest.fixture(scope="module")
def exiftool():
    with ExifTool() as process:
        yield process


# Turning


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_picture_is_turned_as_pillow_turns_it(orientation, dtype, tmp_path):
    sensor = quantise(picture(), depth=8)
    tagged = Image.fromarray(sensor)
    tagged.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged))
    pixels = sensor if dtype == np.uint8 else sensor.astype(np.float32) / 255

    saved = save(photo(pixels, orientation=orientation), tmp_path / "a.png")

    with Image.open(saved) as image:
        assert np.array_equal(np.asarray(image), expected)
        assert image.getexif()[274] == 1


@pytest.mark.parametrize(
    ("orientation", "corner"),
    # Where the sensor's first pixel shows, by the words of the EXIF standard: its 0th row, its 0th column.
    [(1, "tl"), (2, "tr"), (3, "br"), (4, "bl"), (5, "tl"), (6, "tr"), (7, "br"), (8, "bl")],
)
def test_the_first_pixel_shows_in_the_corner_that_exif_names(orientation, corner):
    marked = np.zeros((2, 3))
    marked[0, 0] = 1
    row, column = np.argwhere(upright(marked, orientation))[0]
    height, width = upright(marked, orientation).shape
    assert (row, column) == ((height - 1) * (corner[0] == "b"), (width - 1) * (corner[1] == "r"))


def test_turning_copies_nothing_and_refuses_what_is_no_orientation():
    pixels = picture()
    assert all(np.shares_memory(upright(pixels, orientation), pixels) for orientation in range(1, 9))
    with pytest.raises(ValueError, match="expected an EXIF orientation"):
        upright(pixels, 0)


# Quantising


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


# Formats


@pytest.mark.parametrize(("name", "depth"), [form for form in FORMS if form[0] in ("a.png", "a.tif")])
def test_lossless_formats_are_exact(name, depth, tmp_path):
    pixels = np.random.default_rng(1).uniform(-0.1, 1.1, (61, 47, 3)).astype(np.float32)
    saved = save(photo(pixels), tmp_path / name, depth=depth)
    back = tifffile.imread(saved) if name == "a.tif" else imagecodecs.png_decode(saved.read_bytes())
    expected = np.floor(np.clip(pixels, 0, 1) * np.float32(2**depth - 1) + np.float32(0.5))
    assert back.dtype.itemsize * 8 == depth
    assert np.array_equal(back, expected)


@pytest.mark.parametrize("name", ["a.jpg", "a.avif"])
def test_lossy_formats_are_close(name, tmp_path):
    pixels = picture(120, 160)
    saved = save(photo(pixels), tmp_path / name)
    with Image.open(saved) as image:
        assert np.abs(np.asarray(image) / 255 - pixels).mean() < 0.006


def test_jpeg_and_avif_keep_colour_in_every_pixel(tmp_path):
    with Image.open(save(photo(), tmp_path / "a.jpg")) as image:
        assert get_sampling(image) == 0  # 4:4:4
    avif = save(photo(), tmp_path / "a.avif").read_bytes()
    assert avif[avif.index(b"av1C") + 4 + 2] & 0b1100 == 0  # chroma_subsampling_x and _y


def test_quality_shrinks_the_file_and_must_be_a_percentage(tmp_path):
    sizes = [save(photo(), tmp_path / f"{q}.jpg", quality=q).stat().st_size for q in (50, 95)]
    assert sizes[0] < sizes[1]
    with pytest.raises(ValueError, match="quality of 1 to 100, got 101"):
        save(photo(), tmp_path / "a.jpg", quality=101)


def test_the_usual_depth_is_8_and_for_tiff_16(tmp_path):
    assert tifffile.imread(save(photo(), tmp_path / "a.TIFF")).dtype == np.uint16
    assert imagecodecs.png_decode(save(photo(), tmp_path / "a.png").read_bytes()).dtype == np.uint8


def test_a_large_tiff_is_cut_into_strips_that_every_reader_joins(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 256, (500, 700, 3), np.uint8)
    saved = save(photo(pixels, orientation=8), tmp_path / "a.tif", depth=8)
    expected = np.rot90(pixels)
    with tifffile.TiffFile(saved) as tiff:
        assert len(tiff.pages[0].dataoffsets) > 1
        assert np.array_equal(tiff.asarray(), expected)
    with Image.open(saved) as image:
        assert np.array_equal(np.asarray(image), expected)


def test_a_format_can_be_named(tmp_path):
    saved = save(photo(), tmp_path / "picture", format="png")
    assert saved.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="expected a format among jpeg, png, tiff, avif, got 'bmp'"):
        save(photo(), tmp_path / "a.png", format="bmp")


@pytest.mark.parametrize(("name", "depth", "words"), [("a.webp", 8, "ends in no known way"), ("a.jpg", 16, "16 bits")])
def test_what_a_file_cannot_be_is_refused(name, depth, words, tmp_path):
    with pytest.raises(OutputError, match=words):
        save(photo(), tmp_path / name, depth=depth)
    assert names(tmp_path) == []


def test_the_chunks_of_a_png_are_sound_and_in_order(tmp_path):
    content = save(photo(), tmp_path / "a.png", depth=16).read_bytes()
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
    first = save(photo(), tmp_path / name, depth=depth).read_bytes()
    srgb_profile.cache_clear()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert save(photo(), tmp_path / name, depth=depth, overwrite=True).read_bytes() == first


# Colour profile and shooting data


@pytest.mark.parametrize(("name", "depth"), FORMS)
def test_every_format_carries_the_profile_and_the_shooting_data(name, depth, tmp_path):
    saved = save(photo(orientation=6), tmp_path / name, depth=depth)
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
    assert texts == {271: "Jürgens Kamera", 305: f"crispnet {output.VERSION}, look plain 0.1.0", 315: "Zoë"}
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
    with Image.open(save(photo(exif=exif), tmp_path / "a.jpg")) as image:
        assert not {33434, 33437, 34855} & set(image.getexif().get_ifd(34665))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1 / 8000, (1, 8000)), (0.3, (3, 10)), (0.5, (1, 2)), (1.3, (13, 10)), (30.0, (30, 1))]
)
def test_exposure_times_are_written_as_photographers_say_them(seconds, expected, tmp_path):
    exif = {"exposure_time": float(np.float32(seconds))}
    with Image.open(save(photo(exif=exif), tmp_path / "a.jpg")) as image:
        written = image.getexif().get_ifd(34665)[33434]
    assert (written.numerator, written.denominator) == expected


def test_a_sensitivity_above_16_bits_is_saturated(tmp_path):
    with Image.open(save(photo(exif={"iso": 102400.0}), tmp_path / "a.jpg")) as image:
        shot = image.getexif().get_ifd(34665)
    assert (shot[34855], shot[34864], shot[34866]) == (65535, 2, 102400)


# Publishing


def test_an_existing_file_is_refused_before_any_work_and_kept(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_text("precious")
    monkeypatch.setattr(output, "_encode", lambda *_, **__: pytest.fail("worked for nothing"))
    with pytest.raises(OutputError, match="exists already"):
        save(photo(), tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_text() == "precious"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_while_encoding_is_kept(links, tmp_path, monkeypatch):
    def encode(*_, **__):
        (tmp_path / "a.jpg").write_text("precious")
        return [b"picture"]

    monkeypatch.setattr(output, "_encode", encode)
    if not links:
        monkeypatch.setattr(output.os, "link", no_links)
    with pytest.raises(OutputError, match="exists already"):
        save(photo(), tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_text() == "precious"
    assert names(tmp_path) == ["a.jpg"]


def no_links(*_):
    raise OSError(errno.EPERM, "no links here")


@pytest.mark.parametrize("links", [True, False])
def test_a_picture_gets_its_name_with_and_without_hard_links(links, tmp_path, monkeypatch):
    if not links:
        monkeypatch.setattr(output.os, "link", no_links)
    saved = save(photo(), tmp_path / "-é 日本.jpg")
    with Image.open(saved) as image:
        image.load()
    assert names(tmp_path) == ["-é 日本.jpg"]
    assert saved.stat().st_nlink == 1


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "new").touch()
    assert save(photo(), tmp_path / "a.png").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_overwriting_replaces(tmp_path):
    (tmp_path / "a.png").write_text("old")
    save(photo(), tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("way", ["itself", "hard link", "symbolic link"])
def test_the_raw_is_never_written_to(way, tmp_path):
    raw, target = tmp_path / "raw.tif", tmp_path / "a.tif"
    raw.write_text("raw")
    if way == "itself":
        target = tmp_path / "." / "raw.tif"
    elif way == "hard link":
        os.link(raw, target)
    else:
        target.symlink_to(raw)
    with pytest.raises(OutputError, match="is the raw file itself"):
        save(photo(path=raw), target, overwrite=True)
    assert raw.read_text() == "raw"


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_is_none_is_refused(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"is not a folder\. .* needed\. Make it"):
        save(photo(), tmp_path / folder / "a.jpg")
    with pytest.raises(OutputError, match="is a folder"):
        save(photo(), tmp_path, format="png", overwrite=True)
    assert names(tmp_path) == ["file"]


def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    pixels = np.random.default_rng(3).random((300, 300, 3), np.float32)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100_000, before[1])
    )  # the system refuses to write on, as a full disk does
    try:
        with pytest.raises(OutputError, match=r"a\.tif cannot be written: .* needed\. Check the folder and the disk"):
            save(photo(pixels), tmp_path / "a.tif")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_at_the_end_leaves_what_was_there(call, tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_text("old")

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(output.os, call, fail)
    with pytest.raises(OutputError, match="No space left on device"):
        save(photo(), tmp_path / "a.jpg", overwrite=True)
    assert (tmp_path / "a.jpg").read_text() == "old"
    assert names(tmp_path) == ["a.jpg"]


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refuse(self, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(output.Path, "open", refuse)  # permissions do not bind root, who may run this
    with pytest.raises(OutputError, match=r"a\.jpg cannot be written: Permission denied"):
        save(photo(), tmp_path / "a.jpg")


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(output.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(photo(), tmp_path / "a.jpg")
    assert names(tmp_path) == []


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path):
    assert save(photo(), tmp_path / ("a" * 251 + ".jpg")).exists()
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        save(photo(), tmp_path / ("a" * 252 + ".jpg"))
    assert len(names(tmp_path)) == 1


# Names for a batch


def test_a_raw_lends_its_name_to_the_picture(tmp_path):
    assert destination("/card/-é.b.CR2", folder=tmp_path, ending=".jpg") == tmp_path / "-é.b.jpg"
    assert destination("/card/...dng", folder=tmp_path, ending=".jpg").parent == tmp_path
    with pytest.raises(ValueError, match="expected an ending among"):
        destination("/card/a.CR2", folder=tmp_path, ending="/../../a.jpg")


def test_a_folder_may_be_a_link_but_a_picture_may_not_lead_out_of_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert destination("a.dng", folder=tmp_path / "link", ending=".png") == tmp_path / "link" / "a.png"
    (tmp_path / "real" / "a.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(OutputError, match="leads out of"):
        destination("a.dng", folder=tmp_path / "link", ending=".png")


# Exiftool


class TestExifTool:
    pytestmark = needs_exiftool

    @pytest.mark.parametrize(("name", "depth"), FORMS)
    def test_everything_but_the_raws_own_pixels_is_copied(self, name, depth, tmp_path, raw_file, exiftool):
        out = tmp_path / "-out %d %f"
        out.mkdir()
        saved = save(photo(orientation=6, path=raw_file), out / f"-ü 50% {name}", depth=depth, exiftool=exiftool)
        copied = {"GPSLatitude": "48.5", "XMP-dc:Title": "Berg", "UserComment": "hello", "Make": "Real"}
        own = {"Software": f"crispnet {output.VERSION}, look plain 0.1.0", "ExifIFD:ColorSpace": "1"}
        own |= {"ExifImageWidth": "70", "ImageSize": "70 90", "ProfileDescription": "sRGB built-in"}
        expected = copied | own
        turned = ["IFD0:Orientation", "IFD1:Orientation", "XMP:Orientation", "XMP-dc:Format"]
        told = tell(saved, *(f"-{tag}" for tag in [*expected, *turned]))
        assert told[: len(expected)] == list(expected.values())
        assert told[len(expected) :] == ["1"] * (not name.endswith(".avif"))  # which turns in another way
        assert names(out) == [f"-ü 50% {name}"]

    def test_pixels_are_the_same_with_and_without(self, tmp_path, raw_file, exiftool):
        rich = save(photo(path=raw_file), tmp_path / "a.jpg", exiftool=exiftool)
        plain = save(photo(path=raw_file), tmp_path / "b.jpg")
        with Image.open(rich) as one, Image.open(plain) as other:
            assert one.tobytes() == other.tobytes()

    def test_maker_notes_stay_unless_they_are_too_large_for_a_jpeg(self, tmp_path, exiftool):
        found = []
        for size in (1000, 100_000):
            raw = tmp_path / f"{size}.tif"
            notes = b"LEICA\0\0\0" + np.random.default_rng(4).bytes(size)
            raw.write_bytes(tiff_with_maker_notes(notes))
            saved = save(photo(path=raw, exif={}), tmp_path / f"{size}.jpg", exiftool=exiftool)
            found.append(tell(saved, "-MakerNoteUnknown", "-LensModel", "-Make"))
        assert [values[-2:] for values in found] == [["Summicron", "Leica"]] * 2
        assert [len(values) for values in found] == [3, 2]

    def test_a_missing_raw_costs_the_picture_nothing(self, tmp_path, exiftool, caplog):
        saved = save(photo(path=tmp_path / "gone.dng"), tmp_path / "a.jpg", exiftool=exiftool)
        assert "gone.dng' does not exist" in caplog.text
        with Image.open(saved) as image:
            assert image.getexif()[272] == "K 1"
        assert names(tmp_path) == ["a.jpg"]

    @pytest.mark.parametrize(
        ("name", "words"), [("a\n-delete_original\n.dng", "without line breaks"), ("%d%f.jpg", "for a pattern")]
    )
    def test_a_name_that_is_no_argument_is_not_passed_on(self, name, words, tmp_path, exiftool, caplog):
        save(photo(path=tmp_path / name), tmp_path / "a.jpg", exiftool=exiftool)
        assert words in caplog.text

    def test_a_process_that_died_is_replaced(self, tmp_path, raw_file, caplog):
        with ExifTool() as exiftool:
            exiftool._process.kill()
            exiftool._process.wait()
            saved = save(photo(path=raw_file), tmp_path / "a.jpg", exiftool=exiftool)
        assert tell(saved, "-XMP-dc:Title") == ["Berg"]
        assert caplog.text == ""

    def test_both_chunks_of_a_png_are_read(self, tmp_path):
        saved = save(photo(), tmp_path / "a.png", depth=16)
        assert tell(saved, "-IFD0:Make", "-ICC_Profile:ProfileDescription") == ["Jürgens Kamera", "sRGB built-in"]
        assert tell(saved, "-validate") == ["0 0 0"]


def tell(path, *tags):
    """What exiftool reads, one value a line, without its own wording."""
    command = ["exiftool", "-n", "-s3", "-charset", "filename=utf8", *tags, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def tiff_with_maker_notes(notes):
    """A minimal TIFF: Make and an EXIF directory with MakerNote and LensModel."""
    start = 8 + 2 + 2 * 12 + 4 + 6
    behind = start + 2 + 2 * 12 + 4
    first = struct.pack("<HHHIIHHIII", 2, 271, 2, 6, 38, 34665, 4, 1, start, 0) + b"Leica\0"
    second = struct.pack("<HHHIIHHIII", 2, 37500, 7, len(notes), behind + 10, 42036, 2, 10, behind, 0)
    return b"II*\0\x08\0\0\0" + first + second + b"Summicron\0" + notes


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Put a shell script in exiftool's place."""

    def install(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "exiftool").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "exiftool").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return install


OLD = 'while read line; do case "$line" in -execute*) echo 12.23; echo "{ready${line#-execute}}";; esac; done'


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exec sleep 60", "longer than 0.3 s"), ("exit 1", "ended unexpectedly"), (OLD, "12.23 is too old to be safe")],
    ids=["hangs", "dies", "old"],
)
def test_an_exiftool_that_fails_costs_the_picture_nothing(script, reason, tmp_path, pretend, caplog):
    pretend(script)
    out = tmp_path / "out"
    out.mkdir()
    with caplog.at_level(logging.WARNING), ExifTool(limit=0.3) as exiftool:
        saved = [save(photo(path=tmp_path / "a.dng"), out / f"{n}.jpg", exiftool=exiftool) for n in range(2)]
    assert caplog.text.count(reason) == 2
    for path in saved:
        with Image.open(path) as image:
            assert image.getexif()[272] == "K 1"
    assert names(out) == ["0.jpg", "1.jpg"]


def test_exiftool_must_be_installed(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExifToolError, match="not installed"):
        ExifTool()


def test_the_codecs_are_loaded_only_when_needed():
    code = "import sys, crispnet.darkroom.output; print({'PIL', 'tifffile', 'imagecodecs'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_example_in_the_docstring():
    assert doctest.testmod(output, extraglobs={"np": np}) == (0, 1)
