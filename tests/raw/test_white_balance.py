"""The light of the photograph: what files claim, what cannot be right, and the guess from the picture itself."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.colour import SRGB_TO_XYZ, adaptation, kelvin_to_xy, xy_to_xyz
from crispnet.darkroom.photo import develop
from crispnet.look.plain import PlainLook
from crispnet.raw import white_balance
from crispnet.raw.calibration import kelvin_of, white_balance_at, xyz_to_camera
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import CALIBRATIONS, WHITE, raw_image, scene_rgb
from retagging import with_tag, without_tag

AS_SHOT_NEUTRAL, AS_SHOT_WHITE_XY = 50728, 50729
D65 = xy_to_xyz((0.3127, 0.3290))
sound = st.floats(0.25, 5)


@given(red=sound, green=sound, blue=sound, scale=st.floats(1e-3, 1e3))
def test_green_is_one_whatever_the_maker_scales_by(red: float, green: float, blue: float, scale: float) -> None:
    found = white_balance.green_one(red * scale, green * scale, blue * scale)
    assert found is not None
    np.testing.assert_allclose(found, [red / green, 1, blue / green, 1])


@pytest.mark.parametrize(
    "claimed",
    [
        (-1, 0, 0),  # LibRaw for a CRW that holds none
        (0, 0, 0),
        (0, 1, 0),  # LibRaw for a DNG without AsShotNeutral
        (2, 1, 0),
        (2, 1, -1),
        (np.nan, 1, 1),
        (1, np.inf, 1),
        (np.inf, np.inf, np.inf),
        (1, 1, 21),
        (1e-300, 1, 1e300),
    ],
)
def test_impossible_multipliers_are_refused(claimed: tuple[float, float, float]) -> None:
    assert white_balance.green_one(*claimed) is None


def test_the_second_green_is_the_first() -> None:
    """LibRaw's white balance of a Canon PowerShot S40."""
    np.testing.assert_allclose(white_balance.green_one(1690, 1043, 1622), [1690 / 1043, 1, 1622 / 1043, 1])


@pytest.mark.parametrize("neutral", [(0, 1, 1), (0.5, 1, 1e-320), (0.01, 1, 1), (np.nan, 1, 1), (-0.5, 1, 0.5)])
def test_impossible_neutrals_are_refused(neutral: tuple[float, float, float]) -> None:
    assert white_balance.from_neutral(np.array(neutral)) is None


@given(red=sound, blue=sound)
def test_a_neutral_is_balanced_to_grey(red: float, blue: float) -> None:
    neutral = np.array([red, 1.5, blue])
    found = white_balance.from_neutral(neutral)
    assert found is not None
    np.testing.assert_allclose(found[:3] * neutral, 1.5)


def seen_under(kelvin: float, seed: int) -> np.ndarray:
    """A scene as the camera records it: (3, h, w), its colours those of ``scene_rgb`` under a light."""
    light = xy_to_xyz(kelvin_to_xy(kelvin))
    camera = xyz_to_camera(CALIBRATIONS, kelvin) @ adaptation(D65, light) @ SRGB_TO_XYZ
    return (0.8 * scene_rgb(46, 60, seed) @ camera.T).clip(0).transpose(2, 0, 1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kelvin", [2856, 5003, 6504], ids=["A", "D50", "D65"])
def test_a_colourful_scene_gives_its_light_away(kelvin: float, seed: int) -> None:
    estimate, how = white_balance.estimate(seen_under(kelvin, seed), CALIBRATIONS)
    assert abs(1e6 / kelvin_of(CALIBRATIONS, estimate) - 1e6 / kelvin) < 60  # mired: half-way from flash to shade
    assert how == "estimated from the photograph"


@pytest.mark.parametrize("kelvin", [2856, 5003, 6504], ids=["A", "D50", "D65"])
def test_a_grey_wall_gives_its_light_away_exactly(kelvin: float) -> None:
    wall = np.full((3, 40, 40), 0.3) / white_balance_at(CALIBRATIONS, kelvin)[:3, None, None]
    estimate, _ = white_balance.estimate(wall, CALIBRATIONS)
    assert abs(1e6 / kelvin_of(CALIBRATIONS, estimate) - 1e6 / kelvin) < 5
    unknown_camera, _ = white_balance.estimate(wall, ())
    np.testing.assert_allclose(unknown_camera[:3] * wall[:, 0, 0], 0.3)


def test_a_lawn_does_not_turn_grey() -> None:
    """The estimate is a light, and no light is magenta enough for that."""
    lawn = np.full((3, 40, 40), 0.3) * np.array([0.35, 1, 0.2])[:, None, None]
    estimate, _ = white_balance.estimate(lawn, CALIBRATIONS)
    lights = [white_balance_at(CALIBRATIONS, kelvin) for kelvin in (2500, 10000)]
    assert min(light[0] for light in lights) <= estimate[0] <= max(light[0] for light in lights)
    balanced = estimate[:3] * lawn[:, 0, 0]
    assert balanced[1] > 1.2 * balanced[2]


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 3.0])
def test_a_frame_that_shows_nothing_is_taken_for_daylight(level: float) -> None:
    nothing = np.full((3, 368, 480), level, np.float32)
    estimate, how = white_balance.estimate(nothing, CALIBRATIONS)
    np.testing.assert_array_equal(estimate, white_balance_at(CALIBRATIONS, 5500))
    assert "taken for daylight" in how
    np.testing.assert_array_equal(white_balance.estimate(nothing, ())[0], white_balance.LIKELIEST)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), kelvin=st.floats(2500, 10000), exposure=st.floats(0.1, 20))
def test_the_estimate_is_always_a_white_balance(seed: int, kelvin: float, exposure: float) -> None:
    scene = seen_under(kelvin, seed) * exposure
    for calibrations in (CALIBRATIONS, ()):
        estimate, _ = white_balance.estimate(scene, calibrations)
        assert estimate.shape == (4,)
        assert estimate[1] == estimate[3] == 1
        assert 0.2 < estimate.min() <= estimate.max() <= 5


def assert_says_so(path: Path, how: str) -> None:
    raw = open_raw(path)
    assert raw.sources["white_balance"].startswith(how)
    assert [note for note in raw.notes if "white balance" in note and how in note]


def test_a_file_without_white_balance_is_estimated_and_says_so(tmp_path: Path) -> None:
    path = without_tag(write_dng(raw_image(), tmp_path / "a.dng"), AS_SHOT_NEUTRAL)
    assert_says_so(path, "estimated from the photograph")
    np.testing.assert_allclose(open_raw(path).white_balance, raw_image().white_balance, rtol=0.35)


@pytest.mark.parametrize("counts", [0, WHITE], ids=["black", "clipped"])
def test_a_frame_without_picture_or_white_balance_says_so(counts: int, tmp_path: Path) -> None:
    raw = raw_image(mosaic=np.full((48, 64), counts, np.uint16))
    assert_says_so(without_tag(write_dng(raw, tmp_path / "a.dng"), AS_SHOT_NEUTRAL), "taken for daylight")


@pytest.mark.parametrize("neutral", [(0, 1, 1, 1, 1, 1), (1, 0, 1, 1, 1, 0), (1, 1, 0, 0, 1, 1), (1, 100, 1, 1, 1, 1)])
def test_an_impossible_neutral_is_estimated(neutral: tuple[int, ...], tmp_path: Path) -> None:
    path = with_tag(write_dng(raw_image(), tmp_path / "a.dng"), AS_SHOT_NEUTRAL, "R", *neutral)
    assert_says_so(path, "estimated from the photograph")


def test_the_chromaticity_of_the_light_will_do(tmp_path: Path) -> None:
    path = write_dng(raw_image(), tmp_path / "a.dng")
    with_tag(path, AS_SHOT_WHITE_XY, "R", 3127, 10000, 3290, 10000, instead_of=AS_SHOT_NEUTRAL)
    raw = open_raw(path)
    assert raw.sources["white_balance"] == "DNG AsShotWhiteXY"
    np.testing.assert_allclose(raw.white_balance, raw_image().white_balance, rtol=1e-6)


@pytest.mark.parametrize("xy", [(0, 0), (1, 1), (0.9, 0.06), (0.06, 0.06), (0.06, 0.85), (4e9, 0.3)])
def test_the_chromaticity_of_no_light_will_not_do(xy: tuple[float, float], tmp_path: Path) -> None:
    path = write_dng(raw_image(), tmp_path / "a.dng")
    numbers = (int(xy[0] * 100) or 0, 100, int(xy[1] * 100), 100) if xy[0] < 9 else (2**32 - 1, 1, 3, 10)
    with_tag(path, AS_SHOT_WHITE_XY, "R", *numbers, instead_of=AS_SHOT_NEUTRAL)
    assert_says_so(path, "estimated from the photograph")


def test_an_estimated_white_balance_leaves_no_tint(tmp_path: Path) -> None:
    wall = np.full((48, 64, 3), 0.3) / raw_image().white_balance[:3]
    counts = np.empty((48, 64), np.uint16)
    for row, column, plane in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        counts[row::2, column::2] = 512 + wall[0, 0, plane] * 15000
    raw = raw_image(mosaic=counts, black=np.full((2, 2), 512))
    path = without_tag(write_dng(raw, tmp_path / "a.dng"), AS_SHOT_NEUTRAL)
    pixels = np.asarray(develop(open_raw(path), PlainLook()).pixels, np.float64)[8:-8, 8:-8]
    assert np.ptp(pixels.mean(axis=(0, 1))) < 0.02
