from types import MappingProxyType

import numpy as np
import pytest

from crispnet.darkroom.photo import develop
from crispnet.look.contract import Metadata, in_depths
from crispnet.look.mixed import MixedPictures, MixedScenes, mixed, share_renderer
from crispnet.look.plain import PlainLook
from crispnet.look.shelf import load_look
from crispnet.raw.bayer import pack_linear, thumbnail
from making import raw_image

RAW = raw_image(height=96, width=128)


class Flat:
    """A look whose scene is a number, and whose picture is that number."""

    name, version = "flat", "1"
    card = MappingProxyType({"summary": "s", "learned from": "l", "cameras": "c", "licence": "l"})
    stride, halo, bytes_per_cell, cells_at_once = 2, 0, 48, 1 << 16

    def __init__(self, level):
        self.level = level

    def scene(self, thumbnail, _metadata):
        return np.full((len(thumbnail), 1), self.level, np.float32)

    def render(self, packed, scene):
        return np.tile(scene[:, :, None, None], (1, 3, 2 * packed.shape[2], 2 * packed.shape[3]))


@pytest.fixture(scope="module")
def phone():
    return load_look("phone")


def pixels(look):
    return develop(RAW, look).pixels


def test_at_its_ends_a_mixture_is_one_of_the_looks():
    one, other = Flat(0.2), Flat(0.8)
    assert mixed(one, other, strength=0, scenes=False) is one
    assert mixed(one, other, strength=1, scenes=True) is other
    with pytest.raises(ValueError, match=r"strength of 0 to 1, got 1\.5"):
        mixed(one, other, strength=1.5, scenes=False)


@pytest.mark.parametrize("scenes", [True, False])
def test_between_them_it_is_between_them(scenes):
    look = mixed(Flat(0.2), Flat(0.8), strength=0.25, scenes=scenes)
    assert isinstance(look, MixedScenes if scenes else MixedPictures)
    assert pixels(look) == pytest.approx(0.35)


def test_a_mixture_of_scenes_renders_once():
    class Counting(Flat):
        renderings = 0

        def render(self, packed, scene):
            type(self).renderings += 1
            return super().render(packed, scene)

    pixels(mixed(Counting(0.0), Counting(1.0), strength=0.5, scenes=True))
    assert Counting.renderings == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_network_and_the_classic_look_mix_pixel_by_pixel(phone, order):
    looks = (PlainLook(), phone)
    one, other = (looks[place] for place in order)
    mixture = mixed(one, other, strength=0.3, scenes=False)
    assert in_depths(mixture), "the network's coarse levels should still be seen once"
    expected = pixels(one) + np.float32(0.3) * (pixels(other) - pixels(one))
    assert np.abs(pixels(mixture) - expected).max() < 1e-5


def test_windows_of_a_mixture_are_those_of_the_whole(phone):
    mixture = mixed(PlainLook(), phone, strength=0.5, scenes=False)
    packed = pack_linear(RAW)
    scene = mixture.scene(thumbnail(packed)[None], Metadata.of(RAW))
    whole = mixture.render(packed[None], scene)[0].transpose(1, 2, 0)
    assert whole.shape == (96, 128, 3)
    assert mixture.halo >= max(phone.halo, PlainLook.halo)


def test_who_has_no_levels_in_a_mixture_says_so():
    mixture = mixed(Flat(0.0), Flat(1.0), strength=0.5, scenes=False)
    assert in_depths(mixture) is None
    with pytest.raises(ValueError, match="fine and coarse levels"):
        mixture.descend(np.zeros((1, 4, 8, 8), np.float32), (None, None))


def test_only_looks_of_one_network_share_a_renderer():
    assert share_renderer("phone", "phone")
    assert not share_renderer("phone", "plain")
    assert not share_renderer("plain", "plain")


def test_the_name_says_what_is_mixed(phone):
    mixture = mixed(PlainLook(), phone, strength=0.7, scenes=False)
    assert mixture.name == f"phone {phone.version} at 70% over plain"
    assert "70%" in develop(RAW, mixture).look
    assert {"summary", "learned from", "cameras", "licence"} <= set(mixture.card)
