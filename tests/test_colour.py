"""Colour arithmetic: properties first, then colour-science, then the published pairs."""

import doctest
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from crispnet import colour as ours

# On import, colour-science warns of optional packages that are missing, and changes how numpy prints for everyone.
with warnings.catch_warnings(), np.printoptions():
    warnings.simplefilter("ignore")
    import colour as theirs
    from colour.adaptation import matrix_chromatic_adaptation_VonKries
    from colour.temperature import CCT_to_uv_Krystek1985, CCT_to_uv_Planck1900, CCT_to_xy_CIE_D, uv_to_CCT_Ohno2013

D65, D50 = ours.xy_to_xyz(ours.D65_XY), ours.xy_to_xyz(ours.D50_XY)
RNG = np.random.default_rng(20050200)
KELVINS = np.arange(1667.0, 25001.0)

# Sharma, Wu and Dalal 2005, table 1, two pairs a line: L*, a*, b* of both colours, ΔE2000.
PUBLISHED = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425     50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412     50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000    50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669        50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792       50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195       50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045       50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461       50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492     50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030     50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000         50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000         50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644   63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731       35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373   36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441       90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377       2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
SHARMA = np.array(PUBLISHED.split(), float).reshape(-1, 7)

values = arrays(np.float64, array_shapes(min_dims=0, max_dims=3), elements=st.floats(-16, 16))
labs = st.tuples(st.floats(0, 100), st.floats(-128, 128), st.floats(-128, 128))
asides = st.floats(-0.015, 0.015)
lights = st.builds(lambda kelvin, *aside: ours.kelvin_to_xy(kelvin) + aside, st.floats(2000, 25000), asides, asides)


def random_labs(count: int) -> np.ndarray:
    return RNG.uniform((0, -128, -128), (100, 128, 128), (count, 3))


@given(values)
def test_the_curves_undo_each_other(linear):
    assert ours.decode_srgb(ours.encode_srgb(linear)) == pytest.approx(linear, rel=1e-9, abs=1e-8)
    assert ours.encode_srgb(ours.decode_srgb(linear)) == pytest.approx(linear, rel=1e-9, abs=4e-8)


@given(values)
def test_the_curves_are_odd_and_keep_the_shape(linear):
    for curve in (ours.encode_srgb, ours.decode_srgb):
        assert curve(linear).shape == linear.shape
        assert np.array_equal(curve(-linear), -curve(linear))


def test_the_curves_rise_everywhere():
    ramp = np.linspace(-2, 4, 600_001)
    assert np.diff(ours.decode_srgb(ramp)).min() > 0
    assert np.diff(ours.encode_srgb(ramp)).min() > 0


@pytest.mark.parametrize("curve", [ours.encode_srgb, ours.decode_srgb])
def test_the_curves_keep_float32_and_widen_the_rest(curve):
    ramp = np.linspace(-0.5, 2, 1001)
    assert curve(ramp.astype(np.float32)).dtype == np.float32
    assert curve(ramp.astype(np.float32)) == pytest.approx(curve(ramp), rel=1e-6, abs=1e-6)
    assert {curve(given).dtype for given in (ramp, ramp.astype(np.float16), [0, 1], 1)} == {np.dtype(np.float64)}


def test_the_matrices_undo_each_other():
    back_and_forth = ours.XYZ_TO_SRGB @ ours.SRGB_TO_XYZ
    assert back_and_forth == pytest.approx(np.eye(3), abs=1e-12)


@given(lights)
def test_chromaticities_survive_xyz_of_any_scale(xy):
    assert ours.xyz_to_xy(ours.xy_to_xyz(xy) * 37) == pytest.approx(xy, abs=1e-12)


@given(labs, lights)
def test_lab_and_xyz_undo_each_other(lab, xy):
    white = 100 * ours.xy_to_xyz(xy)
    assert ours.xyz_to_lab(ours.lab_to_xyz(lab, white), white) == pytest.approx(np.array(lab), abs=1e-8)


def test_neutrals_have_no_chroma():
    grey = np.linspace(0, 1.5, 301)
    lab = ours.srgb_to_lab(np.stack([grey] * 3, axis=-1))
    assert np.abs(lab[:, 1:]).max() < 1e-12
    assert np.diff(lab[:, 0]).min() > 0
    assert ours.srgb_to_lab([[0.0] * 3, [1.0] * 3]) == pytest.approx(np.array([[0.0, 0, 0], [100, 0, 0]]), abs=1e-12)


def test_srgb_to_lab_is_the_way_through_xyz():
    rgb = RNG.uniform(-0.2, 1.2, (40, 3))
    assert ours.srgb_to_lab(rgb) == pytest.approx(
        ours.xyz_to_lab(ours.decode_srgb(rgb) @ ours.SRGB_TO_XYZ.T, D65), abs=1e-10
    )


@given(lights, lights, st.floats(0.01, 1000))
def test_adaptation_moves_the_white_and_comes_back(source_xy, target_xy, scale):
    source, target = ours.xy_to_xyz(source_xy), ours.xy_to_xyz(target_xy)
    there = ours.adaptation(scale * source, target)
    assert there @ source == pytest.approx(target, abs=1e-9)
    assert ours.adaptation(source, scale * source) == pytest.approx(np.eye(3), abs=1e-12)
    assert ours.adaptation(target, scale * source) @ there == pytest.approx(np.eye(3), abs=1e-8)


@given(labs, labs)
@example((50.0, 2.0, -2.0), (50.0, -2.0, 2.0))  # opposite hues
@example((50.0, 0.0, 0.0), (50.0, -1.0, -1e-300))  # a grey; a hue that rounds to a full turn
def test_differences_are_symmetric_positive_and_nothing_between_equals(lab_a, lab_b):
    for difference in (ours.delta_e_76, ours.delta_e_2000):
        assert difference(lab_a, lab_a) == 0
        assert difference(lab_a, lab_b) >= 0
        assert difference(lab_a, lab_b) == difference(lab_b, lab_a)


def test_leading_axes_are_kept():
    picture = RNG.uniform(0.1, 0.9, (2, 5, 3))
    lab = ours.srgb_to_lab(picture)
    assert lab.shape == ours.lab_to_xyz(lab, D65).shape == ours.xyz_to_lab(picture, D65).shape == (2, 5, 3)
    assert ours.delta_e_76(lab, lab[0, 0]).shape == ours.delta_e_2000(lab, lab[0, 0]).shape == (2, 5)
    assert ours.xyz_to_xy(picture).shape == (2, 5, 2)
    assert ours.adaptation(picture + 1, D50).shape == (2, 5, 3, 3)
    assert ours.kelvin_to_xy(np.full((2, 5), 5000.0)).shape == (2, 5, 2)
    assert ours.xy_to_kelvin(ours.xyz_to_xy(picture)).shape == (2, 5)
    assert ours.delta_e_2000(lab, lab[0, 0])[1, 3] == ours.delta_e_2000(lab[1, 3], lab[0, 0])


def test_kelvin_to_xy_has_no_jump():
    steps = np.linalg.norm(np.diff(ours.kelvin_to_xy(KELVINS), axis=0), axis=-1)
    assert steps.max() < 3e-4
    assert np.abs(np.diff(np.log(steps))).max() < 0.1  # a kelvin goes hardly further than the kelvin before it


def test_hotter_is_bluer_all_the_way():
    xy = ours.kelvin_to_xy(KELVINS)
    assert np.diff(xy[:, 0]).max() < 0
    assert np.diff(ours.xy_to_kelvin(xy)[1:]).min() > 0


def test_temperatures_come_back():
    back = ours.xy_to_kelvin(ours.kelvin_to_xy(KELVINS))
    assert np.abs(back / KELVINS - 1)[KELVINS <= 15000].max() < 0.004
    assert np.abs(back / KELVINS - 1).max() < 0.01


@given(st.floats(0, 1), st.floats(0, 1))
@example(0.0, 0.0)
@example(1.0, 0.0)
@example(0.0, 1.0)
def test_every_chromaticity_has_a_temperature_within_the_range(x, y):
    assume(x + y <= 1)
    assert ours.KELVIN_RANGE[0] <= ours.xy_to_kelvin((x, y)) <= ours.KELVIN_RANGE[1]


def test_temperatures_beyond_the_range_are_clamped():
    ember, purple, blue_sky = (0.65, 0.35), (0.52, 0.0), (0.23, 0.22)
    assert ours.xy_to_kelvin([ember, purple, blue_sky]).tolist() == [1667, 1667, 25000]


def test_curves_agree_with_colour_science():
    ramp = np.linspace(0, 4, 4001)
    assert ours.encode_srgb(ramp) == pytest.approx(theirs.models.eotf_inverse_sRGB(ramp), abs=1e-6)
    assert ours.decode_srgb(ramp) == pytest.approx(theirs.models.eotf_sRGB(ramp), abs=1e-6)


@pytest.mark.parametrize(("name", "matrix"), [("sRGB", ours.SRGB_TO_XYZ), ("Display P3", ours.P3_TO_XYZ)])
def test_matrices_agree_with_colour_science(name, matrix):
    space = theirs.RGB_COLOURSPACES[name]
    derived = theirs.normalised_primary_matrix(space.primaries, space.whitepoint)
    assert matrix == pytest.approx(derived, abs=1e-9)
    assert matrix == pytest.approx(space.matrix_RGB_to_XYZ, abs=4e-5)  # as printed in the standard, four digits
    assert matrix @ np.ones(3) == pytest.approx(D65, abs=1e-12)


def test_the_matrices_cannot_be_changed_by_a_caller():
    for matrix in (ours.SRGB_TO_XYZ, ours.XYZ_TO_SRGB, ours.P3_TO_XYZ):
        with pytest.raises(ValueError, match="read-only"):
            matrix[0, 0] = 1


@pytest.mark.parametrize("xy", [ours.D65_XY, ours.D50_XY])
def test_xyz_and_lab_agree_with_colour_science(xy):
    white = ours.xy_to_xyz(xy)
    assert white == pytest.approx(theirs.xy_to_XYZ(np.array(xy)), abs=1e-12)
    xyz = np.concatenate([RNG.uniform(0, 1.2, (500, 3)), RNG.uniform(0, 0.01, (500, 3))])
    lab = theirs.XYZ_to_Lab(xyz, np.array(xy))
    assert ours.xyz_to_xy(xyz) == pytest.approx(theirs.XYZ_to_xy(xyz), abs=1e-12)
    assert ours.xyz_to_lab(xyz, white) == pytest.approx(lab, abs=1e-6)
    assert ours.lab_to_xyz(lab, white) == pytest.approx(theirs.Lab_to_XYZ(lab, np.array(xy)), abs=1e-6)


@pytest.mark.parametrize(("method", "difference"), [("CIE 1976", ours.delta_e_76), ("CIE 2000", ours.delta_e_2000)])
def test_differences_agree_with_colour_science(method, difference):
    lab_a = random_labs(4000)
    near = lab_a + RNG.normal(0, 3, lab_a.shape)
    for lab_b in (random_labs(4000), near):
        assert difference(lab_a, lab_b) == pytest.approx(theirs.delta_E(lab_a, lab_b, method=method), abs=1e-6)


@pytest.mark.parametrize("source", [ours.D65_XY, (0.4476, 0.4074), (0.28, 0.29)])
def test_adaptation_agrees_with_colour_science(source):
    source = ours.xy_to_xyz(source)
    reference = matrix_chromatic_adaptation_VonKries(source, D50, transform="Bradford")
    assert ours.adaptation(100 * source, D50) == pytest.approx(reference, abs=1e-6)


def test_lights_agree_with_colour_science():
    warm, cool = KELVINS[KELVINS <= 4000], KELVINS[KELVINS >= 5000]
    krystek = theirs.UCS_uv_to_xy(CCT_to_uv_Krystek1985(warm))
    assert ours.kelvin_to_xy(warm) == pytest.approx(krystek, abs=1e-6)
    assert ours.kelvin_to_xy(cool) == pytest.approx(CCT_to_xy_CIE_D(cool), abs=1e-6)


def test_warm_lights_are_those_of_plancks_law():
    warm = np.arange(1700.0, 4001.0, 50)
    uv = theirs.xy_to_UCS_uv(ours.kelvin_to_xy(warm))
    assert uv == pytest.approx(CCT_to_uv_Planck1900(warm), abs=1.5e-4)


@pytest.mark.parametrize("aside", [-0.01, 0.0, 0.01])
def test_temperatures_agree_with_colour_science(aside):
    kelvins = np.geomspace(2000, 15000, 40)
    uv = CCT_to_uv_Planck1900(kelvins)
    along = CCT_to_uv_Planck1900(kelvins * 1.001) - uv
    across = np.stack([-along[:, 1], along[:, 0]], axis=-1) / np.linalg.norm(along, axis=-1, keepdims=True)
    uv = uv + aside * across
    reference = np.array([uv_to_CCT_Ohno2013(point)[0] for point in uv])
    assert reference == pytest.approx(kelvins, rel=0.01)
    assert ours.xy_to_kelvin(theirs.UCS_uv_to_xy(uv)) == pytest.approx(reference, rel=0.01)


def test_delta_e_2000_gives_the_published_numbers():
    assert len(SHARMA) == 34
    assert ours.delta_e_2000(SHARMA[:, :3], SHARMA[:, 3:6]) == pytest.approx(SHARMA[:, 6], abs=5e-5)


def test_the_docstrings_tell_the_truth():
    result = doctest.testmod(ours)
    assert result.failed == 0
    assert result.attempted >= 12


@pytest.mark.parametrize("kelvin", [1666, 25001, -5, np.nan, np.inf, [5000, 30000]])
def test_temperatures_outside_the_range_are_refused(kelvin):
    with pytest.raises(ValueError, match="expected 1667 to 25000 K, got"):
        ours.kelvin_to_xy(kelvin)


@pytest.mark.parametrize("xy", [(0.3, -1.0), (0.3, np.nan), (0.3, np.inf), (2.0, 0.0)])
def test_what_is_no_light_is_refused(xy):
    with pytest.raises(ValueError, match="expected chromaticities with y above 0"):
        ours.xy_to_xyz(xy)
    with pytest.raises(ValueError, match="expected chromaticities of lights"):
        ours.xy_to_kelvin(xy)


def test_black_has_no_chromaticity():
    with pytest.raises(ValueError, match="expected XYZ with some light in it"):
        ours.xyz_to_xy([[0.2, 0.3, 0.4], [0, 0, 0]])


@pytest.mark.parametrize("white", [(0, 0, 0), (0.9, -1, 0.8), (0.9, np.nan, 0.8), (np.inf, 1, 1), (3, 1, 0.1)])
def test_what_is_no_white_is_refused(white):
    with pytest.raises(ValueError, match=r"X, Y and Z above 0|all three kinds of cone"):
        ours.adaptation(white, D50)
    for convert in (ours.xyz_to_lab, ours.lab_to_xyz):
        with pytest.raises(ValueError, match="expected a white with X, Y and Z above 0"):
            convert(D65, -np.array(white))


@pytest.mark.parametrize("convert", [ours.srgb_to_lab, ours.xyz_to_xy, ours.xy_to_xyz, ours.xy_to_kelvin])
@pytest.mark.parametrize("wrong", [np.ones((2, 4)), 0.5])
def test_the_last_axis_is_checked(convert, wrong):
    with pytest.raises(ValueError, match="components along the last axis, got shape"):
        convert(wrong)


def test_import_loads_nothing_heavy():
    code = "import sys, crispnet.colour; print(sorted({'scipy', 'colour', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
