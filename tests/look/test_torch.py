import numpy as np
import pytest
import torch

from crispnet.colour import SRGB_TO_XYZ, XYZ_TO_SRGB
from crispnet.darkroom.photo import develop
from crispnet.look.contract import Metadata
from crispnet.look.torch import TorchLook
from crispnet.model.contract import ISP
from making import raw_image


class Shown(ISP):
    """Shows balanced values as they are, times two to the exposure; remembers what it was given."""

    stride, halo = 1, 0

    def scene(self, thumbnail, metadata):
        self.seen = thumbnail, metadata
        return metadata.white_balance * torch.exp2(metadata.exposure)[:, None]

    def render(self, packed, scene):
        planes = (packed * scene[:, :, None, None])[:, [0, 1, 2]]
        return torch.nn.functional.interpolate(planes, scale_factor=2)


def test_metadata_arrive_as_the_contract_has_them():
    isp, raw = Shown(), raw_image(exif={"baseline_exposure": -0.25})
    metadata = Metadata.of(raw, exposure=1.0)
    scene = TorchLook(isp, name="shown").scene(np.ones((1, 3, 368, 480), np.float32), metadata)
    thumbnail, known = isp.seen
    assert thumbnail.shape == (1, 3, 368, 480)
    assert all(tensor.dtype == torch.float32 for tensor in (thumbnail, *known, scene))
    np.testing.assert_allclose(known.white_balance[0], raw.white_balance, rtol=1e-6)
    to_srgb = XYZ_TO_SRGB @ raw.balanced_to_xyz(raw.white_balance)
    np.testing.assert_allclose(known.to_srgb[0], to_srgb, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(known.exposure, [0.75])


def test_values_pass_through_unchanged():
    look = TorchLook(Shown(), name="shown")
    light = Metadata(np.ones((2, 4)), np.stack([SRGB_TO_XYZ] * 2), np.zeros(2), np.array([0.0, 1.0]))
    packed = np.random.default_rng(0).random((2, 4, 6, 8), np.float32)
    pixels = look.render(packed, look.scene(np.zeros((2, 3, 368, 480), np.float32), light))
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[:, :, ::2, ::2], packed[:, :3] * np.float32([1, 2])[:, None, None, None])


def test_it_develops_photographs():
    raw = raw_image(height=61, width=83, cfa="GBRG")
    photo = develop(raw, TorchLook(Shown(), name="shown", version="2"), exposure=-1.0)
    assert photo.pixels.shape == (61, 83, 3)
    assert photo.look == "shown 2"


def test_an_isp_in_training_is_set_to_evaluation_and_leaves_no_gradients():
    isp = Shown().train()
    isp.weight = torch.nn.Parameter(torch.ones(()))
    look = TorchLook(isp, name="shown")
    assert not isp.training
    scene = look.scene(np.zeros((1, 3, 368, 480), np.float32), Metadata.of(raw_image()))
    assert not scene.requires_grad


def test_a_network_without_a_halo_is_measured_but_not_developed_with():
    isp = Shown()
    isp.halo = None
    look = TorchLook(isp, name="shown")
    assert look.halo is None
    with pytest.raises(ValueError, match="expected a look that renders in windows, got shown"):
        develop(raw_image(), look)
