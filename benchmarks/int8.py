"""Measures what rendering in 8-bit whole numbers would gain in time and cost in colour, beside bfloat16 and float32.

    python benchmarks/int8.py RAW... --calibrate RAW... [--look NAME] [--write results/int8.json]

The parts of a look that render (``look.cutting``) are quantised after training by NNCF, which has to be installed for
this (``pip install nncf``); the first and the last convolutions stay as they are. Ranges are calibrated on other raws
than those that are judged. Colour is judged against the same parts in float32; times are of the calls that render, in
one process, in turn.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.darkroom.photo import Wanted, expose
from crispnet.evaluate.metrics import colour_differences
from crispnet.look import DEFAULT
from crispnet.look.compiling import IN_DEPTHS
from crispnet.look.cutting import halves, parts
from crispnet.look.file import LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.runtime import core, ov
from crispnet.look.shelf import file_of
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from provenance import provenance, write

AIM = 0.3  # mean ΔE76
ENDS = {"descend": (0, 1), "deepen": (0, 0), "ascend": (1, 1)}  # convolutions that stay: first ones, last ones


class Parted:
    """A look's parts, each compiled here for every shape that comes; its calls are timed, and may be noted."""

    def __init__(self, look: OpenVinoLook, graphs: dict[str, ov.Model], precision: str) -> None:
        self._look, self._graphs, self._compiled = look, graphs, {}  # type: ignore[var-annotated]
        self._settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        self.seconds: dict[str, float] = dict.fromkeys(IN_DEPTHS, 0.0)
        self.noted: dict[str, list[tuple[np.ndarray, ...]]] | None = None

    def __getattr__(self, name: str) -> Any:
        return partial(self._run, name) if name in IN_DEPTHS else getattr(self._look, name)

    def expect(self, fine: tuple[int, int], coarse: tuple[int, int]) -> None:
        """Compile when the windows come."""

    def _run(self, part: str, *given: np.ndarray) -> np.ndarray:
        if self.noted is not None:
            self.noted[part].append(given)
        shapes = (part, *(value.shape for value in given))
        if shapes not in self._compiled:
            graph = self._graphs[part].clone()
            graph.reshape({place: list(shape) for place, shape in enumerate(shapes[1:])})
            self._compiled[shapes] = core().compile_model(graph, "CPU", self._settings).create_infer_request()
        request, started = self._compiled[shapes], time.perf_counter()
        request.infer(dict(enumerate(map(np.ascontiguousarray, given))))
        made: np.ndarray = request.get_output_tensor(0).data.copy()
        self.seconds[part] += time.perf_counter() - started
        return made.transpose(0, 3, 1, 2) if part == IN_DEPTHS[-1] else made


def main() -> None:
    """Measure, print, and write the result where that is asked for."""
    wish = _parser().parse_args()
    file = LookFile.open(file_of(wish.look))
    look = OpenVinoLook(file, precision="f32")
    found = parts(halves(core(), file)[1], file)
    if found is None:
        raise SystemExit(f"{wish.look} has no fine and coarse levels")
    graphs = dict(zip(IN_DEPTHS, found[:3], strict=True))
    whole = quantised(graphs, _seen(Parted(look, graphs, "f32"), wish.calibrate))
    contenders = {
        "float32": Parted(look, graphs, "f32"),
        "bfloat16": Parted(look, graphs, "bf16"),
        "int8": Parted(look, whole, "bf16"),
        "int8, coarse levels alone": Parted(look, graphs | {"deepen": whole["deepen"]}, "bf16"),
    }
    photographs = [{"raw": path.name, "made": _judged(open_raw(path), contenders, wish.rounds)} for path in wish.raws]
    print(json.dumps(photographs, indent=1))
    described = provenance(precision="float32, bfloat16, int8")
    result = {
        **described,
        "versions": {**described["versions"], "nncf": version("nncf")},
        "look": wish.look,
        "calibrated_on": len(wish.calibrate),
        "aim": AIM,
        "photographs": photographs,
    }
    if wish.write:
        write(wish.write, result)


def quantised(graphs: dict[str, ov.Model], seen: dict[str, list[tuple[np.ndarray, ...]]]) -> dict[str, ov.Model]:
    """Quantise parts by what they were given."""
    try:
        import nncf  # not among what development needs: it brings much along, and nothing else asks for it
    except ImportError as error:
        raise SystemExit("nncf is not installed: pip install nncf") from error

    whole = {}
    for part, graph in graphs.items():
        ordered = [node for node in graph.get_ordered_ops() if "Convolution" in node.get_type_name()]
        first, last = ENDS[part]
        kept = [*ordered[:first], *ordered[len(ordered) - last :]]
        whole[part] = nncf.quantize(
            graph,
            nncf.Dataset(seen[part], lambda given: dict(enumerate(given))),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(seen[part]),
            fast_bias_correction=True,
            ignored_scope=nncf.IgnoredScope(names=[node.get_friendly_name() for node in kept]),
        )
    return whole


def _seen(look: Parted, raws: Sequence[Path]) -> dict[str, list[tuple[np.ndarray, ...]]]:
    """Render raws, and note what each part was given."""
    look.noted = {part: [] for part in IN_DEPTHS}
    for path in raws:
        expose(open_raw(path), look, Wanted(depth=8))
    return look.noted


def _judged(raw: RawImage, contenders: Mapping[str, Parted], rounds: int) -> dict[str, Any]:
    """Render a raw by each, in turn: mean ΔE76 to float32, and seconds within each part."""
    pictures: dict[str, np.ndarray] = {}
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, look in contenders.items():
            look.seconds = dict.fromkeys(IN_DEPTHS, 0.0)
            pictures[name] = expose(raw, look, Wanted()).clip(0, 1)
            if turn:  # the first one compiles
                seconds[name].append(look.seconds)
    judged = {}
    for name, picture in pictures.items():
        times = {part: round(statistics.median(each[part] for each in seconds[name]), 4) for part in IN_DEPTHS}
        difference = colour_differences(picture, pictures["float32"]).delta_e_76.mean(dtype=np.float64)
        judged[name] = {"delta_e_76": round(float(difference), 4), "seconds": times}
    return judged


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raws", nargs="+", type=Path, metavar="RAW", help="raw files to judge by")
    parser.add_argument("--calibrate", nargs="+", type=Path, required=True, metavar="RAW", help="other raw files")
    parser.add_argument("--look", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5, help="that count")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


if __name__ == "__main__":
    main()
