"""What cannot be developed says why, in one clear message, and never in another exception, a crash or a warning."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import rawpy
from PIL import Image

from crispnet.errors import NoCameraPicture, RawError, UnreadableRaw, UnsupportedRaw
from crispnet.raw import refusals
from crispnet.raw.bayer import pack_linear
from crispnet.raw.dngtags import Tags
from crispnet.raw.image import Box
from crispnet.raw.picture import camera_picture
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import gain_map, raw_image
from retagging import directories, entries, entry_of, with_tag

PREVIEW = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
MUTATIONS = 150  # with and without a picture each


def dng(tmp_path: Path, *, preview: np.ndarray | None = None) -> Path:
    raw = raw_image(
        opcodes=(gain_map(),), noise_profile=np.full((4, 2), 1e-4), black_rows=np.ones(48), exif={"artist": "nobody"}
    )
    return write_dng(raw, tmp_path / "a.dng", preview=preview, overwrite=True)


def assert_clear(message: str, path: Path) -> None:
    """What is wrong with this file, what was needed, what to try: three sentences or more, on one line."""
    assert message.startswith(f"{path} ")
    assert message.endswith(".")
    sentences = message.removeprefix(str(path)).replace("...", "").split(". ")
    assert len(sentences) >= 3, message
    assert all(sentence.strip()[:1].isupper() or sentence.startswith(" ") for sentence in sentences)
    assert "\n" not in message
    assert "b'" not in message


def refused(path: Path, kind: type[RawError] = UnreadableRaw) -> str:
    """Open a file that must be refused, as a raw and for its picture; give the words of the refusal."""
    with pytest.raises(RawError) as about_raw:
        open_raw(path)
    assert type(about_raw.value) is kind
    with pytest.raises((RawError, NoCameraPicture)) as about_picture:
        camera_picture(path)
    assert_clear(str(about_picture.value), path)
    assert_clear(str(about_raw.value), path)
    return str(about_raw.value)


def picture_bytes(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PREVIEW).save(file, kind)
    return file.getvalue()


# No raw file at all


@pytest.mark.parametrize("name", ["missing.dng", "no such folder/a.dng", "x" * 300 + ".dng", "nul\0byte.dng"])
def test_a_file_that_does_not_exist(name: str, tmp_path: Path) -> None:
    assert "does not exist" in (words := refused(tmp_path / name)) or "cannot be read" in words


def test_a_folder(tmp_path: Path) -> None:
    assert "folder" in refused(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_keep_us_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.dng")
    assert "pipe" in refused(tmp_path / "a.dng")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_file_that_may_not_be_read(error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    path = dng(tmp_path)
    monkeypatch.setattr(Path, "open", fail)
    assert "may not be read" in (words := refused(path)) or "Input/output error" in words


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(b"")
    assert "empty" in refused(tmp_path / "a.dng")


@pytest.mark.parametrize(
    ("head", "kind"),
    [(picture_bytes("JPEG"), "JPEG"), (picture_bytes("PNG"), "PNG"), (b"PK\3\4", "ZIP"), (b"%PDF-1.7", "PDF")],
    ids=["JPEG", "PNG", "ZIP", "PDF"],
)
def test_something_else_named_dng(head: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(head)
    assert kind in refused(tmp_path / "a.dng")


def test_a_tiff_picture_named_dng(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(picture_bytes("TIFF"))
    assert "not a raw file" in refused(tmp_path / "a.dng")


@pytest.mark.parametrize(
    "head", [b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II\x1a\0\0\0HEAPCCDR", b"FUJIFILMCCD-RAW "]
)
@pytest.mark.parametrize("length", [1, 15, 16, 17, 5000])
def test_random_bytes(head: bytes, length: int, tmp_path: Path) -> None:
    for seed in range(4):
        noise = b"?" + np.random.default_rng(seed).bytes(length - 1)
        (tmp_path / "a.raw").write_bytes(head + noise)
        words = refused(tmp_path / "a.raw")
        assert ("cut short" in words) or not head.endswith((b"CCDR", b"RAW "))


# A raw file that is damaged


@pytest.mark.parametrize("preview", [None, PREVIEW], ids=["bare", "with a picture"])
@pytest.mark.parametrize("tenth", range(10))
def test_a_dng_cut_short(tenth: int, preview: np.ndarray | None, tmp_path: Path) -> None:
    path = dng(tmp_path, preview=preview)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    refused(path)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_dng_whose_counts_end_early(tenth: int, tmp_path: Path) -> None:
    """Its tags come first, as in a camera's file; LibRaw may then decode what is missing into black."""
    content = bytearray(dng(tmp_path).read_bytes())
    offset = struct.unpack_from("<I", content, entry_of(content, 273) + 8)[0]
    counts = content[offset : offset + 2 * 48 * 64]
    struct.pack_into("<I", content, entry_of(content, 273) + 8, len(content))
    (tmp_path / "a.dng").write_bytes(content + counts[: len(counts) * tenth // 10])
    assert "ends early" in refused(tmp_path / "a.dng")


ABSURD = {
    "black above white": (50714, "I", (20000, 20000, 20000, 20000), "black levels"),
    "white of nothing": (50717, "I", (1,), "black levels"),
    "no width": (256, "I", (0,), ""),
    "no height": (257, "I", (0,), ""),
    "gigantic": (256, "I", (2**31,), ""),
    "wide": (256, "I", (65535,), ""),
    "area beyond the frame": (50829, "I", (0, 0, 2**32 - 1, 2**32 - 1), ""),
    "area inside out": (50829, "I", (48, 64, 0, 0), ""),
}


@pytest.mark.parametrize(("code", "letter", "values", "words"), ABSURD.values(), ids=ABSURD)
def test_absurd_tags(code: int, letter: str, values: tuple[int, ...], words: str, tmp_path: Path) -> None:
    path = with_tag(dng(tmp_path), code, letter, *values)
    assert words in refused(path)


HARMLESS = {
    "black of one over nothing": (50714, "R", (1, 0) * 4),
    "black of nothing over nothing": (50714, "R", (0, 0) * 4),
    "too many blacks": (50714, "I", (512,) * 12),
    "blacks in a strange pattern": (50713, "H", (0, 9)),
    "blacks in an enormous pattern": (50713, "d", (1e300, 1e300)),
    "white of no number": (50717, "I", ()),
    "no white": (50717, "I", (0,)),
    "white beyond 16 bits": (50717, "I", (2**32 - 1,)),
    "crop of nothing": (50720, "I", (0, 0)),
    "gigantic crop": (50720, "I", (2**32 - 1, 2**32 - 1)),
    "crop that is not a number": (50719, "R", (0, 0, 1, 0)),
    "orientation": (274, "H", (99,)),
    "neutral": (50728, "R", (0, 0, 1, 0, 0, 1)),
    "matrix": (50721, "r", (1, 0) * 9),
    "enormous matrix": (50721, "d", (1e308,) * 9),
    "opcodes": (51009, "B", (255,) * 64),
    "deltas": (50716, "d", (np.nan,) * 48),
}


@pytest.mark.parametrize(("code", "letter", "values"), HARMLESS.values(), ids=HARMLESS)
def test_absurd_tags_that_can_be_passed_over(code: int, letter: str, values: tuple[float, ...], tmp_path: Path) -> None:
    raw = open_raw(with_tag(dng(tmp_path), code, letter, *values))
    np.testing.assert_array_equal(raw.mosaic, raw_image().mosaic)
    assert np.isfinite(pack_linear(raw)).all()
    assert np.isfinite(raw.balanced_to_xyz()).all()


@pytest.mark.parametrize("preview", [None, PREVIEW], ids=["bare", "with a picture"])
def test_damaged_directories_never_lead_astray(preview: np.ndarray | None, tmp_path: Path) -> None:
    path = dng(tmp_path, preview=preview)
    sound = path.read_bytes()
    spots = [
        place for start in directories(sound) for entry in entries(sound, start) for place in range(entry, entry + 12)
    ]
    rng = np.random.default_rng(zlib.crc32(b"directories"))
    refusals_seen = 0
    for _ in range(MUTATIONS):
        content = bytearray(sound)
        for place in rng.choice(spots, rng.integers(1, 4)):
            content[place] = rng.choice([0, 1, 128, 255, rng.integers(256)])
        path.write_bytes(content)
        try:
            raw = open_raw(path)
            assert np.isfinite(pack_linear(raw)).all()
            assert np.isfinite(raw.balanced_to_xyz()).all()
        except RawError as error:
            refusals_seen += 1
            assert_clear(str(error), path)
    assert MUTATIONS // 20 < refusals_seen < MUTATIONS // 2


# A raw file of another kind


def test_a_sensor_without_colours(tmp_path: Path) -> None:
    path = with_tag(dng(tmp_path), 262, "H", 34892)  # LinearRaw, one sample
    assert "monochrome" in refused(path, UnsupportedRaw)


def test_x_trans(tmp_path: Path) -> None:
    colours = "GBGGRG RGRBGB GBGGRG GRGGBG BGBRGR GRGGBG".replace(" ", "")
    path = with_tag(dng(tmp_path), 33421, "H", 6, 6)
    with_tag(path, 33422, "B", *("RGB".index(letter) for letter in colours))
    assert "X-Trans" in refused(path, UnsupportedRaw)


@pytest.mark.parametrize(
    "pattern", [(0, 1, 1, 1), (1, 1, 1, 1), (0, 0, 2, 2), (0, 1, 2, 1), (9, 9, 9, 9), (6, 3, 4, 5)]
)
def test_filters_in_no_bayer_order(pattern: tuple[int, ...], tmp_path: Path) -> None:
    path = with_tag(dng(tmp_path), 33422, "B", *pattern)
    with pytest.raises(RawError) as refusal:
        open_raw(path)
    assert_clear(str(refusal.value), path)


@pytest.mark.parametrize(("codec", "words"), [(52546, "JPEG XL"), (9, "VC-5"), (50000, "compression 50000")])
def test_codecs_that_libraw_lacks(codec: int, words: str, tmp_path: Path) -> None:
    path = with_tag(dng(tmp_path), 259, "H", codec)
    assert words in refused(path, UnsupportedRaw)


def test_gopros_own_format(tmp_path: Path) -> None:
    path = dng(tmp_path).rename(tmp_path / "GOPR0001.GPR")
    assert "VC-5" in refused(path, UnsupportedRaw)


def test_foveon(tmp_path: Path) -> None:
    (tmp_path / "a.x3f").write_bytes(b"FOVb" + bytes(100))
    assert "Foveon" in refused(tmp_path / "a.x3f", UnsupportedRaw)


# What LibRaw could say, but not of any file at hand


@pytest.mark.parametrize(
    ("height", "width"), [(0, 0), (0, 4000), (1, 1), (1, 4000), (4000, 1), (40_000, 40_000), (2**31, 2**31)]
)
def test_a_frame_that_is_no_photograph(height: int, width: int, tmp_path: Path) -> None:
    with pytest.raises(UnreadableRaw) as refusal:
        refusals.refuse_by_size(tmp_path / "a.crw", height, width)
    assert_clear(str(refusal.value), tmp_path / "a.crw")


@pytest.mark.parametrize("size", [(2, 2), (3000, 4000), (12_288, 16_320)])
def test_a_frame_that_is_one(size: tuple[int, int], tmp_path: Path) -> None:
    refusals.refuse_by_size(tmp_path, *size)


DNG = Tags({50706: bytes([1, 4, 0, 0]), 259: 7})


@pytest.mark.parametrize("tags", [Tags({}), DNG], ids=["no tags", "a DNG"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (rawpy.LibRawIOError(b"Input/output error"), UnreadableRaw),
        (rawpy.LibRawDataError("Data error or unsupported file format"), UnreadableRaw),
        (rawpy.LibRawUnspecifiedError(b"caf\xe9"), UnreadableRaw),
        (rawpy.LibRawTooBigError(b"Too big"), UnreadableRaw),
        (rawpy.LibRawFileUnsupportedError(b"Unsupported file format"), UnreadableRaw),
        (MemoryError(), UnreadableRaw),
        (RuntimeError("unsupported raw data"), UnreadableRaw),
        (OSError((5, "Input/output error")), UnreadableRaw),
    ],
    ids=repr,
)
def test_what_libraw_says_is_said_in_words(tags: Tags, error: Exception, kind: type[RawError], tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(b"II*\0")
    with pytest.raises(kind) as refusal:
        refusals.refuse_by_libraw(tmp_path / "a.dng", tags, error)
    assert_clear(str(refusal.value), tmp_path / "a.dng")
    assert refusal.value.__cause__ is error


@pytest.mark.parametrize(
    "shape_and_words",
    [((6, 6), "X-Trans"), ((1, 1), "monochrome"), ((16, 16), "16 x 16"), (None, "other colours"), ((2, 2), "2 x 2")],
)
def test_filter_arrays_are_named(shape_and_words: tuple[tuple[int, int] | None, str], tmp_path: Path) -> None:
    shape, words = shape_and_words
    with pytest.raises(UnsupportedRaw, match=words) as refusal:
        refusals.refuse_filter_array(tmp_path / "a.raf", "RGBG", shape)
    assert_clear(str(refusal.value), tmp_path / "a.raf")


def test_a_sound_file_is_not_refused(tmp_path: Path) -> None:
    """The control for everything above."""
    for preview in (None, PREVIEW):
        path = dng(tmp_path, preview=preview)
        np.testing.assert_array_equal(open_raw(path).mosaic, raw_image().mosaic)
    assert open_raw(path).active_area == Box(0, 0, 48, 64)
