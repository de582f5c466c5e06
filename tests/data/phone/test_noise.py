import numpy as np
import pytest

from crispnet.data.phone.noise import USUAL_NOISE, denoise, guided, guided_line

NEUTRAL = np.ones(4)


def noisy(signal, profile, seed=0):
    """A balanced picture with a sensor's noise."""
    scale, offset = profile[0]
    noise = np.random.default_rng(seed).standard_normal(signal.shape)
    return (signal + np.sqrt(scale * signal + offset) * noise).astype(np.float32)


def grey(level, size=(64, 80)):
    return np.full((*size, 3), level)


def profile(iso):
    return USUAL_NOISE * iso / 100


@pytest.mark.parametrize("level", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("iso", [100, 800])
def test_at_least_half_of_the_noise_of_a_surface_goes(level, iso):
    picture = noisy(grey(level), profile(iso))
    clean, _ = denoise(picture.copy(), profile(iso), NEUTRAL)
    assert clean.std() < 0.5 * picture.std()
    assert clean.mean() == pytest.approx(picture.mean(), rel=0.01, abs=1e-3)


def test_colour_noise_goes_more_than_brightness_noise():
    picture = noisy(grey(0.2), profile(800))
    clean, _ = denoise(picture.copy(), profile(800), NEUTRAL)
    brightness, colour = (lambda rgb: rgb[..., 1].std()), (lambda rgb: (rgb[..., 0] - rgb[..., 2]).std())
    assert colour(clean) / colour(picture) < 0.5 * brightness(clean) / brightness(picture)


def test_an_edge_is_kept():
    signal = grey(0.1)
    signal[:, 40:] = 0.6
    clean, _ = denoise(noisy(signal, profile(200)), profile(200), NEUTRAL)
    columns = clean.mean(axis=(0, 2))
    assert columns[41] - columns[38] > 0.8 * 0.5
    assert columns[[0, 20, 60, 79]] == pytest.approx([0.1, 0.1, 0.6, 0.6], rel=0.03)


def test_more_noise_is_denoised_more():
    picture = noisy(grey(0.2), profile(200))
    less, little = denoise(picture.copy(), profile(50), NEUTRAL)
    more, much = denoise(picture.copy(), profile(800), NEUTRAL)
    assert more.std() < less.std()
    assert much == pytest.approx(4 * little)


def test_white_balance_makes_noise_stronger():
    _, plain = denoise(grey(0.2).astype(np.float32), USUAL_NOISE, NEUTRAL)
    _, strong = denoise(grey(0.2).astype(np.float32), USUAL_NOISE, np.full(4, 2.25))
    assert strong == pytest.approx(1.5 * plain)


def test_a_file_that_states_no_noise_keeps_its_surface():
    picture = grey(0.3).astype(np.float32)
    picture[20:40] = 0.6
    clean, sigma = denoise(picture.copy(), np.zeros((4, 2)), NEUTRAL)
    assert clean == pytest.approx(picture, abs=0.03)
    assert 0 < sigma < 1e-3


def test_line_is_fitted_as_by_hand():
    rng = np.random.default_rng(1)
    guide, values = rng.random((2, 9, 11), np.float32)
    slope, intercept = guided_line(guide, values, radius=2, epsilon=0.01)
    by_hand = _lines_by_hand(guide, values, radius=2, epsilon=0.01)
    assert slope == pytest.approx(by_hand[0], abs=1e-5)
    assert intercept == pytest.approx(by_hand[1], abs=1e-5)


def _lines_by_hand(guide, values, *, radius, epsilon):
    """He, Sun and Tang 2013, equations 5, 6 and 8, a window at a time, mirrored at the edges."""
    guide, values = guide.astype(np.float64), values.astype(np.float64)

    def windows(plane):
        padded = np.pad(plane, radius, mode="reflect")
        return np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)

    slope, intercept = np.empty((2, *guide.shape))
    for place in np.ndindex(guide.shape):
        x, y = windows(guide)[place], windows(values)[place]
        slope[place] = ((x - x.mean()) * (y - y.mean())).mean() / (x.var() + epsilon)
        intercept[place] = y.mean() - slope[place] * x.mean()
    return [windows(plane).mean(axis=(2, 3)) for plane in (slope, intercept)]


def test_guided_by_itself_a_strong_signal_stays_and_a_weak_one_goes():
    x = np.arange(64, dtype=np.float32)
    waves = np.tile(np.sin(x * np.pi / 8), (48, 1)).astype(np.float32)
    for height, share in ((1.0, 0.9), (0.01, 0.3)):
        kept = guided(height * waves, height * waves, radius=6, epsilon=0.01).std() / (height * waves).std()
        assert kept > share if height == 1 else kept < share


def test_constant_stays_constant():
    plane = np.full((30, 40), 0.4, np.float32)
    assert guided(plane, plane, radius=5, epsilon=1e-4) == pytest.approx(plane)
