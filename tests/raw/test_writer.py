"""DNGs written and read back, by tifffile (every tag), by LibRaw (what a decoder makes of it) and by ourselves."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rawpy
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from crispnet.errors import OutputError
from crispnet.raw.calibration import Calibration
from crispnet.raw.image import CFAS, Box, RawImage
from crispnet.raw.opcodes import FixVignetteRadial, GainMap, WarpRectilinear
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import EXIF, XYZ_TO_CAMERA, first_page, gain_map, jpeg_picture, raw_image

FORWARD = np.array([[0.6, 0.2, 0.1643], [0.25, 0.7, 0.05], [0.0, 0.1, 0.7251]])
LIBRAW_FLIP = {1: 0, 2: 1, 3: 3, 4: 2, 5: 4, 6: 6, 7: 7, 8: 5}


def make_raw(height: int = 24, width: int = 32, *, offset: tuple[int, int] = (0, 0), **values: object) -> RawImage:
    """A small raw image whose mosaic lies somewhere within a larger frame."""
    area, frame = Box(*offset, height, width), (height + offset[0] + 3, width + offset[1] + 2)
    return raw_image(height=height, width=width, **{"active_area": area, "stored_size": frame} | values)


def vignette(*, optional: bool = True) -> FixVignetteRadial:
    return FixVignetteRadial(stage=3, optional=optional, k=(0.1, 0.02, 0.0, 0.0, 0.0), centre=(0.5, 0.5))


def map_of(stage: int) -> GainMap:
    return gain_map(stage=stage, area=(0, 1, 20, 20), pitch=(2, 2), grid=(3, 4), spacing=(0.5, 0.25))


def warp() -> WarpRectilinear:
    return WarpRectilinear(3, True, np.array([[1, 0.01, 0.001, 0, 0, 0.0002]]), (0.5, 0.5))


def quotients(numbers: tuple[int, ...]) -> np.ndarray:
    pairs = np.reshape(numbers, (-1, 2)).astype(float)
    return pairs[:, 0] / pairs[:, 1]


@st.composite
def raw_images(draw: st.DrawFn) -> RawImage:
    height, width = draw(st.integers(24, 70)), draw(st.integers(24, 70))  # LibRaw takes nothing below 22
    top, left, below, beside = (draw(st.integers(0, 7)) for _ in range(4))
    crop_top, crop_left, crop_below, crop_beside = (draw(st.integers(0, 5)) for _ in range(4))
    crop = Box(crop_top, crop_left, height - crop_top - crop_below, width - crop_left - crop_beside)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    maybe, lights = st.booleans(), draw(st.sampled_from([(21,), (17, 21), (17, 23, 21)]))
    matrix, forward = XYZ_TO_CAMERA, FORWARD if draw(maybe) else None
    noise = rng.uniform(1e-6, 1e-4, (4, 2))[[0, 1, 2, 1]]
    opcodes = draw(st.sampled_from([(), (map_of(2),), (map_of(2), map_of(3), vignette(), warp())]))
    kept = draw(st.sets(st.sampled_from(sorted(EXIF.keys() - {"make", "model"}))))
    kept |= draw(st.sampled_from([set(), {"make", "model"}]))
    return RawImage(
        mosaic=rng.integers(0, 2**16, (height, width)).astype(np.uint16),
        cfa=draw(st.sampled_from(CFAS)),
        black=rng.integers(0, 4 * 1024, (2, 2)) / 4,
        white=draw(st.integers(4095, 65535)),
        white_balance=rng.uniform([0.5, 1, 0.5, 1], [4, 1, 4, 1]),
        calibrations=tuple(Calibration(light, matrix + rng.uniform(-0.1, 0.1, (3, 3)), forward) for light in lights),
        orientation=draw(st.integers(1, 8)),
        crop=crop,
        active_area=Box(top, left, height, width),
        stored_size=(top + height + below, left + width + beside),
        noise_profile=noise if draw(maybe) else None,
        black_rows=rng.integers(-64, 64, height) / 16 if draw(maybe) else None,
        black_columns=rng.integers(-64, 64, width) / 16 if draw(maybe) else None,
        opcodes=opcodes,
        exif={key: EXIF[key] for key in kept},
    )


many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(raw=raw_images())
def test_every_tag_says_what_the_image_said(raw: RawImage, tmp_path: Path) -> None:
    path = write_dng(raw, tmp_path / "a.dng", overwrite=True)
    tags = first_page(path)
    area, crop = raw.active_area, raw.crop
    assert tags["CFAPattern"] == bytes("RGB".index(letter) for letter in raw.cfa)
    assert tags["ActiveArea"] == (area.top, area.left, area.bottom, area.right)
    assert tags["DefaultCropOrigin"] == (crop.left, crop.top)
    assert tags["DefaultCropSize"] == (crop.width, crop.height)
    assert tags["Orientation"] == raw.orientation
    assert tags["WhiteLevel"] == raw.white
    np.testing.assert_array_equal(quotients(tags["BlackLevel"]), raw.black.ravel())
    np.testing.assert_allclose(1 / quotients(tags["AsShotNeutral"]), raw.white_balance[:3], rtol=1e-12)
    for tag, deltas in (("BlackLevelDeltaV", raw.black_rows), ("BlackLevelDeltaH", raw.black_columns)):
        assert (tag in tags) == (deltas is not None)
        if deltas is not None:
            np.testing.assert_array_equal(quotients(tags[tag]), deltas)
    for number, calibration in enumerate(raw.calibrations, 1):
        assert tags[f"CalibrationIlluminant{number}"] == calibration.illuminant
        np.testing.assert_allclose(
            quotients(tags[f"ColorMatrix{number}"]), calibration.xyz_to_camera.ravel(), rtol=0, atol=1e-12
        )
        assert (f"ForwardMatrix{number}" in tags) == (calibration.balanced_to_d50 is not None)
    assert tags["DNGVersion"] == bytes([1, 6 if len(raw.calibrations) == 3 else 4, 0, 0])


@many
@given(raw=raw_images())
def test_the_stored_frame_is_the_mosaic_within_black_margins(raw: RawImage, tmp_path: Path) -> None:
    frame = tifffile.imread(write_dng(raw, tmp_path / "a.dng", overwrite=True))
    area = raw.active_area
    assert frame.shape == raw.stored_size
    np.testing.assert_array_equal(frame[area.rows, area.columns], raw.mosaic)
    rows, columns = np.indices(raw.stored_size)
    black = raw.black.round()[(rows - area.top) % 2, (columns - area.left) % 2]
    margin = np.ones(raw.stored_size, bool)
    margin[area.rows, area.columns] = False
    np.testing.assert_array_equal(frame[margin], black[margin])


@many
@given(raw=raw_images(), with_preview=st.booleans())
def test_libraw_understands_the_same(raw: RawImage, with_preview: bool, tmp_path: Path) -> None:
    preview = jpeg_picture() if with_preview else None
    path = write_dng(raw, tmp_path / "a.dng", preview=preview, overwrite=True)
    area = raw.active_area
    with rawpy.imread(str(path)) as decoder:
        assert decoder.raw_image.shape == raw.stored_size
        np.testing.assert_array_equal(decoder.raw_image[area.rows, area.columns], raw.mosaic)
        colours = decoder.raw_colors[area.rows, area.columns][:2, :2].ravel()
        assert "".join(decoder.color_desc.decode()[colour] for colour in colours) == raw.cfa
        assert decoder.white_level == raw.white
        assert decoder.sizes.flip == LIBRAW_FLIP[raw.orientation]
        np.testing.assert_allclose(
            np.array(decoder.camera_whitebalance)[:3] / decoder.camera_whitebalance[1], raw.white_balance[:3], rtol=1e-6
        )


@pytest.mark.parametrize("offset", [(0, 0), (2, 4), (3, 5), (2, 5), (3, 4)])
@pytest.mark.parametrize("crop", [Box(8, 6, 180, 280), Box(7, 9, 181, 283), Box(0, 1, 200, 290)])
def test_libraw_finds_the_crop(offset: tuple[int, int], crop: Box, tmp_path: Path) -> None:
    """LibRaw moves a crop's corner to the next even row and column of the frame; the far corner stays."""
    raw = make_raw(200, 300, offset=offset, crop=crop)
    with rawpy.imread(str(write_dng(raw, tmp_path / "a.dng"))) as decoder:
        sizes = decoder.sizes
    top, left = offset[0] + crop.top, offset[1] + crop.left
    assert (sizes.crop_top_margin, sizes.crop_left_margin) == (top + top % 2, left + left % 2)
    assert sizes.crop_top_margin + sizes.crop_height == offset[0] + crop.bottom
    assert sizes.crop_left_margin + sizes.crop_width == offset[1] + crop.right


@pytest.mark.parametrize("cfa", CFAS)
@pytest.mark.parametrize("offset", [(0, 0), (2, 4)])
def test_libraw_takes_each_black_level_for_its_own_colour(cfa: str, offset: tuple[int, int], tmp_path: Path) -> None:
    raw = make_raw(cfa=cfa, offset=offset)
    with rawpy.imread(str(write_dng(raw, tmp_path / "a.dng"))) as decoder:
        colours = decoder.raw_colors[raw.active_area.rows, raw.active_area.columns][:2, :2]
        np.testing.assert_array_equal(np.array(decoder.black_level_per_channel)[colours], raw.black)


@many
@given(raw=raw_images())
def test_our_reader_gives_back_every_field(raw: RawImage, tmp_path: Path) -> None:
    back = open_raw(write_dng(raw, tmp_path / "a.dng", overwrite=True))
    for name in ("cfa", "white", "orientation", "crop", "active_area", "stored_size"):
        assert getattr(back, name) == getattr(raw, name), name
    np.testing.assert_array_equal(back.mosaic, raw.mosaic)
    np.testing.assert_array_equal(back.black, raw.black)
    np.testing.assert_allclose(back.white_balance, raw.white_balance, rtol=1e-9)
    for name in ("noise_profile", "black_rows", "black_columns"):
        assert (getattr(back, name) is None) == (getattr(raw, name) is None), name
        if getattr(raw, name) is not None:
            np.testing.assert_allclose(getattr(back, name), getattr(raw, name), rtol=1e-12, err_msg=name)
    assert len(back.calibrations) == len(raw.calibrations)
    for read, written in zip(back.calibrations, raw.calibrations, strict=True):
        assert read.illuminant == written.illuminant
        np.testing.assert_allclose(read.xyz_to_camera, written.xyz_to_camera, atol=1e-9)
        assert (read.balanced_to_d50 is None) == (written.balanced_to_d50 is None)
    assert [(type(opcode), opcode.stage, opcode.body()) for opcode in back.opcodes] == [
        (type(opcode), opcode.stage, opcode.body()) for opcode in raw.opcodes
    ]
    for key, value in raw.exif.items():
        assert back.exif[key] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value), key


def test_exif_is_where_other_programs_look(tmp_path: Path) -> None:
    with Image.open(write_dng(make_raw(exif=EXIF), tmp_path / "a.dng", preview=jpeg_picture())) as picture:
        first, shot = picture.getexif(), picture.getexif().get_ifd(34665)
    assert [first[code] for code in (271, 272, 306)] == ["Crispnet", "Virtual One", EXIF["datetime"]]
    assert [shot[code] for code in (34855, 33434, 33437, 37386)] == pytest.approx([400, 1 / 125, 2.8, 35])
    assert [shot[code] for code in (36867, 42033, 42036)] == [EXIF["datetime"], "12345", "35mm f/2"]


def test_sensitivity_beyond_16_bits_is_told_in_full_beside(tmp_path: Path) -> None:
    raw = make_raw(exif={"iso": 102400})
    with Image.open(write_dng(raw, tmp_path / "a.dng", preview=jpeg_picture())) as picture:
        shot = picture.getexif().get_ifd(34665)
    assert (shot[34855], shot[34864], shot[34866]) == (65535, 2, 102400)


@pytest.mark.parametrize(
    ("exif", "name"),
    [
        ({"make": "Canon", "model": "Canon EOS 350D"}, "Canon EOS 350D"),
        ({"make": "GoPro", "model": "HERO7 Black"}, "GoPro HERO7 Black"),
        ({"model": "X100"}, "X100"),
        ({}, "Unknown camera"),
    ],
)
def test_camera_has_a_unique_name(exif: dict[str, str], name: str, tmp_path: Path) -> None:
    assert first_page(write_dng(make_raw(exif=exif), tmp_path / "a.dng"))["UniqueCameraModel"] == name


def test_noise_of_both_greens_is_averaged_and_equal_planes_are_one_pair(tmp_path: Path) -> None:
    planes = np.array([[1, 0.1], [2, 0.2], [3, 0.3], [4, 0.4]]) * 1e-4
    different = first_page(write_dng(make_raw(noise_profile=planes), tmp_path / "a.dng"))["NoiseProfile"]
    equal = first_page(write_dng(make_raw(noise_profile=planes[[0] * 4]), tmp_path / "b.dng"))["NoiseProfile"]
    assert different == pytest.approx((1e-4, 1e-5, 3e-4, 3e-5, 3e-4, 3e-5))
    assert equal == (1e-4, 1e-5)


def test_only_an_opcode_that_may_not_be_skipped_asks_for_a_newer_reader(tmp_path: Path) -> None:
    versions = [
        first_page(write_dng(make_raw(opcodes=opcodes), tmp_path / f"{number}.dng"))["DNGBackwardVersion"]
        for number, opcodes in enumerate([(), (vignette(),), (vignette(optional=False),)])
    ]
    assert versions == [bytes([1, 1, 0, 0]), bytes([1, 1, 0, 0]), bytes([1, 3, 0, 0])]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        write_dng(make_raw(), path)
    assert path.read_bytes() == b"precious"
    assert write_dng(make_raw(), path, overwrite=True) == path
    assert first_page(path)["WhiteLevel"] == 16383


def test_a_raw_file_never_replaces_itself(tmp_path: Path) -> None:
    path = write_dng(make_raw(), tmp_path / "a.dng")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="the raw file itself"):
        write_dng(make_raw(path=path, white=4095), path, overwrite=True)
    assert path.read_bytes() == before


def test_names_need_not_be_ascii(tmp_path: Path) -> None:
    path = write_dng(make_raw(), tmp_path / "été 写真 ☀.dng")
    with rawpy.imread(str(path)) as decoder:
        assert decoder.white_level == 16383


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.dng"
    path.write_bytes(b"precious")
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OutputError, match="No space left"):
        write_dng(make_raw(), path, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.dng"]
    assert path.read_bytes() == b"precious"


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_dng(make_raw(), tmp_path / "missing" / "a.dng")


def test_more_than_4_gib_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="4 GiB"):
        write_dng(make_raw(stored_size=(50_000, 50_000)), tmp_path / "a.dng")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"calibrations": ()}, "1 to 3 calibrations"),
        ({"calibrations": (Calibration(21, XYZ_TO_CAMERA),) * 4}, "1 to 3 calibrations"),
        ({"black": np.full((2, 2), -1.0)}, "at least 0"),
        ({"white": 16383.5}, "whole-numbered"),
        ({"white_balance": np.array([2, 1, 1.5, 1.1])}, "both greens"),
        ({"active_area": Box(0, 0, 24, 30)}, "the mosaic's size"),
        ({"active_area": Box(4, 0, 24, 32)}, "within the stored"),
    ],
)
def test_what_a_dng_cannot_hold_is_refused(change: dict[str, object], expected: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=expected):
        write_dng(replace(make_raw(), **change), tmp_path / "a.dng")
    assert not list(tmp_path.iterdir())
