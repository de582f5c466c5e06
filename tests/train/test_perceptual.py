"""Perceptual terms: the network that torchvision's names belong to, files that fit and files that do not."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from crispnet.errors import RunError
from crispnet.train import perceptual
from crispnet.train.objectives import OBJECTIVES, objective
from crispnet.train.perceptual import NETWORKS, POOL, TERMS, Perceptual, Term, read_features

# Where torchvision's ``features`` have their convolutions and maxima.
CONVOLUTIONS = {
    "vgg16": [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
    "vgg19": [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
}
MAXIMA = {"vgg16": [4, 9, 16, 23, 30], "vgg19": [4, 9, 18, 27]}


def state_dict(network, *, value=None):
    """Weights that average, of one number each: ``torch.save`` writes that number alone."""
    tensors, planes = {}, 3
    widths = [width for width in NETWORKS[network] if width != POOL]
    for index, width in zip(CONVOLUTIONS[network], widths, strict=True):
        weight = 1 / (9 * planes) if value is None else value
        tensors[f"features.{index}.weight"] = torch.tensor(weight).expand(width, planes, 3, 3)
        tensors[f"features.{index}.bias"] = torch.tensor(0.01).expand(width)
        planes = width
    return tensors | {"classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}


def save(tensors, path):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    paths = {network: tmp_path_factory.mktemp("weights") / f"{network}.safetensors" for network in NETWORKS}
    for network, path in paths.items():
        save(state_dict(network), path)
    return paths


def pair(side=32):
    target = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    return (target + 0.2).requires_grad_(), target


@pytest.mark.parametrize(("network", "numbers", "cells"), [("vgg16", 14_714_688, 32), ("vgg19", 20_024_384, 16)])
def test_the_networks_are_the_published_ones(network, numbers, cells, files):
    before = torch.get_rng_state()
    features = read_features(files[network], network=network)
    assert torch.equal(torch.get_rng_state(), before)
    assert sum(parameter.numel() for parameter in features.parameters()) == numbers
    assert not any(parameter.requires_grad for parameter in features.parameters())
    layers = list(features.features)
    assert [index for index, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)] == CONVOLUTIONS[network]
    assert [index for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)] == MAXIMA[network]
    assert len(layers) == CONVOLUTIONS[network][-1] + (3 if network == "vgg16" else 2)
    assert features(torch.rand(1, 3, 32, 48)).shape == (1, 512, 32 // cells, 48 // cells)


def test_weights_of_half_the_precision_become_whole(tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "vgg16", (4, POOL, 8))
    monkeypatch.setitem(CONVOLUTIONS, "vgg16", [0, 3])
    tensors = {name: torch.rand(tensor.shape).half() for name, tensor in state_dict("vgg16").items()}
    save(tensors, path := tmp_path / "vgg16.safetensors")
    ours = read_features(path, network="vgg16").state_dict()
    assert set(ours) == {name for name in tensors if name.startswith("features.")}
    assert all(torch.equal(tensor, tensors[name].float()) for name, tensor in ours.items())


def broken(tensors, name, tensor):
    return tensors | {name: tensor}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: {}, r"lacks features\.0\.bias, features\.0\.weight, features\.10\.bias and 23 more"),
        (
            lambda _: state_dict("vgg19"),
            r"lacks features\.17\.bias, features\.17\.weight, features\.24\.bias and",
        ),
        (
            lambda tensors: broken(tensors, "features.1.running_mean", torch.zeros(64)),
            r"has, beside vgg16's, features\.1",
        ),
        (
            lambda tensors: broken(tensors, "features.0.bias", torch.zeros(65)),
            r"has in another shape features\.0\.bias",
        ),
        (
            lambda tensors: broken(tensors, "features.0.bias", torch.full((64,), torch.nan)),
            r"has values that are no finite numbers in features",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, said, tmp_path):
    save(change(state_dict("vgg16")), path := tmp_path / "weights.safetensors")
    with pytest.raises(RunError, match=rf"weights\.safetensors {said}.* was needed\. Save it anew"):
        read_features(path, network="vgg16")


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\x08", b"no weights at all", pickle.dumps(pytest.fail)])
def test_what_is_no_file_of_weights_is_refused(name, content, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=rf"The weights .*{name} cannot be read as safetensors: "):
        read_features(tmp_path / name, network="vgg16")


# The terms


def test_every_term_has_an_objective_and_a_network():
    assert TERMS.keys() < OBJECTIVES.keys()
    assert {term.network for term in TERMS.values()} <= NETWORKS.keys()


def small_features():
    """Something that makes features of pictures as small as VGG19's."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(3, 4, 16, stride=16).requires_grad_(False)


@pytest.mark.parametrize("term", [*TERMS.values()], ids=[*TERMS])
def test_a_term_is_a_distance_with_a_gradient_by_level(term):
    compare = Perceptual(term, small_features())
    result, target = pair()
    assert float(compare(target, target, level=0)) == 0
    loss = compare(result, target, level=0)
    loss.backward()
    assert loss.item() > 0
    assert torch.isfinite(result.grad).all()
    assert result.grad.abs().sum() > 0
    for level, weight in enumerate((*term.weights, 0)):
        expected = loss.item() * weight / term.weights[0]
        assert compare(result, target, level=level).item() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "least"), [("awnet", 32), ("pynet", 16), ("metaisp", 32)])
def test_pictures_that_leave_no_feature_count_nothing(name, least):
    compare = Perceptual(TERMS[name], small_features())
    assert compare(*pair(least - 1), level=0).item() == 0
    assert compare(*pair(least), level=0).item() > 0


class Seeing(nn.Module):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, pictures):
        self.seen.append(pictures)
        return pictures


def test_pictures_are_prepared_as_the_term_says():
    seen = []
    features = Seeing(seen)
    picture = torch.rand(1, 3, 32, 32)
    Perceptual(Term(weights=(1.0,), standardised=False), features)(picture, picture, level=0)
    Perceptual(Term(weights=(1.0,), cell=2), features)(picture, picture, level=0)
    assert torch.equal(seen[0], picture)
    mean, spread = (torch.tensor(values).view(3, 1, 1) for values in (perceptual.MEAN, perceptual.SPREAD))
    halves = (picture[..., ::2, :] + picture[..., 1::2, :]) / 2
    halves = (halves[..., ::2] + halves[..., 1::2]) / 2
    torch.testing.assert_close(seen[-1], (halves - mean) / spread)


def test_an_objective_adds_its_term(files):
    vgg = str(files["vgg19"])
    both = objective("metaisp+perceptual", vgg=vgg)
    assert objective("metaisp+perceptual", vgg=vgg) is both
    result, target = pair()
    term = Perceptual(TERMS["metaisp"], read_features(files["vgg19"], network="vgg19"))(result, target, level=0)
    plain = OBJECTIVES["metaisp"]([result], target)
    assert both([result], target).item() == pytest.approx((plain + term).item(), rel=1e-5)
    assert float(both([target], target)) == pytest.approx(0, abs=1e-6)
