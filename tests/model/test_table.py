import numpy as np
import pytest
import torch

from crispnet.colour import SRGB_TO_XYZ, encode_srgb
from crispnet.look.contract import Metadata as Told
from crispnet.look.file import CARD
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.trilinear import identity, interpolate
from crispnet.model.contract import Metadata
from crispnet.model.demosaic import bilinear
from crispnet.model.table import Table
from crispnet.train.export import export

NODES = np.random.default_rng(0).random((5, 5, 5, 3)).astype(np.float16).astype(np.float32)  # as a look keeps them
TOP = np.array([1.6, 1.0, 1.4], np.float32)
LIGHT = torch.tensor([[1.5, 1.0, 1.3, 1.0]])


def shot(seed=0, exposure=0.0):
    packed = torch.rand(1, 4, 12, 16, generator=torch.Generator().manual_seed(seed))
    return packed, torch.zeros(1, 3, 8, 8), Metadata(LIGHT, torch.eye(3)[None], torch.tensor([exposure]))


def test_a_table_says_what_the_table_says():
    packed, thumbnail, metadata = shot()
    found = Table(NODES, TOP)(packed, thumbnail, metadata)[0].movedim(0, -1).numpy()
    camera = bilinear(packed)[0].movedim(0, -1).numpy() * LIGHT[0, :3].numpy()
    expected = interpolate(NODES, encode_srgb(np.clip(camera / TOP, 0, 1)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_table_of_nothing_is_the_companded_mosaic():
    packed, thumbnail, metadata = shot()
    table = Table(identity(9).astype(np.float32), np.ones(3))
    found = table(packed, thumbnail, metadata)[0].movedim(0, -1).numpy()
    camera = bilinear(packed)[0].movedim(0, -1).numpy() * LIGHT[0, :3].numpy()
    np.testing.assert_allclose(found, encode_srgb(np.clip(camera, 0, 1)), atol=1e-4)


def test_exposure_doubles_light():
    table, (packed, thumbnail, metadata) = Table(NODES, TOP), shot()
    torch.testing.assert_close(table(packed, thumbnail, shot(exposure=1.0)[2]), table(2 * packed, thumbnail, metadata))


def test_windows_with_halo_are_the_whole():
    table, (packed, thumbnail, metadata) = Table(NODES, TOP), shot()
    scene = table.scene(thumbnail, metadata)
    whole = table.render(packed, scene)
    window = table.render(packed[:, :, 2:10, 4:14], scene)
    torch.testing.assert_close(window[..., 4:-4, 4:-4], whole[..., 8:-8, 12:-8])


def test_it_becomes_a_look(tmp_path):
    table, (packed, _, metadata) = Table(NODES, TOP), shot()
    look = OpenVinoLook(export(table, tmp_path / "a.onnx", name="a", version="1", card=dict.fromkeys(CARD, "x")))
    told = Told(LIGHT.double().numpy(), SRGB_TO_XYZ[None], np.zeros(1), np.zeros(1))
    scene = look.scene(np.zeros((1, 3, 368, 480), np.float32), told)
    expected = table.render(packed, table.scene(packed, metadata)).numpy()
    np.testing.assert_allclose(look.render(packed.numpy(), scene), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 5, 5, 4), (5, 4, 5, 3), (1, 1, 1, 3), (5, 5, 3)])
def test_what_is_no_table_is_refused(shape):
    with pytest.raises(ValueError, match="expected nodes"):
        Table(np.zeros(shape, np.float32), TOP)
