import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.darkroom import matching
from crispnet.data.camera import photograph
from crispnet.data.finding import EMBEDDED, SIDECAR, Finder
from crispnet.data.gate import Gate, judged
from crispnet.data.phone.isp import render
from crispnet.data.proofs import proof_of
from crispnet.errors import ForeignPicture
from crispnet.raw.opcodes import WarpRectilinear
from crispnet.raw.orientation import upright
from crispnet.raw.writer import write_dng
from making import raw_image
from scenery import PLAIN, bent, market

SIZE = (324, 432)


@cache
def shot():
    raw = photograph(market(SIZE), PLAIN)
    return raw, render(raw).pixels, proof_of(raw, longest=432)


def grey(picture):
    return np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)


def moved(picture):
    """What the camera saw a moment before: another part of the scene."""
    return np.roll(picture, (80, 150), (0, 1))


def brushed(picture):
    """One colour turned into another here and there, as an editor's brush does."""
    stripes = (np.arange(picture.shape[1]) // 20 % 2).astype(bool)
    return np.where(stripes[None, :, None], picture[..., [2, 0, 1]], picture)


REASONS = {
    "too few to learn from": lambda picture: picture[::3, ::3],
    "another aspect": lambda picture: picture[30:-30],
    "lies the other way": lambda picture: np.rot90(picture),
    "black and white": grey,
    "upside down": lambda picture: picture[::-1, ::-1],
    "another scene": moved,
    "are black or white": lambda picture: np.where(np.arange(432)[None, :, None] < 300, 255, picture).astype(np.uint8),
}


@pytest.mark.parametrize("words", REASONS)
def test_what_does_not_belong_is_refused_with_the_reason(words):
    _, picture, proof = shot()
    with pytest.raises(ForeignPicture, match=words) as caught:
        judged(proof, np.ascontiguousarray(REASONS[words](picture)))
    assert str(caught.value).count(". ") >= 2


def test_an_edited_picture_is_refused():
    _, picture, proof = shot()
    with pytest.raises(ForeignPicture, match="was needed"):
        judged(proof, brushed(picture))


def test_a_picture_that_is_known_to_be_of_the_raw_may_have_any_colours(monkeypatch):
    """A command was given the raw: whatever it made is what is to be learned."""
    _, picture, proof = shot()
    monkeypatch.setattr(matching, "UNEXPLAINED", 0.01)
    with pytest.raises(ForeignPicture, match="however they are mapped"):
        judged(proof, picture)
    assert judged(proof, picture, certain=True).after > 0.01
    with pytest.raises(ForeignPicture, match="another scene"):
        judged(proof, moved(picture), certain=True)


def test_what_belongs_comes_through_with_where_it_lies(tmp_path):
    raw, picture, _ = shot()
    path = write_dng(replace(raw, orientation=6), tmp_path / "a.dng")
    standing = np.ascontiguousarray(upright(picture, 6))
    Image.fromarray(standing[12:-36, 9:-27]).save(tmp_path / "a.png")
    verdict = Gate().judge(path, Finder([tmp_path]).candidates(path))
    assert verdict.reason == ""
    assert verdict.candidate.source == SIDECAR
    assert verdict.proof.shape == standing.shape
    np.testing.assert_allclose(verdict.box(), (12, 9, 432 - 48, 324 - 36), atol=1)
    assert verdict.match.after < verdict.match.before


def test_a_raw_to_be_straightened_comes_through(tmp_path):
    raw, picture, _ = shot()
    warp = WarpRectilinear(3, False, np.array([[1.0, 0.01, 0.0, 0.0, 0.0, 0.0]]), (0.5, 0.5))
    path = write_dng(replace(raw, opcodes=(warp,)), tmp_path / "a.dng")
    Image.fromarray(bent(picture, SIZE, part=1.0, off=(0, 0), bend=0.01)).save(tmp_path / "a.png")
    assert Gate().judge(path, Finder([tmp_path]).candidates(path)).reason == ""


def test_the_next_picture_is_tried_where_one_does_not_belong(tmp_path):
    raw, picture, _ = shot()
    path = write_dng(raw, tmp_path / "a.dng")
    Image.fromarray(grey(picture)).save(tmp_path / "a.jpg")
    (tmp_path / "jpeg").mkdir()
    Image.fromarray(picture).save(tmp_path / "jpeg" / "a.png")
    verdict = Gate().judge(path, Finder([tmp_path]).candidates(path))
    assert verdict.candidate.path == tmp_path / "jpeg" / "a.png"
    (refused,) = verdict.refused
    assert "black and white" in refused.reason
    assert refused.pixels.shape == picture.shape


def test_where_none_belongs_every_reason_is_said(tmp_path):
    raw, picture, _ = shot()
    path = write_dng(raw, tmp_path / "a.dng")
    Image.fromarray(grey(picture)).save(tmp_path / "a.jpg")
    verdict = Gate().judge(path, Finder([tmp_path]).candidates(path))
    assert f"{tmp_path / 'a.jpg'}: The picture is black and white" in verdict.reason
    assert "holds no picture that the camera rendered" in verdict.reason
    assert not verdict.unreadable
    with pytest.raises(ValueError, match="came through"):
        verdict.box()


def test_no_shot_comes_through_twice(tmp_path):
    raw, picture, _ = shot()
    path, other = write_dng(raw, tmp_path / "a.dng"), tmp_path / "b.dng"
    shutil.copy(path, other)
    Image.fromarray(picture).save(tmp_path / "a.png")
    converted = write_dng(replace(raw, white=raw.white + 1), tmp_path / "a.DNG.dng").rename(tmp_path / "a.nef")
    gate, finder = Gate(), Finder([tmp_path])
    assert gate.judge(path, finder.candidates(path)).reason == ""
    assert f"is a copy of {path}" in gate.judge(other, finder.candidates(other)).reason
    assert f"belongs to {path} already" in gate.judge(converted, finder.candidates(converted)).reason


@pytest.mark.parametrize("content", [b"", b"not a raw", None])
def test_what_cannot_be_read_is_said_to_be_so(tmp_path, content):
    path = tmp_path / "a.dng"
    if content is not None:
        path.write_bytes(content)
    verdict = Gate().judge(path, Finder([tmp_path]).candidates(path))
    assert verdict.unreadable
    assert str(path) in verdict.reason
    assert "needed" in verdict.reason


def test_the_picture_in_a_converted_raw_is_not_the_cameras(tmp_path):
    raw = raw_image(height=SIZE[0], width=SIZE[1], exif={"software": "Adobe DNG Converter 16.0"})
    path = write_dng(raw, tmp_path / "a.dng")
    verdict = Gate().judge(path, [next(each for each in Finder([]).candidates(path) if each.source == EMBEDDED)])
    assert "by Adobe DNG Converter 16.0, as the raw file is" in verdict.reason


def test_a_name_that_is_no_file_stops_nothing(tmp_path):
    assert Gate().judge(tmp_path, []).unreadable
    assert Gate().judge(Path("a" * 400), []).unreadable
