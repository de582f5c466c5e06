"""A network behind a white balance."""

import torch

from crispnet.model.preprocessed import Preprocessed


def test_it_renders_what_its_network_makes_of_balanced_planes(tiny, photographs):
    isp = tiny("preprocess-wb").eval()
    packed, thumbnail, metadata = photographs("preprocess-wb")
    balanced = packed * metadata.white_balance[:, :, None, None]
    assert torch.equal(isp(packed, thumbnail, metadata), isp.isp(balanced, thumbnail, metadata))


def test_its_network_sees_a_balanced_thumbnail(tiny, photographs):
    inner = tiny("crispnet").eval()
    inner.semantics.head.weight.data.normal_(generator=torch.Generator().manual_seed(3))
    packed, thumbnail, metadata = photographs("crispnet")
    light = metadata.white_balance[:, :, None, None]
    expected = inner(packed * light, thumbnail * light[:, :3], metadata)
    torch.testing.assert_close(Preprocessed(inner)(packed, thumbnail, metadata), expected)


def test_another_light_on_the_same_scene_changes_nothing(tiny, photographs):
    isp = tiny("awnet-preprocess-wb").eval()
    packed, thumbnail, metadata = photographs("awnet-preprocess-wb")
    cast = torch.tensor([0.5, 1.0, 2.0, 1.0])
    other = metadata._replace(white_balance=metadata.white_balance / cast)
    there = isp(packed * cast[None, :, None, None], thumbnail * cast[None, :3, None, None], other)
    torch.testing.assert_close(there, isp(packed, thumbnail, metadata))
