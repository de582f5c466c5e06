"""JPEG files in two halves: the file that Pillow would write, and exiftool sees no difference."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.darkroom import jpeg
from crispnet.darkroom.exiftool import ExifTool
from crispnet.darkroom.output import srgb_profile
from crispnet.raw.tiff import lay_out, short, text

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

EXIF = b"".join(lay_out({"Make": text("Somebody"), "Orientation": short(1)}))


def picture(height=37, width=53):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("quality", [1, 60, 95, 100])
def test_both_halves_are_pillows_file(quality):
    expected = io.BytesIO()
    about = {"exif": b"Exif\0\0" + EXIF, "icc_profile": srgb_profile()}
    Image.fromarray(picture()).save(expected, "jpeg", quality=quality, subsampling="4:4:4", **about)
    made = jpeg.head_of(EXIF, srgb_profile()) + jpeg.body_of(picture(), quality=quality)
    assert made == expected.getvalue()


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("raw", ["mural.dng", "box.crw"])
def test_a_head_gets_what_the_whole_file_would(raw, tmp_path):
    head, body = jpeg.head_of(EXIF, srgb_profile()), jpeg.body_of(picture(), quality=90)
    whole = tmp_path / "whole.jpg"
    whole.write_bytes(head + body)
    with ExifTool() as exiftool:
        exiftool.add(whole, SAMPLES / raw)
        richer = jpeg.enriched(head, SAMPLES / raw, exiftool)
    assert richer + body == whole.read_bytes()
    assert len(richer) > len(head)
