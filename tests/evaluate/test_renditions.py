import numpy as np
import pytest
from PIL import Image

from crispnet.data.frames import Frame
from crispnet.errors import OutputError
from crispnet.evaluate.renditions import free_to_publish, keeping, orientation_of, picture_path, write_rendition
from crispnet.raw.orientation import upright


def frame(name="one", **tags):
    rng = np.random.default_rng(0)
    return Frame(
        name=name,
        scene=name,
        packed=rng.random((4, 16, 24)).astype(np.float16),
        target=rng.integers(0, 256, (32, 48, 3), np.uint8),
        thumbnail=np.zeros((3, 368, 480), np.float32),
        white_balance=np.ones(4, np.float32),
        to_srgb=np.eye(3, dtype=np.float32),
        tags=tags,
    )


def quarters():
    """A picture whose four quarters differ, so that every turn shows."""
    picture = np.zeros((32, 48, 3))
    picture[:16, :24], picture[:16, 24:], picture[16:, :24] = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    return picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_written_stands_upright(tmp_path, orientation):
    write_rendition(quarters(), tmp_path / "a" / "b.jpg", orientation=orientation)
    written = np.asarray(Image.open(tmp_path / "a" / "b.jpg"))
    expected = 255 * upright(quarters(), orientation)
    assert written.shape == expected.shape
    assert np.abs(written - expected).mean() < 2


def test_a_rendition_is_clipped_and_not_wrapped(tmp_path):
    picture = np.full((16, 16, 3), -0.4)
    picture[:, 8:] = 1.6
    write_rendition(picture, tmp_path / "b.jpg")
    written = np.asarray(Image.open(tmp_path / "b.jpg"))
    assert written[:, :8].max() < 3
    assert written[:, 8:].min() > 252


def test_colours_are_kept_at_full_size_and_said_to_be_srgb(tmp_path):
    write_rendition(quarters(), tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as picture:
        assert picture.layer[0][1:3] == (1, 1)
        assert picture.info["icc_profile"]


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="A folder for pictures"):
        write_rendition(quarters(), tmp_path / "a" / "b.jpg")


def test_chosen_captures_are_kept_beside_the_cameras_own(tmp_path):
    def render(frame):
        return np.asarray(frame.target) / 510

    frames = [frame("one", orientation=6), frame("sub/two"), frame("three")]
    kept = keeping(render, tmp_path, name="net", captures={"one", "sub/two"})
    for each in frames:
        assert (kept(each) == render(each)).all()
    found = {path.relative_to(tmp_path / "pictures").as_posix() for path in tmp_path.rglob("*.jpg")}
    assert found == {"one/net.jpg", "one/target.jpg", "sub/two/net.jpg", "sub/two/target.jpg"}
    target = np.asarray(Image.open(picture_path(tmp_path, "one", "target")), float)
    assert target.shape == (48, 32, 3)
    assert np.abs(target - upright(frames[0].target, 6)).mean() < 4  # noise, the hardest there is for JPEG


def test_only_views_of_panoramas_are_free_to_publish():
    frames = [frame("a", source="panorama"), frame("b", source="photograph"), frame("c", shown="scene")]
    assert [each.name for each in free_to_publish(frames)] == ["a"]


@pytest.mark.parametrize(("said", "taken"), [(6, 6), (1, 1), (0, 1), (9, 1), ("6", 1), (None, 1)])
def test_an_orientation_that_is_none_is_passed_over(said, taken):
    assert orientation_of(frame(orientation=said)) == taken
    assert orientation_of(frame()) == 1
