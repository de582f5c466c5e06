import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crispnet.colour import kelvin_to_xy, xy_to_kelvin
from crispnet.raw.calibration import white_balance_at
from crispnet.raw.light import TINT_RANGE, Light, light_at, light_for, light_xy, multipliers_for
from making import CALIBRATIONS

kelvins = st.floats(1700, 24000)
tints = st.floats(*TINT_RANGE)


# Between Robertson's isotherms, of which there are few where light is bluest, a temperature is interpolated along lines
# that are not quite theirs; the more tint, the less. The examples are the worst of a fine grid.
@given(kelvins, tints)
@example(12512.0, -100.0)
def test_a_light_is_found_again(kelvin, tint):
    found = light_at(light_xy(Light(kelvin, tint)))
    assert found.kelvin == pytest.approx(kelvin, rel=0.005)
    assert found.tint == pytest.approx(tint, abs=0.2)


@given(kelvins, tints)
@example(20044.8, -100.0)
def test_tint_leaves_the_temperature(kelvin, tint):
    there, here = (float(xy_to_kelvin(light_xy(Light(kelvin, value)))) for value in (tint, 0))
    assert there == pytest.approx(here, rel=0.007)


@given(kelvins)
def test_without_tint_it_is_the_temperature_that_the_command_line_takes(kelvin):
    assert light_xy(Light(kelvin)) == pytest.approx(kelvin_to_xy(kelvin), abs=1e-12)
    assert multipliers_for(CALIBRATIONS, Light(kelvin)) == pytest.approx(white_balance_at(CALIBRATIONS, kelvin))


def test_a_greener_light_is_made_neutral_by_less_green():
    greener, plain, pinker = (multipliers_for(CALIBRATIONS, Light(5000, tint)) for tint in (40, 0, -40))
    assert greener[0] > plain[0] > pinker[0]
    assert greener[2] > plain[2] > pinker[2]


@pytest.mark.parametrize("calibrations", [CALIBRATIONS, ()])
def test_a_white_balance_and_its_light_agree(calibrations):
    balance = np.array([2.1, 1.0, 1.5, 1.0])
    assert multipliers_for(calibrations, light_for(calibrations, balance)) == pytest.approx(balance, rel=0.01)


@pytest.mark.parametrize("ends", [1667, 25000])
def test_the_ends_of_the_range_are_lights_too(ends):
    assert np.isfinite(light_xy(Light(ends, 100))).all()


def test_what_no_slider_reaches_is_brought_to_its_end():
    assert light_at(np.array([0.3, 0.6])).tint == TINT_RANGE[1]
