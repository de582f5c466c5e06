"""TIFFs laid out by us and read back by tifffile, which knows nothing of us."""

import io
import math
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from crispnet.raw import tiff

ENCODERS = {
    "byte": (tiff.byte, st.binary(min_size=1, max_size=9)),
    "short": (tiff.short, st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=9)),
    "long": (tiff.long, st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9)),
    "double": (tiff.double, st.lists(st.floats(allow_nan=False), min_size=1, max_size=9)),
    "undefined": (tiff.undefined, st.binary(min_size=5, max_size=9)),
}
# Tags that tifffile reads as they stand, without a meaning of its own.
FREE_TAGS = ["BlackLevel", "ActiveArea", "NoiseProfile", "OpcodeList1", "AsShotNeutral", "DNGVersion", "CFAPlaneColor"]


def one_pixel():
    """A picture of one pixel, because tifffile takes nothing less."""
    return {
        "ImageWidth": tiff.long(1),
        "ImageLength": tiff.long(1),
        "BitsPerSample": tiff.short(8),
        "Compression": tiff.short(1),
        "PhotometricInterpretation": tiff.short(1),
        "SamplesPerPixel": tiff.short(1),
        "RowsPerStrip": tiff.long(1),
        **tiff.picture_in(b"\x07"),
    }


def read(directory):
    return tifffile.TiffFile(io.BytesIO(b"".join(tiff.lay_out(directory))))


@st.composite
def fields(draw):
    kind = draw(st.sampled_from(sorted(ENCODERS)))
    encode, values = ENCODERS[kind]
    value = draw(values)
    return (encode(value), value) if isinstance(value, bytes) else (encode(*value), tuple(value))


def test_every_tag_has_the_number_that_tifffile_knows_it_by():
    assert len(tiff.TAGS) == len(set(tiff.TAGS.values())) > 70
    for name, number in tiff.TAGS.items():
        assert name in tifffile.TIFF.EXIF_TAGS.getall(number), name


@given(st.dictionaries(st.sampled_from(FREE_TAGS), fields(), max_size=7))
def test_tifffile_reads_what_was_laid_out(wanted):
    with read(one_pixel() | {name: field for name, (field, _) in wanted.items()}) as file:
        tags = file.pages[0].tags
        for name, (field, value) in wanted.items():
            found = tags[tiff.TAGS[name]].value
            assert found == (value if isinstance(value, bytes) or len(value) > 1 else value[0]), name
            assert tags[tiff.TAGS[name]].dtype == field.kind
        assert file.asarray().tolist() == [[7]]


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5), st.binary(min_size=1, max_size=9))
def test_strips_and_directories_of_any_size_are_found_at_even_offsets(strips, long_value):
    inner = {"ExifVersion": tiff.undefined(b"0232"), "LensModel": tiff.text("x" * len(long_value))}
    nested = {"OpcodeList1": tiff.byte(long_value), "ExifTag": [inner], **tiff.picture_in(*strips)}
    content = b"".join(tiff.lay_out({"SubIFDs": [nested, nested], "Make": tiff.text("odd")}))
    (_, pointers), seen = walk(content, 8), []
    for place in pointers[330]:
        _, within = walk(content, place)
        seen += [content[start : start + size] for start, size in zip(within[273], within[279], strict=True)]
        numbers, _ = walk(content, within[34665][0])
        assert numbers == [36864, 42036]
        assert all(start % 2 == 0 for start in (place, *within[273], *within[34665]))
    assert seen == strips * 2


def walk(content, start):
    """A directory by hand: the numbers of its tags, and the values of those that are LONG."""
    (count,) = struct.unpack_from("<H", content, start)
    numbers, longs = [], {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        number, kind, many = struct.unpack_from("<HHI", content, entry)
        numbers.append(number)
        if kind == 4:
            place = entry + 8 if many == 1 else struct.unpack_from("<I", content, entry + 8)[0]
            longs[number] = struct.unpack_from(f"<{many}I", content, place)
    assert numbers == sorted(numbers)
    return numbers, longs


@pytest.mark.parametrize("words", ["", "a", "abc", "abcd", "Zoë ☀"])
def test_text_ends_in_a_zero_and_holds_no_other(words):
    assert tiff.text(words) == tiff.text(words[:1] + "\0" + words[1:])
    assert tiff.text(words).content == words.encode() + b"\0"


def test_text_that_cannot_be_encoded_is_no_reason_to_fail():
    assert tiff.text("a\udcffb").content == b"a?b\0"


@given(st.floats(-(2**31) + 1, 2**31 - 1))
def test_fractions_are_as_near_as_32_bits_allow(value):
    numerator, denominator = struct.unpack("<2i", tiff.signed_rational(value).content)
    assert denominator > 0
    # Two neighbouring fractions with denominators of up to q differ by at least 1 / q².
    assert math.isclose(numerator / denominator, value, rel_tol=2**-30, abs_tol=2**-31)
    if value >= 0:
        numerator, denominator = struct.unpack("<2I", tiff.rational(value).content)
        assert math.isclose(numerator / denominator, value, rel_tol=2**-31, abs_tol=2**-32)


@given(st.integers(0, 10**4), st.integers(1, 10**4))
def test_a_simple_fraction_is_kept(numerator, denominator):
    divisor = math.gcd(numerator, denominator)
    expected = (numerator // divisor, denominator // divisor)
    for value in (numerator / denominator, np.float64(numerator) / denominator):
        assert struct.unpack("<2I", tiff.rational(value).content) == expected
