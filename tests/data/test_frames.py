import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.colour import XYZ_TO_SRGB
from crispnet.data.frames import frame_of, open_frames, write_frames
from crispnet.data.pairs import Pair
from crispnet.data.target import whole_cells
from crispnet.errors import DataError, OutputError, RawError
from crispnet.raw.bayer import PLANE_COLOURS, PLANE_SITES, THUMBNAIL, pack, pack_linear, thumbnail
from crispnet.raw.image import CFAS, Box, RawImage
from crispnet.raw.opcodes import WarpRectilinear
from crispnet.raw.orientation import upright
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import BLACK, WHITE, gain_map, mosaiced, names, raw_image

HEIGHT, WIDTH = 24, 30  # LibRaw takes no smaller frame
WHOLE = Box(0, 0, HEIGHT, WIDTH)


def picture(seed: int = 0) -> np.ndarray:
    """A colour of its own for each pixel."""
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def write_pair(folder: Path, name: str = "a", *, seed: int = 0, **changes: object) -> Pair:
    """A raw and the very picture whose colours it holds, cropped and upright, without loss."""
    rgb, cfa = picture(seed), changes.get("cfa", "RGGB")
    raw = raw_image(mosaic=mosaiced(rgb / 255, cfa=cfa, black=BLACK, white=WHITE), **{"cfa": cfa} | changes)
    return save_pair(raw, rgb[raw.crop.rows, raw.crop.columns], folder, name)


def save_pair(raw: RawImage, pixels: np.ndarray, folder: Path, name: str = "a") -> Pair:
    folder.mkdir(exist_ok=True)
    path = write_dng(raw, folder / f"{name}.dng", overwrite=True)
    Image.fromarray(np.ascontiguousarray(upright(pixels, raw.orientation))).save(folder / f"{name}.png")
    return Pair(path, folder / f"{name}.png", scene=f"scene {name}", split="train", tags={"iso": 100})


def assert_registered(packed: np.ndarray, target: np.ndarray) -> None:
    """Each value of each plane is that of the target at its photosite."""
    assert target.shape == (2 * packed.shape[1], 2 * packed.shape[2], 3)
    for plane, (row, column), colour in zip(packed, PLANE_SITES, PLANE_COLOURS, strict=True):
        codes = np.rint(plane.astype(np.float64) * 255)
        np.testing.assert_array_equal(codes, target[row::2, column::2, colour])


CROPS = [WHOLE, Box(1, 0, 12, 18), Box(0, 1, 13, 17), Box(3, 3, 13, 17), Box(2, 5, 14, 18)]


@pytest.mark.parametrize("crop", CROPS, ids=str)
@pytest.mark.parametrize("cfa", CFAS)
def test_every_photosite_lies_under_its_pixel(tmp_path, cfa, crop):
    frame = frame_of(write_pair(tmp_path, cfa=cfa, crop=crop))
    assert_registered(frame.packed, frame.target)
    lost = np.array([crop.height, crop.width]) - frame.target.shape[:2]
    assert lost.min() >= 0
    assert lost.max() <= 2  # one at either end
    assert frame.packed.dtype == np.float16
    assert frame.target.dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_back(tmp_path, orientation):
    frame = frame_of(write_pair(tmp_path, orientation=orientation, cfa="GBRG", crop=Box(1, 2, 13, 18)))
    assert_registered(frame.packed, frame.target)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_picture_file_is_its_own(tmp_path, orientation):
    pair = write_pair(tmp_path, orientation=6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(pair.picture) as stands:
        lies = upright(np.asarray(stands), {6: 8, 8: 6}.get(orientation, orientation))
    Image.fromarray(np.ascontiguousarray(lies)).save(pair.picture, exif=exif)
    frame = frame_of(pair)
    assert_registered(frame.packed, frame.target)


@pytest.mark.parametrize("cfa", CFAS)
def test_no_mirrored_photosite_is_learned_from(cfa):
    cells, _, _ = whole_cells(Box(0, 0, 5, 7), cfa)
    taken = pack(np.arange(35).reshape(5, 7), cfa)[:, cells.rows, cells.columns]
    assert len(np.unique(taken)) == taken.size == 4 * cells.height * cells.width
    assert cells.height == 2
    assert cells.width == 3


def test_a_frame_knows_what_a_look_is_told_when_developing(tmp_path):
    pair = write_pair(tmp_path, cfa="BGGR", crop=Box(2, 2, 14, 16))
    frame, raw = frame_of(pair), open_raw(pair.raw)
    np.testing.assert_array_equal(frame.thumbnail, thumbnail(pack_linear(raw)))
    np.testing.assert_allclose(frame.white_balance, raw.white_balance, rtol=1e-6)
    np.testing.assert_allclose(frame.to_srgb, XYZ_TO_SRGB @ raw.balanced_to_xyz(), rtol=1e-6)
    assert (frame.name, frame.scene) == ("a", "scene a")
    assert frame.tags == {"iso": 100, "orientation": raw.orientation}
    assert {frame.thumbnail.dtype, frame.white_balance.dtype, frame.to_srgb.dtype} == {np.dtype(np.float32)}


def test_colour_profiles_are_honoured(tmp_path):
    raw = raw_image(height=HEIGHT, width=WIDTH)
    pair = save_pair(raw, np.full((HEIGHT, WIDTH, 3), (200, 60, 60), np.uint8), tmp_path)
    exif = Image.Exif()
    exif[271] = "Maker"  # Pillow takes an EXIF for empty without
    exif.get_ifd(0x8769)[0xA001] = 2  # Adobe RGB, which is wider
    with Image.open(pair.picture) as plain:
        plain.save(pair.picture, exif=exif)
    red, green, _ = frame_of(pair).target[0, 0]
    assert red > 215
    assert green < 60


# What cannot be learned from


def test_a_picture_of_another_size_is_refused(tmp_path):
    pair = write_pair(tmp_path, orientation=6)
    Image.new("RGB", (WIDTH, HEIGHT)).save(pair.picture)
    with pytest.raises(DataError, match=r"a\.png has 30 x 24 pixels, .*a\.dng 24 x 30\. A picture of the same"):
        frame_of(pair)


def test_a_raw_to_be_straightened_is_refused(tmp_path):
    warp = WarpRectilinear(3, False, np.array([[1.01, -0.02, 0.003, 0.001, 1e-4, -2e-4]]), (0.5, 0.5))
    with pytest.raises(DataError, match="is to be straightened"):
        frame_of(write_pair(tmp_path, opcodes=(warp,)))


def test_a_raw_of_endless_values_is_refused(tmp_path):
    gains = gain_map(area=(0, 0, HEIGHT, WIDTH))
    strong = replace(gains, gains=np.full_like(gains.gains, 60))
    with pytest.raises(DataError, match="endless values"):
        frame_of(write_pair(tmp_path, opcodes=(strong,) * 3))


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_a_damaged_picture_is_refused(tmp_path, content):
    pair = write_pair(tmp_path)
    pair.picture.write_bytes(pair.picture.read_bytes()[:200] if content is None else content)
    with pytest.raises(DataError, match=r"a\.png cannot be read as a picture.*needed.*take the pair out"):
        frame_of(pair)


def test_a_damaged_raw_is_refused(tmp_path):
    pair = write_pair(tmp_path)
    pair.raw.write_bytes(b"not a raw")
    with pytest.raises(RawError):
        frame_of(pair)


# Frames on the disk


def written(folder: Path, count: int = 3, *, workers: int = 1) -> tuple[list[Pair], Path]:
    shapes = [WHOLE, Box(1, 1, 13, 16), Box(0, 0, 14, 20)]
    pairs = [write_pair(folder / "pairs", f"p{place}", seed=place, crop=shapes[place % 3]) for place in range(count)]
    write_frames(pairs, folder / "frames", "train", workers=workers)
    return pairs, folder / "frames"


def test_frames_come_back_as_they_were(tmp_path):
    pairs, folder = written(tmp_path, workers=2)
    frames = open_frames(folder, "train")
    assert [frame.name for frame in frames] == ["p0", "p1", "p2"]
    for frame, pair in zip(frames, pairs, strict=True):
        decoded = frame_of(pair)
        for field in ("packed", "target", "thumbnail", "white_balance", "to_srgb"):
            stored, made = getattr(frame, field), getattr(decoded, field)
            assert stored.dtype == made.dtype
            np.testing.assert_array_equal(stored, made)
        assert (frame.scene, frame.tags) == (decoded.scene, decoded.tags)
        assert frame.thumbnail.shape == (3, *THUMBNAIL)


def test_only_the_pairs_of_the_split_are_decoded(tmp_path):
    train = write_pair(tmp_path, "one")
    test = Pair(tmp_path / "missing.dng", tmp_path / "missing.jpg", "elsewhere", "test")
    told: list[tuple[int, int]] = []
    frames = write_frames([train, test], tmp_path / "f", "train", workers=1, progress=lambda *done: told.append(done))
    assert [frame.name for frame in frames] == ["one"]
    assert told == [(1, 1)]
    with pytest.raises(DataError, match="no pair to validation with"):
        write_frames([train], tmp_path / "f", "validation")


def test_frames_are_made_once(tmp_path):
    pairs, folder = written(tmp_path)
    before = names(folder / "train")
    told: list[int] = []
    write_frames(pairs, folder, "train", workers=1, progress=lambda done, _: told.append(done))
    assert told == []
    assert names(folder / "train") == before
    assert len(before) == 2


def test_frames_are_made_anew_when_a_file_has_changed(tmp_path):
    pairs, folder = written(tmp_path)
    Image.fromarray(picture(99)).save(pairs[0].picture)
    os.utime(pairs[0].picture, (1, 1))
    frames = write_frames(pairs, folder, "train", workers=1)
    np.testing.assert_array_equal(frames[0].target, picture(99))
    assert len(names(folder / "train")) == 2  # the old ones are gone


def test_a_failure_leaves_the_old_frames_as_they_were(tmp_path):
    pairs, folder = written(tmp_path)
    before = names(folder / "train")
    pairs[1].picture.write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"p1\.png"):
        write_frames(pairs, folder, "train", workers=1)
    assert names(folder / "train") == before
    assert len(open_frames(folder, "train")) == 3


def index(folder: Path) -> Path:
    return folder / "train" / "frames.json"


def content(folder: Path) -> Path:
    return next((folder / "train").glob("*.bin"))


def shorten(folder: Path) -> None:
    path = content(folder)
    path.write_bytes(path.read_bytes()[:-1])


def change(**values: object):
    def apply(folder: Path) -> None:
        index(folder).write_text(json.dumps(json.loads(index(folder).read_text()) | values))

    return apply


DAMAGES = {
    "never finished": lambda folder: index(folder).unlink(),
    "half an index": lambda folder: index(folder).write_text(index(folder).read_text()[:100]),
    "no text": lambda folder: index(folder).write_bytes(b"\xff\xfe\x00"),
    "a list": lambda folder: index(folder).write_text("[]"),
    "another schema": change(schema="crispnet frames 0"),
    "no content": lambda folder: content(folder).unlink(),
    "half a content": shorten,
    "no frames": change(frames=[]),
    "frames that are none": change(frames=[{"cells": "many"}]),
    "frames without end": change(frames=[{"cells": [10**400, 1]}]),
    "no size": change(bytes=None),
    "nameless content": change(content=7),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_frames_that_are_not_whole_are_refused_and_made_anew(tmp_path, damage):
    pairs, folder = written(tmp_path, 1)
    damage(folder)
    with pytest.raises(DataError, match="Write the frames again"):
        open_frames(folder, "train")
    assert len(write_frames(pairs, folder, "train", workers=1)) == 1


def test_names_are_as_long_as_they_must_be(tmp_path):
    pairs = [write_pair(tmp_path / day, "img1", seed=seed) for seed, day in enumerate(("monday", "tuesday"))]
    found = write_frames(pairs, tmp_path / "f", "train", workers=1)
    assert [frame.name for frame in found] == ["monday/img1", "tuesday/img1"]
    with pytest.raises(DataError, match="in more than one pair"):
        write_frames([pairs[0], pairs[0]], tmp_path / "f", "train", workers=1)


def test_a_missing_file_is_said_before_anything_is_decoded(tmp_path):
    pair = Pair(tmp_path / "a.dng", tmp_path / "a.jpg", "s", "train")
    with pytest.raises(DataError, match=r"a\.dng cannot be read"):
        write_frames([pair], tmp_path / "f", "train")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    pair = write_pair(tmp_path)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot be made"):
        write_frames([pair], tmp_path / "taken", "train", workers=1)
