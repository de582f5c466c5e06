import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn
from torch.nn import functional

from crispnet.colour import SRGB_TO_XYZ, delta_e_76, srgb_to_lab
from crispnet.darkroom.photo import develop
from crispnet.errors import LookError
from crispnet.look import file as file_room
from crispnet.look.contract import Metadata
from crispnet.look.file import CARD, LookFile, seal
from crispnet.look.openvino import SHAPES_KEPT, OpenVinoLook, has_bfloat16
from crispnet.look.torch import TorchLook
from crispnet.model.contract import ISP
from crispnet.train.export import export
from making import raw_image

LIGHT = Metadata(np.array([[2.0, 1, 1.5, 1]]), SRGB_TO_XYZ[None], np.array([0.25]), np.array([0.5]))


class Tiny(ISP):
    """A brightened mosaic, enlarged, and what two convolutions add, at half size, in the light of the scene."""

    stride, halo = 2, 6
    reads = ("white_balance", "exposure")

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(4, 24, 3, stride=2, padding=1), nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.mood = nn.Linear(3, 24)

    def scene(self, thumbnail, metadata):
        mood = self.mood(thumbnail.mean(dim=(2, 3)))
        return torch.cat((mood, metadata.white_balance * (2**metadata.exposure)[:, None]), dim=1)

    def render(self, packed, scene):
        mood, light = scene.split((24, 4), dim=1)
        balanced = (packed * light[:, :, None, None]).clamp(min=1e-6) ** (1 / 2.2)
        added = self.up(functional.relu(self.down(balanced)) * mood[:, :, None, None])
        plain = balanced[:, [0, 1, 2]].repeat_interleave(4, dim=1)
        return functional.pixel_shuffle(0.3 * plain + 0.05 * added, 2)


@pytest.fixture(scope="module")
def isp():
    torch.manual_seed(0)
    isp = Tiny().requires_grad_(requires_grad=False)
    for weight in isp.parameters():  # as the file stores them
        weight.copy_(weight.half().float())
    return isp


@pytest.fixture(scope="module")
def file(isp, tmp_path_factory):
    path = tmp_path_factory.mktemp("look") / "tiny.onnx"
    return export(isp, path, name="tiny", version="7", card=dict.fromkeys(CARD, "something"))


@pytest.fixture(scope="module")
def bfloat16(file):
    look = OpenVinoLook(file, precision="bf16")
    if not has_bfloat16():
        pytest.skip("this CPU does not multiply matrices of bfloat16")
    return look


def thumbnail(count=1, seed=1):
    return np.random.default_rng(seed).random((count, 3, 368, 480), np.float32)


def smooth(height=64, width=256):
    """A ramp of greys, as the camera sees it."""
    grey = np.linspace(0.02, 0.6, width, dtype=np.float32) / LIGHT.white_balance[0, :, None]
    return np.broadcast_to(grey[:, None], (4, height, width))[None].astype(np.float32)


def rendered(look, packed):
    return look.render(packed, look.scene(thumbnail(), LIGHT))


@pytest.mark.parametrize("size", [(64, 96), (2, 2), (34, 50)])
def test_it_renders_what_torch_renders(isp, file, size):
    packed = np.random.default_rng(2).random((1, 4, *size), np.float32)
    reference, look = TorchLook(isp, name="tiny"), OpenVinoLook(file, precision="f32")
    np.testing.assert_allclose(rendered(look, packed), rendered(reference, packed), atol=1e-4)


def test_the_scene_is_the_networks_own(isp, file):
    """The graph is cut at the scene exactly: its vector is that of the network, and decides the picture alone."""
    look, reference = OpenVinoLook(file, precision="f32"), TorchLook(isp, name="tiny")
    scene = look.scene(thumbnail(), LIGHT)
    np.testing.assert_allclose(scene, reference.scene(thumbnail(), LIGHT), atol=1e-5)
    packed = smooth()
    np.testing.assert_allclose(
        look.render(packed, 2 * scene), reference.render(packed, torch.tensor(2 * scene)), atol=1e-4
    )


def test_photographs_of_a_batch_do_not_mix(file):
    look = OpenVinoLook(file, precision="f32")
    metadata = Metadata(*(np.concatenate([part, part * 0.5]) for part in vars(LIGHT).values()))
    packed = np.concatenate([smooth(), smooth()[:, :, ::-1] * 0.3])
    scene = look.scene(thumbnail(2), metadata)
    together = look.render(packed, scene)
    assert together.shape == (2, 3, 128, 512)
    for one in (0, 1):
        alone = Metadata(*(part[one : one + 1] for part in vars(metadata).values()))
        own = look.scene(thumbnail(2)[one : one + 1], alone)
        np.testing.assert_array_equal(scene[one], own[0])
        np.testing.assert_array_equal(together[one], look.render(packed[one : one + 1], own)[0])


def test_a_result_is_not_overwritten_by_the_next(file):
    look = OpenVinoLook(file)
    scene = look.scene(thumbnail(), LIGHT)
    first = look.render(smooth(), scene)
    kept = first.copy()
    look.render(smooth() * 0.5, scene)
    np.testing.assert_array_equal(first, kept)


def test_shapes_come_and_go(file):
    look = OpenVinoLook(file, precision="f32")
    scene = look.scene(thumbnail(), LIGHT)
    packed = smooth()
    before = look.render(packed, scene)
    for size in range(4, 4 + 4 * SHAPES_KEPT, 2):
        assert look.render(packed[:, :, :size], scene).shape == (1, 3, 2 * size, 512)
    assert len(look._rendering._requests) == SHAPES_KEPT
    np.testing.assert_array_equal(look.render(packed, scene), before)


def test_tiled_equals_whole(file):
    raw = raw_image(height=260, width=1100)
    pictures = []
    for cells in (1, 1 << 30):
        look = OpenVinoLook(file, precision="f32")
        look.cells_at_once = cells
        pictures.append(develop(raw, look, max_memory=1 if cells == 1 else 2 << 30).pixels)
    tiled, whole = pictures
    assert whole.shape == (260, 1100, 3)
    assert np.abs(tiled - whole).max() <= 1e-5


def test_bfloat16_is_not_seen(isp, bfloat16):
    reference = rendered(TorchLook(isp, name="tiny"), smooth())
    found = rendered(bfloat16, smooth())
    labs = [srgb_to_lab(picture[0].transpose(1, 2, 0).clip(0, 1)) for picture in (found, reference)]
    assert 0 < delta_e_76(*labs).mean() <= 0.2


def test_a_ramp_has_no_bands_in_bfloat16(isp, file):
    """What passes by the convolutions stays in 32 bits: with nothing added, every step of the ramp remains."""
    quiet = Tiny()
    quiet.load_state_dict(isp.state_dict())
    nn.init.zeros_(quiet.up.weight)
    nn.init.zeros_(quiet.up.bias)
    path = file.origin.replace("tiny", "quiet")
    look = OpenVinoLook(export(quiet, path, name="q", version="1", card=file.card), precision="bf16")
    if not has_bfloat16():
        pytest.skip("this CPU does not multiply matrices of bfloat16")
    packed = smooth(width=2048)
    found, reference = rendered(look, packed), rendered(TorchLook(quiet, name="quiet"), packed)
    levels = [len(np.unique(np.round(picture * 65535))) for picture in (found, reference)]
    assert levels[1] > 1 << 10
    assert levels[0] > 0.99 * levels[1]
    assert (np.diff(found[0, :, 9, 1::2]) > 0).all()


def test_card_and_sizes_are_those_of_the_file(file):
    look = OpenVinoLook(file.origin)
    assert (look.name, look.version, look.card) == ("tiny", "7", file.card)
    assert (look.stride, look.halo, look.bytes_per_cell) == (2, 6, file.bytes_per_cell)
    assert look.precision == ("bf16" if has_bfloat16() else "f32")


def test_sizes_off_the_stride_and_unknown_precisions_are_mistakes(file):
    look = OpenVinoLook(file)
    with pytest.raises(ValueError, match="expected sizes that are multiples of 2, got 63 x 256"):
        look.render(smooth()[:, :, :-1], look.scene(thumbnail(), LIGHT))
    with pytest.raises(ValueError, match="expected a precision of"):
        OpenVinoLook(file, precision="f8")


def mutated(file, change):
    model = onnx.load_from_string(file.content)
    del model.metadata_props[1:]
    change(model.graph)
    return LookFile.parse(seal(model.SerializeToString()), origin="some.onnx")


def unknown_operator(graph):
    graph.node[0].op_type = "Dream"


def impossible_weight(graph):
    graph.initializer[0].dims[0] += 1


def dangling_input(graph):
    graph.node[-1].input[0] = "nowhere"


def pixels_read_metadata(graph):
    """The picture depends on the white balance past the scene."""
    last = graph.node[-1]
    last.output[0] = "almost"
    graph.node.append(helper.make_node("ReduceMean", ["white_balance"], ["past"], keepdims=0))
    graph.node.append(helper.make_node("Mul", ["almost", "past"], ["srgb"]))


def scene_reads_pixels(graph):
    maker = next(node for node in graph.node if "scene" in node.output)
    maker.output[0] = "nearly"
    graph.node.insert(list(graph.node).index(maker) + 1, helper.make_node("ReduceMean", ["packed"], ["m"], keepdims=0))
    graph.node.insert(list(graph.node).index(maker) + 2, helper.make_node("Mul", ["nearly", "m"], ["scene"]))


@pytest.mark.parametrize(
    "change", [unknown_operator, impossible_weight, dangling_input, pixels_read_metadata, scene_reads_pixels]
)
def test_graphs_that_cannot_run_are_refused(file, change):
    with pytest.raises(LookError, match=r"some\.onnx cannot be used as a look: OpenVINO cannot .* was needed\."):
        rendered(OpenVinoLook(mutated(file, change)), smooth())


def test_broken_names_are_refused(file):
    content = file.content[: -file_room.SEAL_BYTES].replace(b"render/", b"\xffender/", 1)
    with pytest.raises(LookError, match="OpenVINO cannot"):
        rendered(OpenVinoLook(LookFile.parse(seal(content), origin="some.onnx")), smooth())
