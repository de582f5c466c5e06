"""Cuts the graph of a look file into parts that run one after another.

    thumbnail, metadata ── see ──────────────── scene ──────────────────────────────┐
    packed ── descend ── features ── deepen ── features of more context ── ascend ── srgb
          └────────────────────── render ──────────────────────────────────────────┘

``see`` runs once per photograph, and ``render`` once per window. Where the network is a UNet as in
``model.reconstruction``, ``render`` falls into three: fine levels on the way down, coarse ones, fine levels on the way
up. Most of the context that a pixel needs is seen by the coarse ones, which are small enough to run on a whole
photograph; so windows of the fine ones do with a narrow rim. What is between parts is kept in 16 bits. There, and in
the srgb of ``ascend``, channels come last, as convolutions leave them: to turn them round took a fifth of the time.

Weights in a look file keep the names that training gave them. The seams are found by them: what the first coarse
convolution reads, and what the last coarse enlargement reads.
"""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from crispnet.look.contract import Depths
from crispnet.look.file import LookFile, unusable
from crispnet.look.rewriting import channels_last, write_powers_out
from crispnet.look.runtime import ov

FAILURES = (RuntimeError, UnicodeDecodeError)  # what OpenVINO raises, also for messages that quote broken names
# Folding counts as one. A third would cost more rim than it saves; with one, features of 100 megapixels would not fit.
FINE_LEVELS = 2
MOST = 65280.0  # the largest number that float16 and bfloat16 both hold, so that neither makes it infinite
DOWN, UP = "reconstruction.encoder.{}.0.weight", "reconstruction.up.{}.weight"


class Parts(NamedTuple):
    """The parts of a network with fine and coarse levels."""

    descend: ov.Model
    deepen: ov.Model
    ascend: ov.Model
    depths: Depths


def halves(core: ov.Core, file: LookFile) -> tuple[ov.Model, ov.Model]:
    """Cut a look's graph at its scene: what makes the scene, and what renders with it.

    Raises:
        LookError: OpenVINO cannot read it.
    """
    try:
        model = core.read_model(file.content, b"")
        write_powers_out(model)
        nothing = ov.opset13.constant(np.zeros((1, 1), np.float32)).output(0)  # of a network that is blind to the scene
        scene = _seam(_named(model, "scene") or nothing, "scene")
        pixels = next(node for node in model.get_parameters() if "packed" in node.output(0).names)
        before = ov.Model([scene.made], [node for node in model.get_parameters() if node is not pixels])
        return before, ov.Model(model.get_results(), [pixels, scene.given])
    except (*FAILURES, StopIteration) as error:
        raise unusable(file.origin, f"OpenVINO cannot read it ({last_line(error)})") from error


def parts(render: ov.Model, file: LookFile) -> Parts | None:
    """Cut what renders into fine and coarse levels; None where it has no such levels, or too few."""
    names = {node.get_friendly_name() for node in render.get_ops()}
    levels = next(level for level in count() if DOWN.format(level) not in names)
    folded = file.stride >> levels - 1 if levels else 0
    fine = min(FINE_LEVELS + 1 - folded.bit_length(), levels - 2)
    if fine < 1 or file.stride != folded << levels - 1:
        return None
    scale = folded << fine
    depths = Depths(
        scale=scale,
        halo=_rounded(5 * (scale - 1), scale),
        stride=file.stride // scale,
        coarse_halo=_rounded(-(-file.halo // scale), file.stride // scale),
        bytes_per_coarse_cell=file.bytes_per_cell * scale,  # channels double where rows and columns halve
    )
    try:
        weights = DOWN.format(fine), UP.format(levels - 1 - fine)
        found = [_cut(render.clone(), weights, part) for part in range(3)]
    except (*FAILURES, LookupError):
        return None
    descend, deepen, ascend = found
    return Parts(descend, deepen, ascend, depths) if _fit(descend, deepen, ascend, depths) else None


def last_line(error: Exception) -> str:
    """Take what says most of one of OpenVINO's messages."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else type(error).__name__


class _Seam(NamedTuple):
    """A tensor where a graph is cut: the end of one part, and the input of the next in its place."""

    made: Any
    given: Any


def _seam(made: Any, name: str) -> _Seam:
    """Let all that reads a tensor read an input of that name instead."""
    given = _input(made.partial_shape, name)
    for consumer in made.get_target_inputs():
        consumer.replace_source_output(given.output(0))
    return _Seam(made, given)


def _maps_seam(made: Any, name: str) -> _Seam:
    """Let all that reads maps, (b, c, h, w), read an input (b, h, w, c) of that name, and make them like that, too.

    Between the two they are of float16, eight times finer than the bfloat16 that most of them were made in.
    """
    batch, channels, height, width = made.partial_shape
    given = _input(ov.PartialShape([batch, height, width, channels]), name, np.float16)
    readers = made.get_target_inputs()
    wide = ov.opset13.convert(given, "f32")
    turned = ov.opset13.transpose(wide, ov.opset13.constant(np.array((0, 3, 1, 2))))
    for reader in readers:
        reader.replace_source_output(turned.output(0))
    held = ov.opset13.clamp(channels_last(made), -MOST, MOST)
    return _Seam(ov.opset13.convert(held, "f16").output(0), given)


def _input(shape: ov.PartialShape, name: str, kind: type[np.floating] = np.float32) -> Any:
    given = ov.opset13.parameter(shape, kind, name=name)
    given.output(0).set_names({name})
    return given


def _named(model: ov.Model, name: str) -> Any:
    return next((port for node in model.get_ops() for port in node.outputs() if name in port.names), None)


def _cut(model: ov.Model, weights: tuple[str, str], part: int) -> ov.Model:
    """Take one of the three parts out of a copy of what renders.

    Raises:
        LookupError: a weight is not there, or is read by more than one operation.
    """
    features, context = (
        _maps_seam(_read_with(model, weight), name)
        for weight, name in zip(weights, ("features", "context"), strict=True)
    )
    inputs = {name: parameter for parameter in model.get_parameters() for name in parameter.output(0).names}
    packed, scene = inputs["packed"], inputs["scene"]
    if part == 0:
        return ov.Model([features.made], [packed, scene])
    if part == 1:
        return ov.Model([context.made], [features.given, scene])
    srgb = _only(model.get_results()).input_value(0)
    return ov.Model([channels_last(srgb)], [packed, context.given, scene])


def _read_with(model: ov.Model, weight: str) -> Any:
    """Find the tensor that an operation reads together with a weight, be that widened first or not."""
    node = _only(each for each in model.get_ops() if each.get_friendly_name() == weight)
    while node.get_type_name() in ("Constant", "Convert"):
        port = _only(node.output(0).get_target_inputs())
        node = port.get_node()
    return node.input_value(1 - port.get_index())


def _only(found: Iterable[Any]) -> Any:
    """Take the one thing that was found.

    Raises:
        LookupError: there is none, or more.
    """
    all_found = list(found)
    if len(all_found) != 1:
        raise LookupError(f"expected one, got {len(all_found)}")
    return all_found[0]


def _fit(descend: ov.Model, deepen: ov.Model, ascend: ov.Model, depths: Depths) -> bool:
    """Tell whether the parts take and give what they should, by the sizes of their tensors."""
    side = 4 * depths.stride
    fine, coarse = side * depths.scale, side
    try:
        features = _result(descend, {"packed": (1, 4, fine, fine)})
        context = _result(deepen, {"features": (1, coarse, coarse, features[3])})
        pixels = _result(ascend, {"packed": (1, 4, fine, fine), "context": (1, coarse, coarse, context[3])})
    except (*FAILURES, LookupError):
        return False
    sizes = (features[1:3], context[1:3], pixels)
    return sizes == ((coarse, coarse), (coarse, coarse), (1, 2 * fine, 2 * fine, 3))


def _result(model: ov.Model, shapes: Mapping[str, Iterable[int]]) -> tuple[int, ...]:
    tried = model.clone()
    tried.reshape({name: list(shape) for name, shape in shapes.items()})
    return tuple(tried.output(0).shape)


def _rounded(size: int, step: int) -> int:
    return -(-size // step) * step
