"""Raw files opened: every value as the file says, with its source; other makers' files by a stand-in for LibRaw."""

import datetime
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rawpy
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispnet.errors import UnsupportedRaw
from crispnet.raw import reader
from crispnet.raw.bayer import pack_linear
from crispnet.raw.dngtags import Tags
from crispnet.raw.image import CFAS, Box, RawImage
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import BLACK, CALIBRATIONS, XYZ_TO_CAMERA, gain_map, raw_image, scene_rgb
from retagging import with_tag

SAID_ELSEWHERE = {"mosaic", "sources", "notes", "demosaiced_before", "path"}  # not values that a file states
NOISE = np.array([[1e-4, 1e-7], [2e-4, 2e-7], [3e-4, 3e-7], [2e-4, 2e-7]])


def written(tmp_path: Path, **changes: object) -> Path:
    return write_dng(raw_image(**changes), tmp_path / "a.dng")


# A DNG


def test_every_value_names_its_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = written(
        tmp_path, noise_profile=NOISE, opcodes=(gain_map(),), black_rows=rng.uniform(0, 4, 48).round(2),
        black_columns=rng.uniform(0, 4, 64).round(2), crop=Box(2, 4, 40, 50), orientation=6,
    )  # fmt: skip
    raw = open_raw(path)
    assert raw.sources.keys() == {field.name for field in fields(RawImage)} - SAID_ELSEWHERE
    from_tags = {name: source for name, source in raw.sources.items() if source.startswith("DNG ")}
    assert from_tags == {
        "black": "DNG BlackLevel",
        "white": "DNG WhiteLevel",
        "white_balance": "DNG AsShotNeutral",
        "calibrations": "DNG ColorMatrix for light A and D65",
        "orientation": "DNG Orientation",
        "crop": "DNG DefaultCrop",
        "active_area": "DNG ActiveArea",
        "noise_profile": "DNG NoiseProfile",
        "black_rows": "DNG BlackLevelDeltaV",
        "black_columns": "DNG BlackLevelDeltaH",
        "opcodes": "DNG OpcodeList2",
    }
    assert raw.path == path
    assert raw.notes == ()
    assert not raw.demosaiced_before


def test_absent_values_say_so(tmp_path: Path) -> None:
    raw = open_raw(written(tmp_path))
    absent = {name for name, source in raw.sources.items() if source == "not in the file"}
    assert absent == {"noise_profile", "black_rows", "black_columns", "opcodes"}
    assert raw.noise_profile is raw.black_rows is raw.black_columns is None
    assert raw.opcodes == ()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cfa=st.sampled_from(CFAS),
    height=st.integers(24, 40),
    width=st.integers(24, 40),
    offset=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    orientation=st.integers(1, 8),
)
def test_odd_areas_of_any_filter_array_come_back_whole(
    cfa: str, height: int, width: int, offset: tuple[int, int], orientation: int, tmp_path: Path
) -> None:
    area, crop = Box(*offset, height, width), Box(1, 3, height - 2, width - 5)
    stored = (height + offset[0] + 3, width + offset[1] + 2)
    raw = raw_image(
        height=height, width=width, cfa=cfa, active_area=area, stored_size=stored, crop=crop, orientation=orientation
    )
    found = open_raw(write_dng(raw, tmp_path / "a.dng", overwrite=True))
    np.testing.assert_array_equal(found.mosaic, raw.mosaic)
    assert (found.cfa, found.orientation, found.active_area, found.crop) == (cfa, orientation, area, crop)
    assert found.stored_size == stored
    np.testing.assert_array_equal(found.black, raw.black)
    np.testing.assert_allclose(found.white_balance, raw.white_balance, rtol=1e-8)
    np.testing.assert_allclose(pack_linear(found), pack_linear(raw), atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_the_same_from_the_tag_and_from_libraw(orientation: int, tmp_path: Path) -> None:
    path = written(tmp_path, orientation=orientation)
    with rawpy.imread(str(path)) as decoder:
        assert reader.orientation(decoder, Tags({})) == (orientation, "LibRaw")
    assert open_raw(path).orientation == orientation


@pytest.mark.parametrize("cfa", CFAS)
def test_what_libraw_reads_equals_the_tags(cfa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNG read once with its tags, once as if it had none, as every other maker's file is."""
    levels = BLACK - BLACK % 512
    path = written(tmp_path, cfa=cfa, black=levels, active_area=Box(2, 4, 48, 64), stored_size=(52, 70))
    tagged = open_raw(path)
    monkeypatch.setattr("crispnet.raw.dngtags.read_tags", lambda _: Tags({}))
    untagged = open_raw(path)
    assert not [source for source in untagged.sources.values() if source.startswith("DNG")]
    np.testing.assert_array_equal(untagged.mosaic, tagged.mosaic)
    np.testing.assert_array_equal(untagged.black, tagged.black)
    np.testing.assert_allclose(untagged.white_balance, tagged.white_balance, rtol=1e-6)
    assert untagged.calibrations == ()  # LibRaw's table of cameras does not know this one
    for name in ("cfa", "white", "active_area", "stored_size", "orientation"):
        assert getattr(untagged, name) == getattr(tagged, name), name


@pytest.mark.parametrize("name", ["Überbelichtet ÄÖ.dng", "写真 001.DNG", "a b'c\"d%s.dng", "no ending"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_may_have_any_name(name: str, kind: Callable[[Path], str | Path], tmp_path: Path) -> None:
    path = write_dng(raw_image(), tmp_path / name)
    assert open_raw(kind(path)).path == path


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_in_an_old_encoding_is_no_obstacle(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.dng"))
    try:
        path.write_bytes(written(tmp_path).read_bytes())
    except OSError:
        pytest.skip("this disk refuses such names")
    np.testing.assert_array_equal(open_raw(path).mosaic, raw_image().mosaic)


@pytest.mark.parametrize(
    ("origin", "size"),
    [((0, 0), (70, 48)), ((-1, 0), (20, 20)), ((60, 0), (64, 48)), ((0, 0), (0, 0)), ((0, 0), (3, 3))],
)
def test_an_impossible_crop_is_the_whole_area(origin: tuple[int, int], size: tuple[int, int], tmp_path: Path) -> None:
    path = with_tag(with_tag(written(tmp_path), 50719, "r", origin[0], 1, origin[1], 1), 50720, "I", *size)
    assert open_raw(path).crop == Box(0, 0, 48, 64)


@pytest.mark.parametrize("area", [(0, 0, 0, 0)])
def test_an_impossible_active_area_is_not_believed(area: tuple[int, ...], tmp_path: Path) -> None:
    raw = open_raw(with_tag(written(tmp_path), 50829, "I", *area))
    assert raw.sources["active_area"] == "LibRaw"
    assert raw.mosaic.shape == (raw.active_area.height, raw.active_area.width)
    assert raw.active_area.bottom <= raw.stored_size[0]
    assert raw.active_area.right <= raw.stored_size[1]


@pytest.mark.parametrize(
    ("code", "letter", "values", "name", "absent"),
    [
        (51041, "d", (np.nan, 1e-6), "noise_profile", None),
        (51041, "d", (np.inf, 1e-6), "noise_profile", None),
        (51041, "d", (-1e-4, 1e-6), "noise_profile", None),
        (51041, "d", (1e-4,), "noise_profile", None),
        (50715, "r", (1, 0) * 64, "black_columns", None),
        (50715, "r", (10**9, 1) * 64, "black_columns", None),
        (50716, "r", (1, 1) * 9, "black_rows", None),
        (51009, "B", (0, 0), "opcodes", ()),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_absent(
    code: int, letter: str, values: tuple[float, ...], name: str, absent: object, tmp_path: Path
) -> None:
    path = with_tag(written(tmp_path, exif={"artist": "nobody"}), code, letter, *values, instead_of=315)
    raw = open_raw(path)
    assert getattr(raw, name) == absent
    assert raw.sources[name] == "not in the file"


def test_matrices_that_no_camera_has_are_replaced_by_the_others(tmp_path: Path) -> None:
    path = with_tag(written(tmp_path), 50721, "r", *(0, 1) * 9)
    raw = open_raw(path)
    assert [known.illuminant for known in raw.calibrations] == [21]
    assert raw.sources["calibrations"] == "DNG ColorMatrix for D65"


def test_body_and_gains_are_multiplied_in(tmp_path: Path) -> None:
    """CameraCalibration (Pixel phones have one) and AnalogBalance, in the order that the specification gives."""
    body = (1.02, 0.01, 0, 0, 1, 0, 0, 0.02, 0.97)
    path = written(tmp_path, calibrations=CALIBRATIONS[1:], exif={"artist": "a", "software": "b"})
    with_tag(path, 50723, "r", *(part for value in body for part in (round(value * 1000), 1000)), instead_of=315)
    with_tag(path, 50727, "R", 11, 10, 1, 1, 9, 10, instead_of=305)
    expected = np.diag([1.1, 1, 0.9]) @ np.reshape(body, (3, 3)) @ XYZ_TO_CAMERA
    np.testing.assert_allclose(open_raw(path).calibrations[0].xyz_to_camera, expected, atol=1e-6)


# A linear DNG


def linear_dng(path: Path, pixels: np.ndarray, *, black: tuple[int, ...] = (64, 65, 66, 67), white: int = 4095) -> Path:
    """Write RGB pixels as phones and converters do: PhotometricInterpretation 34892, a black level per sample."""
    matrix = [part for value in XYZ_TO_CAMERA.ravel() for part in (round(value * 10000), 10000)]
    tags = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), True), (50708, 2, 0, "Test phone", True), (50721, 10, 9, matrix, True),
        (50778, 3, 1, 21, True), (50728, 5, 3, [5, 10, 1, 1, 7, 10], True),
        (50714, 5, pixels.shape[2], [part for level in black[: pixels.shape[2]] for part in (level, 1)], True),
        (50717, 4, pixels.shape[2], [white] * pixels.shape[2], True),
    ]  # fmt: skip
    tifffile.imwrite(path, pixels, photometric=34892, planarconfig="contig", metadata=None, extratags=tags)
    return path


def rgb_pixels(height: int = 48, width: int = 64) -> np.ndarray:
    return (scene_rgb(height, width) * 4000 + 64).astype(np.uint16)


@pytest.mark.parametrize("size", [(48, 64), (47, 61)])
def test_a_linear_dng_is_mosaiced_again_and_says_so(size: tuple[int, int], tmp_path: Path) -> None:
    pixels = rgb_pixels(*size)
    raw = open_raw(linear_dng(tmp_path / "a.dng", pixels))
    assert raw.demosaiced_before
    assert raw.cfa == "RGGB"
    for row, column, colour in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        np.testing.assert_array_equal(raw.mosaic[row::2, column::2], pixels[row::2, column::2, colour])
    np.testing.assert_array_equal(raw.black, [[64, 65], [65, 66]])
    np.testing.assert_allclose(raw.white_balance, [2, 1, 10 / 7, 1])
    assert raw.white == 4095
    assert raw.sources["cfa"] == "taken again from RGB pixels"
    assert [note for note in raw.notes if "demosaiced before" in note]


def test_pixels_in_floats_have_the_levels_that_libraw_gives_them(tmp_path: Path) -> None:
    """LibRaw scales floats to whole counts of its own, of which the file's levels say nothing."""
    light = scene_rgb(48, 64).astype(np.float32)
    raw = open_raw(linear_dng(tmp_path / "a.dng", light, black=(0, 0, 0), white=1))
    assert raw.sources["black"].startswith("LibRaw")
    assert raw.sources["white"] == "LibRaw"
    brightness = ((raw.mosaic - raw.black[0, 0]) / (raw.white - raw.black[0, 0]))[::2, ::2] / light[::2, ::2, 0]
    assert np.ptp(brightness) < 0.01 * brightness.mean()


def test_pixels_of_four_colours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedRaw, match="other colours than red, green and blue"):
        open_raw(linear_dng(tmp_path / "a.dng", np.dstack([rgb_pixels(), rgb_pixels()[..., 0]])))


# Other makers' files, through a stand-in for LibRaw


def stand_in(*, kind: type[SimpleNamespace] = SimpleNamespace, **changes: object) -> SimpleNamespace:
    """What rawpy says of a Canon PowerShot S40's CRW, with a smaller frame."""
    sizes = {
        "raw_height": 60, "raw_width": 80, "height": 48, "width": 64, "top_margin": 6, "left_margin": 12, "flip": 0,
        "pixel_aspect": 1.0, "crop_left_margin": 16, "crop_top_margin": 8, "crop_width": 56, "crop_height": 40,
    }  # fmt: skip
    frame = np.full((60, 80), 32, np.uint16)
    frame[6:54, 12:76] = raw_image(black=np.full((2, 2), 32), white=1023).mosaic
    shot = {
        "iso_speed": 50.0, "shutter_speed": 0.25, "aperture": 2.8, "focal_length": 7.1, "artist": "",
        "timestamp": datetime.datetime(2021, 3, 26, 21, 16, 32),
    }  # fmt: skip
    values: dict[str, object] = {
        "raw_image": frame,
        "raw_pattern": np.array([[0, 1], [3, 2]]),
        "color_desc": b"RGBG",
        "black_level_per_channel": [32, 32, 32, 32],
        "white_level": 1023,
        "camera_whitebalance": [1690.0, 1043.0, 1622.0, 1043.0],
        "rgb_xyz_matrix": np.vstack([XYZ_TO_CAMERA, np.zeros(3)]),
        "lens": SimpleNamespace(model=""),
        "unpack": lambda: None,
    }
    given_sizes = {key: changes.pop(key) for key in list(changes) if key in sizes}
    given_shot = {key: changes.pop(key) for key in list(changes) if key in shot}
    values |= {"sizes": SimpleNamespace(**sizes | given_sizes), "other": SimpleNamespace(**shot | given_shot)}
    values["extract_thumb"] = raiser(rawpy.LibRawNoThumbnailError(b"none"))
    return kind(**values | changes)


def raiser(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RawImage]:
    """Open a file of which rawpy says what is given."""
    path = tmp_path / "a.crw"
    path.write_bytes(b"II\x1a\0\0\0HEAPCCDR" + bytes(100))

    def open_as(**changes: object) -> RawImage:
        @contextmanager
        def imread(_: str) -> Iterator[SimpleNamespace]:
            yield stand_in(**changes)

        monkeypatch.setattr(rawpy, "imread", imread)
        return open_raw(path)

    return open_as


def test_a_crw_is_read_as_libraw_sees_it(opened: Callable[..., RawImage]) -> None:
    raw = opened()
    expected = raw_image(black=np.full((2, 2), 32), white=1023)
    np.testing.assert_array_equal(raw.mosaic, expected.mosaic)
    assert (raw.cfa, raw.white, raw.orientation) == ("RGGB", 1023, 1)
    np.testing.assert_array_equal(raw.black, 32)
    np.testing.assert_allclose(raw.white_balance, [1690 / 1043, 1, 1622 / 1043, 1])
    assert raw.active_area == Box(6, 12, 48, 64)
    assert raw.crop == Box(2, 4, 40, 56)
    assert raw.sources["white_balance"] == "LibRaw, as shot"
    assert raw.sources["calibrations"] == "LibRaw's table of cameras, for D65"
    assert raw.sources["crop"] == "LibRaw, the maker's crop"
    assert raw.sources.keys() == {field.name for field in fields(RawImage)} - SAID_ELSEWHERE


@pytest.mark.parametrize(
    "claimed", [[-1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [np.nan] * 4, [np.inf, 1, 1, 1], [1690, 1043, -1, 0]]
)
def test_a_white_balance_that_libraw_does_not_know_is_estimated(
    claimed: list[float], opened: Callable[..., RawImage]
) -> None:
    raw = opened(camera_whitebalance=claimed)
    assert raw.sources["white_balance"] == "estimated from the photograph"
    assert [note for note in raw.notes if "white balance" in note]
    np.testing.assert_allclose(raw.white_balance, raw_image().white_balance, rtol=0.35)


@pytest.mark.parametrize("second_green", [0, -1, 900, np.nan])
def test_the_second_green_does_not_count(second_green: float, opened: Callable[..., RawImage]) -> None:
    raw = opened(camera_whitebalance=[2000.0, 1000.0, 1500.0, second_green])
    np.testing.assert_allclose(raw.white_balance, [2, 1, 1.5, 1])


@pytest.mark.parametrize(("flip", "orientation"), [(0, 1), (3, 3), (5, 8), (6, 6), (90, 1), (-1, 1)])
def test_flip_is_not_orientation(flip: int, orientation: int, opened: Callable[..., RawImage]) -> None:
    assert opened(flip=flip).orientation == orientation


@pytest.mark.parametrize("margins", [(6, 12), (7, 12), (6, 13), (7, 13)])
def test_the_filter_array_begins_at_the_active_area(margins: tuple[int, int], opened: Callable[..., RawImage]) -> None:
    """LibRaw's pattern begins at the stored frame."""
    raw = opened(top_margin=margins[0], left_margin=margins[1], black_level_per_channel=[10, 20, 30, 40])
    assert raw.cfa == {(0, 0): "RGGB", (1, 0): "GBRG", (0, 1): "GRBG", (1, 1): "BGGR"}[margins[0] % 2, margins[1] % 2]
    levels = {"R": 10, "B": 30}
    for letter, level in zip(raw.cfa, raw.black.ravel(), strict=True):
        assert level == levels.get(letter, level)
        assert letter != "G" or level in (20, 40)
    assert set(raw.black.ravel()) == {10, 20, 30, 40}


def test_an_unknown_camera_is_taken_to_see_in_srgb(opened: Callable[..., RawImage]) -> None:
    raw = opened(rgb_xyz_matrix=np.zeros((4, 3)))
    assert raw.calibrations == ()
    assert "sRGB" in raw.sources["calibrations"]


def test_a_frame_smaller_than_its_area_is_cut_to_it(opened: Callable[..., RawImage]) -> None:
    raw = opened(height=100, width=100)
    assert raw.mosaic.shape == (raw.active_area.height, raw.active_area.width) == (54, 68)


def test_pixels_that_are_not_square_are_noted(opened: Callable[..., RawImage]) -> None:
    assert [note for note in opened(pixel_aspect=2.0).notes if "not square" in note]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_a_crw_tells_the_time_of_its_own_clock(
    zone: str, opened: Callable[..., RawImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        seconds = datetime.datetime(2021, 3, 26, 21, 16, 32, tzinfo=datetime.UTC).timestamp()
        raw = opened(timestamp=datetime.datetime.fromtimestamp(seconds))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert raw.exif["datetime"] == "2021:03:26 21:16:32"


def test_shooting_data_that_makes_no_sense_is_absent(opened: Callable[..., RawImage]) -> None:
    raw = opened(
        iso_speed=0.0, shutter_speed=np.inf, aperture=-1.0, focal_length=np.nan,
        timestamp=datetime.datetime(1970, 1, 1),
    )  # fmt: skip
    assert dict(raw.exif) == {}


def test_a_time_that_is_no_time_does_not_stop_us(opened: Callable[..., RawImage]) -> None:
    """rawpy gives the time, the exposure and all the rest at once, or fails."""

    class Timeless(SimpleNamespace):
        def __getattribute__(self, name: str) -> object:
            if name == "other":
                raise ValueError("year 60000 is out of range")
            return super().__getattribute__(name)

    raw = opened(kind=Timeless, lens=SimpleNamespace(model="35mm"))
    assert dict(raw.exif) == {"lens": "35mm"}


def test_a_sensor_that_clips_below_its_white_level_is_believed(opened: Callable[..., RawImage]) -> None:
    """Left at LibRaw's level, what clips would never count as clipped, and would be magenta."""
    bright = raw_image(black=np.full((2, 2), 32), white=2000).mosaic
    frame = np.full((60, 80), 32, np.uint16)
    frame[6:54, 12:76] = np.minimum(bright, 800)
    raw = opened(raw_image=frame)
    assert raw.white == 800
    assert raw.sources["white"] == "where this photograph's counts pile up; LibRaw says 1023"
