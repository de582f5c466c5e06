import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.darkroom.levels import shrunk
from crispnet.darkroom.photo import develop
from crispnet.darkroom.preview import EMBEDDED
from crispnet.raw.orientation import upright
from crispnet.raw.picture import camera_picture
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import raw_image

BOX = Path(__file__).parents[2] / "samples" / "box.crw"


@pytest.fixture(scope="module")
def plain():
    return develop(BOX, "plain")


@pytest.fixture(scope="module")
def matched():
    return develop(BOX, "plain", match_preview=True)


def beside(folder, picture=None):
    """A copy of the raw whose own picture nobody can read, with a picture of the camera beside it."""
    raw = folder / "IMG_0001.crw"
    shutil.copy(BOX, raw)
    if picture is not None:
        Image.fromarray(picture).save(folder / "IMG_0001.JPG", quality=95)
    return raw


def difference(pixels, reference):
    return delta_e_76(srgb_to_lab(np.clip(pixels, 0, 1)), srgb_to_lab(np.clip(reference, 0, 1)))


def test_the_cameras_colours_are_met(plain, matched):
    found = matched.preview.match
    assert matched.preview.picture == EMBEDDED
    assert found.after < 2.3 < found.before
    assert matched.notes == plain.notes
    assert difference(matched.pixels, plain.pixels).mean() > 2
    top, left, height, width = found.box
    assert abs(height / width - 3 / 4) < 0.01
    assert -4 <= top < 16
    assert -4 <= left < 32


def test_detail_stays_where_it_is(plain, matched):
    """The map changes colours, not places: where the rendering is flat, so is what becomes of it, and the reverse."""
    steepness = []
    for photo in (plain, matched):
        light = photo.pixels.mean(axis=-1)
        steepness.append(np.hypot(*np.gradient(light))[2:-2, 2:-2].ravel())
    assert np.corrcoef(*steepness)[0, 1] > 0.95


def test_a_picture_beside_the_raw_goes_first(tmp_path, matched):
    own = camera_picture(BOX).pixels
    warmer = np.clip(own * np.array([1.0, 0.9, 0.75]), 0, 255).astype(np.uint8)
    photo = develop(beside(tmp_path, warmer), "plain", match_preview=True)
    assert photo.preview.picture == str(tmp_path / "IMG_0001.JPG")
    assert photo.preview.match.after < 2.3
    means = [shrunk(np.clip(each.pixels, 0, 1), 8).mean(axis=(0, 1)) for each in (photo, matched)]
    assert means[0][2] / means[0][0] < 0.85 * means[1][2] / means[1][0]


@pytest.mark.parametrize("wrong", ["grey", "another", "turned", "cropped", "tiny", "text", "empty"])
def test_a_wrong_picture_beside_the_raw_is_passed_over_and_said(tmp_path, wrong, matched):
    own = camera_picture(BOX).pixels
    pictures = {
        "grey": np.repeat(own.mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8),
        "another": np.random.default_rng(0).integers(0, 255, own.shape, np.uint8),
        "turned": own[::-1, ::-1],
        "cropped": own[len(own) // 8 : -len(own) // 8],
        "tiny": own[::8, ::8],
    }
    raw = beside(tmp_path, pictures.get(wrong))
    if wrong in ("text", "empty"):
        (tmp_path / "IMG_0001.jpg").write_text("not a picture" if wrong == "text" else "")
    photo = develop(raw, "plain", match_preview=True)
    assert photo.preview.picture == EMBEDDED
    assert any("IMG_0001" in note for note in photo.notes)
    assert len(photo.preview.reasons) == 1
    np.testing.assert_allclose(photo.pixels, matched.pixels, atol=1e-5)


def test_without_any_picture_the_look_stays_as_it_is(tmp_path):
    raw = write_dng(raw_image(height=120, width=160), tmp_path / "a.dng")
    photo = develop(raw, "plain", match_preview=True)
    np.testing.assert_array_equal(photo.pixels, develop(raw, "plain").pixels)
    assert photo.preview.match is None
    assert any("look's own" in note for note in photo.notes)
    in_memory = develop(replace(open_raw(raw), path=None), "plain", match_preview=True)
    assert any("look's own" in note for note in in_memory.notes)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_however_the_camera_was_held(tmp_path, orientation):
    """The picture stands upright and the mosaic does not: the map must be laid on the right way round."""
    box = open_raw(BOX)
    part = np.ascontiguousarray(box.mosaic[800:1160, 700:1180])
    raw = replace(
        raw_image(height=360, width=480), mosaic=part, black=box.black, white=box.white, orientation=orientation
    )
    path = write_dng(raw, tmp_path / "a.dng")
    rendering = np.clip(develop(path, "plain").pixels, 0, 1)
    y, x = np.mgrid[:360, :480]
    camera = rendering * (0.7 + 0.3 * x / 480)[..., None] * (0.8 + 0.2 * y / 360)[..., None]
    picture = Image.fromarray((upright(camera, orientation) * 255 + 0.5).astype(np.uint8))
    picture.save(tmp_path / "a.jpg", quality=98, subsampling=0)
    photo = develop(path, "plain", match_preview=True)
    assert photo.preview.match is not None, photo.notes
    assert difference(photo.pixels, camera).mean() < 1.5 < difference(rendering, camera).mean()


def test_what_was_done_is_in_the_files_metadata(tmp_path, matched, plain):
    said = []
    for photo, name in ((matched, "a.jpg"), (plain, "b.jpg")):
        with Image.open(photo.save(tmp_path / name)) as picture:
            said.append(picture.getexif()[0x0131])
    assert "matched to the camera's picture" in said[0]
    assert "matched" not in said[1]


def test_quantised_on_the_way_is_quantised_at_the_end(matched):
    eight = develop(BOX, "plain", match_preview=True, depth=8).pixels
    np.testing.assert_array_equal(eight, np.floor(matched.pixels.clip(0, 1) * np.float32(255) + 0.5).astype(np.uint8))


@pytest.mark.parametrize("wish", [{"exposure": 0.5}, {"white_balance": np.ones(4)}])
def test_two_words_about_the_light_are_one_too_many(wish):
    with pytest.raises(ValueError, match="expected"):
        develop(BOX, "plain", match_preview=True, **wish)
