import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispnet.darkroom.colour_map import ColourMap
from crispnet.darkroom.levels import shrunk
from crispnet.darkroom.matching import fit_map, match
from crispnet.errors import ForeignPicture

SIZE = (180, 240)
WHOLE = np.ones(SIZE, np.float32)
CODE = 1 / 255


def scene(size=SIZE, seed=0):
    """Discs of all colours over a sky that grows lighter downwards."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32) / size[1]
    pixels = np.stack([0.25 + 0.3 * y, 0.4 + 0.3 * y, 0.7 + 0.2 * y], axis=-1)
    for _ in range(120):
        radius = generator.uniform(0.02, 0.09)
        away = np.hypot(y - generator.uniform(0, 0.75), x - generator.uniform(0, 1))
        inside = np.clip((radius - away) * size[1], 0, 1)
        pixels += inside[..., None] * (generator.uniform(0.02, 0.98, 3).astype(np.float32) - pixels)
    return pixels


def rendered(pixels):
    """What a camera makes of colours, everywhere alike."""
    mixed = pixels @ np.array([[1.1, -0.05, 0.0], [-0.1, 1.1, -0.1], [0.0, -0.05, 1.1]], np.float32)
    return np.clip(mixed, 0, 1) ** 0.8 * 0.95


OURS = scene()


def test_equal_pictures_are_left_as_they_are():
    fitted = fit_map(OURS, OURS, WHOLE)
    large = scene((400, 533), seed=4)
    assert np.abs(fitted.apply(OURS) - OURS).max() < CODE
    assert np.abs(fitted.apply(large) - large).max() < CODE


@settings(deadline=None, max_examples=5)
@given(st.lists(st.floats(-0.15, 0.15), min_size=12, max_size=12))
def test_an_affine_map_is_recovered_exactly(numbers):
    change = np.reshape(numbers, (4, 3)).astype(np.float32)
    theirs = OURS + change[0] + OURS @ change[1:]
    trusting = fit_map(OURS, np.clip(theirs, 0.01, 0.99), WHOLE)
    safe = ((theirs > 0.02) & (theirs < 0.98)).all(axis=-1)
    assert np.abs(trusting.apply(OURS) - theirs)[safe].mean() < 0.5 * CODE + 0.02 * (1 - safe.mean())


def test_one_curve_and_matrix_for_all_is_recovered():
    difference = np.abs(fit_map(OURS, rendered(OURS), WHOLE).apply(OURS) - rendered(OURS))
    assert np.abs(OURS - rendered(OURS)).mean() > 8 * CODE
    assert difference.mean() < 1.5 * CODE
    everywhere = fit_map(OURS, rendered(OURS), WHOLE, local=False).apply(OURS)
    assert np.abs(everywhere - rendered(OURS)).mean() < 4 * CODE


def test_a_map_that_changes_slowly_over_the_frame_is_recovered():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32) / SIZE[1]
    shade = (1 - 0.5 * ((x - 0.5) ** 2 + (y - 0.4) ** 2))[..., None]
    theirs = OURS * shade * (1, 0.95, 0.9)
    assert np.abs(fit_map(OURS, theirs, WHOLE).apply(OURS) - theirs).mean() < 1.0 * CODE
    assert np.abs(fit_map(OURS, theirs, WHOLE, local=False).apply(OURS) - theirs).mean() > 3 * CODE


@pytest.mark.parametrize("ours", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("theirs", [0.0, 0.5, 1.0])
def test_constant_pictures_do_not_blow_up(ours, theirs):
    one, other = (np.full((*SIZE, 3), value, np.float32) for value in (ours, theirs))
    fitted = fit_map(one, other, WHOLE)
    assert np.abs(fitted.grid).max() < 3
    assert np.abs(fitted.apply(one) - theirs).max() < 2 * CODE


def test_without_any_trust_nothing_is_changed():
    np.testing.assert_allclose(fit_map(OURS, rendered(OURS), 0 * WHOLE).apply(OURS), OURS, atol=1e-5)


def test_a_place_without_trust_follows_the_whole_frame():
    weights, theirs = WHOLE.copy(), rendered(OURS)
    weights[60:120, 80:160] = 0
    theirs[60:120, 80:160] = (1, 0, 1)
    inside = np.abs(fit_map(OURS, theirs, weights).apply(OURS) - rendered(OURS))[60:120, 80:160]
    assert inside.mean() < 4 * CODE


def test_a_few_pixels_that_show_something_else_do_not_count():
    theirs = rendered(OURS)
    generator = np.random.default_rng(1)
    wrong = generator.random(SIZE) < 0.05
    theirs[wrong] = generator.random((wrong.sum(), 3))
    difference = np.abs(fit_map(OURS, theirs, WHOLE).apply(OURS) - rendered(OURS))
    assert difference.mean() < 3 * CODE


def hat(distance):
    return np.maximum(1 - distance, 0)


def bell(distance):
    """The quadratic B-spline, piece by piece."""
    return np.where(distance < 0.5, 0.75 - distance**2, np.where(distance < 1.5, (1.5 - distance) ** 2 / 2, 0))


def weights_of_vertices(at, count, shape):
    return shape(np.abs(at[..., None] - np.arange(count)))


@settings(deadline=None, max_examples=10)
@given(st.integers(20, 70), st.integers(24, 90), st.integers(0, 9))
def test_the_map_is_what_the_vertices_around_say(height, width, seed):
    generator = np.random.default_rng(seed)
    grid = generator.normal(size=(3, 4, 5, 4, 3)).astype(np.float32)
    pixels = generator.uniform(-0.1, 1.1, (height, width, 3)).astype(np.float32)
    light = np.clip(pixels @ np.float32([0.25, 0.5, 0.25]), 0, 1)
    down = weights_of_vertices((np.arange(height) + 0.5) / height * 2, 3, hat)
    across = weights_of_vertices((np.arange(width) + 0.5) / width * 3, 4, hat)
    lightness = weights_of_vertices(light * 3 + 0.5, 5, bell)
    maps = np.einsum("ya,xb,yxl,ablij->yxij", down, across, lightness, grid)
    expected = maps[:, :, 0] + np.einsum("hwi,hwic->hwc", pixels, maps[:, :, 1:])
    np.testing.assert_allclose(ColourMap(grid).apply(pixels), expected, atol=2e-4)


def test_applied_in_place_is_applied():
    fitted, pixels = fit_map(OURS, rendered(OURS), WHOLE), OURS.copy()
    expected = fitted.apply(OURS)
    assert fitted.apply(pixels, out=pixels) is pixels
    np.testing.assert_array_equal(pixels, expected)
    turned = np.ascontiguousarray(OURS[:, ::-1])[:, ::-1]  # a view, as upright pictures are
    np.testing.assert_array_equal(fitted.apply(turned, out=turned), expected)


def test_ramps_stay_ramps():
    """Over lightness the map has neither steps nor kinks: a fine ramp has no banding after it, at any place."""
    grid = fit_map(OURS, rendered(OURS), WHOLE).grid
    ramp = np.linspace(0, 1, 4001, dtype=np.float32)
    strip = np.broadcast_to(ramp[None, :, None], (4, 4001, 3))
    for down, across in np.ndindex(*np.array(grid.shape[:2]) // 6):
        there = np.broadcast_to(grid[6 * down, 6 * across], grid.shape)
        mapped = ColourMap(there).apply(strip)[0].astype(np.float64)
        slopes = np.diff(mapped[::40], axis=0) * 100
        assert slopes.min() > 0
        assert np.abs(np.diff(slopes, axis=0)).max() < 0.2


def test_skies_stay_smooth():
    y, x = np.mgrid[:720, :960].astype(np.float32) / 960
    sky = np.stack([0.3 + 0.25 * y + 0.05 * x, 0.5 + 0.25 * y, 0.8 + 0.15 * y], axis=-1)
    sky += np.random.default_rng(2).normal(0, 0.01, sky.shape).astype(np.float32)
    small = shrunk(sky, 4)
    vignetted = rendered(small) * (1 - 0.4 * ((x - 0.5) ** 2 + (y - 0.4) ** 2))[2::4, 2::4, None]
    fitted = fit_map(small, vignetted, WHOLE).apply(shrunk(sky, 1) * 0 + np.float32(sky.mean(axis=1, keepdims=True)))
    down, across = (np.abs(np.diff(fitted[2:-2, 2:-2], axis=axis)) for axis in (0, 1))
    assert across.max() < 0.5 * CODE  # of one pixel; a step of a code would be seen
    assert down.max() < 2 * CODE


def test_an_edge_gets_no_halo():
    """Two tones that the camera maps apart, side by side: each stays flat up to the edge."""
    dark, light = np.float32((0.15, 0.2, 0.25)), np.float32((0.75, 0.8, 0.9))
    ours = np.where(np.arange(SIZE[1])[None, :, None] < SIZE[1] // 2, dark, light) * np.ones((*SIZE, 1), np.float32)
    theirs = np.where(ours == dark, dark * 1.5, light * 0.9)
    large = np.repeat(np.repeat(ours, 4, axis=0), 4, axis=1)
    mapped = fit_map(ours, theirs, WHOLE).apply(large)
    middle = large.shape[1] // 2
    assert np.abs(mapped[:, :middle] - dark * 1.5).max() < CODE
    assert np.abs(mapped[:, middle:] - light * 0.9).max() < CODE


def test_clipped_highlights_ask_for_white_only():
    brighter = np.clip(OURS * 1.4, 0, 1)
    mapped = fit_map(OURS, brighter, WHOLE).apply(OURS)
    clipped = OURS * 1.4 > 1
    assert np.percentile(mapped[clipped], 1) > 0.95
    assert np.abs(mapped - brighter)[~clipped].mean() < 1.5 * CODE


def test_a_camera_picture_is_matched_at_full_size():
    large = scene((720, 960))
    found = match(large, (shrunk(rendered(large), 2) * 255 + 0.5).astype(np.uint8))
    assert found.before > 5
    assert found.after < 1
    np.testing.assert_allclose(found.box, (0, 0, 720, 960), atol=1.5)
    assert np.abs(found.colours.apply(large) - rendered(large)).mean() < 2 * CODE


def test_a_small_picture_gives_one_map_for_all():
    large = scene((720, 960))
    grid = match(large, shrunk(rendered(large), 6)).colours.grid
    np.testing.assert_array_equal(grid, np.broadcast_to(grid[:1, :1], grid.shape))


def test_what_was_put_into_a_picture_is_not_painted():
    large = scene((720, 960))
    picture = shrunk(rendered(large), 2)
    picture[40:110, 60:160] = (1, 0, 1)
    mapped = match(large, picture).colours.apply(large)
    there = np.s_[90:210, 130:310]
    assert np.abs(mapped - rendered(large))[there].mean() < 5 * CODE
    assert np.abs(mapped - rendered(large)).mean() < 2 * CODE


def test_pictures_whose_colours_no_map_explains_are_refused():
    large = scene((360, 480))
    with pytest.raises(ForeignPicture, match="another scene"):
        match(large, scene((360, 480), seed=9))
    noisy = rendered(large) + np.random.default_rng(0).normal(0, 0.15, large.shape).astype(np.float32)
    with pytest.raises(ForeignPicture):
        match(large, np.clip(noisy, 0, 1))
