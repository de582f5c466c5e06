"""The camera's colour: round trips between light and neutral, whites that stay white, nonsense that stays harmless."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers

from crispnet.colour import D50_XY, D65_XY, KELVIN_RANGE, SRGB_TO_XYZ, adaptation, kelvin_to_xy, xy_to_kelvin, xy_to_xyz
from crispnet.raw.calibration import (
    Calibration,
    balanced_to_xyz,
    believable,
    kelvin_of,
    light_of,
    neutral_of,
    white_balance_at,
    xyz_to_camera,
)
from making import CALIBRATIONS, XYZ_TO_CAMERA, XYZ_TO_CAMERA_LIGHT_A

D65, D50 = xy_to_xyz(D65_XY), xy_to_xyz(D50_XY)
FORWARD = np.array([[0.6, 0.2, 0.1643], [0.25, 0.7, 0.05], [0.0, 0.1, 0.7251]])
FORWARD_LIGHT_A = np.array([[0.65, 0.18, 0.1343], [0.3, 0.68, 0.02], [0.02, 0.08, 0.7251]])
ONE, TWO = CALIBRATIONS[1:], CALIBRATIONS
THREE = (*TWO, Calibration(23, 0.4 * XYZ_TO_CAMERA_LIGHT_A + 0.6 * XYZ_TO_CAMERA + 0.01))
FORWARDS = (Calibration(17, XYZ_TO_CAMERA_LIGHT_A, FORWARD_LIGHT_A), Calibration(21, XYZ_TO_CAMERA, FORWARD))
CAMERAS = {"one light": ONE, "two lights": TWO, "three lights": THREE, "forward": FORWARDS, "unknown": ()}
each_camera = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
kelvins = st.floats(2500, 10000)
anything = st.floats(1e-3, 1e3)


@pytest.mark.parametrize("camera", [ONE, TWO, THREE, FORWARDS], ids=["one", "two", "three", "forward"])
@settings(max_examples=25, deadline=None)
@given(kelvin=kelvins)
def test_a_light_is_found_again_from_its_neutral(camera: tuple[Calibration, ...], kelvin: float) -> None:
    xy = kelvin_to_xy(kelvin)
    neutral = neutral_of(camera, xy)
    assert neutral[1] == 1
    np.testing.assert_allclose(light_of(camera, neutral), xy, atol=1e-6)


@each_camera
@settings(max_examples=25, deadline=None)
@given(kelvin=kelvins)
def test_a_temperature_is_found_again_from_its_white_balance(camera: tuple[Calibration, ...], kelvin: float) -> None:
    found = kelvin_of(camera, white_balance_at(camera, kelvin))
    assert abs(1e6 / found - 1e6 / xy_to_kelvin(kelvin_to_xy(kelvin))) < 0.05  # mired


@each_camera
@settings(max_examples=25, deadline=None)
@given(red=anything, blue=anything)
def test_balanced_white_is_d65_under_any_light_or_none(
    camera: tuple[Calibration, ...], red: float, blue: float
) -> None:
    matrix = balanced_to_xyz(camera, np.array([red, 1, blue, 1]))
    np.testing.assert_allclose(matrix @ np.ones(3), D65, atol=1e-10)
    assert np.linalg.det(matrix) > 0


@each_camera
@settings(max_examples=25, deadline=None)
@given(red=anything, blue=anything)
def test_any_white_balance_has_a_temperature(camera: tuple[Calibration, ...], red: float, blue: float) -> None:
    assert KELVIN_RANGE[0] <= kelvin_of(camera, np.array([red, 1, blue, 1])) <= KELVIN_RANGE[1]


def test_the_matrix_sees_colours_under_the_light_at_hand() -> None:
    """Camera values made by hand, of a patch under light A, come out as the patch adapted from A to D65."""
    light = xy_to_xyz((0.4476, 0.4074))
    patch = np.array([0.3, 0.2, 0.05])
    camera = XYZ_TO_CAMERA_LIGHT_A @ patch
    balance = 1 / (XYZ_TO_CAMERA_LIGHT_A @ light)
    only_light_a = CALIBRATIONS[:1]
    found = balanced_to_xyz(only_light_a, balance[[0, 1, 2, 1]] / balance[1]) @ (balance * camera)
    np.testing.assert_allclose(found, adaptation(light, D65) @ patch, rtol=1e-6)


def test_an_unknown_camera_sees_in_srgb() -> None:
    np.testing.assert_allclose(balanced_to_xyz((), np.ones(4)), SRGB_TO_XYZ, atol=1e-6)
    assert kelvin_of((), np.ones(4)) == pytest.approx(6504, abs=1)


def test_forward_matrices_lead_to_d50_and_are_adapted() -> None:
    daylight = balanced_to_xyz(FORWARDS[1:], white_balance_at(FORWARDS[1:], 6500))
    np.testing.assert_allclose(daylight, adaptation(D50, D65) @ FORWARD, atol=2e-4)


def test_forward_matrices_count_only_if_every_light_has_one() -> None:
    balance = white_balance_at(TWO, 4000)
    mixed = (FORWARDS[0], TWO[1])
    np.testing.assert_array_equal(balanced_to_xyz(mixed, balance), balanced_to_xyz(TWO, balance))
    assert np.abs(balanced_to_xyz(FORWARDS, balance) - balanced_to_xyz(TWO, balance)).max() > 0.01


def share_of_light_a(kelvin: float) -> float:
    zero, one = Calibration(21, np.zeros((3, 3))), Calibration(17, np.ones((3, 3)))
    return float(xyz_to_camera((zero, one), kelvin)[0, 0])


def test_between_two_lights_the_matrix_follows_inverse_temperature() -> None:
    middle = 2 / (1 / 2850 + 1 / 6500)
    assert share_of_light_a(middle) == pytest.approx(0.5)
    shares = [share_of_light_a(kelvin) for kelvin in np.linspace(2850, 6500, 50)]
    assert (np.diff(shares) < 0).all()


@pytest.mark.parametrize(("kelvin", "share"), [(1700, 1), (2850, 1), (6500, 0), (20000, 0)])
def test_beyond_the_lights_the_matrix_stays(kelvin: float, share: float) -> None:
    assert share_of_light_a(kelvin) == share


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_three_lights_meet_at_each_whatever_their_order(order: tuple[int, ...]) -> None:
    shuffled = tuple(THREE[i] for i in order)
    for calibration in THREE:
        np.testing.assert_allclose(xyz_to_camera(shuffled, calibration.kelvin), calibration.xyz_to_camera, atol=1e-12)
    between = (THREE[0].xyz_to_camera + THREE[2].xyz_to_camera) / 2
    np.testing.assert_allclose(xyz_to_camera(shuffled, 2 / (1 / 2850 + 1 / 5000)), between, atol=1e-12)


def test_two_calibrations_for_one_light_make_no_trouble() -> None:
    twice = (ONE[0], ONE[0])
    for kelvin in (3000, 6500, 9000):
        np.testing.assert_array_equal(xyz_to_camera(twice, kelvin), XYZ_TO_CAMERA)


@pytest.mark.parametrize(("code", "name", "kelvin"), [(17, "light A", 2850), (255, "light 255", 6500)])
def test_a_light_has_a_name_and_a_temperature(code: int, name: str, kelvin: float) -> None:
    calibration = Calibration(code, XYZ_TO_CAMERA)
    assert (calibration.light, calibration.kelvin) == (name, kelvin)


def test_cameras_that_exist_are_believed() -> None:
    for camera in CAMERAS.values():
        assert believable(camera) == camera


NONSENSE = {
    "zero": np.zeros((3, 3)),
    "singular": np.ones((3, 3)),
    "nearly singular": np.ones((3, 3)) + 1e-6 * np.eye(3),
    "not a number": XYZ_TO_CAMERA * np.nan,
    "infinite": XYZ_TO_CAMERA * np.inf,
    "enormous": XYZ_TO_CAMERA * 1e300,
    "dark": -XYZ_TO_CAMERA,
    "blind to red": XYZ_TO_CAMERA * [[-1], [1], [1]],
}


@pytest.mark.parametrize("matrix", NONSENSE.values(), ids=NONSENSE)
def test_a_matrix_that_no_camera_has_is_left_out(matrix: np.ndarray) -> None:
    nonsense = Calibration(17, matrix)
    assert believable((nonsense,)) == ()
    assert believable((nonsense, *ONE)) == ONE


@pytest.mark.parametrize("matrix", NONSENSE.values(), ids=NONSENSE)
def test_a_calibration_outlives_a_forward_matrix_that_goes_elsewhere(matrix: np.ndarray) -> None:
    (kept,) = believable((Calibration(21, XYZ_TO_CAMERA, matrix),))
    assert kept.balanced_to_d50 is None
    assert kept.xyz_to_camera is XYZ_TO_CAMERA


def test_calibrations_with_nothing_between_them_are_cut_to_one() -> None:
    swapped = Calibration(17, XYZ_TO_CAMERA[[1, 0, 2]])  # half-way to this one, red and green see the same
    assert believable((swapped,)) == (swapped,)
    assert believable((*ONE, swapped)) == ONE
    assert believable((swapped, *ONE)) == (swapped,)


@settings(max_examples=100, deadline=None)
@given(
    matrices=st.lists(numbers.arrays(np.float64, (3, 3), elements=st.floats(-5, 5)), min_size=1, max_size=3),
    xy=st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
    balance=st.tuples(anything, anything),
)
def test_whatever_is_believed_can_be_used(
    matrices: list[np.ndarray], xy: tuple[float, float], balance: tuple[float, float]
) -> None:
    codes = (17, 21, 23)
    camera = believable(tuple(Calibration(code, m) for code, m in zip(codes, matrices, strict=False)))
    neutral = neutral_of(camera or TWO, np.array(xy))
    assert np.isfinite(neutral).all()
    assert neutral.min() > 0
    matrix = balanced_to_xyz(camera, np.array([balance[0], 1, balance[1], 1]))
    np.testing.assert_allclose(matrix @ np.ones(3), D65, atol=1e-6)
