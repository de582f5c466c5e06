import numpy as np
import pytest

from crispnet.raw.saturation import piled_up

WHITE = 16383


def photograph(*, brightest, seed=0):
    """Counts of a scene whose brightness falls off smoothly up to ``brightest``, and beyond, with noise."""
    random = np.random.default_rng(seed)
    light = random.gamma(2, brightest / 6, (300, 400))
    return (light + random.normal(0, 20, light.shape)).clip(0, 60000)


@pytest.mark.parametrize("saturation", [9000, 13_000, 15_800])
@pytest.mark.parametrize("spread", [0, 12])
def test_a_pile_below_white_is_found(saturation, spread):
    counts = np.minimum(photograph(brightest=20_000), saturation)
    counts += np.random.default_rng(1).normal(0, spread, counts.shape) * (counts == saturation)
    assert piled_up(counts.astype(np.uint16), WHITE) == pytest.approx(saturation, rel=0.005)


def test_hot_photosites_above_the_pile_do_not_hide_it():
    counts = np.minimum(photograph(brightest=20_000), 13_000)
    counts.ravel()[:5] = WHITE
    assert piled_up(counts.astype(np.uint16), WHITE) == pytest.approx(13_000, rel=0.005)


@pytest.mark.parametrize("brightest", [300, 5000, 9000])
def test_a_slope_is_no_pile(brightest):
    counts = np.minimum(photograph(brightest=brightest), WHITE * 0.97)
    assert piled_up(counts.astype(np.uint16), WHITE) is None


def test_what_clips_at_white_needs_no_help():
    counts = np.minimum(photograph(brightest=20_000), WHITE)
    assert piled_up(counts.astype(np.uint16), WHITE) is None


@pytest.mark.parametrize("noise", [0.004, 0.01, 0.03])
def test_an_evenly_lit_sheet_of_paper_is_no_pile(noise):
    """However even the light, shot noise spreads it: at 30 000 electrons, by half a hundredth."""
    paper = np.random.default_rng(2).normal(12_000, 12_000 * noise, (300, 400))
    paper[:, 300:] = photograph(brightest=3000)[:, 300:]
    assert piled_up(paper.clip(0, WHITE).astype(np.uint16), WHITE) is None


@pytest.mark.parametrize("value", [0, 1, WHITE])
def test_a_flat_frame_is_survived(value):
    assert piled_up(np.full((30, 40), value, np.uint16), WHITE) is None
