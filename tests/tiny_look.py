"""A look file of a few nodes, with a card and a seal, and variations of it."""

import json

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from crispnet.look.file import CARD, seal

CARD_OF_TINY = dict.fromkeys(CARD, "something")
FACTS = {
    "schema": 1, "name": "tiny", "version": "3", "stride": 2, "halo": 4, "bytes_per_cell": 100, "card": CARD_OF_TINY,
}  # fmt: skip
SHAPES = {
    "packed": (1, 4, None, None), "thumbnail": (1, 3, 368, 480), "white_balance": (1, 4), "srgb": (1, 3, None, None),
}  # fmt: skip


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def tiny_model(*, facts=FACTS, shapes=SHAPES, kind=TensorProto.FLOAT, scene="scene"):
    """A graph that adds the mean of white balance and thumbnail to a convolution of the mosaic."""
    weights = {"weight": np.ones((12, 4, 1, 1), np.float16), "axes": np.array([1, 2, 3]), "end": np.array([0])}
    nodes = [
        helper.make_node("ReduceMean", ["thumbnail", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["white_balance", "mean"], [scene]),
        helper.make_node("Gather", [scene, "end"], ["first"], axis=1),
        helper.make_node("Cast", ["weight"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["packed", "wide"], ["maps"]),
        helper.make_node("Add", ["maps", "first"], ["shown"]),
        helper.make_node("DepthToSpace", ["shown"], ["srgb"], blocksize=2),
    ]
    inputs = [value(name, shape, kind) for name, shape in shapes.items() if name != "srgb"]
    outputs = [value("srgb", shapes["srgb"])]
    initialisers = [numpy_helper.from_array(numbers, name) for name, numbers in weights.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if facts is not None:
        helper.set_model_props(model, {"crispnet": facts if isinstance(facts, str) else json.dumps(facts)})
    return model


def sealed(model):
    return seal(model.SerializeToString())


TINY = sealed(tiny_model())
