from dataclasses import replace

import numpy as np
import pytest

from crispnet.colour import XYZ_TO_SRGB, adaptation, delta_e_76, encode_srgb, srgb_to_lab, xy_to_xyz, xyz_to_lab
from crispnet.data import sensor
from crispnet.data.camera import LOW_LIGHT_ISO, Shot, draw_light, photograph
from crispnet.data.spectra import D65, Light, blackbody, camera, cameras, daylight, lamps, reflectances, xyz_weights
from crispnet.raw.bayer import pack_linear
from crispnet.raw.calibration import balanced_to_xyz
from crispnet.raw.image import CFAS
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import scene_rgb

PHONE, OTHER = "Apple iPhone X", "Canon EOS R5"
CLEAN = Shot(PHONE, iso=1e-3, bits=14, black=1024, blur=0.0)  # no noise to speak of, no lens, exact white balance
WARM, LAMP = Light("black body", 2700), Light("FL11")


def flat(colour, size=16):
    return np.tile(np.float32(colour), (size, size, 1))


def balanced(raw):
    """The mean balanced R, G, B, G of a picture of one colour."""
    return pack_linear(raw).mean(axis=(1, 2)) * raw.white_balance


def developed(raw):
    """The mean linear sRGB of a picture of one colour, by the file's own matrix."""
    red, green, blue, other = balanced(raw)
    return XYZ_TO_SRGB @ raw.balanced_to_xyz() @ [red, (green + other) / 2, blue]


@pytest.mark.parametrize("kind", ["scene", "display"])
@pytest.mark.parametrize("light", [D65, WARM, LAMP, Light("daylight", 9000, 0.1)])
def test_grey_is_neutral_under_every_light(kind, light):
    planes = balanced(photograph(flat([0.3] * 3), replace(CLEAN, kind=kind, light=light)))
    assert planes == pytest.approx(np.full(4, planes[0]), rel=2e-3)


def test_white_balance_follows_the_light():
    cool, warm = (photograph(flat([0.5] * 3), replace(CLEAN, light=light)).white_balance for light in (D65, WARM))
    assert cool[0] > 1.5 * warm[0]
    assert warm[2] > 1.5 * cool[2]
    assert (cool[1], cool[3]) == (1, 1)


@pytest.mark.parametrize("name", [PHONE, "Samsung Galaxy S8", OTHER, "Nikon D850"])
@pytest.mark.parametrize("colour", [(0.3, 0.3, 0.3), (0.4, 0.2, 0.15), (0.15, 0.25, 0.45), (0.2, 0.35, 0.12)])
def test_patch_in_daylight_gives_back_its_colour(name, colour):
    raw = photograph(flat(colour), replace(CLEAN, camera=name, ev=0.0))
    linear = developed(raw)
    scaled = linear * np.mean(colour) / linear.mean()
    assert delta_e_76(srgb_to_lab(encode_srgb(scaled)), srgb_to_lab(encode_srgb(np.array(colour)))) < 7


def test_matrices_of_all_cameras_reproduce_surfaces():
    differences = [(_daylight_difference(one.sensitivities), one.name) for one in cameras()]
    assert np.median([difference for difference, _ in differences]) < 2.5
    assert max(differences)[0] < 6
    assert [name for difference, name in differences if difference > 4] == ["Leica M8", "Panasonic DMC LX5"]


def _daylight_difference(sensitivities):
    """The mean ΔE76 that the matrices leave of the 190 surfaces under D65."""
    light, calibrations = daylight(6504.0), sensor.fitted_calibrations(sensitivities)
    neutral = (sensitivities * light).sum(axis=1)
    seen = reflectances() @ (sensitivities * light).T / neutral
    to_xyz = balanced_to_xyz(calibrations, (neutral[1] / neutral)[[0, 1, 2, 1]])
    weights = xyz_weights(light)
    white = xy_to_xyz((0.3127, 0.3290))
    true = reflectances() @ weights.T @ adaptation(weights.sum(axis=1), white).T
    return delta_e_76(xyz_to_lab(seen @ to_xyz.T, white), xyz_to_lab(true, white)).mean()


@pytest.mark.parametrize(("code", "light"), [(17, blackbody(2856.0)), (21, daylight(6504.0))])
def test_matrix_sees_its_own_light_as_the_sensor_does(code, light):
    sensitivities = camera(PHONE).sensitivities
    matrix = next(one for one in sensor.fitted_calibrations(sensitivities) if one.illuminant == code).xyz_to_camera
    by_matrix, by_sensor = matrix @ xyz_weights(light).sum(axis=1), (sensitivities * light).sum(axis=1)
    assert by_matrix / by_matrix[1] == pytest.approx(by_sensor / by_sensor[1], rel=0.02)


@pytest.mark.parametrize("iso", [100, 1600])
@pytest.mark.parametrize("name", [PHONE, OTHER])
def test_noise_is_what_the_profile_says(name, iso):
    raw = photograph(flat([0.2] * 3, 256), replace(CLEAN, camera=name, iso=iso))
    planes, quantisation = pack_linear(raw), 1 / 12 / (raw.white - 1024) ** 2
    scale, offset = raw.noise_profile.T
    assert planes.var(axis=(1, 2)) == pytest.approx(scale * planes.mean(axis=(1, 2)) + offset + quantisation, rel=0.06)


def test_noise_grows_with_iso_and_with_smaller_photosites():
    (phone, read), (phone_at_high, _), (other, _) = (
        sensor.noise_profile(iso, kind) for iso, kind in ((100, "phone"), (800, "phone"), (100, "camera"))
    )
    assert phone_at_high == pytest.approx(8 * phone)
    assert phone > other > 0
    assert 0 < read < 1e-6


def test_a_stop_doubles_the_light():
    dim, bright = (pack_linear(photograph(scene_rgb(32, 32), replace(CLEAN, ev=ev))) for ev in (-2.0, -1.0))
    assert bright == pytest.approx(2 * dim, abs=2e-4)


def test_meter_puts_grey_in_the_middle_and_protects_highlights():
    middle = balanced(photograph(flat([5.0] * 3), CLEAN)).mean()
    scene = flat([0.01] * 3, 64)
    scene[:, :32] = np.linspace(100, 300, 64)[:, None, None]
    raw = photograph(scene, CLEAN)
    assert middle == pytest.approx(0.12, rel=0.01)
    assert raw.mosaic.max() == raw.white
    assert (raw.mosaic == raw.white).mean() <= 0.02


def test_over_exposure_saturates():
    raw = photograph(10 * scene_rgb(32, 32), replace(CLEAN, ev=4.0, iso=400))
    assert raw.mosaic.max() == raw.white
    assert (raw.mosaic == raw.white).mean() > 0.3


def test_black_scene_is_black():
    raw = photograph(flat([0.0] * 3), CLEAN)
    assert raw.mosaic == pytest.approx(np.full(raw.mosaic.shape, 1024), abs=1)
    assert np.isfinite(raw.white_balance).all()


def test_all_cfas_see_the_same():
    planes = [pack_linear(photograph(flat((0.4, 0.2, 0.1)), replace(CLEAN, cfa=cfa))).mean((1, 2)) for cfa in CFAS]
    assert len(planes) == 4
    for other in planes[1:]:
        assert other == pytest.approx(planes[0], abs=1e-4)


def test_the_shot_decides_everything():
    scene, shot = scene_rgb(24, 32), Shot.draw(np.random.default_rng(5), PHONE)
    again = photograph(scene, shot)
    assert (photograph(scene, shot).mosaic == again.mosaic).all()
    assert (photograph(scene, replace(shot, seed=shot.seed + 1)).mosaic != again.mosaic).any()


def test_white_balance_is_imperfect_as_the_shot_says():
    scene = flat((0.4, 0.3, 0.2))
    exact, jittered, pulled = (
        photograph(scene, replace(CLEAN, **change)).white_balance
        for change in ({}, {"awb_jitter": (0.02, -0.03)}, {"awb_pull": 0.25})
    )
    assert np.log(exact / jittered)[:3] == pytest.approx([0.02, 0, -0.03])
    assert pulled[0] < exact[0]  # the picture is warm, which automatic white balance takes for the light
    assert pulled[2] > exact[2]
    assert pulled[1] == exact[1] == 1


def test_display_shows_no_more_than_white():
    scene = scene_rgb(16, 16)
    scene[:8] += 1
    brighter = np.where(scene > 1, 50, scene)
    shot = replace(CLEAN, kind="display", light=WARM)
    assert (photograph(brighter, shot).mosaic == photograph(np.minimum(scene, 1), shot).mosaic).all()


def test_corners_lose_what_vignetting_says():
    even = np.ones((64, 48, 3), np.float32)
    seen = sensor.through_lens(even, blur=0.0, vignetting=0.25)
    assert seen[32, 24] == pytest.approx(np.ones(3), abs=1e-3)
    assert np.log2(seen[0, 0]) == pytest.approx(np.full(3, -0.25), abs=0.02)
    assert seen == pytest.approx(seen[::-1, ::-1])
    assert (even == 1).all()


def test_blur_keeps_the_mean_and_lowers_contrast():
    seen = np.random.default_rng(0).uniform(0, 1, (32, 32, 3)).astype(np.float32)
    blurred = sensor.through_lens(seen, blur=0.8, vignetting=0.0)
    assert blurred.mean() == pytest.approx(seen.mean(), rel=0.02)
    assert blurred.std() < 0.7 * seen.std()


def test_aberration_moves_red_out_and_leaves_green():
    ramp = np.tile(np.arange(101, dtype=np.float32)[:, None], (101, 1, 3))
    seen = sensor.through_lens(ramp, blur=0.0, vignetting=0.0, aberration=(0.5, -0.5))
    shift = 0.5 * 45 / np.hypot(50.5, 50.5)
    assert seen[50, 95] == pytest.approx([95 - shift, 95, 95 + shift], abs=0.02)
    assert seen[50, 50] == pytest.approx([50, 50, 50], abs=0.02)


@pytest.mark.parametrize("kind", ["scene", "display"])
@pytest.mark.parametrize("number", range(4))
def test_dng_holds_the_capture(tmp_path, kind, number):
    shot = replace(Shot.draw(np.random.default_rng(number), PHONE, kind=kind), cfa=CFAS[number])
    raw = photograph(scene_rgb(48, 64), shot, orientation=6)
    back = open_raw(write_dng(raw, tmp_path / "capture.dng"))
    assert (back.mosaic == raw.mosaic).all()
    assert (back.cfa, back.white, back.orientation) == (raw.cfa, raw.white, 6)
    assert (back.black == raw.black).all()
    assert back.white_balance == pytest.approx(raw.white_balance, rel=1e-4)
    assert back.noise_profile == pytest.approx(raw.noise_profile)
    assert back.balanced_to_xyz() == pytest.approx(raw.balanced_to_xyz(), abs=1e-3)
    assert (back.exif["make"], back.exif["model"]) == ("crispnet", f"virtual {PHONE}")
    for field in ("iso", "exposure_time", "aperture"):
        assert back.exif[field] == pytest.approx(raw.exif[field], rel=1e-3), field


def test_draws_are_like_life():
    rng = np.random.default_rng(0)
    lights = [draw_light(rng) for _ in range(2000)]
    shots = [Shot.draw(rng, (PHONE, OTHER)[number % 2]) for number in range(600)]
    shares = [sum(light.name == name for light in lights) / 2000 for name in ("daylight", "black body")]
    assert shares == pytest.approx([0.55, 0.25], abs=0.03)
    assert {light.name for light in lights} == {"daylight", "black body", *lamps()}
    assert all(4000 <= light.kelvin <= 10000 for light in lights if light.name == "daylight")
    assert all(2300 <= light.kelvin <= 4000 for light in lights if light.name == "black body")
    assert {shot.cfa for shot in shots} == set(CFAS)
    assert {shot.bits for shot in shots[::2]} == {10, 12}
    assert {shot.bits for shot in shots[1::2]} == {10, 12, 14}
    assert all(-3.5 <= shot.ev <= 2.5 and 32 <= shot.iso <= 1600 for shot in shots)
    inside, outside = ([shot.iso for shot in shots if (shot.light.name == "daylight") == day] for day in (False, True))
    assert np.median(inside) > 2 * np.median(outside)


@pytest.mark.parametrize(
    ("scene", "complaint"),
    [
        (np.ones((3, 4, 3)), "even h and w, got \\(3, 4, 3\\)"),
        (np.ones((4, 4)), "got \\(4, 4\\)"),
        (np.full((4, 4, 3), np.nan), "finite"),
    ],
)
def test_what_is_no_scene_is_refused(scene, complaint):
    with pytest.raises(ValueError, match=complaint):
        photograph(scene, CLEAN)


def test_hand_held_draws_are_metered_and_go_into_low_light():
    rng = np.random.default_rng(0)
    shots = [Shot.draw_hand_held(rng, PHONE) for _ in range(1200)]
    days = np.array([shot.light.name == "daylight" for shot in shots])
    isos, evs = (np.array([getattr(shot, name) for shot in shots]) for name in ("iso", "ev"))
    low = isos > LOW_LIGHT_ISO[0]
    assert {shot.kind for shot in shots} == {"scene"}
    assert evs.std() == pytest.approx(0.35, abs=0.03)
    assert np.abs(evs).max() <= 1.2
    assert (isos.min(), isos.max()) == pytest.approx((32, 3200), rel=0.05)
    assert low[days].mean() == pytest.approx(0.1, abs=0.03)
    assert low[~days].mean() == pytest.approx(0.5, abs=0.06)
    # Even on a scale of stops, in both.
    for group, bounds in ((isos[low], (640, 3200)), (isos[~low], (32, 640))):
        stops = np.histogram(np.log(group), 3, np.log(bounds))[0]
        assert stops.min() > 0.75 * stops.max()
