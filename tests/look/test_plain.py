import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.colour import D65_XY, decode_srgb, srgb_to_lab
from crispnet.look.contract import Metadata
from crispnet.look.plain import GREY, PlainLook, filmic_curve, metered_gain
from crispnet.raw.bayer import pack_linear, thumbnail
from crispnet.raw.calibration import neutral_of
from making import CALIBRATIONS, raw_image, scene_rgb

LOOK = PlainLook()
NEUTRAL = neutral_of(CALIBRATIONS, np.array(D65_XY))
BALANCE = (1 / NEUTRAL)[[0, 1, 2, 1]]


def rendered(raw, **wishes):
    packed = pack_linear(raw)[None]
    return LOOK.render(packed, LOOK.scene(thumbnail(packed[0])[None], Metadata.of(raw, **wishes)))


def metadata(count=1):
    one = Metadata.of(raw_image())
    return Metadata(*(np.concatenate([values] * count) for values in vars(one).values()))


def test_shapes_are_those_of_the_contract():
    packed = np.full((2, 4, 10, 14), 0.2, np.float32)
    scene = LOOK.scene(np.full((2, 3, 368, 480), 0.2, np.float32), metadata(2))
    pixels = LOOK.render(packed, scene)
    assert pixels.shape == (2, 3, 20, 28)
    assert pixels.dtype == np.float32


def test_a_batch_is_its_photographs_one_by_one():
    raws = [raw_image(seed=seed) for seed in (1, 2)]
    packed = np.stack([pack_linear(raw) for raw in raws])
    scene = LOOK.scene(np.stack([thumbnail(planes) for planes in packed]), metadata(2))
    together = LOOK.render(packed, scene)
    for pixels, raw in zip(together, raws, strict=True):
        np.testing.assert_array_equal(pixels, rendered(raw)[0])


def test_a_window_equals_the_whole_inside_its_halo():
    packed = pack_linear(raw_image(height=200, width=300))[None]
    scene = LOOK.scene(thumbnail(packed[0])[None], metadata())
    whole = LOOK.render(packed, scene)
    window = LOOK.render(packed[:, :, 20:90, 33:141], scene)
    edge = 2 * LOOK.halo
    np.testing.assert_array_equal(
        window[:, :, edge:-edge, edge:-edge], whole[:, :, 40 + edge : 180 - edge, 66 + edge : 282 - edge]
    )


def test_the_scene_comes_back_in_its_own_colours():
    """Through the camera's matrices and back: what the curve leaves alone is hue and the order of brightness."""
    raw = raw_image(height=120, width=160)
    shown = rendered(raw)[0].transpose(1, 2, 0)
    given_scene, seen = scene_rgb(120, 160), decode_srgb(np.clip(shown, 0, 1))
    for colour in range(3):  # each colour goes through one and the same curve
        order = np.argsort(given_scene[8:-8, 8:-8, colour], axis=None)
        values = seen[8:-8, 8:-8, colour].ravel()[order]
        smooth = np.convolve(values, np.ones(200) / 200, "valid")
        assert (np.diff(smooth[::200]) > 0).mean() > 0.97


@pytest.mark.parametrize("kelvin_gains", [BALANCE, np.array([2.4, 1, 1.2, 1]), np.array([1.1, 1, 2.9, 1])])
def test_bright_neutrals_stay_neutral_up_to_and_beyond_clipping(kelvin_gains):
    light = np.linspace(0.02, 4, 400, dtype=np.float32)
    plane = np.repeat(light[None, :], 40, axis=0)
    packed = np.stack([np.minimum(plane / gain, 1) for gain in kelvin_gains])[None]
    neutral = Metadata(kelvin_gains[None], metadata().balanced_to_xyz, np.zeros(1), np.zeros(1))
    pixels = LOOK.render(packed, LOOK.scene(thumbnail(packed[0])[None], neutral))[0]
    lab = srgb_to_lab(np.clip(pixels[:, 20:-20, 20:-20].transpose(1, 2, 0), 0, 1))
    assert np.hypot(lab[..., 1], lab[..., 2]).max() < 9
    assert lab[:, -40:, 0].min() > 97  # what clips is white


@given(st.floats(0.66, 64))
def test_the_curve_rises_from_black_to_white_and_keeps_grey(white):
    curve = filmic_curve(white)
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(1, abs=1e-6)
    assert (np.diff(curve) >= 0).all()
    place = np.sqrt(GREY / white) * (len(curve) - 1)
    assert decode_srgb(curve[round(place)]) == pytest.approx(GREY, abs=2e-4)


def test_one_more_stop_of_exposure_is_one_more_stop():
    raw = raw_image()
    darker, usual, brighter = (rendered(raw, exposure=ev).mean() for ev in (-1, 0, 1))
    assert darker < usual < brighter


def test_the_camera_is_believed_within_reason():
    usual = metered_gain(np.full((4, 4), 0.14))
    assert usual == pytest.approx(metered_gain(np.full((4, 4), 0.2)))
    assert metered_gain(np.full((4, 4), 0.01)) > 2 * usual  # far too dark: brightened, but not to the middle
    assert metered_gain(np.full((4, 4), 0.01)) * 0.01 < GREY
    assert metered_gain(np.full((4, 4), 0.9)) < usual


def test_the_night_stays_dark():
    assert metered_gain(np.full((4, 4), 1e-4)) * 1e-4 < GREY / 100


@given(st.floats(1e-4, 1), st.floats(1e-4, 1))
def test_a_brighter_scene_never_gets_darker(one, other):
    low, high = sorted((one, other))
    darker, brighter = (value * metered_gain(np.full((2, 2), value)) for value in (low, high))
    assert darker <= brighter * (1 + 1e-9)


def test_the_makers_baseline_counts():
    flat = np.full((4, 4), 0.14)
    assert metered_gain(flat, baseline=0.3) == pytest.approx(metered_gain(flat) * 2**0.3)


@pytest.mark.parametrize("value", [-0.5, 0.0, 1.0, 70.0])
def test_any_finite_values_give_a_picture(value):
    packed = np.full((1, 4, 12, 12), value, np.float32)
    pixels = LOOK.render(packed, LOOK.scene(thumbnail(packed[0])[None], metadata()))
    assert np.isfinite(pixels).all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def test_an_unknown_camera_still_has_neutral_neutrals():
    raw = raw_image(calibrations=())
    grey = np.broadcast_to((0.2 / raw.white_balance)[:, None, None], (4, 20, 20)).astype(np.float32)[None]
    pixels = LOOK.render(grey, LOOK.scene(thumbnail(grey[0])[None], Metadata.of(raw)))
    assert np.ptp(pixels.mean(axis=(0, 2, 3))) < 1e-5
