"""The look that ships: what it promises whatever it was trained to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import crispnet.look
from crispnet.colour import delta_e_76, srgb_to_lab
from crispnet.darkroom.photo import develop
from crispnet.look import DEFAULT
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.shelf import load_look, read_card, shipped
from crispnet.raw.bayer import pack, unpack
from crispnet.raw.image import RawImage
from making import raw_image

FILE = Path(crispnet.look.__file__).parent / "shipped" / f"{DEFAULT}.onnx"
MOST_BYTES = 32 << 20


@pytest.fixture(scope="module")
def look() -> OpenVinoLook:
    return OpenVinoLook(FILE, precision="f32")


def grey(level: float, **changes: object) -> RawImage:
    """A raw of an even grey in daylight: ``level`` of what just clips green."""
    raw = raw_image(height=192, width=256, **changes)
    light = level / raw.white_balance / (1 / raw.white_balance).max()
    black = pack(np.tile(raw.black, (96, 128)), raw.cfa)
    counts = black + light[:, None, None] * (raw.white - black)
    return replace(raw, mosaic=unpack(np.round(counts).clip(0, raw.white).astype(np.uint16), raw.cfa, 192, 256))


def test_it_is_shipped_and_small_and_says_what_it_is():
    assert DEFAULT in shipped()
    assert isinstance(load_look(DEFAULT), OpenVinoLook)
    assert FILE.stat().st_size <= MOST_BYTES
    card = read_card(DEFAULT)
    assert card["name"] == DEFAULT
    assert all(card[fact].strip() for fact in ("summary", "learned from", "cameras", "licence"))


@pytest.mark.parametrize("level", [0.02, 0.1, 0.3, 0.6])
def test_grey_stays_nearly_grey(look, level):
    lab = srgb_to_lab(develop(grey(level), look).pixels.clip(0, 1)).reshape(-1, 3)
    assert np.hypot(*lab[:, 1:].mean(axis=0)) < 8
    assert 25 < lab[:, 0].mean() < 95


def test_clipped_light_is_white_and_not_magenta(look):
    raw = raw_image(height=192, width=256)
    mosaic = raw.mosaic.copy()
    mosaic[64:128, 64:192] = int(raw.white)
    red, green, blue = develop(replace(raw, mosaic=mosaic), look).pixels[80:112, 96:160].mean(axis=(0, 1))
    assert min(red, green, blue) > 0.7
    assert max(red, blue) - green < 0.05


def test_windows_do_not_show(look, monkeypatch):
    raw = raw_image(height=128, width=900)  # two windows
    whole = develop(raw, look).pixels
    monkeypatch.setattr(look, "cells_at_once", 1 << 14)
    np.testing.assert_allclose(develop(raw, look).pixels, whole, atol=1 / 255 / 4)


def test_bfloat16_is_as_good_as_float32(look):
    raw = raw_image(height=256, width=384)
    labs = [srgb_to_lab(develop(raw, each).pixels.clip(0, 1)) for each in (look, OpenVinoLook(FILE, precision="bf16"))]
    assert delta_e_76(*labs).mean() < 0.2


def test_more_exposure_is_brighter(look):
    raw = raw_image(height=192, width=256)
    means = [develop(raw, look, exposure=stops).pixels.mean() for stops in (-1, 0, 1)]
    assert means[0] + 0.05 < means[1] < means[2] - 0.05


def test_an_underexposed_raw_is_brought_up(look):
    """Most of two stops: it is one scene, whatever the meter said."""
    bright = raw_image(height=192, width=256)
    dark = replace(bright, mosaic=_dimmed(bright, 0.25))
    lightness = [srgb_to_lab(develop(raw, look).pixels.clip(0, 1))[..., 0].mean() for raw in (bright, dark)]
    assert abs(lightness[0] - lightness[1]) < 8


def _dimmed(raw: RawImage, share: float) -> np.ndarray:
    black = np.tile(raw.black, (raw.rows // 2, raw.columns // 2))
    return np.round(black + share * (raw.mosaic - black)).astype(np.uint16)


def test_the_scene_decides(look):
    """The same patch among other things is rendered otherwise: what a phone does, and no table can."""
    alone = raw_image(height=192, width=256)
    among = alone.mosaic.copy()
    among[:, 128:] = np.round(_dimmed(alone, 0.05)[:, 128:])
    pictures = [develop(replace(alone, mosaic=mosaic), look).pixels[64:128, 16:64] for mosaic in (alone.mosaic, among)]
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.02


def test_anything_finite_gives_a_picture(look):
    rng = np.random.default_rng(3)
    raw = raw_image(height=96, width=128)
    for mosaic in (
        rng.integers(0, 65536, raw.mosaic.shape),
        np.zeros(raw.mosaic.shape),
        np.full(raw.mosaic.shape, 65535),
    ):
        assert np.isfinite(develop(replace(raw, mosaic=mosaic.astype(np.uint16)), look).pixels).all()
