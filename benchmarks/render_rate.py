"""Measures how much of the machine's own rate of bfloat16 matrix products a look reaches while it renders.

    python benchmarks/render_rate.py RAW [--look NAME] [--rounds 5] [--write results/render_rate.json]

The raw is rendered again and again in this process; what counts are the operations of the convolutions and products in
the calls that render, rims of windows included, and the time within those calls. In turn with that, another process
multiplies two matrices of 4096 x 4096 with torch; the fastest of its products is the machine's rate.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from crispnet.darkroom.photo import Wanted, expose
from crispnet.look import DEFAULT
from crispnet.look.compiling import IN_DEPTHS, RENDER
from crispnet.look.cutting import halves, parts
from crispnet.look.file import LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.runtime import core, ov
from crispnet.look.shelf import file_of
from crispnet.raw.reader import open_raw
from provenance import provenance, write

AIM = 0.6
SIDE = 4096
PRODUCTS = f"""
import time, torch
one, other = (torch.randn({SIDE}, {SIDE}).bfloat16() for _ in range(2))
one @ other
seconds = []
for _ in range(5):
    started = time.perf_counter()
    one @ other
    seconds.append(time.perf_counter() - started)
print(min(seconds))
"""


class Watched:
    """A look whose rendering calls are timed, and the shapes of their inputs noted."""

    def __init__(self, look: OpenVinoLook) -> None:
        self._look, self.seconds = look, 0.0
        self.calls: list[tuple[str, tuple[tuple[int, ...], ...]]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._look, name)
        if name not in (RENDER, *IN_DEPTHS):
            return found

        def watched(*given: Any) -> Any:
            started = time.perf_counter()
            made = found(*given)
            self.seconds += time.perf_counter() - started
            self.calls.append((name, tuple(value.shape for value in given)))
            return made

        return watched


def main() -> None:
    """Measure, print, and write the result where that is asked for."""
    wish = _parser().parse_args()
    file = LookFile.open(file_of(wish.look))
    look, raw = Watched(OpenVinoLook(file)), open_raw(wish.raw)
    rendering, products = [], []
    for _ in range(wish.rounds + 1):
        look.seconds, look.calls = 0.0, []
        expose(raw, look, Wanted(depth=8))
        rendering.append(look.seconds)
        said = subprocess.run([sys.executable, "-c", PRODUCTS], capture_output=True, text=True, check=True)
        products.append(2 * SIDE**3 / float(said.stdout))
    operations = _operations(file, look.calls)
    seconds, peak = statistics.median(rendering[1:]), max(products)
    result = {
        **provenance(precision=look.precision),
        "raw": wish.raw.name,
        "look": wish.look,
        "operations": operations,
        "seconds": {"median": round(seconds, 4), "range": [round(each(rendering[1:]), 4) for each in (min, max)]},
        "rate": operations / seconds,
        "products": {"side": SIDE, "rate": peak, "range": [min(products), peak]},
        "of_the_products": {"measured": round(operations / seconds / peak, 3), "at_least": AIM},
    }
    print(json.dumps({key: result[key] for key in ("seconds", "rate", "products", "of_the_products")}, indent=1))
    if wish.write:
        write(wish.write, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--look", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5, help="that count, after one that compiles")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


def _operations(file: LookFile, calls: list[tuple[str, tuple[tuple[int, ...], ...]]]) -> int:
    """Count multiplications and additions of all calls."""
    _, after = halves(core(), file)
    found = parts(after, file)
    graphs = {RENDER: after, **dict(zip(IN_DEPTHS, found[:3] if found else (), strict=bool(found)))}
    known = {call: _of_graph(graphs[call[0]], call[1]) for call in set(calls)}
    return sum(known[call] for call in calls)


def _of_graph(graph: ov.Model, shapes: tuple[tuple[int, ...], ...]) -> int:
    closed = graph.clone()
    closed.reshape({place: list(shape) for place, shape in enumerate(shapes)})
    return sum(map(_of_node, closed.get_ops()))


def _of_node(node: Any) -> int:
    """Count those of a convolution, one backwards, or a product; others do not count."""
    kind = node.get_type_name()
    if kind == "MatMul":
        return 2 * math.prod(node.output(0).shape) * node.input_value(0).shape[-1]
    if kind not in ("Convolution", "ConvolutionBackpropData"):
        return 0
    pixels, kernels = node.output(0) if kind == "Convolution" else node.input_value(0), node.input_value(1)
    return 2 * math.prod(pixels.shape) * math.prod(list(kernels.shape)[1:])


if __name__ == "__main__":
    main()
