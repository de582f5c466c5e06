"""Variants of a raw: parts of it in other light, which read like raws of their own."""

from dataclasses import replace

import numpy as np
import pytest

from crispnet.data import variants as making_variants
from crispnet.data.variants import BRIGHT, COLOUR, HAZE, LIGHT, SMALLEST, STRONG, rewritten, variants
from crispnet.raw.bayer import pack_linear
from crispnet.raw.image import Box
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import one_of_each, raw_image


def in_steady_light(monkeypatch):
    monkeypatch.setattr(making_variants, "LIGHT", (0.0, 0.0))
    monkeypatch.setattr(making_variants, "COLOUR", 0.0)
    monkeypatch.setattr(making_variants, "STRONG", 0.0)
    monkeypatch.setattr(making_variants, "HAZY", 0)


def middle_ratio(after, before):
    middle = (before > 0.1) & (before < 0.4)
    return float(np.median(after[middle] / before[middle]))


def middle_slope(after, before):
    middle = (before > 0.1) & (before < 0.6)
    return float(np.polyfit(before[middle], after[middle], 1)[0])


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_a_part_is_cut_out_of_the_crop_with_its_colours_in_order(cfa, monkeypatch):
    in_steady_light(monkeypatch)
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


def test_light_is_multiplied_and_clipped_and_noise_with_it(monkeypatch):
    monkeypatch.setattr(making_variants, "HAZY", 0)
    monkeypatch.setattr(making_variants, "STRONG", 0)
    profile = np.tile([1e-4, 1e-6], (4, 1))
    raw = replace(raw_image(height=64, width=96), noise_profile=profile)
    before = pack_linear(raw)
    found = []
    for part in variants(raw, count=40, seed=2):  # too small to be cut
        after = pack_linear(part)
        gains = np.array([middle_ratio(*planes) for planes in zip(after, before, strict=True)])
        found.append(gains)
        np.testing.assert_allclose(after, np.minimum(gains[:, None, None] * before, 1), atol=2e-3)
        np.testing.assert_allclose(part.noise_profile, profile * np.stack((gains, gains**2), axis=1), rtol=0.01)
    red, green, blue, other_green = np.transpose(found)
    np.testing.assert_allclose(green, other_green, rtol=1e-3)
    assert 2 ** LIGHT[0] <= min(green) < 0.7
    assert 1.1 < max(green) <= 2 ** LIGHT[1]
    for colour in (red, blue):
        assert np.std(np.log2(colour / green)) == pytest.approx(COLOUR, rel=0.3)
    assert abs(np.corrcoef(np.log2(red / green), np.log2(blue / green))[0, 1]) < 0.5


def test_some_light_is_of_strong_colour(monkeypatch):
    monkeypatch.setattr(making_variants, "HAZY", 0)
    raw = raw_image(height=64, width=96)
    before = pack_linear(raw)
    found = [
        [middle_ratio(*planes) for planes in zip(pack_linear(part), before, strict=True)]
        for part in variants(raw, count=200, seed=5)
    ]
    red, green, blue, _ = np.log2(np.transpose(found))
    strong = np.hypot(red - green, blue - green) > 4 * COLOUR
    assert 0.3 * STRONG < np.mean(strong) < 1.2 * STRONG


def test_haze_is_grey_light_that_takes_the_place_of_the_scenes(monkeypatch):
    in_steady_light(monkeypatch)
    monkeypatch.setattr(making_variants, "HAZY", 1)
    raw = raw_image(height=64, width=96)
    raw = replace(raw, noise_profile=np.tile([1e-3, 1e-3], (4, 1)), white_balance=np.array([2.0, 1.0, 1.6, 1.0]))
    before = pack_linear(raw)
    shares = []
    for part in variants(raw, count=20, seed=4):
        after = pack_linear(part)
        share = 1 - middle_slope(after[1], before[1])
        shares.append(share)
        added = after - (1 - share) * before
        bright = share * np.percentile(before[1], BRIGHT) / raw.white_balance
        np.testing.assert_allclose(added, np.broadcast_to(bright[:, None, None], added.shape), atol=2e-3)
        # The scene's own light is dimmed with its noise, and haze brings none.
        dimmed = (1 - share) ** 2 * (1e-3 * before + 1e-3)
        scale, offset = part.noise_profile.T[:, :, None, None]
        lit = before > 0.05
        np.testing.assert_allclose((scale * after + offset)[lit], dimmed[lit], rtol=0.05)
    assert min(shares) >= -0.01
    assert 0.2 < max(shares) <= HAZE[1] + 0.01


def test_counts_are_rounded_once_where_hazy_light_is_brightened(monkeypatch):
    monkeypatch.setattr(making_variants, "HAZY", 1)
    monkeypatch.setattr(making_variants, "STRONG", 0)
    monkeypatch.setattr(making_variants, "LIGHT", (1.4, 1.5))
    raw = raw_image(height=64, width=96)
    for part in variants(raw, count=5, seed=6):
        for row, column in np.ndindex(2, 2):
            before, after = (each.mosaic[row::2, column::2].ravel().astype(float) for each in (raw, part))
            kept = after < raw.white
            line = np.polynomial.Polynomial.fit(before[kept], after[kept], 1)
            assert np.abs(line(before[kept]) - after[kept]).max() < 0.6  # 2 and more where haze was rounded first


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
