"""From a trained ISP to a look file (``look.file`` says what is in one).

The two calls of the ISP are traced apart and joined at one tensor, so the file can be cut there again and nothing
crosses the cut but the scene. Weights keep their names; large ones are stored in 16 bits and widened as they are read.
What was written is run beside the ISP before it gets its name.

The tracing exporter is used although PyTorch calls it old: the newer one needs two more packages, and renames weights.
"""

import io
import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from crispnet.colour import SRGB_TO_XYZ
from crispnet.errors import RunError
from crispnet.files import check_destination, whole_file
from crispnet.look.contract import Metadata
from crispnet.look.file import OUTPUT, PIXELS, READABLE, SCHEMA, LookFile, seal
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.runtime import core
from crispnet.look.torch import MetadataTensors, TorchLook
from crispnet.raw.bayer import THUMBNAIL

OPSET, IR = 18, 10
SMALL = 256  # weights of so many numbers or fewer stay in 32 bits: biases, curves, matrices
ROUNDING = 2.0**-11  # of a number in 16 bits, relative
TRACED, CHECKED, WEIGHED = 4, 3, 32  # sides, in strides, of windows: traced, compared, counted in memory
TOLERANCE = 0.02  # mean difference that weights of 16 bits may make, as a share of the mean


def export(
    isp: nn.Module, path: str | Path, *, name: str, version: str, card: Mapping[str, str], overwrite: bool = False
) -> LookFile:
    """Write an ISP as a look file, and give that file, read back.

    Args:
        isp: a ``model.contract.ISP`` on the CPU; it is set to evaluation.
        path: of the file to make, usually NAME.onnx.
        name: what users will call the look.
        version: of its numbers.
        card: what a user should know of it; at least the headings of ``look.file.CARD``.
        overwrite: whether another file of that name may be replaced.

    Raises:
        LookError: name, version or card are not those of a look.
        RunError: the ISP has no halo, so that nobody could render it in windows, or the file would not render what it
            renders.
        OutputError: it cannot be written there.
    """
    path = Path(path)
    check_destination(path, raw=None, overwrite=overwrite)
    reference = TorchLook(isp, name=name, version=version, card=card)
    if reference.halo is None:
        raise RunError(
            f"{path} was not written: {type(isp).__name__} is exact on whole photographs only. A network that renders "
            "in windows was needed, as developing does. Choose the run of another."
        )
    try:
        model = _joined(isp)
    except torch.onnx.errors.OnnxExporterError as error:
        raise _not_written(path, f"its network cannot be said in ONNX ({error})") from error
    facts = {"schema": SCHEMA, "name": name, "version": version, "stride": reference.stride, "halo": reference.halo}
    bytes_per_cell = _bytes_per_cell(model.SerializeToString(), stride=reference.stride)
    facts |= {"bytes_per_cell": bytes_per_cell, "card": dict(card)}
    helper.set_model_props(model, {"crispnet": json.dumps(facts, ensure_ascii=False)})
    look = LookFile.parse(seal(model.SerializeToString()), origin=str(path))
    _compare(look, reference)
    with whole_file(path, overwrite=overwrite) as hidden:
        hidden.write_bytes(look.content)
    return look


class _Seeing(nn.Module):
    """The first call of an ISP, with the metadata that it reads as inputs of their own."""

    def __init__(self, isp: Any, *, reads: Sequence[str]) -> None:
        super().__init__()
        self.isp, self.reads = isp, reads

    def forward(self, thumbnail: Tensor, *metadata: Tensor) -> Tensor:
        """See; a scene of no numbers becomes a single 0, since a graph has no tensors of nothing."""
        unread = dict.fromkeys(READABLE, thumbnail)
        scene = self.isp.scene(thumbnail, MetadataTensors(**unread | dict(zip(self.reads, metadata, strict=True))))
        return scene if scene.shape[1] else 0 * thumbnail[:, :1, 0, 0]


class _Rendering(nn.Module):
    """The second call of an ISP."""

    def __init__(self, isp: Any, *, numbers: int) -> None:
        super().__init__()
        self.isp, self.numbers = isp, numbers

    def forward(self, packed: Tensor, scene: Tensor) -> Tensor:
        """Render, by the numbers of the scene that are the ISP's own."""
        return self.isp.render(packed, scene[:, : self.numbers])


def _joined(isp: Any) -> onnx.ModelProto:
    """Trace both calls, and make one graph of them that meets at ``scene``."""
    shapes = {name: shape for name, shape in READABLE.items() if name in isp.reads}
    known = {name: torch.ones(shape) for name, shape in shapes.items()}
    seeing = _Seeing(isp, reads=tuple(shapes))
    thumbnail = torch.rand(1, 3, *THUMBNAIL)
    with torch.inference_mode():
        scene = seeing(thumbnail, *known.values())
        numbers = isp.scene(thumbnail, MetadataTensors(**dict.fromkeys(READABLE, thumbnail) | known)).shape[1]
    before = _traced(seeing, {"thumbnail": thumbnail, **known}, output="scene", prefix="see/")
    window = torch.rand(1, 4, TRACED * isp.stride, (TRACED + 1) * isp.stride)
    after = _traced(
        _Rendering(isp, numbers=numbers), {"packed": window, "scene": scene}, output="srgb", prefix="render/"
    )
    weights = {weight.name: weight for weight in (*before.initializer, *after.initializer)}
    nodes = _narrow(weights.values(), [*before.node, *after.node])
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()]
        for values in ({**PIXELS, **shapes}, OUTPUT)
    )
    graph = helper.make_graph(nodes, "look", inputs, outputs, list(weights.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="crispnet")
    model.ir_version = IR
    return model


def _traced(half: nn.Module, inputs: Mapping[str, Tensor], *, output: str, prefix: str) -> onnx.GraphProto:
    """Trace one call; in the graph weights have the ISP's names, and everything else begins with ``prefix``."""
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # that it is old, and that sizes which fit the stride will do so for ever
        torch.onnx.export(
            half.eval(),
            tuple(inputs.values()),
            file,  # type: ignore[arg-type]  # the older exporter takes it; the annotation is the newer one's
            dynamo=False,
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes={"packed": {2: "h", 3: "w"}} if "packed" in inputs else {},
            do_constant_folding=False,  # it would rename weights
            training=torch.onnx.TrainingMode.PRESERVE,  # so would folding batch normalisation
            opset_version=OPSET,
        )
    graph = onnx.load_from_string(file.getvalue()).graph
    _part_twins(graph)
    _share_constants(graph)
    _rename(graph, public={*inputs, output, ""}, prefix=prefix)
    return graph


def _part_twins(graph: onnx.GraphProto) -> None:
    """Give weights of equal values back to each name: the exporter keeps one, and makes the others Identities."""
    weights = {weight.name: weight for weight in graph.initializer}
    twins = [node for node in graph.node if node.op_type == "Identity" and node.input[0] in weights]
    for node in twins:
        twin = graph.initializer.add()
        twin.CopyFrom(weights[node.input[0]])
        twin.name = node.output[0]
        graph.node.remove(node)


def _share_constants(graph: onnx.GraphProto) -> None:
    """Keep one of each constant: the exporter writes it anew wherever it is read, however large it is."""
    kept: dict[bytes, str] = {}
    shared: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = node.attribute[0].SerializeToString(deterministic=True)
        shared[node.output[0]] = kept.setdefault(value, node.output[0])
        if kept[value] != node.output[0]:
            graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [shared.get(name, name) for name in node.input]


def _rename(graph: onnx.GraphProto, *, public: Set[str], prefix: str) -> None:
    own = {weight.name: weight.name.removeprefix("isp.") for weight in graph.initializer}
    for weight in graph.initializer:
        weight.name = own[weight.name]
    for node in graph.node:
        node.name = prefix + node.name
        for names in (node.input, node.output):
            names[:] = [own.get(name, name if name in public else prefix + name) for name in names]


def _narrow(weights: Iterable[TensorProto], nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Store weights in 16 bits where that only rounds them, in place; give the nodes, and before them what widens."""
    widened = {}
    for weight in weights:
        wide = numpy_helper.to_array(weight)
        if wide.dtype != np.float32 or wide.size <= SMALL:
            continue
        with np.errstate(over="ignore"):
            narrow = wide.astype(np.float16)
        if np.linalg.norm(narrow.astype(np.float64) - wide) <= ROUNDING * np.linalg.norm(wide):
            weight.CopyFrom(numpy_helper.from_array(narrow, weight.name))
            widened[weight.name] = f"{weight.name}:wide"
    for node in nodes:
        node.input[:] = [widened.get(name, name) for name in node.input]
    casts = [
        helper.make_node("Cast", [name], [wide], name=wide, to=TensorProto.FLOAT) for name, wide in widened.items()
    ]
    return [*casts, *nodes]


def _bytes_per_cell(model: bytes, *, stride: int) -> int:
    """Find the most memory that tensors hold at a time while a window is rendered, for each of its cells.

    As OpenVINO does it: one operation after another, each tensor freed after its last reader. In float32.
    """
    graph = core().read_model(model, b"")
    side = WEIGHED * stride
    graph.reshape({"packed": [1, 4, side, side]})
    operations = graph.get_ordered_ops()
    last_reader = {_source(port): place for place, node in enumerate(operations) for port in node.inputs()}
    growing = {"packed"}  # names of operations whose results grow with the window
    freed = [0] * len(operations)
    held = most = 0
    for place, node in enumerate(operations):
        if growing.isdisjoint([node.get_friendly_name(), *(_source(port)[0] for port in node.inputs())]):
            continue
        growing.add(node.get_friendly_name())
        for port in node.outputs():
            size = 4 * math.prod(port.get_shape())
            held += size
            freed[last_reader.get((node.get_friendly_name(), port.get_index()), place)] += size
        most = max(most, held)
        held -= freed[place]
    return -(-most // side**2)


def _source(port: Any) -> tuple[str, int]:
    output = port.get_source_output()
    return output.get_node().get_friendly_name(), output.get_index()


def _compare(look: LookFile, reference: TorchLook) -> None:
    """Run the file beside the ISP on noise, in a shape that was not traced.

    Raises:
        RunError: they differ by more than weights of 16 bits explain.
    """
    noise = np.random.default_rng(0)
    window = noise.random((1, 4, CHECKED * look.stride, (CHECKED - 1) * look.stride), np.float32)
    thumbnail = noise.random((1, 3, *THUMBNAIL), np.float32)
    light = Metadata(np.array([[2.0, 1, 1.5, 1]]), SRGB_TO_XYZ[None], np.array([0.25]), np.array([0.5]))
    runtime = OpenVinoLook(look, precision="f32")
    expected = reference.render(window, reference.scene(thumbnail, light))
    found = runtime.render(window, runtime.scene(thumbnail, light))
    difference = float(np.abs(found - expected).mean() / np.abs(expected).mean())
    if not difference <= TOLERANCE:
        share = f"{100 * difference:.1f} % of the mean"
        raise _not_written(look.origin, f"in it the network renders otherwise than before, by {share}")


def _not_written(path: str | Path, reason: str) -> RunError:
    return RunError(
        f"{path} was not written: {reason}. Operations that ONNX has, and no states between calls, were needed. "
        "Express the network in them."
    )
