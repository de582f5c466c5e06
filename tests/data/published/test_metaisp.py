import numpy as np
import pytest

from crispnet.data.frames import frame_of
from crispnet.data.published.frame import write_set
from crispnet.data.published.metaisp import BLACK, WHITE, frames_in
from crispnet.errors import DataError
from crispnet.raw.bayer import PLANES, thumbnail
from publishing import BALANCE, list_in, metaisp_scene, write_png

SIDE = 32


@pytest.fixture
def pairs_of(tmp_path):
    """Import a tree that ``write`` filled, and give its pairs by scene."""

    def pairs(folder):
        from crispnet.data.pairs import read_manifest

        return {pair.scene: pair for pair in read_manifest(write_set(frames_in(folder), tmp_path / "out"))}

    return pairs


def expected_planes(mosaic):
    """What the authors' code feeds their network, in our order: they have blue, green beside red, red, green."""
    level = (mosaic.astype(np.float64) - BLACK) / (WHITE - BLACK)
    blue, beside_red, red, beside_blue = level[1::2, 1::2], level[0::2, 1::2], level[0::2, 0::2], level[1::2, 0::2]
    assert PLANES == ("R", "G on the red row", "B", "G on the blue row")
    return np.stack([red, beside_red, blue, beside_blue])


def test_planes_levels_white_balance_and_picture_are_those_of_the_set(tmp_path, pairs_of):
    mosaic, picture = metaisp_scene(tmp_path / "monitor", "a", 1)
    frame = frame_of(pairs_of(tmp_path / "monitor")["train-a"])
    np.testing.assert_array_equal(frame.packed, expected_planes(mosaic).astype(np.float16))
    np.testing.assert_array_equal(frame.target, picture)
    np.testing.assert_allclose(frame.white_balance, np.array(BALANCE)[[0, 1, 2, 1]], rtol=1e-5)
    assert (frame.tags["iso"], frame.tags["exposure"]) == (100, 0.01)


def test_the_thumbnail_is_that_of_the_whole_scene(tmp_path, pairs_of):
    mosaic, _ = metaisp_scene(tmp_path / "monitor", "a", 1)
    frame = frame_of(pairs_of(tmp_path / "monitor")["train-a"])
    np.testing.assert_allclose(frame.thumbnail, thumbnail(expected_planes(mosaic).astype(np.float32)), atol=1e-6)


def test_of_a_frame_with_holes_the_largest_rectangle_is_learned_and_all_is_seen(tmp_path, pairs_of):
    mosaic, picture = metaisp_scene(tmp_path / "monitor", "a", 1, without=(8, 11))
    frame = frame_of(pairs_of(tmp_path / "monitor")["train-a"])
    np.testing.assert_array_equal(frame.target, picture[2 * SIDE :])
    np.testing.assert_array_equal(frame.packed, expected_planes(mosaic)[:, SIDE:].astype(np.float16))
    whole = thumbnail(expected_planes(mosaic).astype(np.float32))
    assert np.abs(frame.thumbnail.mean(axis=(1, 2)) - whole.mean(axis=(1, 2))).max() < 0.01
    rows = whole.shape[1] // 6  # patch 8 is in the second row of them: taken from the small frame, it is no hole
    assert frame.thumbnail[:, rows : 2 * rows].mean() == pytest.approx(whole[:, rows : 2 * rows].mean(), abs=0.02)


def test_holes_without_a_small_frame_are_left_out(tmp_path, pairs_of):
    _, picture = metaisp_scene(tmp_path / "monitor", "a", 1, without=(0, 1, 2, 3, 4, 5))
    (tmp_path / "monitor/iphone/bilinear/raw/train/a.png").unlink()
    frame = frame_of(pairs_of(tmp_path / "monitor")["train-a"])
    np.testing.assert_array_equal(frame.target, picture[SIDE:])


def test_whole_frames_go_before_patches_and_stay_where_they_are(tmp_path, pairs_of):
    folder = tmp_path / "real"
    metaisp_scene(folder, "a", 1, split="val")
    mosaic, picture = metaisp_scene(tmp_path / "other", "a", 2, split="val")
    write_png(folder / "iphone/full/raw/val/a.png", mosaic)
    kept = write_png(folder / "iphone/full/rgb/val/a.png", picture)
    pair = pairs_of(folder)["validation-a"]
    assert pair.picture.resolve() == kept
    np.testing.assert_array_equal(frame_of(pair).packed, expected_planes(mosaic).astype(np.float16))


def test_the_splits_are_those_of_the_folders(tmp_path, pairs_of):
    for split in ("train", "val", "test"):
        metaisp_scene(tmp_path / "monitor", "0", 1, split=split)
    pairs = pairs_of(tmp_path / "monitor")
    assert {scene: pair.split for scene, pair in pairs.items()} == {
        "train-0": "train",
        "validation-0": "validation",
        "test-0": "test",
    }


def test_an_import_that_was_interrupted_goes_on(tmp_path):
    for name in "ab":
        metaisp_scene(tmp_path / "monitor", name, ord(name))
    frames = frames_in(tmp_path / "monitor")
    write_set(frames, tmp_path / "out")
    kept, lost = tmp_path / "out/raw/train-a.dng", tmp_path / "out/picture/train-b.png"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    write_set(frames, tmp_path / "out")
    assert kept.stat().st_mtime_ns == before
    assert lost.exists()


def refused(folder, words):
    with pytest.raises(DataError, match=words):
        [frame.content() for frame in frames_in(folder)]


def test_what_is_not_of_the_form_is_refused_with_a_reason(tmp_path):
    refused(tmp_path, "not of MetaISP's form")
    folder = tmp_path / "monitor"
    metaisp_scene(folder, "a", 1)
    table = folder / "meta/iphone/meta_train_patch.csv"
    whole = table.read_text()

    table.write_text(whole.replace("iso", "ISO speed"))
    refused(folder, "cannot be read as a table")
    table.write_text(whole.replace("1.9", "0", 36))
    refused(folder, "Positive ones were needed")
    table.write_text(whole.replace("1.9", "1.8", 1))
    refused(folder, "two white balances")
    table.write_text(whole)
    list_in(table, [["a_36.png", 1.9, 1.0, 1.7, 0.01, 100]])
    refused(folder, "'a_36'")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "a_7.png cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "a_7.png cannot be read"),
        (lambda path: write_png(path, np.full((SIDE, SIDE), 4096, np.uint16)), "counts up to 4096"),
        (lambda path: write_png(path, np.zeros((SIDE, SIDE), np.uint8)), "32 x 32 values of 8 bits"),
        (lambda path: write_png(path, np.zeros((16, 16), np.uint16)), "pixels"),
    ],
)
def test_a_damaged_patch_is_named(tmp_path, spoil, words):
    metaisp_scene(tmp_path / "monitor", "a", 1)
    spoil(tmp_path / "monitor/iphone/raw/train/a_7.png")
    refused(tmp_path / "monitor", words)
