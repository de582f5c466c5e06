"""Pairs that lie alike pass, pairs that do not are refused with the shift, and are put right where that is wanted."""

import cv2
import numpy as np
import pytest

from crispnet.errors import PictureError
from crispnet.evaluate.overlay import as_they_lie, laid_over

HEIGHT, WIDTH = 360, 480


def painting(seed=1):
    """Overlapping discs of many colours and sizes on a canvas that is a little larger than a picture."""
    generator = np.random.default_rng(seed)
    pixels = np.full((HEIGHT + 40, WIDTH + 40, 3), 0.4, np.float32)
    for _ in range(150):
        at = generator.uniform(0, (WIDTH + 40) * 16, 2).astype(int).tolist()
        cv2.circle(pixels, at, int(generator.uniform(5, 45) * 16), generator.uniform(0.05, 0.95, 3).tolist(), -1, 16, 4)
    return np.clip(pixels, 0, 1)


CANVAS = painting()


def cut(top=20, left=20, height=HEIGHT, width=WIDTH):
    return np.ascontiguousarray(CANVAS[top : top + height, left : left + width])


SCENE = cut()


def toned(pixels):
    """What another program would make of it."""
    return np.clip(pixels**0.8 @ np.array([[0.9, 0.1, 0], [0.05, 0.9, 0.05], [0, 0.1, 0.9]], np.float32), 0, 1)


def refused(way, result, reference, *words):
    with pytest.raises(PictureError) as caught:
        way(result, reference)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).count(". ") >= 2  # what is wrong, what was needed, what to try


def test_a_picture_lies_upon_itself_and_upon_other_tones():
    assert as_they_lie(SCENE, SCENE.copy()).displacement == 0
    found = as_they_lie(toned(SCENE), SCENE)
    assert found.displacement < 0.2
    assert found.notes == ()
    assert found.mask is None
    assert found.reference is SCENE


@pytest.mark.parametrize("odd", [SCENE[..., ::-1].copy(), np.repeat(SCENE.mean(axis=2, keepdims=True), 3, axis=2)])
def test_wrong_colours_and_none_are_no_reason_to_refuse(odd):
    assert as_they_lie(odd, SCENE).displacement < 0.2


@pytest.mark.parametrize(("down", "across"), [(0, 3), (-5, 0), (7, 4)])
def test_a_shift_is_refused_and_said(down, across):
    # What lies at (20, 20) of the canvas lies `down` rows further down in the reference.
    reference = cut(20 - down, 20 - across)
    words = [f"{float(abs(step)):.0f}" for step in (down, across) if step]
    refused(as_they_lie, toned(SCENE), reference, "--align", "to the right" if across else "up", *words)


def test_half_a_pixel_passes_and_one_is_noted():
    for shift, noted in ((0.5, 0), (1.2, 1)):
        moved = cv2.warpAffine(CANVAS, np.float32([[1, 0, shift], [0, 1, 0]]), CANVAS.shape[1::-1])
        found = as_they_lie(np.ascontiguousarray(moved[20 : 20 + HEIGHT, 20 : 20 + WIDTH]), SCENE)
        assert found.displacement == pytest.approx(shift, abs=0.2)
        assert len(found.notes) == noted


def test_other_sizes_are_refused_and_aligned():
    half = cv2.resize(SCENE, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    refused(as_they_lie, half, SCENE, "240 x 180", "480 x 360", "--align")
    for pair in ((half, SCENE), (SCENE, half)):
        found = laid_over(*pair)
        assert found.result.shape == found.reference.shape == half.shape
        assert np.abs(found.result - found.reference).max() < 0.06  # at an edge, for a fiftieth of a pixel


@pytest.mark.parametrize("swapped", [False, True])
def test_a_shifted_pair_is_aligned_where_both_show_the_same(swapped):
    pair = (toned(SCENE), cut(13, 28))
    found = laid_over(*(pair[::-1] if swapped else pair))
    result, reference = (found.reference, found.result) if swapped else (found.result, found.reference)
    assert found.displacement == pytest.approx(np.hypot(7, 8), abs=0.3)
    assert min(result.shape[:2]) >= HEIGHT - 12
    mask = np.s_[:] if found.mask is None else found.mask
    assert np.abs(result - toned(reference))[mask].mean() < 0.01


@pytest.mark.parametrize("swapped", [False, True])
def test_one_that_was_cut_is_found_in_the_other(swapped):
    whole, part = SCENE, cut(50, 60, 306, 408)
    found = laid_over(*((part, whole) if swapped else (whole, part)))
    assert np.abs(found.result - found.reference).mean() < 0.03
    assert max(found.result.shape) == pytest.approx(408, abs=4)


def test_what_lies_alike_is_not_moved():
    found = laid_over(toned(SCENE), SCENE)
    assert found.reference is SCENE


def test_other_scenes_and_mirrored_ones_are_refused():
    other = np.ascontiguousarray(painting(9)[:HEIGHT, :WIDTH])
    for way in (as_they_lie, laid_over):
        refused(way, SCENE, other, "different scenes")
        refused(way, SCENE, np.ascontiguousarray(SCENE[:, ::-1]), "is mirrored")
    refused(laid_over, SCENE, np.ascontiguousarray(np.rot90(SCENE)), "aspects")


def test_tiny_pictures_are_refused_and_small_or_plain_ones_noted():
    refused(as_they_lie, SCENE[:1, :1], SCENE[:1, :1], "1 x 1", "At least 11")
    assert "too small" in as_they_lie(toned(SCENE[:40, :40]), SCENE[:40, :40]).notes[0]
    plain = np.full((220, 300, 3), 0.4, np.float32)
    for way in (as_they_lie, laid_over):
        found = way(plain + np.float32(0.1), plain)
        assert "too plain" in found.notes[0]
        assert found.displacement is None
    refused(laid_over, plain, plain[::2, ::2], "too plain")
