"""The semantics branch: XCiT against its equations written down independently, in numpy.

Source of the reference: El-Nouby et al. 2021, equations 2 to 4 and section 3.3, and Touvron et al. 2021 ("CaiT"),
section 3; what the papers leave open (order of the three parts, stem, positions, eps, the class block's norm of all
tokens) as in the published code, https://github.com/facebookresearch/xcit and timm's ``xcit.py``, which agree.
"""

import numpy as np
import pytest
import torch
from scipy.special import erf, softmax

from crispnet.model.semantics import Semantics, XCiT, classification_cnn

HEADS = 4


def randomised(network: torch.nn.Module) -> torch.nn.Module:
    """Every weight and statistic away from what it begins as, in double precision."""
    chance = torch.Generator().manual_seed(3)
    for name, tensor in network.double().state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=chance, dtype=torch.float64)
            tensor.copy_(tensor + 0.3 * (noise.abs() if "var" in name else noise))
    return network.eval()


def convolved(planes, weight, bias=0.0, *, stride=1, depthwise=False):
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    if depthwise:
        return np.einsum("cyxij,cij->cyx", windows, weight[:, 0]) + np.reshape(bias, (-1, 1, 1))
    return np.einsum("cyxij,dcij->dyx", windows, weight) + np.reshape(bias, (-1, 1, 1))


def batch_normed(planes, part):
    scale = part["weight"] / np.sqrt(part["running_var"] + 1e-5)
    return (planes - part["running_mean"][:, None, None]) * scale[:, None, None] + part["bias"][:, None, None]


def layer_normed(tokens, part):
    centred = tokens - tokens.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) * part["weight"] + part["bias"]


def gelu(values):
    return values * 0.5 * (1 + erf(values / np.sqrt(2)))


def linear(tokens, part):
    return tokens @ part["weight"].T + part["bias"]


def perceived(tokens, parts):
    return linear(gelu(linear(tokens, parts("0"))), parts("2"))


def positions(rows, columns, part):
    encoded = np.empty((64, rows, columns))
    for row, column in np.ndindex(rows, columns):
        for k in range(16):
            for axis, turn in enumerate(((row + 1) / (rows + 1e-6), (column + 1) / (columns + 1e-6))):
                angle = 2 * np.pi * turn / 10000 ** (2 * k / 32)
                encoded[32 * axis + 2 * k : 32 * axis + 2 * k + 2, row, column] = np.sin(angle), np.cos(angle)
    return np.einsum("cyx,dc->dyx", encoded, part["weight"][..., 0, 0]) + part["bias"][:, None, None]


def cross_covariance(tokens, parts):
    heads = []
    for head, (query, key, value) in enumerate(queries_keys_values(tokens, parts)):
        query, key = (each / np.linalg.norm(each, axis=0, keepdims=True) for each in (query, key))
        attention = softmax(key.T @ query * parts("")["temperature"][head, 0, 0], axis=0)
        heads.append(value @ attention)
    return linear(np.concatenate(heads, axis=1), parts("project"))


def class_attention(tokens, parts):
    heads = []
    for query, key, value in queries_keys_values(tokens, parts):
        heads.append(softmax(query[:1] @ key.T / np.sqrt(query.shape[1]), axis=1) @ value)
    return linear(np.concatenate(heads, axis=1), parts("project"))


def queries_keys_values(tokens, parts):
    """Per head, (n, d / heads) each."""
    threes = np.split(linear(tokens, parts("query_key_value")), 3, axis=1)
    return zip(*(np.split(three, HEADS, axis=1) for three in threes), strict=True)


def weights_of(network):
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}

    def at(*prefix):
        start = ".".join(filter(None, prefix))
        start += "." if start else ""
        return {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}

    return lambda *prefix: lambda *more: at(*prefix, *more)


def reference(thumbnail, network):
    """XCiT of one (3, rows, columns) thumbnail."""
    parts = weights_of(network)
    own = parts()
    planes = thumbnail
    for layer in range(4):
        planes = convolved(gelu(planes) if layer else planes, own("stem", str(3 * layer))["weight"], stride=2)
        planes = batch_normed(planes, own("stem", str(3 * layer + 1)))
    grid = planes.shape[1:]
    tokens = (planes + positions(*grid, own("positions", "project"))).reshape(len(planes), -1).T
    for layer in range(len(network.blocks)):
        tokens = block(tokens, grid, parts("blocks", str(layer)))
    tokens = np.concatenate((own()["class_token"][0], tokens))
    for layer in range(len(network.class_blocks)):
        tokens = class_block(tokens, parts("class_blocks", str(layer)))
    return layer_normed(tokens[0], own("norm"))


def block(tokens, grid, own):
    scales = own()
    attended = cross_covariance(layer_normed(tokens, own("attend_norm")), lambda *more: own("attend", *more))
    tokens = tokens + scales["attend_scale"] * attended
    planes = layer_normed(tokens, own("local_norm")).T.reshape(-1, *grid)
    first, norm, last = (own("local", layer) for layer in ("0", "2", "3"))
    planes = batch_normed(gelu(convolved(planes, first["weight"], first["bias"], depthwise=True)), norm)
    planes = convolved(planes, last["weight"], last["bias"], depthwise=True)
    tokens = tokens + scales["local_scale"] * planes.reshape(len(planes), -1).T
    return tokens + scales["mlp_scale"] * perceived(
        layer_normed(tokens, own("mlp_norm")), lambda *more: own("mlp", *more)
    )


def class_block(tokens, own):
    scales = own()
    normed = layer_normed(tokens, own("attend_norm"))
    first = class_attention(normed, lambda *more: own("attend", *more))
    tokens = layer_normed(tokens + scales["attend_scale"] * np.concatenate((first, normed[1:])), own("mlp_norm"))
    first = scales["mlp_scale"] * perceived(tokens[:1], lambda *more: own("mlp", *more))
    return tokens + np.concatenate((first, tokens[1:]))


@pytest.mark.parametrize("size", [(48, 80), (32, 16)])
def test_xcit_is_the_published_one(size):
    torch.manual_seed(0)
    network = randomised(XCiT(dim=16, depth=2, heads=HEADS))
    thumbnails = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        seen = network(thumbnails).numpy()
    assert seen.std() > 0.1
    for thumbnail, one in zip(thumbnails.numpy(), seen, strict=True):
        np.testing.assert_allclose(one, reference(thumbnail, network), rtol=0, atol=1e-9)


def test_xcit_tiny_has_the_published_number_of_parameters():
    # 24 layers and a classifier of 1000 of XCiT-tiny-24 at patch 16 have 12 116 896 parameters (timm).
    count = sum(parameter.numel() for parameter in XCiT(depth=24).parameters())
    assert count + 192 * 1000 + 1000 == 12_116_896


def test_xcit_sees_where_things_are():
    torch.manual_seed(0)
    network = XCiT(dim=16, depth=2).eval()
    thumbnail = torch.rand(1, 3, 64, 64)
    assert (network(thumbnail) - network(thumbnail.flip(3))).abs().max() > 1e-3


@pytest.mark.parametrize("eye", [XCiT(dim=16, depth=1), torch.nn.Flatten()], ids=["XCiT", "any other"])
def test_semantics_begin_as_ones(eye):
    thumbnail = torch.rand(2, 3, 32, 48)
    features = Semantics(eye, dim=eye(thumbnail).shape[1], features=7)(thumbnail)
    assert torch.equal(features, torch.ones(2, 7))


def test_the_plain_cnn_reads_thumbnails_of_the_house_size():
    assert classification_cnn()(torch.rand(2, 3, 368, 480)).shape == (2, 64 * 6 * 7)
