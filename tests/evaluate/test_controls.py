"""Controls recover the mappings that they can express, and not those that they cannot."""

import cv2
import numpy as np
import pytest

from crispnet.colour import delta_e_76, encode_srgb, srgb_to_lab
from crispnet.data.frames import Frame
from crispnet.evaluate.controls import Curve, Lut, MatrixCurve, difficulty, oracle_delta_e
from crispnet.evaluate.lattice import NormalEquations
from crispnet.evaluate.samples import sample, sample_blocks, shrink
from crispnet.look.trilinear import interpolate

MATRIX = np.array([[1.5, -0.35, -0.15], [-0.2, 1.4, -0.2], [0.02, -0.4, 1.38]])
BALANCE = np.array([2.0, 1.0, 1.5, 1.0], np.float32)


def through_matrix_and_curve(balanced, *, power=1.3):
    return encode_srgb(np.clip(balanced @ MATRIX.T, 0, 1) ** power)


def frame(render=through_matrix_and_curve, *, seed=0, noise=0.0, height=96, width=128):
    """A frame of soft colours of which a camera made ``render`` (balanced camera values → sRGB)."""
    random = np.random.default_rng(seed)
    colours = random.uniform(0.05, 0.55, (height // 8, width // 8, 1)) * random.uniform(0.6, 1, (1, 1, 3))
    colours = colours * random.uniform(0.7, 1.3, (height // 8, width // 8, 3))
    balanced = np.clip(cv2.resize(colours, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR), 0, 1)
    target = np.round(np.clip(render(balanced), 0, 1) * 255).astype(np.uint8)
    packed = (shrink(balanced, 2) / BALANCE[:3])[..., [0, 1, 2, 1]].transpose(2, 0, 1) + random.normal(
        0, noise, (4, height, width)
    )
    return Frame(
        name=f"frame {seed}", scene=f"scene {seed}", packed=packed.astype(np.float16),
        target=target, thumbnail=np.zeros((3, 368, 480), np.float32),
        white_balance=BALANCE, to_srgb=np.eye(3, dtype=np.float32), tags={},
    )  # fmt: skip


def error(control, of):
    result = control(of)
    assert result.shape == of.target.shape
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    return delta_e_76(srgb_to_lab(result), srgb_to_lab(of.target / 255)).mean()


def dull(balanced):
    return through_matrix_and_curve(balanced, power=1.7)


def test_cells_are_sampled_with_their_own_colours():
    of = frame()
    for samples in (sample(of, 500, balanced=True, seed=5), *sample_blocks(of, 1600, balanced=True, seed=5)):
        assert 0 < samples.camera[..., 0].size <= 1600
        assert samples.camera.shape == samples.target.shape
    cells = sample(of, 500, balanced=True, seed=5)
    np.testing.assert_allclose(cells.target, through_matrix_and_curve(cells.camera), atol=0.006)
    assert sample(of, 10**9, balanced=False).camera.shape == (96, 128, 3)


def test_another_seed_samples_other_cells():
    of = frame()
    first, same, other = (sample(of, 300, balanced=True, seed=seed).camera for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert first.shape != other.shape or (first != other).any()


def test_shrinking_is_a_mean_over_squares():
    picture = np.arange(5 * 7 * 2.0).reshape(5, 7, 2)
    expected = [[picture[r : r + 2, c : c + 2].mean((0, 1)) for c in (0, 2, 4)] for r in (0, 2)]
    np.testing.assert_allclose(shrink(picture, 2), expected)


def test_a_lattice_finds_an_affine_mapping_even_where_no_sample_came():
    random = np.random.default_rng(0)
    slope, offset = random.normal(size=(3, 3)), random.normal(size=3)
    places = random.uniform(0.2, 0.7, (3000, 3))
    equations = NormalEquations(7)
    equations.add(places[:1000], places[:1000] @ slope + offset)
    equations.add(places[1000:], places[1000:] @ slope + offset)
    nodes = equations.solve(np.zeros((7, 7, 7, 3)), stiffness=1e-2, steps=2000)
    anywhere = random.random((400, 3))
    np.testing.assert_allclose(interpolate(nodes, anywhere), anywhere @ slope + offset, atol=1e-3)


def test_a_lattice_is_the_least_squares_solution():
    random = np.random.default_rng(1)
    size, places, wanted = 4, random.random((600, 3)), random.random((600, 3))
    equations = NormalEquations(size)
    equations.add(places, wanted)
    found = equations.solve(np.zeros((size, size, size, 3)), stiffness=0.1, steps=500)
    one_hot = np.eye(size**3).reshape(size**3, size, size, size).transpose(1, 2, 3, 0)
    matrix = interpolate(one_hot, places).astype(np.float64) * np.sqrt(size**3 / 600)
    bends = [np.diff(one_hot, 2, axis=axis).reshape(-1, size**3) * np.sqrt(0.1) for axis in range(3)]
    right = np.concatenate([wanted * np.sqrt(size**3 / 600), np.zeros((sum(map(len, bends)), 3))])
    expected = np.linalg.lstsq(np.concatenate([matrix, *bends]), right, rcond=None)[0]
    np.testing.assert_allclose(found.reshape(-1, 3), expected, atol=1e-4)


def test_a_lattice_clips_what_lies_outside():
    nodes = np.stack(np.meshgrid(*[np.linspace(0, 1, 3)] * 3, indexing="ij"), axis=-1)
    places = np.array([[-1.0, 0.5, 2.0], [1.0, 0.0, 0.25]])
    np.testing.assert_allclose(interpolate(nodes, places), np.clip(places, 0, 1), atol=1e-6)


def test_a_lattice_needs_samples():
    with pytest.raises(ValueError, match="expected samples"):
        NormalEquations(3).solve(np.zeros((3, 3, 3, 3)), stiffness=1)


@pytest.mark.parametrize("balanced", [True, False])
def test_a_lut_renders_frames_that_it_never_saw(balanced):
    lut = Lut.fit([frame(seed=seed) for seed in range(3)], size=17, balanced=balanced)
    assert error(lut, frame(seed=9)) < 1


def test_an_affine_mapping_of_encoded_values_is_exact_for_a_lut():
    def plain(balanced):
        return encode_srgb(balanced / 2) * 0.8 + 0.1

    lut = Lut.fit([frame(plain, seed=0), frame(plain, seed=1)], size=9)
    of = frame(plain, seed=9)
    cells = sample(of, 1000, balanced=True)
    np.testing.assert_allclose(lut.colours(cells.camera), cells.target, atol=0.03)


def test_a_lut_cannot_know_the_scene():
    mixed = [frame(seed=0), frame(dull, seed=0)]
    lut = Lut.fit(mixed, size=9)
    assert min(error(lut, of) for of in mixed) > 2
    assert oracle_delta_e(mixed[1], low_pass=True) < 0.5


def test_a_matrix_and_curve_are_found_again():
    control = MatrixCurve.fit([frame(seed=seed) for seed in range(3)])
    assert error(control, frame(seed=9)) < 0.6
    direction = control.matrix / np.linalg.norm(control.matrix, axis=1, keepdims=True)
    expected = MATRIX / np.linalg.norm(MATRIX, axis=1, keepdims=True)
    np.testing.assert_allclose(direction, expected, atol=0.05)


def test_a_few_wrong_pixels_do_not_change_it():
    spoilt = frame()
    spoilt.target[:12, :40] = 255
    assert error(MatrixCurve.fit([spoilt]), frame()) < 1.0


def test_curves_never_fall_and_know_no_crosstalk():
    noisy = frame(noise=0.003)
    curve = Curve.fit([noisy])
    assert all((np.diff(tone.values) >= 0).all() for tone in curve.tones)
    assert error(curve, noisy) > 2 * error(MatrixCurve.fit([noisy]), noisy)

    def curved(balanced):
        return encode_srgb(balanced**1.4)

    assert error(Curve.fit([frame(curved)]), frame(curved, seed=9)) < 0.5


def test_the_oracle_leaves_nothing_of_a_matrix_and_curve_noise_or_not():
    assert oracle_delta_e(frame(), low_pass=True) < 0.5
    assert oracle_delta_e(frame(noise=0.01), low_pass=True) < 1.5


def test_the_oracle_does_not_explain_what_depends_on_the_place():
    of = frame()
    of.target[:, :128] = 255 - of.target[:, :128]
    assert oracle_delta_e(of, low_pass=True) > 5


def test_difficulty_tells_a_fixed_rendition_from_one_that_depends_on_the_scene():
    fixed = difficulty([frame(seed=seed) for seed in range(2)], [frame(seed=8), frame(seed=9)], size=9)
    moody = [frame(through_matrix_and_curve if seed % 2 else dull, seed=seed) for seed in range(4)]
    varied = difficulty(moody, [frame(seed=8), frame(dull, seed=9)], size=9)
    assert fixed["lut_low_pass"] < 1
    assert varied["lut_low_pass"] > 3 * fixed["lut_low_pass"]
    assert varied["oracle_low_pass"] < 0.5
    fitted = ("oracle", "lut", "unbalanced_lut")
    assert set(fixed) == {name + scale for name in fitted for scale in ("", "_low_pass")}


def test_a_frame_without_a_whole_block_is_refused():
    tiny = frame(height=8, width=8)
    tiny = Frame(**{**tiny.__dict__, "packed": tiny.packed[:, :3], "target": tiny.target[:6]})
    with pytest.raises(ValueError, match="expected at least 4 x 4"):
        sample_blocks(tiny, 100, balanced=True)
