"""Variants of a raw: parts of it in other light, which read like raws of their own."""

from dataclasses import replace

import numpy as np
import pytest

from crispnet.data import variants as making_variants
from crispnet.data.variants import LIGHT, SMALLEST, rewritten, variants
from crispnet.raw.bayer import pack_linear
from crispnet.raw.image import Box
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import one_of_each, raw_image


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_a_part_is_cut_out_of_the_crop_with_its_colours_in_order(cfa, monkeypatch):
    monkeypatch.setattr(making_variants, "LIGHT", (0.0, 0.0))
    crop = Box(7, 11, 880, 1180)
    raw = raw_image(height=900, width=1200, cfa=cfa, crop=crop)
    raw = replace(raw, mosaic=np.random.default_rng(0).integers(600, 16000, raw.mosaic.shape).astype(np.uint16))
    corners = set()
    for part in variants(raw, count=8, seed=1):
        assert part.cfa == cfa
        assert SMALLEST <= part.rows <= crop.height
        assert SMALLEST <= part.columns <= crop.width
        ((top, left),) = (
            (top, left)
            for top, left in np.argwhere(raw.mosaic == part.mosaic[0, 0])
            if np.array_equal(raw.mosaic[top : top + part.rows, left : left + part.columns], part.mosaic)
        )
        assert top % 2 == left % 2 == 0
        assert crop.top - 1 <= top <= crop.bottom - part.rows
        assert crop.left - 1 <= left <= crop.right - part.columns
        corners.add((top, left))
    assert len(corners) > 4


def test_light_is_multiplied_and_clipped_and_noise_with_it():
    profile = np.tile([1e-4, 1e-6], (4, 1))
    raw = replace(raw_image(height=64, width=96), noise_profile=profile)
    before = pack_linear(raw)
    gains = []
    for part in variants(raw, count=12, seed=2):  # too small to be cut
        after = pack_linear(part)
        middle = (before > 0.1) & (before < 0.4)
        gain = float(np.median(after[middle] / before[middle]))
        gains.append(gain)
        np.testing.assert_allclose(after, np.minimum(gain * before, 1), atol=2e-3)
        np.testing.assert_allclose(part.noise_profile, profile * [gain, gain**2], rtol=0.01)
    assert 2 ** LIGHT[0] <= min(gains) < 0.7
    assert 1.1 < max(gains) <= 2 ** LIGHT[1]


def test_the_same_seed_makes_the_same_and_another_does_not():
    raw = raw_image(height=500, width=700)
    first, again, other = ([part.mosaic for part in variants(raw, count=2, seed=seed)] for seed in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(one.shape != three.shape or (one != three).any() for one, three in zip(first, other, strict=True))


def test_corrections_of_the_whole_frame_keep_it():
    raw = replace(raw_image(height=900, width=1200), opcodes=one_of_each())
    assert {part.mosaic.shape for part in variants(raw, count=4, seed=0)} == {(900, 1200)}


def test_a_rewritten_raw_is_the_raw(tmp_path):
    raw = raw_image(height=60, width=80, crop=Box(3, 4, 50, 70))
    again = open_raw(write_dng(rewritten(raw), tmp_path / "a.dng"))
    np.testing.assert_array_equal(again.mosaic, raw.mosaic[2:52, 4:74])
    np.testing.assert_array_equal(again.white_balance.round(6), raw.white_balance.round(6))
