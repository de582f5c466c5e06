import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from crispnet.colour import SRGB_TO_XYZ
from crispnet.errors import LookError, OutputError, RunError
from crispnet.look.contract import Metadata
from crispnet.look.file import CARD, LookFile, metadata_inputs
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.torch import TorchLook
from crispnet.model.catalogue import build
from crispnet.model.crispnet import CRISPnet
from crispnet.model.reconstruction import Reconstruction
from crispnet.train.export import SMALL, export

ABOUT = {"name": "tiny", "version": "1", "card": dict.fromkeys(CARD, "something")}
LIGHT = Metadata(np.array([[2.0, 1, 1.5, 1]]), SRGB_TO_XYZ[None], np.array([0.25]), np.array([0.5]))
NETWORKS = {
    "unet-residual": {},
    "wb-branch": {},
    "classification-cnn": {},
    "crispnet": {"dim": 16, "depth": 1},
    "canonical": {"dim": 16, "depth": 1},
}


def network(name):
    """A small one whose every branch says something, with weights that 16 bits hold."""
    torch.manual_seed(0)
    isp = build(name, widths=(6, 8, 10), blocks=1, **NETWORKS[name]).requires_grad_(requires_grad=False)
    for weight in isp.parameters():
        if not weight.any() and weight.ndim > 1:
            nn.init.normal_(weight, std=0.02)
        weight.copy_(weight.half().float())
    return isp


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request, tmp_path_factory):
    isp = network(request.param)
    return isp, export(isp, tmp_path_factory.mktemp("look") / f"{request.param}.onnx", **ABOUT)


def pictures(seed=3):
    noise = np.random.default_rng(seed)
    return noise.random((1, 4, 24, 32), np.float32), noise.random((1, 3, 368, 480), np.float32)


def test_a_look_file_renders_what_the_network_renders(exported):
    isp, file = exported
    packed, thumbnail = pictures()
    reference, look = TorchLook(isp, name="tiny"), OpenVinoLook(file, precision="f32")
    expected = reference.render(packed, reference.scene(thumbnail, LIGHT))
    found = look.render(packed, look.scene(thumbnail, LIGHT))
    assert found.shape == (1, 3, 48, 64)
    assert np.abs(found - expected).max() <= 1e-4 * max(1, np.abs(expected).max())
    assert (look.stride, look.halo) == (isp.stride, isp.halo)
    assert file.reads == isp.reads


def test_other_runtimes_render_it_whole(exported):
    isp, file = exported
    packed, thumbnail = pictures()
    session = onnxruntime.InferenceSession(file.content, providers=["CPUExecutionProvider"])
    known = metadata_inputs(LIGHT)
    (found,) = session.run(
        None, {"packed": packed, "thumbnail": thumbnail, **{name: known[name] for name in isp.reads}}
    )
    reference = TorchLook(isp, name="tiny")
    expected = reference.render(packed, reference.scene(thumbnail, LIGHT))
    assert np.abs(found - expected).max() <= 1e-4 * max(1, np.abs(expected).max())


def test_weights_keep_their_names_and_values(exported):
    isp, file = exported
    model = onnx.load_from_string(file.content)
    onnx.checker.check_model(model, full_check=True)
    found = {weight.name: onnx.numpy_helper.to_array(weight) for weight in model.graph.initializer}
    expected = {name: weight for name, weight in isp.state_dict().items() if "num_batches" not in name}
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_allclose(found[name].astype(np.float32), weight, rtol=2**-11, atol=2**-25, err_msg=name)
    assert any(weight.dtype == np.float16 for weight in found.values())
    assert all(weight.dtype == np.float32 for weight in found.values() if weight.size <= SMALL)


def test_what_comes_back_is_what_was_written(exported):
    _, file = exported
    again = LookFile.open(file.origin)
    assert again.content == file.content
    assert {name: getattr(again, name) for name in ABOUT} == ABOUT


def test_memory_is_counted_by_the_widest_place(tmp_path):
    """Just before its last convolutions the network holds a pair of features as wide as its first level, twice."""
    counts = []
    for width in (16, 32):
        isp = build("unet-residual", widths=(width, 8), blocks=0)
        counts.append(export(isp, tmp_path / f"{width}.onnx", **ABOUT).bytes_per_cell)
    assert 4 * 2 * 16 * 2 <= counts[0] <= 4 * 5 * 16
    assert counts[1] == pytest.approx(2 * counts[0], rel=0.1)


def test_weights_that_16_bits_cannot_hold_keep_32(tmp_path):
    isp = network("unet-residual")
    large, small = isp.reconstruction.encoder[1][0], isp.reconstruction.encoder[2][0]
    large.weight[0, 0, 0, 0] = 1e5
    small.weight.mul_(1e-6)
    file = export(isp, tmp_path / "odd.onnx", **ABOUT)
    kinds = {weight.name: weight.data_type for weight in onnx.load_from_string(file.content).graph.initializer}
    wide = {
        name
        for name, weight in isp.named_parameters()
        if kinds[name] == onnx.TensorProto.FLOAT
        if weight.numel() > SMALL
    }
    assert wide == {"reconstruction.encoder.1.0.weight", "reconstruction.encoder.2.0.weight"}


def test_rounding_weights_is_hardly_seen(tmp_path):
    torch.manual_seed(0)
    isp = build("wb-branch", widths=(6, 8, 10), blocks=1)
    file, reference = export(isp, tmp_path / "a.onnx", **ABOUT), TorchLook(isp, name="a")
    look = OpenVinoLook(file, precision="f32")
    packed, thumbnail = pictures()
    expected = reference.render(packed, reference.scene(thumbnail, LIGHT))
    difference = look.render(packed, look.scene(thumbnail, LIGHT)) - expected
    assert 0 < np.abs(difference).mean() < 5e-4 * np.abs(expected).mean()


class Fickle(CRISPnet):
    """Renders by what is not in the graph: how often it was asked."""

    asked = 0

    def render(self, packed, scene):
        self.asked += 1
        return super().render(packed, scene) + self.asked


def test_a_network_that_renders_otherwise_as_a_file_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"a\.onnx was not written: .* renders otherwise .* were needed\. "):
        export(Fickle(Reconstruction(widths=(4, 8), blocks=0)), tmp_path / "a.onnx", **ABOUT)
    assert not list(tmp_path.iterdir())


class Dreamy(CRISPnet):
    """Does what ONNX has no word for."""

    def render(self, packed, scene):
        return torch.special.bessel_j0(super().render(packed, scene))


def test_a_network_that_onnx_cannot_say_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"a\.onnx was not written: .*bessel_j0.* were needed\. "):
        export(Dreamy(Reconstruction(widths=(4, 8), blocks=0)), tmp_path / "a.onnx", **ABOUT)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_text("mine")
    isp = build("unet-residual", widths=(4, 8), blocks=0)
    with pytest.raises(OutputError, match="exists already"):
        export(isp, path, **ABOUT)
    assert path.read_text() == "mine"
    export(isp, path, **ABOUT, overwrite=True)
    assert LookFile.open(path).name == "tiny"


def test_a_card_that_says_too_little_is_refused(tmp_path):
    with pytest.raises(LookError, match="its card does not say"):
        export(network("unet-residual"), tmp_path / "a.onnx", **ABOUT | {"card": {"summary": "mine"}})
    assert not list(tmp_path.iterdir())


def test_a_network_that_needs_whole_photographs_is_refused_in_words(tmp_path):
    isp = build("csanet", width=4, blocks=1)
    with pytest.raises(RunError, match=r"whole photographs only.*windows"):
        export(isp, tmp_path / "a.onnx", **ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_a_constant_is_written_once(tmp_path):
    told = {"thresholds": 3, "tails": 3, "casts": 2, "palette": 3, "camera": True}
    isp = build("canonical", widths=(4, 6), blocks=1, dim=16, depth=1, **told)
    graph = onnx.load_from_string(export(isp, tmp_path / "look.onnx", **ABOUT).content).graph
    for half in ("see/", "render/"):
        constants = [node for node in graph.node if node.op_type == "Constant" and node.name.startswith(half)]
        values = {node.attribute[0].SerializeToString(deterministic=True) for node in constants}
        assert len(values) == len(constants) > 0
