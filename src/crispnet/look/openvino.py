"""Runs a look file with OpenVINO, on the CPU.

The graph is cut at its inner tensor ``scene``. What lies before it runs once per photograph, in float32. What lies
after it runs once per window, in bfloat16 where the CPU multiplies matrices of it, which takes a third of the time.
"""

import threading
from pathlib import Path

import numpy as np
import openvino as ov

from crispnet.look.contract import Metadata
from crispnet.look.file import LookFile, metadata_inputs, unusable

PRECISIONS = ("f32", "bf16")
CELLS_AT_ONCE = 1 << 19  # a halo of 176 cells around fewer costs more than it saves; more take over 1.2 GB at 12 MP
FAILURES = (RuntimeError, UnicodeDecodeError)  # what OpenVINO raises, also for messages that quote broken names
SHAPES_KEPT = 2  # windows alternate between two shapes at most, but for the last row


class OpenVinoLook:
    """A look file as a look. Both halves are compiled when they are first needed; threads may share it."""

    def __init__(self, source: LookFile | str | Path, *, precision: str | None = None) -> None:
        """Read a look file, and cut its graph in two.

        Args:
            source: what ``LookFile.open`` gave, or a path.
            precision: "f32" or "bf16", in which windows are rendered; None for the fastest that this CPU has.

        Raises:
            LookError: the file cannot be used.
        """
        if precision not in (None, *PRECISIONS):
            raise ValueError(f"expected a precision of {PRECISIONS} or None, got {precision!r}")
        file = source if isinstance(source, LookFile) else LookFile.open(source)
        self.name, self.version, self.card = file.name, file.version, file.card
        self.stride, self.halo, self.bytes_per_cell = file.stride, file.halo, file.bytes_per_cell
        self.cells_at_once = CELLS_AT_ONCE
        core = ov.Core()
        self.precision = precision or ("bf16" if has_bfloat16(core) else "f32")
        before, after = _cut(core, file)
        self._seeing = _Half(core, before, origin=file.origin, precision="f32")
        self._rendering = _Half(core, after, origin=file.origin, precision=self.precision)

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> np.ndarray:
        """See b photographs: (b, 3, 368, 480) → (b, n)."""
        known = {"thumbnail": thumbnail, **metadata_inputs(metadata)}
        return self._seeing.run(**{name: known[name] for name in self._seeing.inputs})

    def render(self, packed: np.ndarray, scene: np.ndarray) -> np.ndarray:
        """Render a window, (b, 4, h, w) → (b, 3, 2h, 2w); h and w are multiples of the stride.

        Raises:
            ValueError: they are not.
        """
        height, width = packed.shape[2:]
        if height % self.stride or width % self.stride:
            raise ValueError(f"expected sizes that are multiples of {self.stride}, got {height} x {width}")
        return self._rendering.run(packed=packed, scene=scene)


def has_bfloat16(core: ov.Core) -> bool:
    """Tell whether the CPU multiplies matrices of bfloat16."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _Half:
    """One half of a graph: compiled anew for each shape, which runs faster than one that is open to all shapes."""

    def __init__(self, core: ov.Core, model: ov.Model, *, origin: str, precision: str) -> None:
        self.inputs = tuple(port.any_name for port in model.inputs)
        self._core, self._model, self._origin = core, model, origin
        self._settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        self._requests: dict[tuple[tuple[int, ...], ...], ov.InferRequest] = {}
        self._lock = threading.Lock()

    def run(self, **inputs: np.ndarray) -> np.ndarray:
        """Run it on a batch, one photograph after another.

        Raises:
            LookError: OpenVINO cannot run it.
        """
        values = [np.ascontiguousarray(inputs[name], np.float32) for name in self.inputs]
        shapes = tuple((1, *value.shape[1:]) for value in values)
        with self._lock:
            try:
                request = self._request(shapes)
                photographs = (
                    dict(enumerate(value[place : place + 1] for value in values)) for place in range(len(values[0]))
                )
                return np.concatenate([request.infer(each, share_inputs=True)[0] for each in photographs])
            except FAILURES as error:
                raise unusable(self._origin, f"OpenVINO cannot run it ({_last_line(error)})") from error

    def _request(self, shapes: tuple[tuple[int, ...], ...]) -> ov.InferRequest:
        """Give the request for these shapes of inputs; the one used longest ago makes room for a new one."""
        request = self._requests.pop(shapes, None) or self._compile(shapes)
        self._requests[shapes] = request
        if len(self._requests) > SHAPES_KEPT:
            del self._requests[next(iter(self._requests))]
        return request

    def _compile(self, shapes: tuple[tuple[int, ...], ...]) -> ov.InferRequest:
        model = self._model.clone()
        model.reshape(dict(enumerate(shapes)))
        return self._core.compile_model(model, "CPU", self._settings).create_infer_request()


def _cut(core: ov.Core, file: LookFile) -> tuple[ov.Model, ov.Model]:
    """Cut a look's graph at its scene: what makes the scene, and what renders with it."""
    try:
        model = core.read_model(file.content, b"")
        nothing = ov.opset13.constant(np.zeros((1, 1), np.float32)).output(0)  # of a network that is blind to the scene
        named = (port for node in model.get_ops() for port in node.outputs() if "scene" in port.names)
        scene = next(named, nothing)
        given = ov.opset13.parameter(scene.partial_shape, np.float32, name="scene")
        given.output(0).set_names({"scene"})
        for consumer in scene.get_target_inputs():
            consumer.replace_source_output(given.output(0))
        pixels = next(node for node in model.get_parameters() if "packed" in node.output(0).names)
        before = ov.Model([scene], [node for node in model.get_parameters() if node is not pixels])
        return before, ov.Model(model.get_results(), [pixels, given])
    except (*FAILURES, StopIteration) as error:
        raise unusable(file.origin, f"OpenVINO cannot read it ({_last_line(error)})") from error


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else type(error).__name__
