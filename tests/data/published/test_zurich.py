import numpy as np
import pytest

from crispnet.data.frames import frame_of
from crispnet.data.pairs import read_manifest
from crispnet.data.published.frame import write_set
from crispnet.data.published.zurich import BLACK, SCENE, WHITE, frames_in
from crispnet.errors import DataError
from publishing import write_png, zurich_pair


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "zurich"
    mosaics = {number: zurich_pair(folder, number) for number in (0, 1, SCENE, 3 * SCENE)}
    return folder, mosaics | {"test": zurich_pair(folder, 7, split="test")}


def test_planes_and_levels_are_as_its_authors_read_them(tmp_path, tree):
    folder, mosaics = tree
    pairs = read_manifest(write_set(frames_in(folder), tmp_path / "out"))
    frame = frame_of(next(pair for pair in pairs if pair.raw.stem == "train-1"))
    level = (mosaics[1].astype(np.float64) - BLACK) / (WHITE - BLACK)
    planes = np.stack([level[0::2, 0::2], level[0::2, 1::2], level[1::2, 1::2], level[1::2, 0::2]])
    np.testing.assert_array_equal(frame.packed, planes.astype(np.float16))
    assert frame.target.shape == (448, 448, 3)


def test_the_end_of_the_training_numbers_validates(tree):
    frames = frames_in(tree[0])
    assert {frame.name: frame.split for frame in frames} == {
        "train-0": "train",
        "train-1": "train",
        f"train-{SCENE}": "train",
        f"train-{3 * SCENE}": "validation",
        "test-7": "test",
    }
    scenes = {}
    for frame in frames:
        assert scenes.setdefault(frame.scene, frame.split) == frame.split


def test_all_mosaics_have_one_estimated_light(tree):
    frames = frames_in(tree[0])
    assert all((frame.white_balance == frames[0].white_balance).all() for frame in frames)
    assert frames[0].tags["light"] == "estimated"


def test_the_light_makes_the_set_grey(tmp_path):
    cast = np.empty((448, 448), np.uint16)
    cast[0::2, 0::2], cast[1::2, 1::2] = 263, 313  # 200 and 250 above black
    cast[0::2, 1::2] = cast[1::2, 0::2] = 463
    for number in range(2):
        zurich_pair(tmp_path, number)
        write_png(tmp_path / f"train/huawei_raw/{number}.png", cast)
    balance = frames_in(tmp_path)[0].white_balance
    np.testing.assert_allclose(balance, [2, 1, 1.6, 1], rtol=1e-5)


def test_what_is_not_of_the_form_is_refused(tmp_path, tree):
    with pytest.raises(DataError, match="not of the Zurich set's form"):
        frames_in(tmp_path)
    folder, _ = tree
    (folder / "train/huawei_raw/1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png cannot be read"):
        frames_in(folder)


def test_a_picture_of_another_size_is_refused(tree):
    folder, _ = tree
    zurich_pair(folder, 1, side=224)
    zurich_pair(folder.parent / "other", 1)
    (folder / "train/huawei_raw/1.png").write_bytes((folder.parent / "other/train/huawei_raw/1.png").read_bytes())
    with pytest.raises(DataError, match=r"224 x 224 pixels, .*448 x 448"):
        frames_in(folder)[1].content()
