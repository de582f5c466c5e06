import numpy as np
import pytest

from crispnet.colour import D65_XY, XYZ_TO_SRGB, kelvin_to_xy, xyz_to_xy
from crispnet.data.spectra import (
    WAVELENGTHS,
    Light,
    blackbody,
    camera,
    cameras,
    cmfs,
    daylight,
    display_primaries,
    lamps,
    reflectances,
    srgb_white_weights,
    xyz_weights,
)
from crispnet.data.upsampling import STEPS, face_reflectances, face_table, look_up

# CIE 015:2018 tables 5 and 1, at 400, 450, ... 700 nm, relative to 560 nm
CIE_D65 = [82.7549, 117.008, 109.354, 104.046, 90.0062, 80.0268, 71.6091]
CIE_A = [14.708, 33.0859, 59.8611, 92.9120, 129.043, 165.028, 198.261]


def test_tables_hold_what_was_measured():
    phones = [one.name for one in cameras() if one.kind == "phone"]
    assert len(cameras()) == 83
    assert len({one.name for one in cameras()}) == 83
    assert len(phones) == 9
    assert {"Apple iPhone X", "Samsung Galaxy S9"} < set(phones)
    assert len(lamps()) == 18
    assert reflectances().shape == (190, 31)


def test_sensitivities_are_those_of_red_green_and_blue():
    for one in cameras():
        assert one.sensitivities.shape == (3, 31), one.name
        assert one.sensitivities.min() >= 0, one.name
        assert one.sensitivities[1].max() == 1, one.name
        red, green, blue = WAVELENGTHS[one.sensitivities.argmax(axis=1)]
        assert red > 560 > green > 490 > blue, one.name


def test_surfaces_reflect_some_of_the_light():
    assert reflectances().min() > 0
    assert reflectances().max() < 1.04  # one of them fluoresces


def test_camera_is_found_by_name():
    assert camera("Nikon D850").kind == "camera"
    with pytest.raises(ValueError, match="83 measured cameras, got 'Nokia'"):
        camera("Nokia")


@pytest.mark.parametrize(("spectrum", "published"), [(daylight(6504.0), CIE_D65), (blackbody(2855.5), CIE_A)])
def test_lights_are_the_cies(spectrum, published):
    assert spectrum[::5] / spectrum[16] * 100 == pytest.approx(published, rel=0.035)  # triangles smooth the sun's lines


@pytest.mark.parametrize("kelvin", [5000, 5500, 6504, 7500, 10000])
def test_daylight_has_the_colour_of_its_temperature(kelvin):
    assert xyz_to_xy(cmfs() @ daylight(kelvin)) == pytest.approx(kelvin_to_xy(kelvin), abs=0.002)


@pytest.mark.parametrize("kelvin", [2300, 2856, 4000])
def test_black_body_has_the_colour_of_its_temperature(kelvin):
    assert xyz_to_xy(cmfs() @ blackbody(kelvin)) == pytest.approx(kelvin_to_xy(kelvin), abs=0.003)


def test_daylight_refuses_what_is_none():
    with pytest.raises(ValueError, match="expected daylight of 4000 to 25000 K, got 3000"):
        daylight(3000)


def test_every_light_has_a_mean_of_one_and_shines_everywhere_or_not_at_all():
    for light in (Light(), Light("black body", 2700, 0.1), *(Light(name) for name in lamps())):
        assert light.spectrum().mean() == pytest.approx(1)
        assert light.spectrum().min() >= 0


def test_tint_makes_a_light_greener():
    (_, magenta), (_, pure), (_, green) = (xyz_to_xy(cmfs() @ Light(tint=tint).spectrum()) for tint in (-0.1, 0, 0.1))
    assert magenta < pure - 0.005 < pure + 0.005 < green


def test_unknown_light_is_refused():
    with pytest.raises(ValueError, match="got 'candle'"):
        Light("candle").spectrum()


def test_display_shows_more_than_srgb():
    mixed = np.linalg.solve(cmfs() @ display_primaries().T, np.linalg.inv(XYZ_TO_SRGB))
    assert mixed.diagonal().min() > 0
    assert mixed.min() > -0.1 * mixed.diagonal().max()  # sRGB's primaries lie within its own, or just outside


def test_white_is_d65_to_the_last_digit():
    assert xyz_to_xy(srgb_white_weights().sum(axis=1)) == pytest.approx(D65_XY, abs=1e-12)
    assert xyz_weights(daylight(5000))[1].sum() == pytest.approx(1)


def test_surfaces_have_the_colours_they_were_solved_for():
    table = face_table(XYZ_TO_SRGB @ srgb_white_weights())
    colours = np.random.default_rng(0).uniform(0, 1, (20, 30, 3))
    assert table.shape == (3, STEPS, STEPS, 3)
    assert look_up(table, colours) == pytest.approx(colours, abs=1e-5)


def test_surfaces_are_possible_and_grey_is_even():
    surfaces = face_reflectances()
    assert surfaces.min() >= 0
    assert surfaces.max() <= 1
    assert surfaces[:, -1, -1] == pytest.approx(np.full((3, 31), 0.5), abs=1e-9)


def test_table_is_homogeneous_and_positive():
    table = face_table(camera("Apple iPhone X").sensitivities * daylight(5000))
    colours = np.random.default_rng(1).uniform(0, 1, (8, 8, 3)).astype(np.float32)
    colours[0, 0] = 0
    colours[0, 1] = (0, 0, 7)
    seen = look_up(table, colours)
    assert seen.dtype == np.float32
    assert (seen[0, 0] == 0).all()
    assert np.delete(seen.reshape(-1, 3), 0, axis=0).min() > 0
    assert look_up(table, 50 * colours) == pytest.approx(50 * seen, rel=1e-5)


def test_table_is_continuous_where_faces_meet():
    table = face_table(camera("Canon EOS R5").sensitivities * lamps()["FL11"])
    for before, after in (((1, 0.9999, 0.3), (0.9999, 1, 0.3)), ((0.2, 1, 0.9999), (0.2, 0.9999, 1))):
        one, other = look_up(table, np.array([[before, after]]))[0]
        assert one == pytest.approx(other, rel=1e-3)


def test_negative_colours_count_as_black():
    table = face_table(camera("Canon EOS R5").sensitivities * daylight(6504))
    assert (look_up(table, np.array([[[-0.5, 0.4, -1]]])) == look_up(table, np.array([[[0, 0.4, 0]]]))).all()


def test_interpolation_comes_close_to_the_spectra_themselves():
    weights = camera("Samsung Galaxy S9").sensitivities * daylight(5500)
    fine = face_table(weights)
    coarse = look_up(_every_second(fine), _points())
    assert coarse == pytest.approx(look_up(fine, _points()), rel=0.02, abs=0.002 * weights.sum())


def _every_second(table):
    """The same table, with what lies at odd places replaced by the mean of its neighbours: twice the steps' error."""
    coarse = table.copy()
    coarse[:, 1::2] = (coarse[:, :-1:2] + coarse[:, 2::2]) / 2
    coarse[:, :, 1::2] = (coarse[:, :, :-1:2] + coarse[:, :, 2::2]) / 2
    return coarse


def _points():
    return np.random.default_rng(2).uniform(0.05, 1, (16, 16, 3))
