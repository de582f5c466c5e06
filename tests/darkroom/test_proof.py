"""A proof has the colours of the photograph, and is the photograph where nothing is to be shrunk."""

import numpy as np
import pytest

from crispnet.colour import decode_srgb, delta_e_76, encode_srgb, srgb_to_lab
from crispnet.darkroom.photo import develop
from crispnet.darkroom.proof import Proof
from crispnet.look.plain import PlainLook
from crispnet.raw.bayer import area_average, pack, shrink
from crispnet.raw.image import CFAS, Box
from making import raw_image


@pytest.mark.parametrize("cfa", CFAS)
def test_a_small_raw_is_proofed_as_it_is_developed(cfa):
    raw = raw_image(height=41, width=62, cfa=cfa, crop=Box(3, 4, 30, 51))
    proof = Proof.of(raw).develop(PlainLook())
    np.testing.assert_allclose(proof, develop(raw, "plain").pixels, atol=2e-3)  # weights of 1, in float32


@pytest.mark.parametrize("cfa", CFAS)
def test_a_proof_has_the_colours_of_the_photograph(cfa):
    """But for detail: a photosite of the proof sees a whole cell. Mirrored rims move the other CFAs by a pixel."""
    raw = raw_image(height=240, width=320, cfa=cfa)
    proof, photograph = Proof.of(raw, longest=80).develop(PlainLook()), develop(raw, "plain").pixels
    assert np.abs(np.subtract(proof.shape, (60, 80, 3))).max() <= 2
    difference = delta_e_76(srgb_to_lab(blurred(proof)), srgb_to_lab(blurred(photograph)))
    assert difference.mean() < (0.5 if cfa == "RGGB" else 1.0)


def blurred(pixels):
    light = decode_srgb(pixels).transpose(2, 0, 1)
    return encode_srgb(np.stack([area_average(plane, 12, 16) for plane in light], axis=-1))


def test_a_proof_shows_the_crop_and_may_be_lighter():
    raw = raw_image(height=240, width=320, crop=Box(60, 80, 120, 160))
    proof = Proof.of(raw, longest=80)
    usual, lighter = (proof.develop(PlainLook(), exposure=exposure) for exposure in (0.0, 1.0))
    assert usual.shape == (30, 40, 3)
    whole = Proof.of(raw_image(height=240, width=320), longest=80).develop(PlainLook())
    np.testing.assert_array_equal(usual, whole[15:45, 20:60])
    assert (lighter > usual).all()


def test_the_white_balance_is_the_photographers():
    raw = raw_image(height=48, width=64)
    warmer = raw.white_balance * np.array([1.3, 1, 0.8, 1])
    proof = Proof.of(raw, white_balance=warmer).develop(PlainLook())
    np.testing.assert_allclose(proof, develop(raw, "plain", white_balance=warmer).pixels, atol=2e-3)


# Larger photosites


def test_a_shrunk_frame_is_the_mosaic_of_larger_photosites():
    """Of a ramp, each value is what the ramp has at the middle of its larger photosite."""
    down, across = np.mgrid[:48, :72] + 0.5
    ramp = (0.01 * down + 0.003 * across).astype(np.float32)
    down, across = np.mgrid[:16, :24] + 0.5
    expected = pack((0.03 * down + 0.009 * across).astype(np.float32), "RGGB")
    small = shrink(pack(ramp, "RGGB"), 8, 12)
    np.testing.assert_allclose(small[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-5)


def test_shrinking_keeps_the_mean_and_a_frame_of_that_size():
    packed = np.random.default_rng(0).random((4, 30, 40), np.float32)
    np.testing.assert_allclose(shrink(packed, 30, 40), packed, atol=1e-6)
    np.testing.assert_allclose(shrink(np.full_like(packed, 0.3), 7, 11), 0.3, atol=1e-6)


@pytest.mark.parametrize("size", [(31, 40), (30, 41), (0, 5)])
def test_nothing_is_enlarged(size):
    with pytest.raises(ValueError, match="at most 30 x 40"):
        shrink(np.zeros((4, 30, 40), np.float32), *size)
