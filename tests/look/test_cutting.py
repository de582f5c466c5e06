"""Graphs cut into fine and coarse levels, where they have them."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from crispnet.colour import SRGB_TO_XYZ
from crispnet.look.contract import Metadata
from crispnet.look.cutting import halves, parts
from crispnet.look.file import CARD, SEAL_BYTES, LookFile, metadata_inputs, seal
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.runtime import core
from crispnet.model.catalogue import build
from crispnet.model.reconstruction import reach
from crispnet.train.export import export

ABOUT = {"name": "tiny", "version": "1", "card": dict.fromkeys(CARD, "something")}
LIGHT = Metadata(np.array([[2.0, 1, 1.5, 1]]), SRGB_TO_XYZ[None], np.array([0.0]), np.array([0.0]))


@cache  # to export takes longer than all that is tested
def look_file(model="crispnet", **options):
    torch.manual_seed(0)
    isp = build(model, **{"blocks": 1, "widths": (4, 6, 8, 10, 12)} | options)
    with tempfile.TemporaryDirectory() as folder:
        return export(isp, Path(folder) / f"{model}.onnx", **ABOUT)


def depths_of(file):
    found = parts(halves(core(), file)[1], file)
    return found and found.depths


@pytest.mark.parametrize(
    ("widths", "scale", "stride"), [((4, 6, 8, 10, 12), 4, 4), ((4, 6, 8, 10), 4, 2), ((4, 6, 8), 2, 2)]
)
def test_rims_are_wide_enough_and_not_much_wider(widths, scale, stride):
    depths = depths_of(look_file(widths=widths, dim=16, depth=1))
    assert (depths.scale, depths.stride) == (scale, stride)
    fine = reach(levels=scale.bit_length(), blocks=0) - 2 * scale  # without convolutions of a deepest level
    assert fine <= depths.halo < fine + 2 * scale
    coarse = reach(levels=len(widths) + 1 - scale.bit_length(), blocks=1)
    assert coarse <= depths.coarse_halo < coarse + 3 * stride
    assert depths.halo % scale == depths.coarse_halo % stride == 0


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("crispnet", {"dim": 16, "depth": 1}),
        ("unet-residual", {}),
        ("canonical", {"dim": 16, "depth": 1, "widths": (4, 6, 8, 10)}),
    ],
)
def test_three_calls_are_one(model, options):
    look = OpenVinoLook(look_file(model, **options), precision="f32")
    noise = np.random.default_rng(2)
    packed, thumbnail = noise.random((1, 4, 64, 96), np.float32), noise.random((1, 3, 368, 480), np.float32)
    scene = look.scene(thumbnail, LIGHT)
    context = look.deepen(look.descend(packed, scene), scene)
    rendered = look.ascend(packed, context, scene)
    assert context.dtype == np.float16
    np.testing.assert_allclose(rendered, look.render(packed, scene), atol=1 / 510)  # half a code of 8 bits
    with pytest.raises(ValueError, match="multiples of 4, got 62 x 96"):
        look.descend(packed[:, :, :62], scene)


def test_powers_are_written_out_and_nothing_else_comes_of_it():
    runtime, file = core(), look_file("canonical", dim=16, depth=1, widths=(4, 6, 8))
    model = runtime.read_model(file.content, b"")
    assert broken_powers(model)
    assert not any(map(broken_powers, halves(runtime, file)))
    noise = np.random.default_rng(2)
    packed, thumbnail = noise.normal(0.3, 0.3, (1, 4, 48, 64)), noise.random((1, 3, 368, 480))
    known = {"packed": packed, "thumbnail": thumbnail, **metadata_inputs(LIGHT)}
    network = runtime.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = network({port.any_name: known[port.any_name].astype(np.float32) for port in network.inputs})["srgb"]
    look = OpenVinoLook(file, precision="f32")
    found = look.render(packed.astype(np.float32), look.scene(thumbnail.astype(np.float32), LIGHT))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_renders_takes_no_logarithms_and_shuffles_its_pixels_once():
    file = look_file("canonical", dim=16, depth=1, widths=(4, 6, 8, 10))
    rendering = halves(core(), file)[1]
    assert not kinds(rendering) & {"Power", "Log", "Exp"}
    assert rendering.get_results()[0].input_value(0).get_node().get_type_name() == "DepthToSpace"


def kinds(model):
    return {node.get_type_name() for node in model.get_ops()}


def broken_powers(model):
    """The exponents that are constant and not whole."""
    exponents = [node.input_value(1).get_node() for node in model.get_ops() if node.get_type_name() == "Power"]
    return [each.data.item() for each in exponents if each.get_type_name() == "Constant" and each.data.item() % 1]


def test_networks_of_two_levels_are_left_whole():
    file = look_file("unet-residual", widths=(4, 6))
    assert depths_of(file) is None
    look = OpenVinoLook(file)
    with pytest.raises(ValueError, match="expected a look with fine and coarse levels, got tiny"):
        look.descend(np.zeros((1, 4, 8, 8), np.float32), np.zeros((1, 1), np.float32))


def test_other_names_are_left_whole():
    file = look_file("unet-residual")
    content = file.content[:-SEAL_BYTES].replace(b"reconstruction.up", b"reconstruction.pu")
    other = LookFile.parse(seal(content), origin="some.onnx")
    assert depths_of(file)
    assert depths_of(other) is None
    np.testing.assert_array_equal(*(rendered(OpenVinoLook(each, precision="f32")) for each in (file, other)))


def test_names_that_lie_about_the_wiring_are_left_whole():
    file = look_file("unet-residual")
    model = onnx.load_from_string(file.content)
    del model.metadata_props[1:]

    def swapped(name):
        for one, other in (("2", "3"), ("3", "2")):
            if name.startswith(f"reconstruction.encoder.{one}.0."):
                return name.replace(f".{one}.0.", f".{other}.0.", 1)
        return name

    for node in model.graph.node:
        node.input[:], node.output[:] = map(swapped, node.input), map(swapped, node.output)
    for weight in model.graph.initializer:
        weight.name = swapped(weight.name)
    other = LookFile.parse(seal(model.SerializeToString()), origin="some.onnx")
    assert depths_of(other) is None
    np.testing.assert_array_equal(*(rendered(OpenVinoLook(each, precision="f32")) for each in (file, other)))


def rendered(look):
    scene = look.scene(np.zeros((1, 3, 368, 480), np.float32), LIGHT)
    return look.render(np.random.default_rng(4).random((1, 4, 32, 48), np.float32), scene)
