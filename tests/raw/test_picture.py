"""The camera's own picture out of a raw file: its colours brought to sRGB, the right side up, or a word why not."""

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rawpy
from PIL import Image

from crispnet.colour import (
    ADOBE_RGB_TO_XYZ,
    D50_XY,
    D65_XY,
    P3_TO_XYZ,
    XYZ_TO_SRGB,
    adaptation,
    decode_srgb,
    encode_srgb,
    xy_to_xyz,
)
from crispnet.errors import CrispnetError, NoCameraPicture, UnreadableRaw
from crispnet.raw import picture as picture_module
from crispnet.raw.orientation import upright
from crispnet.raw.picture import CameraPicture, camera_picture, to_srgb
from crispnet.raw.writer import write_dng
from making import raw_image

ADOBE_GAMMA = 563 / 256
ROUNDING = 2.5  # in codes of 0-255: a JPEG of quality 100 and 4:4:4, and a conversion in 8 bits
COLOURS = np.array([[200, 80, 60], [60, 160, 80], [70, 90, 190], [128, 128, 128], [230, 220, 90], [40, 40, 45]])


def patches() -> np.ndarray:
    """Six flat colours in a frame of 48 x 96, none of them beyond sRGB even if they are meant in a larger space."""
    return COLOURS.astype(np.uint8).repeat(16, 0)[None].repeat(48, 0)


def jpeg(pixels: np.ndarray | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(patches() if pixels is None else pixels)
    picture.save(file, "JPEG", quality=100, subsampling="4:4:4", **options)
    return file.getvalue()


def exif(*, colour_space: int | None = None, orientation: int | None = None, interoperability: str = "") -> Image.Exif:
    tags = Image.Exif()
    if orientation is not None:
        tags[0x0112] = orientation
    if colour_space is not None:
        tags.get_ifd(0x8769)[0xA001] = colour_space
    if interoperability:
        tags.get_ifd(0x8769)[0xA005] = {1: interoperability}
    return tags


def matrix_profile(rgb_to_xyz: np.ndarray, name: str, *, gamma: float | None = None) -> bytes:
    """An ICC profile of three primaries and one curve (ICC.1:2001-04), in D50 as every profile is.

    The curve is sRGB's, sampled, where no gamma is given.
    """

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    to_d50 = adaptation(xy_to_xyz(D65_XY), xy_to_xyz(D50_XY)) @ rgb_to_xyz
    steps = (decode_srgb(np.linspace(0, 1, 1024)) * 65535).round().astype(">u2").tobytes()
    curve = struct.pack(">I", 1024) + steps if gamma is None else struct.pack(">IH", 1, round(gamma * 256))
    words = name.encode("ascii") + b"\0"
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(words)) + words + bytes(78)}
    tags |= {b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)}
    for letter, primary in zip((b"r", b"g", b"b"), to_d50.T, strict=True):
        tags |= {letter + b"XYZ": b"XYZ " + bytes(4) + fixed(*primary), letter + b"TRC": b"curv" + bytes(4) + curve}
    table, content = struct.pack(">I", len(tags)), b""
    for code, body in tags.items():
        table += struct.pack(">4sII", code, 128 + 4 + 12 * len(tags) + len(content), len(body))
        content += body + bytes(-len(body) % 4)
    size = struct.pack(">I", 128 + len(table) + len(content))
    header = size + bytes(4) + b"\2\x10\0\0mntrRGB XYZ " + struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp"
    return (header + bytes(28) + fixed(0.9642, 1, 0.8249)).ljust(128, b"\0") + table + content


DISPLAY_P3 = matrix_profile(P3_TO_XYZ, "Display P3")


def in_srgb(codes: np.ndarray, rgb_to_xyz: np.ndarray, decode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The codes 0-255 that sRGB has for the colours of codes in another space, by the house's float arithmetic."""
    linear = decode(codes / 255) @ (XYZ_TO_SRGB @ rgb_to_xyz).T
    return encode_srgb(linear.clip(0, 1)) * 255


@pytest.fixture
def embedded(tmp_path: Path) -> Callable[..., CameraPicture]:
    def embed(content: bytes | np.ndarray, **changes: object) -> CameraPicture:
        raw = raw_image(**changes)
        return camera_picture(write_dng(raw, tmp_path / "a.dng", preview=content, overwrite=True))

    return embed


def assert_looks(pixels: np.ndarray, expected: np.ndarray) -> None:
    """Compare the middles of the patches; their borders ring."""
    np.testing.assert_allclose(pixels[8:40, 8::16].mean(axis=0), expected, atol=ROUNDING)


# Colour


def test_an_srgb_picture_is_left_as_it_is(embedded: Callable[..., CameraPicture]) -> None:
    content = jpeg(exif=exif(colour_space=1))
    found = embedded(content)
    assert found.colour_space == "sRGB (EXIF ColorSpace)"
    assert found.jpeg == content
    np.testing.assert_array_equal(found.pixels, np.asarray(Image.open(io.BytesIO(content))))
    assert_looks(found.pixels, COLOURS)


def test_a_picture_that_says_nothing_is_taken_for_srgb(embedded: Callable[..., CameraPicture]) -> None:
    found = embedded(jpeg())
    assert found.colour_space == "not stated: taken for sRGB"
    assert_looks(found.pixels, COLOURS)


def test_display_p3_is_converted_by_its_profile(embedded: Callable[..., CameraPicture]) -> None:
    """Apple's phones; their EXIF says 'uncalibrated'."""
    found = embedded(jpeg(icc_profile=DISPLAY_P3, exif=exif(colour_space=65535)))
    assert found.colour_space == "Display P3 (ICC profile)"
    assert found.jpeg is None
    expected = in_srgb(COLOURS, P3_TO_XYZ, decode_srgb)
    assert np.abs(expected - COLOURS).max() > 10
    assert_looks(found.pixels, expected)


@pytest.mark.parametrize(
    "tags", [exif(colour_space=2), exif(colour_space=65535, interoperability="R03")], ids=["ColorSpace 2", "R03"]
)
def test_adobe_rgb_is_converted_by_its_exif(tags: Image.Exif, embedded: Callable[..., CameraPicture]) -> None:
    found = embedded(jpeg(exif=tags))
    assert found.colour_space == "Adobe RGB (EXIF ColorSpace)"
    assert found.jpeg is None
    expected = in_srgb(COLOURS, ADOBE_RGB_TO_XYZ, lambda codes: codes**ADOBE_GAMMA)
    assert np.abs(expected - COLOURS).max() > 20
    assert_looks(found.pixels, expected)


def test_adobe_rgb_by_profile_and_by_exif_agree(embedded: Callable[..., CameraPicture]) -> None:
    profile = matrix_profile(ADOBE_RGB_TO_XYZ, "Adobe RGB (1998)", gamma=ADOBE_GAMMA)
    by_profile, by_exif = embedded(jpeg(icc_profile=profile)), embedded(jpeg(exif=exif(colour_space=2)))
    assert by_profile.colour_space == "Adobe RGB (1998) (ICC profile)"
    difference = by_profile.pixels.astype(int)[:, 8::16] - by_exif.pixels[:, 8::16]
    assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("colour_space", [65535, 0, 7])
def test_an_unknown_space_is_taken_for_srgb(colour_space: int, embedded: Callable[..., CameraPicture]) -> None:
    found = embedded(jpeg(exif=exif(colour_space=colour_space)))
    assert found.colour_space == "not stated: taken for sRGB"
    assert_looks(found.pixels, COLOURS)


def test_the_profile_of_srgb_itself_changes_nothing(embedded: Callable[..., CameraPicture]) -> None:
    content = jpeg(icc_profile=matrix_profile(np.linalg.inv(XYZ_TO_SRGB), "sRGB IEC61966-2.1"))
    found = embedded(content)
    assert found.colour_space == "sRGB IEC61966-2.1 (ICC profile)"
    assert found.jpeg == content


@pytest.mark.parametrize("profile", [b"profile" * 20, DISPLAY_P3[:200], DISPLAY_P3[:128] + bytes(900)])
def test_a_damaged_profile_does_not_cost_the_picture(profile: bytes, embedded: Callable[..., CameraPicture]) -> None:
    found = embedded(jpeg(icc_profile=profile))
    assert "cannot be used" in found.colour_space
    assert_looks(found.pixels, COLOURS)


def test_to_srgb_gives_back_what_needs_no_conversion() -> None:
    with Image.open(io.BytesIO(jpeg())) as opened:
        assert to_srgb(opened)[0] is opened


# Orientation


def corner_marked() -> np.ndarray:
    """As the sensor lies: white at the top left, grey along the top."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:16] = 128
    pixels[:16, :16] = 255
    return pixels


def assert_lies(pixels: np.ndarray, orientation: int) -> None:
    expected = upright(corner_marked(), orientation)
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() < 12  # a JPEG's


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_without_orientation_lies_as_the_sensor_does(
    orientation: int, embedded: Callable[..., CameraPicture]
) -> None:
    assert_lies(embedded(corner_marked(), orientation=orientation).pixels, orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pictures_own_orientation_counts(orientation: int, embedded: Callable[..., CameraPicture]) -> None:
    content = jpeg(corner_marked(), exif=exif(orientation=orientation))
    found = embedded(content, orientation=3)
    assert_lies(found.pixels, orientation)
    assert found.jpeg == (content if orientation == 1 else None)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_does_not_count(orientation: int, embedded: Callable[..., CameraPicture]) -> None:
    found = embedded(jpeg(corner_marked(), exif=exif(orientation=orientation)), orientation=6)
    assert_lies(found.pixels, 6)


# What is no colour JPEG, or none that can be read


def test_a_file_without_picture_says_so(tmp_path: Path) -> None:
    path = write_dng(raw_image(), tmp_path / "a.dng")
    with pytest.raises(NoCameraPicture, match=r"no picture .* Look for a JPEG of the same name") as refusal:
        camera_picture(path)
    assert str(refusal.value).startswith(str(path))


def test_a_missing_file_is_no_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRaw, match="does not exist"):
        camera_picture(tmp_path / "a.dng")


def without_its_end(content: bytes) -> bytes:
    return content[: len(content) // 2]


def without_its_tables(content: bytes) -> bytes:
    return content.replace(b"\xff\xdb", b"\xff\xfe").replace(b"\xff\xc4", b"\xff\xfe")


@pytest.mark.parametrize("damage", [without_its_end, without_its_tables])
def test_a_damaged_picture_says_so(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = write_dng(raw_image(), tmp_path / "a.dng", preview=damage(jpeg()))
    with pytest.raises(NoCameraPicture, match=r"(damaged|no) picture .* Look for a JPEG of the same name"):
        camera_picture(path)


def test_damage_anywhere_is_a_picture_or_a_refusal(tmp_path: Path) -> None:
    content = jpeg(exif=exif(colour_space=65535, orientation=6, interoperability="R03"), icc_profile=DISPLAY_P3)
    sound = write_dng(raw_image(), tmp_path / "a.dng", preview=content).read_bytes()
    begins = sound.index(content)
    rng = np.random.default_rng(0)
    pictures = 0
    for _ in range(120):
        damaged = bytearray(sound)
        for place in rng.integers(begins, begins + len(content) - 2, 4):
            damaged[place] = rng.integers(256)
        (tmp_path / "b.dng").write_bytes(damaged)
        with contextlib.suppress(CrispnetError):
            pictures += camera_picture(tmp_path / "b.dng").pixels.shape[2] == 3
    assert 20 < pictures <= 120


class Decoder(SimpleNamespace):
    """rawpy's answers about a file whose picture is no JPEG, or cannot be had."""

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], CameraPicture]:
    path = tmp_path / "a.nef"
    path.write_bytes(b"MM\0*" + bytes(100))

    def answer(extract_thumb: Callable[[], object]) -> CameraPicture:
        decoder = Decoder(extract_thumb=extract_thumb, sizes=SimpleNamespace(flip=6))
        monkeypatch.setattr(rawpy, "imread", lambda _: decoder)
        return camera_picture(path)

    return answer


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [1, 3])
def test_a_bitmap_is_a_picture_too(
    kind: type, colours: int, answered: Callable[[Callable[[], object]], CameraPicture]
) -> None:
    bitmap = corner_marked()[:, :, :colours]
    values = bitmap if kind is np.uint8 else bitmap.astype(np.uint16) * 257
    found = answered(lambda: rawpy.Thumbnail(rawpy.ThumbFormat.BITMAP, values))
    np.testing.assert_array_equal(found.pixels, upright(corner_marked(), 6))
    assert found.pixels.dtype == np.uint8
    assert found.jpeg is None


@pytest.mark.parametrize(
    "error",
    [
        rawpy.LibRawNoThumbnailError(b"none"),
        rawpy.LibRawUnsupportedThumbnailError(b"odd"),
        rawpy.LibRawIOError(b"Input/output error"),
        NotImplementedError("thumb type: 7"),
        OSError((5, "Input/output error")),
    ],
    ids=repr,
)
def test_a_picture_that_libraw_cannot_take_out(
    error: Exception, answered: Callable[[Callable[[], object]], CameraPicture]
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(NoCameraPicture, match="Look for a JPEG") as refusal:
        answered(fail)
    assert "b'" not in str(refusal.value)


def test_a_picture_too_large_to_be_one(embedded: Callable[..., CameraPicture], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MOST_PIXELS", 48 * 96 - 1)
    with pytest.raises(NoCameraPicture, match="too many"):
        embedded(jpeg())


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_jpegs_become_rgb(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(patches()).convert(mode).save(file, "JPEG", icc_profile=DISPLAY_P3)
    with Image.open(io.BytesIO(file.getvalue())) as opened:
        converted, _ = to_srgb(opened)
        assert np.asarray(converted.convert("RGB")).shape == (48, 96, 3)


def claiming(picture: bytes, *, height: int, width: int) -> bytes:
    """The same JPEG, claiming another size in its frame header (SOF0)."""
    start = picture.index(b"\xff\xc0") + 5
    return picture[:start] + struct.pack(">HH", height, width) + picture[start + 4 :]


def test_a_picture_of_more_pixels_than_any_sensor_has_is_not_decoded(tmp_path: Path) -> None:
    path = write_dng(raw_image(), tmp_path / "a.dng", preview=claiming(jpeg(), height=20_000, width=13_000))
    with pytest.raises(NoCameraPicture, match="13000 x 20000 pixels are too many"):
        camera_picture(path)


def test_two_hundred_megapixels_are_no_bomb(
    embedded: Callable[..., CameraPicture], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow's own limit, shrunk to this picture's scale, must not stand in the way."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 48 * 96 // 3)
    assert embedded(jpeg()).pixels.shape == (48, 96, 3)
