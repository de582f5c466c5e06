import numpy as np
import pytest

from crispnet.darkroom.lens import source_shift, straighten
from crispnet.raw.opcodes import GainMap, WarpRectilinear, WarpRectilinear2

SIZE = (150, 220)
BARREL = [0.97, 0.05, -0.02, 0.01, 0.0, 0.0]


def warp(*sets, stage=3, centre=(0.5, 0.5)):
    return WarpRectilinear(stage, True, np.array(sets, np.float64), centre)


def smooth(y, x):
    """A picture that is known between its pixels: (..., 3)."""
    red = 0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 11)
    green = 0.4 + 0.2 * np.cos(x / 13 + y / 17)
    blue = 0.3 + 0.001 * x + 0.002 * y
    return np.stack([red, green, blue], axis=-1)


def picture(size=SIZE, offset=(0, 0)):
    y, x = np.meshgrid(np.arange(size[0]) + 0.5 + offset[0], np.arange(size[1]) + 0.5 + offset[1], indexing="ij")
    return smooth(y, x).astype(np.float32)


def source(terms, *, size=SIZE, centre=(0.5, 0.5)):
    """Where each pixel comes from, as the specification's formulae go, in double precision."""
    y, x = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    cx, cy = centre[0] * size[1], centre[1] * size[0]
    m = max(np.hypot(cx - px, cy - py) for px in (0, size[1]) for py in (0, size[0]))
    dx, dy = (x - cx) / m, (y - cy) / m
    r = np.hypot(dx, dy)
    kr0, kr1, kr2, kr3, kt0, kt1 = terms
    f = kr0 + kr1 * r**2 + kr2 * r**4 + kr3 * r**6
    tx = kt0 * 2 * dx * dy + kt1 * (r**2 + 2 * dx**2)
    ty = kt1 * 2 * dx * dy + kt0 * (r**2 + 2 * dy**2)
    return cy + m * (f * dy + ty), cx + m * (f * dx + tx)


def inside(y, x, size=SIZE, margin=2):
    return (y > margin) & (y < size[0] - margin) & (x > margin) & (x < size[1] - margin)


@pytest.mark.parametrize(
    "opcodes",
    [
        [],
        [warp([1, 0, 0, 0, 0, 0])],
        [warp(*[[1, 0, 0, 0, 0, 0]] * 3)],
        [warp(BARREL, stage=1)],
        [GainMap(3, True, 0, 0, 0, 0, 0, 1, 1, 1, (1.0, 1.0), (0.0, 0.0), np.full((1, 1, 1), 2, np.float32))],
    ],
)
def test_nothing_to_straighten_returns_the_same_picture(opcodes):
    pixels = picture()
    assert straighten(pixels, opcodes) is pixels


def test_a_pixel_that_lands_on_a_pixel_keeps_its_value():
    # Scale 1/3 about the middle pixel of an odd size: every third pixel shows exactly one pixel of the lens.
    pixels = np.random.default_rng(1).uniform(0, 1, (33, 45, 3)).astype(np.float32)
    found = straighten(pixels, [warp([1 / 3, 0, 0, 0, 0, 0])])
    np.testing.assert_allclose(found[16 - 15 : 16 + 16 : 3, 22 - 21 : 22 + 22 : 3], pixels[11:22, 15:30], atol=1e-5)


@pytest.mark.parametrize("scale", [0.8, 0.95, 1.1])
def test_a_pure_scale_magnifies_about_the_centre(scale):
    y, x = source([scale, 0, 0, 0, 0, 0])
    found = straighten(picture(), [warp([scale, 0, 0, 0, 0, 0])])
    valid = inside(y, x)
    assert np.abs(found - smooth(y, x))[valid].max() < 2e-3


@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.4, 0.6)])
@pytest.mark.parametrize("terms", [BARREL, [0.97, 0.05, -0.02, 0.01, 0.004, -0.003], [1, 0, 0, 0, 0.004, 0]])
def test_radial_and_tangential_terms_follow_the_specification(terms, centre):
    y, x = source(terms, centre=centre)
    opcode = warp(terms, centre=centre)
    down, across = source_shift(opcode, 0, np.arange(SIZE[0]), np.arange(SIZE[1]), frame=SIZE)
    assert np.abs(down + np.arange(SIZE[0])[:, None] + 0.5 - y).max() < 1e-4
    assert np.abs(across + np.arange(SIZE[1]) + 0.5 - x).max() < 1e-4
    assert np.abs(straighten(picture(), [opcode]) - smooth(y, x))[inside(y, x)].max() < 2e-3


def test_straightening_undoes_a_known_distortion():
    y, x = source(BARREL)
    # The bent picture shows at (y, x) what the scene has at the pixel, so straightening must give the scene back.
    rows, columns = np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5
    scene_y, scene_x = np.meshgrid(rows, columns, indexing="ij")
    back_y, back_x = scene_y.copy(), scene_x.copy()
    for _ in range(60):  # a fixed point: bend(back) = pixel
        bent_y, bent_x = _bend(back_y, back_x)
        back_y += scene_y - bent_y
        back_x += scene_x - bent_x
    bent = smooth(back_y, back_x).astype(np.float32)
    found = straighten(bent, [warp(BARREL)])
    assert np.abs(found - smooth(scene_y, scene_x))[inside(y, x)].max() < 2e-3


def _bend(y, x):
    cy, cx = SIZE[0] / 2, SIZE[1] / 2
    m = np.hypot(cx, cy)
    r2 = ((y - cy) ** 2 + (x - cx) ** 2) / m**2
    f = BARREL[0] + BARREL[1] * r2 + BARREL[2] * r2**2 + BARREL[3] * r2**3
    return cy + f * (y - cy), cx + f * (x - cx)


def test_colours_have_their_own_coefficients():
    sets = [[0.96, 0.02, 0, 0, 0, 0], BARREL, [0.99, -0.01, 0, 0, 0, 0]]
    together = straighten(picture(), [warp(*sets)])
    for colour, terms in enumerate(sets):
        alone = straighten(picture(), [warp(terms)])
        assert (together[..., colour] == alone[..., colour]).all()
        assert (together[..., colour - 1] != alone[..., colour - 1]).any()


def test_a_crop_is_straightened_as_part_of_the_frame():
    frame = straighten(picture(), [warp(BARREL, centre=(0.45, 0.5))])
    crop = picture()[20:130, 30:200]
    found = straighten(np.ascontiguousarray(crop), [warp(BARREL, centre=(0.45, 0.5))], frame=SIZE, offset=(20, 30))
    np.testing.assert_allclose(found[8:-8, 8:-8], frame[20:130, 30:200][8:-8, 8:-8], atol=1e-6)


def test_what_the_lens_did_not_see_continues_the_edge():
    pixels = np.full((*SIZE, 3), 0.25, np.float32)
    pixels[0], pixels[-1] = 0.5, 0.75
    found = straighten(pixels, [warp([2.0, 0, 0, 0, 0, 0])])
    np.testing.assert_allclose(found[:30], 0.5, atol=1e-6)
    np.testing.assert_allclose(found[-30:], 0.75, atol=1e-6)


def test_the_newer_warp_agrees_with_the_older_and_knows_odd_powers_radii_and_reciprocals():
    def newer(powers, *, radii=(0.0, 1.0), reciprocal=False):
        terms = [*powers, *[0.0] * (15 - len(powers)), 0.0, 0.0, *radii]
        return WarpRectilinear2(3, True, np.array([terms]), (0.5, 0.5), reciprocal)

    older = warp([0.97, 0.05, -0.02, 0.01, 0, 0])
    squares = np.linspace(0, 1, 33)
    same = newer([0.97, 0, 0.05, 0, -0.02, 0, 0.01])
    np.testing.assert_allclose(same.stretch(squares, 0), older.stretch(squares, 0), rtol=1e-12)
    np.testing.assert_allclose(newer([0.9, 0.1]).stretch(squares, 0), 0.9 + 0.1 * np.sqrt(squares))
    np.testing.assert_allclose(
        newer([0.9, 0.1], reciprocal=True).stretch(squares, 0), 1 / (0.9 + 0.1 * np.sqrt(squares))
    )
    held = newer([0.9, 0.1], radii=(0.25, 0.5)).stretch(squares, 0)
    assert (held.min(), held.max()) == pytest.approx((0.925, 0.95))
    np.testing.assert_allclose(straighten(picture(), [same]), straighten(picture(), [older]), atol=2e-5)


def test_straightening_does_not_depend_on_the_strips(monkeypatch):
    whole = straighten(picture(), [warp(BARREL)])
    monkeypatch.setattr("crispnet.darkroom.lens.STRIP", 7)
    assert (straighten(picture(), [warp(BARREL)]) == whole).all()
