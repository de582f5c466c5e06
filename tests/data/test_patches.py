import gc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.data.frames import Frame
from crispnet.data.patches import Batch, Stage, batch, grid, middles, mirror_cells, mosaics, whole
from crispnet.data.views import Views, mosaic, view
from crispnet.raw.bayer import PLANE_COLOURS, PLANE_SITES, area_average, pack, remosaic

CELLS = (14, 19)
PATCHES = Stage("patches", (6, 8), scenes=4, patches=2)
FRAMES = Stage("frames", (5, 7), scenes=4)
MOSAICS = Stage("mosaics", (5, 7), scenes=4)


def frame(place: int = 0, *, cells: tuple[int, int] = CELLS) -> Frame:
    """A frame whose red grows to the right, whose green grows downwards, and whose blue is its own."""
    height, width = 2 * cells[0], 2 * cells[1]
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([5 * x, 5 * y, np.full_like(x, place)], axis=-1).astype(np.uint8)
    small = np.stack(np.broadcast_arrays(np.arange(4), np.arange(3)[:, None], place)).astype(np.float32)
    return Frame(
        name=f"frame {place}",
        scene=f"scene {place}",
        packed=(pack(remosaic(rgb), "RGGB") / 255).astype(np.float16),
        target=rgb,
        thumbnail=small,
        white_balance=np.array([2, 1, place, 1], np.float32),
        to_srgb=np.full((3, 3), place, np.float32),
        tags={},
    )


def some(count: int) -> list[Frame]:
    return [frame(place) for place in range(count)]


def shown(made: Batch) -> list[int]:
    return made.white_balance[:, 2].astype(int).tolist()


def flips_of(small: np.ndarray) -> tuple[bool, bool]:
    """How a thumbnail is mirrored: upside down, left to right."""
    return bool(small[1, 0, 0] > small[1, -1, 0]), bool(small[0, 0, 0] > small[0, 0, -1])


# Middles


def test_middles_are_the_middles_pixel_for_pixel():
    frames = some(2)
    made = middles(frames, (6, 9))
    assert made.packed.shape == (2, 4, 6, 9)
    np.testing.assert_array_equal(made.packed, np.stack([each.packed[:, 4:10, 5:14] for each in frames]))
    expected = np.stack([each.target[8:20, 10:28].transpose(2, 0, 1) for each in frames]).astype(np.float32) / 255
    np.testing.assert_allclose(made.target, expected)
    assert shown(made) == [0, 1]
    assert made.scene_of.tolist() == [0, 1]


def test_the_middle_of_a_small_frame_is_all_of_it():
    made = middles([frame(), frame(1, cells=(10, 30))], (12, 25))
    assert made.packed.shape[2:] == (10, 19)


# Mirroring

FLIPS = [(down, across) for down in (False, True) for across in (False, True)]


@pytest.mark.parametrize("flips", FLIPS, ids=str)
@given(height=st.integers(2, 6), width=st.integers(2, 6))
def test_mirrored_planes_are_those_of_the_mirrored_mosaic(flips, height, width):
    mosaic = np.arange(4 * height * width).reshape(2 * height, 2 * width)
    colours = np.array([["R", "G"], ["G", "B"]])
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    # A mosaic that begins with another colour is extended by a mirrored row or column at either end: not ours.
    packed = pack(mosaic[steps], "".join(colours[steps].ravel()))
    rows, columns = (slice(int(flip), -1 if flip else None) for flip in flips)
    out = np.empty((4, height - flips[0], width - flips[1]), int)
    mirror_cells(pack(mosaic, "RGGB"), flips, out=out)
    np.testing.assert_array_equal(out, packed[:, rows, columns])


@pytest.mark.parametrize("stage", [PATCHES, MOSAICS], ids=["patches", "mosaics"])
def test_every_photosite_is_registered_and_mirrored_as_its_thumbnail(stage):
    frames, seen = some(6), Counter()
    # At the edge a shrunk photosite has no neighbours; elsewhere the next one differs by 13 codes.
    inner = slice(None) if stage is PATCHES else slice(1, -1)
    for step in range(12):
        made = batch(frames, stage, seed=3, step=step)
        for packed, target, scene in zip(made.packed, made.target, made.scene_of, strict=True):
            for plane, (row, column), colour in zip(packed, PLANE_SITES, PLANE_COLOURS, strict=True):
                there = target[colour, row::2, column::2][inner, inner]
                np.testing.assert_allclose(plane[inner, inner], there, atol=5e-4 if stage is PATCHES else 1.5 / 255)
            flips = flips_of(made.thumbnail[scene])
            assert (target[1, 0, 0] > target[1, -1, 0], target[0, 0, 0] > target[0, 0, -1]) == flips
            np.testing.assert_allclose(target[2] * 255, made.white_balance[scene, 2], atol=1e-3)
            seen[flips] += 1
    assert set(seen) == set(FLIPS)


def test_patches_come_from_everywhere_up_to_the_edges():
    frames, stage = some(1), Stage("patches", (12, 18), scenes=1)
    corners = set()
    for step in range(200):
        made = batch(frames, stage, seed=0, step=step)
        corners.add(tuple((np.array([made.target[0, 1].min(), made.target[0, 0].min()]) * 255 / 5).round().astype(int)))
    # Of 14 x 19 cells: where mirrored, a patch begins at an odd photosite.
    assert corners == {(top, left) for top in range(5) for left in range(3)}


def test_a_frame_as_large_as_a_patch_is_shown_as_it_lies():
    lying = frame()
    for step in range(8):
        made = batch([lying], Stage("patches", CELLS, scenes=1), seed=0, step=step)
        np.testing.assert_array_equal(made.packed[0], lying.packed.astype(np.float32))
        np.testing.assert_array_equal(made.thumbnail[0], lying.thumbnail)


def test_a_frame_smaller_than_a_patch_is_named():
    with pytest.raises(ValueError, match="expected frames of 15 x 8 cells at least, got 14 x 19: frame 0"):
        batch([frame()], Stage("patches", (15, 8), scenes=1), seed=0, step=0)


def test_there_must_be_frames():
    with pytest.raises(ValueError, match="got none"):
        batch([], FRAMES, seed=0, step=0)


# Whole frames


def test_whole_frames_are_mirrored_as_their_thumbnails():
    frames, seen = some(3), Counter()
    lying = whole(frames, FRAMES.size)
    for step in range(10):
        made = batch(frames, FRAMES, seed=1, step=step)
        for packed, target, small, place in zip(made.packed, made.target, made.thumbnail, shown(made), strict=True):
            flips = flips_of(small)
            steps = (..., *(slice(None, None, -1 if flip else 1) for flip in flips))
            np.testing.assert_array_equal(packed, lying.packed[place][steps])
            np.testing.assert_array_equal(target, lying.target[place][steps])
            seen[flips] += 1
    assert set(seen) == set(FLIPS)


@pytest.mark.parametrize("size", [(5, 7), (14, 19), (4, 12)])
def test_the_planes_of_a_view_show_the_place_of_its_target(size):
    packed, target = view(frame(7), size)
    doubled = np.stack([area_average(colour, *size) for colour in target.astype(np.float32)])
    for plane, colour in zip(packed.astype(np.float32), PLANE_COLOURS, strict=True):
        # At the edges, samples stand for the half photosite beyond them: red and green change by 5 codes per photosite.
        np.testing.assert_allclose(plane[1:-1, 1:-1], doubled[colour, 1:-1, 1:-1], atol=1.5 / 255)
        np.testing.assert_allclose(plane, doubled[colour], atol=5.5 / 255)


def test_a_mosaic_of_the_frames_own_size_is_the_frame():
    lying = frame()
    packed, target = mosaic(lying, CELLS)
    np.testing.assert_array_equal(packed, lying.packed)
    np.testing.assert_array_equal(target, lying.target)


def test_small_mosaics_lie_as_their_frames():
    made = mosaics(some(2), (5, 99))
    assert made.packed.shape == (2, 4, 5, CELLS[1])
    assert (np.diff(made.target[:, 0].mean(axis=1)) > 0).all()
    assert shown(made) == [0, 1]


def test_views_are_averages_by_area():
    random = np.random.default_rng(0)
    even = frame(cells=(12, 16))
    even.packed[...] = random.random(even.packed.shape)
    even.target[...] = random.integers(0, 256, even.target.shape)
    packed, target = view(even, (6, 8))
    expected = even.target.reshape(12, 2, 16, 2, 3).mean((1, 3)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(target, expected, atol=5e-4)
    # A cell of the view covers photosites 4k to 4k + 4. Reds lie on the first of every two, and cover a half before and
    # behind it: 4k - 0.5 to 4k + 1.5 (of which 1.5 within), 4k + 1.5 to 4k + 3.5, and the next, from 4k + 3.5.
    reds = np.pad(even.packed[0].astype(np.float64), ((0, 1), (0, 1)), mode="edge")
    down = (1.5 * reds[0:12:2] + 2 * reds[1:12:2] + 0.5 * reds[2:13:2]) / 4
    expected = (1.5 * down[:, 0:16:2] + 2 * down[:, 1:16:2] + 0.5 * down[:, 2:17:2]) / 4
    np.testing.assert_allclose(packed[0], expected, atol=1e-3)


def test_views_are_remembered_within_limits():
    frames = some(4)
    one = sum(part.nbytes for part in view(frames[0], (5, 7)))
    views = Views(3 * one)
    first = [views.of(shown, (5, 7)) for shown in frames]
    again = [views.of(shown, (5, 7)) for shown in frames]
    assert [a is b for a, b in zip(first, again, strict=True)] == [True, True, True, False]
    assert views.bytes == 3 * one
    views.of(frames[0], (5, 6))  # a new stage
    assert 0 < views.bytes <= 3 * one
    assert views.of(frames[0], (5, 6)) is views.of(frames[0], (5, 6))
    del frames
    gc.collect()
    assert views.bytes == 0


# The row of batches


@pytest.mark.parametrize("stage", [PATCHES, FRAMES, MOSAICS], ids=lambda stage: stage.view)
def test_a_batch_follows_from_seed_and_step_alone(stage):
    frames = some(6)
    straight = [batch(frames, stage, seed=5, step=step) for step in range(4)]
    for step in (3, 1, 2, 0):
        again = batch(some(6), stage, seed=5, step=step)
        for field in ("packed", "target", "scene_of", "thumbnail", "white_balance", "to_srgb"):
            np.testing.assert_array_equal(getattr(again, field), getattr(straight[step], field))
    assert shown(batch(frames, stage, seed=6, step=0)) != shown(straight[0])


@given(count=st.integers(1, 9), scenes=st.integers(1, 5), seed=st.integers(0, 3))
def test_every_epoch_shows_every_frame_once(count, scenes, seed):
    frames = some(count)
    stage = Stage("frames", (1, 1), scenes)
    row = [place for step in range(count) for place in shown(batch(frames, stage, seed=seed, step=step))]
    for epoch in range(scenes):
        assert sorted(row[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_epochs_differ():
    frames = some(8)
    rows = [shown(batch(frames, Stage("frames", (1, 1), 8), seed=0, step=step)) for step in range(3)]
    assert rows[0] != rows[1] != rows[2]


def test_a_batch_has_the_shapes_of_the_house():
    made = batch(some(6), PATCHES, seed=0, step=0)
    assert made.packed.shape == (8, 4, 6, 8)
    assert made.target.shape == (8, 3, 12, 16)
    assert made.scene_of.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert made.scene_of.dtype == np.int64
    assert made.thumbnail.shape[:2] == (4, 3)
    assert (made.white_balance.shape, made.to_srgb.shape) == ((4, 4), (4, 3, 3))
    kinds = {part.dtype for part in (made.target, made.thumbnail, made.white_balance, made.to_srgb)}
    assert (kinds, made.packed.dtype) == ({np.dtype(np.float32)}, np.float16)
    assert made.packed.flags.c_contiguous


@pytest.mark.parametrize("values", [("whole", (4, 4), 1, 1), ("frames", (4, 4), 1, 2), ("patches", (0, 4), 1, 1)])
def test_a_stage_that_cannot_be_is_refused(values):
    with pytest.raises(ValueError, match="expected"):
        Stage(*values)


# The grid


def test_the_frames_of_the_paper_hold_64_patches():
    corners = grid(2944, 3840)
    assert len(corners) == len(set(corners)) == 64
    assert corners[0] == (0, 0)
    assert corners[-1] == (2944 - 368, 3840 - 480)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 20), st.integers(1, 20))
def test_a_grid_covers_a_frame_and_begins_with_red(height, width, rows, columns):
    height, width, rows, columns = (2 * length for length in (height + rows, width + columns, rows, columns))
    corners = grid(height, width, (rows, columns))
    covered = np.zeros((height, width), bool)
    for top, left in corners:
        assert top % 2 == left % 2 == 0
        assert covered[top : top + rows, left : left + columns].shape == (rows, columns)
        covered[top : top + rows, left : left + columns] = True
    assert covered.all()
    assert len(corners) == -(-height // rows) * -(-width // columns)


@pytest.mark.parametrize("size", [(366, 480), (368, 478), (369, 480)])
def test_a_grid_needs_room(size):
    with pytest.raises(ValueError, match="expected an even size of 368 x 480 at least"):
        grid(*size)
