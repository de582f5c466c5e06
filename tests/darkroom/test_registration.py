import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crispnet.darkroom.levels import IDENTITY, positions, sampled, shrunk
from crispnet.darkroom.registration import register
from crispnet.errors import ForeignPicture

SIZE = (720, 960)


def painting(seed=1, size=SIZE):
    """Overlapping discs of many colours and sizes, drawn fine and shrunk: a scene with edges everywhere."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    pixels = np.full((*size, 3), 0.4, np.float32) + (x / size[1] * 0.2)[..., None]
    for _ in range(160):
        top, left = generator.uniform(0, size[0]), generator.uniform(0, size[1])
        radius = generator.uniform(10, 90)
        inside = np.clip(radius - np.hypot(y - top, x - left), 0, 1)[..., None]
        pixels += inside * (generator.uniform(0.05, 0.95, 3).astype(np.float32) - pixels)
    return pixels


SCENE = painting()


def taken(box=(0.0, 0.0, *SIZE), size=(360, 480), *, gamma=0.7, noise=0.01, bend=0.0):
    """What a camera makes of a box of the scene: other tones and colours, noise, and a lens that bends by the cube."""
    top, left, height, width = box
    down, across = positions(size, 1, size)
    y, x = np.meshgrid(down, across, indexing="ij")
    stretch = 1 + bend * (x * x + y * y)
    middle = (left + width / 2 - SIZE[1] / 2) * 2 / SIZE[1], (top + height / 2 - SIZE[0] / 2) * 2 / SIZE[1]
    part = width / SIZE[1]
    pixels, _ = sampled(SCENE, middle[0] + part * x * stretch, middle[1] + part * y * stretch, pitch=1, size=SIZE)
    toned = np.clip(pixels, 0, 1) ** gamma @ np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9]], np.float32)
    noisy = toned + np.random.default_rng(3).normal(0, noise, toned.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def refused(picture, *words, rendering=SCENE):
    with pytest.raises(ForeignPicture) as caught:
        register(rendering, picture)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).count(". ") >= 2  # what is wrong, what was needed, what to try


def test_a_picture_lies_upon_itself():
    found = register(SCENE, SCENE)
    np.testing.assert_allclose(found.cubic, IDENTITY, atol=1e-3)
    np.testing.assert_allclose(found.box, (0, 0, *SIZE), atol=0.2)
    assert found.alike > 0.99
    assert found.blocks.min() > 0.9
    assert found.local


@settings(deadline=None, max_examples=5)
@given(st.floats(0, 40), st.floats(0, 50), st.floats(0.88, 0.94), st.floats(0.4, 2.2))
def test_a_crop_is_found_to_half_a_pixel_under_any_tones(top, left, part, gamma):
    box = (top, left, part * SIZE[0], part * SIZE[1])
    found = register(SCENE, taken(box, gamma=gamma, noise=0.02))
    np.testing.assert_allclose(found.box, box, atol=1.0)  # of 960 pixels: half a pixel of the picture's 480
    assert found.bend < 2


def test_a_lens_that_was_straightened_otherwise_is_followed():
    straight, bent = register(SCENE, taken(bend=0.0)), register(SCENE, taken(bend=-0.012))
    assert straight.bend < 0.5
    assert bent.bend > 4
    laid, weights = bent.lay(taken(bend=-0.012))
    difference = np.abs(laid - straight.lay(taken())[0]).mean(axis=-1)
    assert difference[weights > 0.5].mean() < 0.022  # the noise of both
    assert (weights > 0.5).mean() > 0.9


def test_laid_pictures_cover_what_they_show_and_no_more():
    box = (40.0, 60.0, 600.0, 800.0)
    picture = taken(box, gamma=1.0, noise=0.0)
    laid, weights = register(SCENE, picture).lay(picture)
    assert laid.shape == SCENE.shape
    assert (weights[:36] == 0).all()
    assert (weights[:, :56] == 0).all()
    assert (weights[644:] == 0).all()
    assert (weights[60:620, 80:840] > 0.5).mean() > 0.95


def test_a_place_that_shows_something_else_is_not_trusted():
    picture = taken()
    picture[100:220, 200:320] = painting(7, (120, 120))
    blocks = register(SCENE, picture).blocks
    rows, columns = (np.array(blocks.shape) * np.array([160 / 360, 260 / 480])).astype(int)
    assert blocks[rows, columns] < 0.3
    assert np.median(blocks) > 0.95


def test_sizes_may_be_any_and_codes_too():
    picture = (taken(size=(540, 720)) * 255).astype(np.uint8)
    for pitch in (1, 2, 3):
        found = register(shrunk(SCENE, pitch), picture)
        np.testing.assert_allclose(np.array(found.box) * pitch, (0, 0, *SIZE), atol=2)


def test_portraits_are_registered_too():
    turned = register(np.rot90(SCENE), np.rot90(taken()))
    np.testing.assert_allclose(turned.box, (0, 0, *SIZE[::-1]), atol=0.7)


def test_what_shows_another_scene_is_refused():
    refused(shrunk(painting(2), 2), "another scene")
    refused(np.random.default_rng(0).random((360, 480, 3)).astype(np.float32), "another scene")
    refused(1 - taken(), "another scene")  # a negative


def test_what_is_turned_is_refused_and_said_to_be():
    picture = taken()
    refused(picture[::-1, ::-1], "upside down")
    refused(picture[:, ::-1], "mirrored")
    refused(picture[::-1], "mirrored and upside down")
    refused(np.rot90(picture), "lies the other way", "360 x 480")


def test_a_mirrored_chart_is_not_taken_for_itself():
    chart = np.full((*SIZE, 3), 0.05, np.float32)
    colours = np.random.default_rng(5).uniform(0.1, 0.9, (4, 6, 3))
    for row in range(4):
        for column in range(6):
            chart[60 + 155 * row : 195 + 155 * row, 25 + 155 * column : 160 + 155 * column] = colours[row, column]
    assert register(chart, shrunk(chart, 2)).alike > 0.95
    refused(shrunk(chart, 2)[:, ::-1], rendering=chart)


def test_what_was_cut_to_another_aspect_is_refused():
    refused(taken()[45:-45], "another aspect")


@pytest.mark.parametrize("tint", [(1, 1, 1), (1.0, 0.85, 0.6)])
def test_black_and_white_is_refused(tint):
    grey = taken().mean(axis=-1, keepdims=True) * np.array(tint, np.float32)
    refused(grey, "black and white")


def test_a_grey_scene_may_have_a_grey_picture():
    grey = np.repeat(SCENE.mean(axis=-1, keepdims=True), 3, axis=-1)
    assert register(grey, np.repeat(taken().mean(axis=-1, keepdims=True), 3, axis=-1)).alike > 0.8


def test_small_pictures_are_for_the_whole_frame_only_and_tiny_ones_for_nothing():
    small = np.asarray(Image.fromarray((taken() * 255).astype(np.uint8)).resize((160, 120), Image.Resampling.BOX))
    found = register(SCENE, small)
    assert not found.local
    np.testing.assert_allclose(found.box, (0, 0, *SIZE), atol=6)
    refused(small[::2, ::2], "too few")


def test_a_scene_without_edges_is_refused():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / 960
    sky = np.stack([0.3 + 0.1 * y, 0.5 + 0.1 * y, 0.8 + 0.05 * x], axis=-1).astype(np.float32)
    refused(np.full((360, 480, 3), (0.2, 0.5, 0.9), np.float32), rendering=sky)
    refused(np.full((360, 480, 3), 0.5, np.float32), rendering=np.full((*SIZE, 3), 0.5, np.float32))
