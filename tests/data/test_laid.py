import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crispnet.data.align import Aligned
from crispnet.data.frames import frame_of, open_frames, write_frames
from crispnet.data.laid import FACTS, believed, facts_of, laid_before, laid_target, made_from, write_laid
from crispnet.data.pairs import Pair
from crispnet.data.target import LAID
from crispnet.errors import DataError, OutputError
from crispnet.raw.image import Box
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import raw_image

CROP = Box(1, 2, 25, 33)  # 12 x 16 whole cells, in a mosaic that begins with red


def laid(height=24, width=32, seed=0):
    random = np.random.default_rng(seed)
    target = random.integers(0, 255, (height, width, 3), np.uint8)
    weights = (random.integers(0, 255, (height, width)) / 255).astype(np.float32)
    return Aligned(target, weights, True, 2.5, 0.4, 0.9, False)


def pair_of(folder, found, *, orientation=1):
    raw = raw_image(height=30, width=40, crop=CROP, orientation=orientation)
    path = write_dng(raw, folder / "a.dng", overwrite=True)
    write_laid(found, folder / "a.png", orientation=orientation, origin="here")
    return Pair(path, folder / "a.png", "a", "train", {LAID: facts_of(found)}), open_raw(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_read_as_it_was_laid(tmp_path, orientation):
    found = laid()
    target, weights = laid_target(*pair_of(tmp_path, found, orientation=orientation))
    np.testing.assert_array_equal(target, found.target)
    np.testing.assert_allclose(weights / 255, found.weights, atol=1e-6)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == ((32, 24) if orientation < 5 else (24, 32))  # it stands upright


def test_the_mosaic_is_made_smaller_to_match(tmp_path):
    found = replace(laid(12, 16), weights=np.ones((12, 16), np.float32))
    pair, _ = pair_of(tmp_path, found)
    frame = frame_of(pair)
    assert frame.packed.shape == (4, 6, 8)
    np.testing.assert_array_equal(frame.target, found.target)
    whole = frame_of(pair_of(tmp_path, replace(laid(), weights=np.ones((24, 32), np.float32)))[0])
    assert whole.packed.shape == (4, 12, 16)
    np.testing.assert_allclose(frame.packed.mean(axis=(1, 2)), whole.packed.mean(axis=(1, 2)), rtol=0.03)
    np.testing.assert_array_equal(frame.thumbnail, whole.thumbnail)


def test_edges_that_the_picture_does_not_show_are_cut_away(tmp_path):
    weights = np.ones((24, 32), np.float32)
    weights[:3] = weights[:, :4] = weights[:, -1:] = 0
    weights[10:14, 16:20] = 0  # inside: it stays
    found = replace(laid(), weights=weights)
    frame = frame_of(pair_of(tmp_path, found)[0])
    np.testing.assert_array_equal(frame.target, found.target[4:, 4:-2])
    whole = frame_of(pair_of(tmp_path, replace(found, weights=np.ones_like(weights)))[0])
    np.testing.assert_array_equal(frame.packed, whole.packed[:, 2:, 2:-1])
    np.testing.assert_array_equal(frame.thumbnail, whole.thumbnail)


def test_a_picture_that_is_not_believed_anywhere_is_kept_whole():
    assert believed(np.zeros((8, 12), np.uint8)) == (slice(0, 4), slice(0, 6))


def test_laid_and_plain_pairs_may_lie_in_one_file(tmp_path):
    pair, _ = pair_of(tmp_path, laid())
    plain = Pair(tmp_path / "b.dng", tmp_path / "b.png", "b", "train")
    write_dng(raw_image(height=30, width=40, seed=3), plain.raw)
    Image.new("RGB", (40, 30), (9, 8, 7)).save(plain.picture)
    write_frames([pair, plain], tmp_path / "frames", "train", workers=1)
    kept, other = open_frames(tmp_path / "frames", "train")
    np.testing.assert_array_equal(kept.target, frame_of(pair).target)
    assert kept.tags[LAID]["scale"] == 2.5
    assert (other.target == (9, 8, 7)).all()


def test_what_was_laid_from_the_same_files_is_known(tmp_path):
    found = laid()
    pair, _ = pair_of(tmp_path, found)
    assert laid_before(pair.picture, "here") == facts_of(found)
    assert laid_before(pair.picture, "there") is None
    assert laid_before(tmp_path / "none.png", "here") is None
    Image.new("RGBA", (4, 4)).save(tmp_path / "other.png")
    assert laid_before(tmp_path / "other.png", "here") is None
    whole = pair.picture.read_bytes()
    assert FACTS.encode() in whole


def test_another_file_is_another_origin(tmp_path):
    pair, _ = pair_of(tmp_path, laid())
    first = made_from(pair, longest=None)
    assert made_from(pair, longest=None) == first
    assert made_from(pair, longest=480) != first
    os.utime(pair.raw, (1, 1))
    assert made_from(pair, longest=None) != first
    with pytest.raises(DataError, match=r"none\.jpg cannot be read"):
        made_from(replace(pair, picture=tmp_path / "none.jpg"), longest=None)


@pytest.mark.parametrize("size", [(34, 24), (31, 24), (32, 20), (16, 16)])
def test_what_cannot_lie_over_the_raw_is_refused(tmp_path, size):
    pair, raw = pair_of(tmp_path, laid())
    Image.new("RGBA", size).save(pair.picture)
    with pytest.raises(DataError, match=r"x \d+ cells.*Align the pairs again"):
        laid_target(pair, raw)


def test_what_is_no_picture_that_was_laid_is_refused(tmp_path):
    pair, raw = pair_of(tmp_path, laid())
    Image.new("RGB", (32, 24)).save(pair.picture)
    with pytest.raises(DataError, match="how far to believe it"):
        laid_target(pair, raw)
    pair.picture.write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="was needed"):
        laid_target(pair, raw)


def test_it_is_written_whole_or_not_at_all(tmp_path):
    with pytest.raises(OutputError):
        write_laid(laid(), tmp_path / "nowhere" / "a.png", orientation=1, origin="")
    assert list(tmp_path.iterdir()) == []
