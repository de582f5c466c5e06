import hashlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from crispnet.colour import decode_srgb
from crispnet.data import sources
from crispnet.data.framing import FRAME, Framing, look_into
from crispnet.data.sources import GRADED, LEAST, VIEW, Source, find_sources, framed_scene_of, scene_of, view
from crispnet.errors import DataError
from crispnet.raw.orientation import upright
from scenery import meadow, sphere, write_panorama, write_photograph


class Directed:
    """Randomness that is none: looks to a heading, as high as a pitch (both in degrees)."""

    def __init__(self, heading, pitch=0.0):
        self.heading, self.pitch = heading, pitch

    def uniform(self, low, high):
        return low + (high - low) * self.heading / 360

    def normal(self, mean, _spread):
        return mean + self.pitch


def rng(seed=0):
    return np.random.default_rng(seed)


def test_sources_are_found_in_folders_and_sorted_by_name(tmp_path):
    (tmp_path / "one" / "deep").mkdir(parents=True)
    (tmp_path / "two").mkdir()
    for name in ("one/deep/c.PNG", "one/a.jpg", "two/b.hdr", "two/notes.txt", "two/a.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "two" / "folder.jpg").mkdir()
    found = find_sources(tmp_path / "one", tmp_path / "two")
    assert [source.path.relative_to(tmp_path).as_posix() for source in found] == [
        "one/a.jpg", "two/a.jpg", "two/b.hdr", "one/deep/c.PNG",
    ]  # fmt: skip
    assert [source.is_panorama for source in found] == [False, False, True, False]


def test_folder_that_is_missing_or_empty_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere is no folder"):
        find_sources(tmp_path, tmp_path / "nowhere")
    with pytest.raises(DataError, match="no photographs in"):
        find_sources(tmp_path)


def test_digest_is_of_the_content(tmp_path):
    one, other = tmp_path / "a.jpg", tmp_path / "b.jpg"
    one.write_bytes(b"light")
    other.write_bytes(b"light")
    assert Source(one).digest() == Source(other).digest() == hashlib.sha256(b"light").hexdigest()[:16]
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read"):
        Source(tmp_path / "gone.jpg").digest()


def test_photograph_is_taken_back_to_light(tmp_path):
    linear = meadow()
    scene, orientation = scene_of(Source(write_photograph(tmp_path / "a.png", linear)), rng())
    assert orientation == 1
    assert scene.dtype == np.float32
    assert scene.shape == linear.shape
    assert np.abs(scene**GRADED - linear).max() < 0.006  # 8 bits
    # Less contrast than the photograph had, black and white as they were.
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    assert (scene >= decode_srgb(pixels.astype(np.float32) / 255) - 1e-6).all()


@pytest.mark.parametrize("seed", range(3))
def test_upright_photograph_lies_on_the_sensor(tmp_path, seed):
    standing = np.ascontiguousarray(np.rot90(meadow()))
    scene, orientation = scene_of(Source(write_photograph(tmp_path / "a.png", standing)), rng(seed))
    assert scene.shape == (368, 480, 3)
    assert np.abs(upright(scene, orientation) ** GRADED - standing).max() < 0.006


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photograph_stored_on_its_side_is_turned(tmp_path, orientation):
    write_photograph(tmp_path / "a.png", meadow())
    with Image.open(tmp_path / "a.png") as picture:
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture.save(tmp_path / "b.png", exif=exif)
        expected = ImageOps.exif_transpose(Image.open(tmp_path / "b.png"))
    expected.save(tmp_path / "c.png", exif=Image.Exif())
    scenes = [scene_of(Source(tmp_path / name), np.random.default_rng(0)) for name in ("b.png", "c.png")]
    assert scenes[0][1] == scenes[1][1]
    assert np.array_equal(scenes[0][0], scenes[1][0])


def test_odd_photograph_is_cut_to_whole_cells(tmp_path):
    odd = meadow((369, 481))
    scene, _ = scene_of(Source(write_photograph(tmp_path / "a.png", odd)), rng())
    assert scene.shape == (368, 480, 3)
    assert np.abs(scene**GRADED - odd[:368, :480]).max() < 0.006


def test_both_ways_of_holding_a_phone_occur(tmp_path):
    source = Source(write_photograph(tmp_path / "a.png", np.ascontiguousarray(np.rot90(meadow()))))
    assert {scene_of(source, rng(seed))[1] for seed in range(6)} == {6, 8}


def test_grey_photograph_and_one_with_transparency_are_scenes(tmp_path):
    Image.new("L", LEAST[::-1], 128).save(tmp_path / "grey.png")
    Image.new("RGBA", LEAST[::-1], (128, 128, 128, 7)).save(tmp_path / "glass.png")
    grey, glass = (scene_of(Source(tmp_path / name), rng())[0] for name in ("grey.png", "glass.png"))
    assert np.array_equal(grey, glass)


def test_damaged_photographs_are_refused_by_name(tmp_path):
    whole = write_photograph(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.tif").write_bytes(b"II*\0 this is no picture")
    (tmp_path / "chunk.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + b"\xff" * 40)
    for name in ("half.jpg", "empty.jpg", "text.tif", "chunk.png", "missing.jpg"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as a picture .*needed.*Leave it out"):
            scene_of(Source(tmp_path / name), rng())


def test_photograph_smaller_than_a_patch_is_refused(tmp_path):
    path = write_photograph(tmp_path / "small.png", meadow((366, 480)))
    with pytest.raises(DataError, match=r"small\.png has 480 x 366 pixels\. At least 480 x 368"):
        scene_of(Source(path), rng())


def test_photograph_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_PIXELS", 368 * 480 - 1)
    with pytest.raises(DataError, match=r"a\.png has 480 x 368 pixels\. At most"):
        scene_of(Source(write_photograph(tmp_path / "a.png")), rng())


@pytest.mark.parametrize("size", [(9000, 10000), (20000, 20000)])  # Pillow warns of the one and refuses the other
def test_decompression_bombs_are_refused_unopened(tmp_path, size):
    header = b"IHDR" + struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    end = struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + end)
    with pytest.raises(DataError, match=r"bomb\.png (has 9000 x 10000 pixels|cannot be read .*400000000 pixels)"):
        scene_of(Source(tmp_path / "bomb.png"), rng())


def test_panorama_is_read_as_it_was_written(tmp_path):
    scene, orientation = scene_of(Source(write_panorama(tmp_path / "a.hdr")), Directed(60))
    assert orientation == 1
    assert scene.shape == (*VIEW, 3)
    assert np.allclose(scene, view(sphere(), Directed(60)), rtol=0.02, atol=0.02)  # Radiance has 8 bits of mantissa


def test_damaged_panoramas_are_refused_by_name(tmp_path, capfd):
    whole = write_panorama(tmp_path / "whole.hdr").read_bytes()
    (tmp_path / "empty.hdr").write_bytes(b"")
    (tmp_path / "text.hdr").write_bytes(b"#?RADIANCE\nnothing follows\n")
    (tmp_path / "picture.hdr").write_bytes(write_photograph(tmp_path / "a.png").read_bytes())
    (tmp_path / "bomb.hdr").write_bytes(whole.replace(b"-Y 96 +X 192", b"-Y 400000 +X 800000"))
    for name in ("empty.hdr", "text.hdr", "picture.hdr", "missing.hdr", "bomb.hdr"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as a panorama.*Leave it out"):
            scene_of(Source(tmp_path / name), rng())
    capfd.readouterr()  # OpenCV's complaints


def test_panorama_that_does_not_go_all_around_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "strip.hdr"), sphere()[:80])
    with pytest.raises(DataError, match=r"strip\.hdr has 192 x 80 pixels\. .*twice as wide as high"):
        scene_of(Source(tmp_path / "strip.hdr"), rng())


def test_view_has_no_seam():
    panorama = sphere()
    across, elsewhere = (view(panorama, Directed(heading)) for heading in (0, 180))
    steps = [np.abs(np.diff(one[..., :2], axis=1)).max() for one in (across, elsewhere)]
    assert steps[0] < 1.5 * steps[1] < 0.02


def test_turning_all_the_way_comes_back():
    assert np.abs(view(sphere(), Directed(360)) - view(sphere(), Directed(0))).max() < 1e-3


def test_turning_right_moves_the_scene_left():
    one, other = view(sphere(), Directed(110)), view(sphere(), Directed(120))  # the sun is at 115 degrees
    assert np.argmax(one[..., 0].max(axis=0)) > VIEW[1] / 2 > np.argmax(other[..., 0].max(axis=0))


@pytest.mark.parametrize("pitch", [-16.0, 0.0, 12.0])
def test_horizon_is_level(pitch):
    panorama = np.zeros((96, 192, 3), np.float32)
    panorama[:48] = 1.0
    seen = view(panorama, Directed(77, pitch))[..., 0]
    horizon = (seen > 0.5).sum(axis=0)
    assert np.ptp(horizon) <= 2
    # Looking up, above 0, brings the horizon down.
    expected = VIEW[0] / 2 + np.tan(np.radians(pitch)) * VIEW[1] / 2 / np.tan(np.radians(sources.FIELD / 2))
    assert horizon.mean() == pytest.approx(expected, abs=4)
    assert seen[0].min() > 0.99
    assert seen[-1].max() < 0.01


def test_view_is_as_wide_as_its_field():
    panorama = np.zeros((96, 192, 3), np.float32)
    panorama[..., 0] = np.arange(192) * 360 / 192
    middle = view(panorama, Directed(180))[VIEW[0] // 2, :, 0]
    assert middle[-1] - middle[0] == pytest.approx(sources.FIELD, abs=1)


def test_light_above_white_is_kept_and_none_is_below_black():
    panorama = sphere()
    seen = view(panorama, Directed(115, 15))
    assert seen.max() == pytest.approx(panorama.max(), rel=0.1)
    assert seen.max() > 20
    assert seen.min() >= 0


def test_views_are_drawn_near_the_horizon_in_all_directions():
    panorama = np.zeros((96, 192, 3), np.float32)
    panorama[..., 0], panorama[..., 1] = np.arange(192) * 360 / 192, (np.arange(96) * 180 / 96 - 90)[:, None]
    middles = np.array([view(panorama, rng(seed))[VIEW[0] // 2, VIEW[1] // 2] for seed in range(16)])
    assert np.histogram(middles[:, 0], 4, (0, 360))[0].min() >= 1
    assert 3 < np.abs(middles[:, 1]).max() < 32


def test_framed_photograph_is_taken_back_to_light_and_averaged_there(tmp_path):
    linear = meadow((960, 1280))
    scene, orientation = framed_scene_of(Source(write_photograph(tmp_path / "a.png", linear)), Framing())
    assert (scene.shape, scene.dtype, orientation) == ((*FRAME, 3), np.float32, 1)
    expected = (linear ** (1 / GRADED)).reshape(480, 2, 640, 2, 3).mean(axis=(1, 3))
    assert np.abs(scene - expected).max() < 0.006  # 8 bits


@pytest.mark.parametrize("turn", [6, 8])
def test_framed_upright_photograph_and_view_lie_on_the_sensor(tmp_path, turn):
    standing = np.ascontiguousarray(np.rot90(meadow((960, 1280))))
    source = Source(write_photograph(tmp_path / "a.png", standing))
    scene, orientation = framed_scene_of(source, Framing(turn=turn))
    assert (scene.shape, orientation) == ((*FRAME, 3), turn)
    level, _ = framed_scene_of(Source(write_photograph(tmp_path / "b.png", meadow((960, 1280)))), Framing())
    assert np.allclose(upright(scene, turn), np.rot90(level), atol=1e-5)
    framing = Framing(turn=turn, upright=True, heading=100.0)
    scene, orientation = framed_scene_of(Source(write_panorama(tmp_path / "a.hdr")), framing)
    assert (scene.shape, orientation) == ((*FRAME, 3), turn)
    assert np.allclose(upright(scene, turn), look_into(sphere(), framing), rtol=0.02, atol=0.02)


def test_framed_sources_that_cannot_be_used_are_refused(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "empty.hdr").write_bytes(b"")
    write_photograph(tmp_path / "small.png", meadow((366, 480)))
    for name, complaint in (("empty.jpg", "as a picture"), ("empty.hdr", "as a panorama"), ("small.png", "480 x 366")):
        with pytest.raises(DataError, match=rf"{name}.*{complaint}"):
            framed_scene_of(Source(tmp_path / name), Framing())
