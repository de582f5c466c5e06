"""Runs a look file with OpenVINO, on the CPU.

The graph is cut into parts (``look.cutting``), which are compiled (``look.compiling``). What makes the scene runs once
per photograph, in float32. What renders runs window by window, in bfloat16 where the CPU multiplies matrices of it,
which takes a third of the time.
"""

import threading
from pathlib import Path

import numpy as np

from crispnet.look.compiling import IN_DEPTHS, RENDER, SEE, Compiler, Open, Shapes
from crispnet.look.contract import Depths, Metadata
from crispnet.look.cutting import FAILURES, last_line
from crispnet.look.file import LookFile, metadata_inputs, unusable
from crispnet.look.kept import Kept, folder_of_user
from crispnet.look.runtime import core, ov

PRECISIONS = ("f32", "bf16")
CELLS_AT_ONCE = 1 << 19  # a halo of 176 cells around fewer costs more than it saves; more take over 1.2 GB at 12 MP
FINE_CELLS_AT_ONCE = 1 << 18  # the fine levels of a network have a narrow rim, and fewer cells are nearer to the caches
KINDS = {"features": np.float16, "context": np.float16}  # of inputs that are not float32
SHAPES_KEPT = 2  # windows alternate between two shapes at most, but for the last row


class OpenVinoLook:
    """A look file as a look. Its parts are compiled when they are first needed; threads may share it."""

    def __init__(
        self,
        source: LookFile | str | Path,
        *,
        precision: str | None = None,
        threads: int | None = None,
        kept: Kept | None = None,
    ) -> None:
        """Read a look file.

        Args:
            source: what ``LookFile.open`` gave, or a path.
            precision: "f32" or "bf16", in which windows are rendered; None for the fastest that this CPU has.
            threads: to compute with; None for as many as there are cores.
            kept: where compiled parts are kept from run to run; None for the user's own folder.

        Raises:
            LookError: the file cannot be used.
        """
        if precision not in (None, *PRECISIONS):
            raise ValueError(f"expected a precision of {PRECISIONS} or None, got {precision!r}")
        file = source if isinstance(source, LookFile) else LookFile.open(source)
        self.name, self.version, self.card, self.digest = file.name, file.version, file.card, file.digest
        self.stride, self.halo, self.bytes_per_cell = file.stride, file.halo, file.bytes_per_cell
        self.precision = precision or ("bf16" if has_bfloat16() else "f32")
        compiler = Compiler(core(), file, kept or Kept(folder_of_user()))

        def part(name: str, precision: str = self.precision) -> _Part:
            return _Part(compiler, name, origin=file.origin, precision=precision, threads=threads)

        self._seeing, self._rendering = part(SEE, "f32"), part(RENDER)
        self.depths: Depths | None = compiler.plan.depths
        self.cells_at_once = FINE_CELLS_AT_ONCE if self.depths else CELLS_AT_ONCE
        self._in_depths = tuple(map(part, IN_DEPTHS)) if self.depths else ()

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> np.ndarray:
        """See b photographs: (b, 3, 368, 480) → (b, n)."""
        known = {"thumbnail": thumbnail, **metadata_inputs(metadata)}
        return self._seeing.run(**{name: known[name] for name in self._seeing.inputs})

    def render(self, packed: np.ndarray, scene: np.ndarray) -> np.ndarray:
        """Render a window, (b, 4, h, w) → (b, 3, 2h, 2w); h and w are multiples of the stride.

        Raises:
            ValueError: they are not.
        """
        _check(packed.shape[2:], stride=self.stride)
        return self._rendering.run(packed=packed, scene=scene)

    def descend(self, packed: np.ndarray, scene: np.ndarray) -> np.ndarray:
        """See the fine levels of a window, see ``look.contract.DeepLook``; sizes are multiples of its scale."""
        _check(packed.shape[2:], stride=self._depths.scale)
        return self._in_depths[0].run(packed=packed, scene=scene)

    def deepen(self, features: np.ndarray, scene: np.ndarray) -> np.ndarray:
        """See the coarse levels; sizes are multiples of the stride of ``depths``."""
        _check(features.shape[1:3], stride=self._depths.stride)
        return self._in_depths[1].run(features=features, scene=scene)

    def ascend(self, packed: np.ndarray, context: np.ndarray, scene: np.ndarray) -> np.ndarray:
        """Render a window with its context; sizes are multiples of the scale of ``depths``."""
        _check(packed.shape[2:], stride=self._depths.scale)
        return self._in_depths[2].run(packed=packed, context=context, scene=scene).transpose(0, 3, 1, 2)

    def expect(self, fine: tuple[int, int], coarse: tuple[int, int]) -> None:
        """Make ready for windows, and for pieces of coarse levels, of these sizes, see ``look.contract.DeepLook``."""
        descend, deepen, ascend = self._in_depths
        height, width = (size // self._depths.scale for size in fine)
        descend.expect(packed=fine)
        deepen.expect(features=coarse)
        ascend.expect(packed=fine, context=(height, width))

    @property
    def _depths(self) -> Depths:
        if self.depths is None:
            raise ValueError(f"expected a look with fine and coarse levels, got {self.name}")
        return self.depths


def has_bfloat16() -> bool:
    """Tell whether the CPU multiplies matrices of bfloat16."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _check(size: tuple[int, ...], *, stride: int) -> None:
    height, width = size
    if height % stride or width % stride:
        raise ValueError(f"expected sizes that are multiples of {stride}, got {height} x {width}")


def _inferred(request: ov.InferRequest, values: list[np.ndarray]) -> np.ndarray:
    """Infer, straight into an array of our own."""
    made = request.model_outputs[0]
    result = np.empty(tuple(made.shape), made.element_type.to_dtype())
    request.set_output_tensor(ov.Tensor(result, shared_memory=True))
    request.infer(dict(enumerate(values)), share_inputs=True, share_outputs=True)
    return result


def _closed(shape: Open, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Put sizes, in order, where a shape leaves them open."""
    left = iter(sizes)
    return tuple(next(left) if size is None else size for size in shape)


class _Part:
    """One part of a graph: compiled anew for each shape, which runs faster than one that is open to all shapes."""

    def __init__(self, compiler: Compiler, name: str, *, origin: str, precision: str, threads: int | None) -> None:
        self.inputs = compiler.plan.inputs[name]
        self._compiler, self._name, self._origin = compiler, name, origin
        self._settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        self._settings |= {"INFERENCE_NUM_THREADS": str(threads)} if threads else {}
        self._requests: dict[Shapes, ov.InferRequest] = {}
        self._lock = threading.Lock()

    def run(self, **inputs: np.ndarray) -> np.ndarray:
        """Run it on a batch, one photograph after another.

        Raises:
            LookError: OpenVINO cannot run it.
        """
        values = [np.ascontiguousarray(inputs[name], KINDS.get(name, np.float32)) for name in self.inputs]
        shapes = tuple((1, *value.shape[1:]) for value in values)
        with self._lock:
            try:
                request = self._request(shapes)
                results = [
                    _inferred(request, [value[place : place + 1] for value in values])
                    for place in range(len(values[0]))
                ]
                return results[0] if len(results) == 1 else np.concatenate(results)
            except FAILURES as error:
                raise unusable(self._origin, f"OpenVINO cannot run it ({last_line(error)})") from error

    def expect(self, **sizes: tuple[int, int]) -> None:
        """Compile it for inputs of these sizes, unless it is.

        Raises:
            LookError: OpenVINO cannot.
        """
        shapes = tuple(_closed(shape, sizes.get(name, ())) for name, shape in self.inputs.items())
        with self._lock:
            try:
                self._request(shapes)
            except FAILURES as error:
                raise unusable(self._origin, f"OpenVINO cannot run it ({last_line(error)})") from error

    def _request(self, shapes: Shapes) -> ov.InferRequest:
        """Give the request for these shapes of inputs; the one used longest ago makes room for a new one."""
        request = self._requests.pop(shapes, None) or self._compile(shapes)
        self._requests[shapes] = request
        if len(self._requests) > SHAPES_KEPT:
            del self._requests[next(iter(self._requests))]
        return request

    def _compile(self, shapes: Shapes) -> ov.InferRequest:
        return self._compiler.compiled(self._name, shapes, self._settings).create_infer_request()
