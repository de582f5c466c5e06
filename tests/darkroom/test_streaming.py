"""Frames in three passes: what the windows are does not matter, and the network's own rendering comes out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from crispnet.colour import SRGB_TO_XYZ
from crispnet.darkroom import streaming
from crispnet.darkroom.rendering import MAX_MEMORY, expected, render
from crispnet.darkroom.streaming import MARGIN, Frame, Piece
from crispnet.look.compiling import Compiler
from crispnet.look.contract import Metadata, in_depths
from crispnet.look.cutting import MOST
from crispnet.look.file import CARD
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.plain import PlainLook
from crispnet.model.catalogue import build
from crispnet.raw.image import Box
from crispnet.train.export import export

LIGHT = Metadata(np.array([[2.0, 1, 1.5, 1]]), SRGB_TO_XYZ[None], np.array([0.0]), np.array([0.0]))
NETWORKS = {
    "canonical": {"dim": 16, "depth": 1, "widths": (4, 6, 8)},
    "crispnet": {"dim": 16, "depth": 1, "widths": (4, 6, 8, 10)},
    "unet-residual": {"widths": (4, 6, 8)},
}
HALF_A_CODE = 1 / 510


@pytest.fixture(scope="module", params=NETWORKS)
def file(request, tmp_path_factory):
    torch.manual_seed(0)
    isp = build(request.param, blocks=1, **NETWORKS[request.param]).requires_grad_(requires_grad=False)
    for weight in isp.parameters():
        if not weight.any() and weight.ndim > 1:
            nn.init.normal_(weight, std=0.05)
    path = tmp_path_factory.mktemp("look") / "tiny.onnx"
    return export(isp, path, name="tiny", version="1", card=dict.fromkeys(CARD, "something"))


@pytest.fixture(scope="module")
def look(file):
    return OpenVinoLook(file, precision="f32")


def frame_of(height, width, seed=0):
    return np.random.default_rng(seed).random((4, height, width), np.float32)


def scene_of(look):
    return look.scene(np.random.default_rng(1).random((1, 3, 368, 480), np.float32), LIGHT)


def whole(packed, look):
    """Render a frame at once, by the call that knows of no levels."""
    frame = Frame(packed, look.stride, in_depths(look)[1])
    rendered = look.render(frame.cut(Box(0, 0, *frame.size)), scene_of(look))[0]
    inner = slice(2 * frame.margin, 2 * (frame.margin + packed.shape[1]))
    return rendered[:, inner, 2 * frame.margin : 2 * (frame.margin + packed.shape[2])].transpose(1, 2, 0)


def streamed(packed, look, monkeypatch, *, cells, coarse=1 << 20, region=None, depth=None):
    monkeypatch.setattr(look, "cells_at_once", cells)
    monkeypatch.setattr(streaming, "COARSE_CELLS", coarse)
    monkeypatch.setattr(streaming, "LEAST_CELLS", 1)
    region = region or Box(0, 0, 2 * packed.shape[1], 2 * packed.shape[2])
    return render(packed, look, scene_of(look), region, depth=depth)


@pytest.mark.parametrize("size", [(1, 1), (70, 30), (131, 300), (200, 517)])
@pytest.mark.parametrize(("cells", "coarse"), [(1 << 20, 1 << 20), (1, 1), (20_000, 3_000)])
def test_windows_do_not_matter(look, monkeypatch, size, cells, coarse):
    packed = frame_of(*size)
    found, expected = streamed(packed, look, monkeypatch, cells=cells, coarse=coarse), whole(packed, look)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= HALF_A_CODE  # features are kept in 16 bits
    assert np.abs(found - expected).mean() <= HALF_A_CODE / 20


def test_a_region_is_part_of_the_whole(look, monkeypatch):
    packed = frame_of(150, 310)
    region = Box(31, 57, 201, 399)
    part = streamed(packed, look, monkeypatch, cells=20_000, region=region)
    np.testing.assert_array_equal(part, streamed(packed, look, monkeypatch, cells=20_000)[region.rows, region.columns])


def test_codes_are_those_of_the_floats(look, monkeypatch):
    packed = frame_of(90, 270)
    floats, codes = (streamed(packed, look, monkeypatch, cells=20_000, depth=depth) for depth in (None, 8))
    assert codes.dtype == np.uint8
    assert np.abs(codes - 255 * floats.clip(0, 1)).max() <= 0.5 + 1e-3


def test_context_is_needed_and_seen(look, monkeypatch):
    """A light far beyond the rim of a window is felt as in the whole, however small the windows are."""
    dark = np.full((4, 160, 520), 0.1, np.float32)
    lit = dark.copy()
    lit[:, :, 300:] = 1
    near = slice(0, 320), slice(2 * (300 - look.halo), 2 * (300 - in_depths(look)[1].halo))
    small, large = (
        streamed(lit, look, monkeypatch, cells=cells, coarse=cells) - streamed(dark, look, monkeypatch, cells=cells)
        for cells in (1, 1 << 20)
    )
    assert np.abs(small[near]).max() > 1e-5
    np.testing.assert_allclose(small, large, atol=HALF_A_CODE)


@pytest.mark.parametrize("budget", [MAX_MEMORY, 1 << 21])
def test_nothing_is_compiled_for_a_frame_that_was_expected(look, monkeypatch, budget):
    compiled, packed, region = [], frame_of(140, 270), Box(0, 0, 280, 540)
    monkeypatch.setattr(look, "cells_at_once", 1 << 20)
    with expected(packed.shape[1:], look, region, depth=8, budget=budget):
        scene = scene_of(look)
    compile_it = Compiler.compiled
    monkeypatch.setattr(Compiler, "compiled", lambda *given: compiled.append(given) or compile_it(*given))
    render(packed, look, scene, region, depth=8, budget=budget)
    assert compiled == []


def test_what_goes_wrong_with_a_frame_is_not_hidden_by_what_was_expected(look):
    with pytest.raises(ValueError, match="no frame"), expected((40, 60), look, Box(0, 0, 80, 120), depth=None):
        raise ValueError("no frame")


def test_a_look_of_one_level_is_rendered_as_ever():
    assert in_depths(PlainLook()) is None


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.sampled_from([(0, 4), (8, 4)]),
)
@settings(max_examples=60)
def test_pieces_cover_the_frame_once_and_see_all_that_there_is_around_them(rows, columns, cells, room, rim):
    halo, stride = rim
    size = rows * stride, columns * stride
    times, seen_sizes = np.zeros(size, int), set()
    for made, seen in streaming._pieces(size, cells=cells, room=room, halo=halo, stride=stride):
        times[made.rows, made.columns] += 1
        seen_sizes.add((seen.height, seen.width))
        for first, last, start, end, length in (
            (made.top, made.bottom, seen.top, seen.bottom, size[0]),
            (made.left, made.right, seen.left, seen.right, size[1]),
        ):
            assert 0 <= start <= max(first - halo, 0)
            assert min(last + halo, length) <= end <= length
            assert start % stride == end % stride == 0
    assert (times == 1).all()
    assert len(seen_sizes) == 1  # so that one shape is compiled


def test_a_frame_is_the_mirrored_mosaic(look):
    packed = frame_of(20, 30)
    frame = Frame(packed, look.stride, in_depths(look)[1])
    cut = frame.cut(Box(0, 0, *frame.size))[0]
    assert frame.margin == MARGIN * look.stride
    np.testing.assert_array_equal(cut[:, frame.margin : frame.margin + 20, frame.margin : frame.margin + 30], packed)
    assert frame.size[0] % look.stride == frame.size[1] % look.stride == 0
    np.testing.assert_array_equal(cut[0, frame.margin - 5, frame.margin :][:30], packed[0, 5])  # red: about its own row


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_features_that_16_bits_cannot_hold_stay_finite(file, precision):
    look = OpenVinoLook(file, precision=precision)
    features = look.descend(1e15 * frame_of(64, 64)[None], scene_of(look))
    assert features.dtype == np.float16
    assert np.isfinite(features).all()
    assert features.max() == MOST


@pytest.mark.parametrize(("size", "shape"), [((1, 2), (1, 2, 3)), ((2, 2), (2, 2, 3))])
def test_pieces_are_joined_as_they_lie(size, shape):
    values = np.arange(np.prod(shape), dtype=np.float16).reshape(shape)
    halves = [Piece(Box(0, left, size[0], 1), Box(0, 0, *size)) for left in range(2)]
    joined = streaming._joined([(piece, values) for piece in halves], size)
    assert joined.dtype == values.dtype
    np.testing.assert_array_equal(joined, values)
