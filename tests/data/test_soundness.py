"""Frames whose file is damaged while they are used, and pairs that cannot be decoded."""

import ctypes
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.data.decoding import decoded
from crispnet.data.frames import open_frames, write_frames
from crispnet.data.pairs import Pair
from crispnet.data.soundness import SoundFrames
from crispnet.errors import DataError, RawError, UnreadableRaw
from crispnet.raw.writer import write_dng
from making import raw_image

SIZE = (28, 40)


def pairs(folder: Path, count: int = 3) -> list[Pair]:
    """Raws and grey pictures of them."""
    made = []
    for seed in range(count):
        raw, picture = folder / f"p{seed}.dng", folder / f"p{seed}.png"
        write_dng(raw_image(height=SIZE[0], width=SIZE[1], seed=seed), raw)
        Image.new("RGB", SIZE[::-1], (seed, 90, 90)).save(picture)
        made.append(Pair(raw, picture, f"s{seed}", "train"))
    return made


def frames(folder: Path) -> tuple[Path, SoundFrames, list[tuple[str, str]]]:
    write_frames(pairs(folder), folder, "train", workers=1)
    (content,) = (folder / "train").glob("*.bin")
    said: list[tuple[str, str]] = []
    return content, SoundFrames(open_frames(folder, "train"), lambda *words: said.append(words)), said


def names(found) -> list[str]:
    return [frame.name for frame in found]


# Frames


def test_sound_frames_are_given_as_they_are(tmp_path):
    _, found, said = frames(tmp_path)
    assert names(found) == names(found.sound()) == names(found[:]) == ["p0", "p1", "p2"]
    assert found[-1].name == "p2"
    assert said == []
    with pytest.raises(IndexError):
        found[3]


@pytest.mark.parametrize("place", ["packed", "target", "thumbnail"])
def test_a_flipped_bit_anywhere_is_found(tmp_path, place):
    content, found, said = frames(tmp_path)
    kept, parts = found[1].kept, {"packed": 0, "target": found[1].packed.nbytes}
    at = kept.begin + parts.get(place, found[1].packed.nbytes + found[1].target.nbytes) + 5
    with content.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 64]))
    opened = SoundFrames(open_frames(tmp_path, "train"), lambda *words: said.append(words))
    assert names(opened) == ["p0", "p2", "p2"]
    assert names(opened.sound()) == ["p0", "p2"]
    assert said == [("p1", "its pixels are not those that were written")]


def test_a_file_that_becomes_shorter_while_it_is_used_ends_nothing(tmp_path):
    content, found, said = frames(tmp_path)
    assert names(found) == ["p0", "p1", "p2"]
    os.truncate(content, found[1].kept.end - 1)
    assert names(found) == ["p0", "p0", "p0"]
    assert said == [("p1", "its file has become shorter"), ("p2", "its file has become shorter")]
    os.truncate(content, 0)
    with pytest.raises(DataError, match="None of the 3 frames is sound any more"):
        found.sound()


def test_a_file_that_is_removed_or_replaced_stays_as_it_was(tmp_path):
    content, found, said = frames(tmp_path)
    before = found[0].packed.copy()
    content.unlink()
    content.write_bytes(b"another")
    np.testing.assert_array_equal(found[0].packed, before)
    assert said == []


def test_content_elsewhere_is_refused(tmp_path):
    content, _, _ = frames(tmp_path)
    index = tmp_path / "train" / "frames.json"
    index.write_text(index.read_text().replace(content.name, f"../train/{content.name}"))
    with pytest.raises(DataError, match="its content is said to be"):
        open_frames(tmp_path, "train")


# Pairs


def test_a_pair_that_cannot_be_decoded_is_left_out_and_named(tmp_path):
    three = pairs(tmp_path)
    three[1].raw.write_bytes(three[1].raw.read_bytes()[:2000])
    said: list[tuple[str, str]] = []
    for _ in range(2):  # decoded, and then found
        said.clear()
        found = write_frames(three, tmp_path, "train", workers=1, leave_out=lambda *words: said.append(words))
        assert names(found) == ["p0", "p2"]
        ((raw, reason),) = said
        assert raw == str(three[1].raw)
        assert "ends early" in reason
    # Who measures wants all of them, or none.
    with pytest.raises(RawError, match="ends early"):
        write_frames(three, tmp_path, "train", workers=1)


def test_a_split_of_nothing_but_damaged_pairs_is_refused(tmp_path):
    three = pairs(tmp_path)
    for pair in three:
        pair.picture.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"None of the 3 pairs can be learned from\. The first: .*p0\.png"):
        write_frames(three, tmp_path, "train", workers=1, leave_out=lambda *_: None)
    assert list((tmp_path / "train").iterdir()) == []


def test_a_file_that_ends_the_process_that_decodes_it_is_one_failure():
    """``string_at`` reads bytes wherever a number says: at 1 there are none, and the process ends."""
    asked = [b"one", b"two", 1, b"three", b"four"]
    found = list(decoded(asked, ctypes.string_at, workers=2, name=lambda each: f"the file {each}"))
    assert [each for each, _ in found] == asked
    results = [result for _, result in found]
    assert results[:2] + results[3:] == [b"one", b"two", b"three", b"four"]
    assert isinstance(results[2], UnreadableRaw)
    assert "the file 1 cannot be decoded: the process that tried was ended" in str(results[2])
