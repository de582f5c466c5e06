"""Measures what developing in parts, in 16 bits and in bfloat16 costs in colour: mean ΔE76 to the plain network.

    python benchmarks/exactness.py RAW... [--look NAME] [--write results/exactness.json]

The reference is the network of the look file as it is, neither cut nor rewritten, in float32: windows with all the
context that the network sees. Compared with it is what `crispnet develop` renders on this machine, and in float32.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from crispnet.darkroom.photo import Wanted, expose
from crispnet.evaluate.metrics import colour_differences
from crispnet.look import DEFAULT
from crispnet.look.contract import Metadata
from crispnet.look.file import LookFile, metadata_inputs
from crispnet.look.openvino import CELLS_AT_ONCE, OpenVinoLook
from crispnet.look.runtime import core
from crispnet.look.shelf import file_of
from crispnet.raw.reader import open_raw
from provenance import provenance, write

AIM = 0.1  # mean ΔE76


class Uncut:
    """The network of a look file as a look without levels: all of it runs for each window, in float32."""

    def __init__(self, file: LookFile) -> None:
        self.name, self.version, self.card = file.name, file.version, file.card
        self.stride, self.halo, self.bytes_per_cell = file.stride, file.halo, file.bytes_per_cell
        self.cells_at_once = CELLS_AT_ONCE
        runtime = core()
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        self._network = runtime.compile_model(runtime.read_model(file.content, b""), "CPU", settings)

    def scene(self, thumbnail: np.ndarray, metadata: Metadata) -> dict[str, np.ndarray]:
        """Give what the network reads beside the window."""
        return {"thumbnail": thumbnail, **metadata_inputs(metadata)}

    def render(self, packed: np.ndarray, scene: dict[str, np.ndarray]) -> np.ndarray:
        """Render a window."""
        read = {port.any_name for port in self._network.inputs}
        return self._network({"packed": packed} | {name: scene[name] for name in read - {"packed"}})["srgb"]


def main() -> None:
    """Measure, print, and write the result where that is asked for."""
    wish = _parser().parse_args()
    file = LookFile.open(file_of(wish.look))
    reference, usual, exact = Uncut(file), OpenVinoLook(file), OpenVinoLook(file, precision="f32")
    photographs = []
    for path in wish.raws:
        raw = open_raw(path)
        expected = expose(raw, reference, Wanted()).clip(0, 1)
        pictures = {look.precision: expose(raw, look, Wanted()).clip(0, 1) for look in (exact, usual)}
        differences = {
            precision: colour_differences(picture, expected).delta_e_76 for precision, picture in pictures.items()
        }
        means = {precision: round(float(each.mean(dtype=np.float64)), 4) for precision, each in differences.items()}
        photographs.append({"raw": path.name, "delta_e_76": means})
        print(json.dumps(photographs[-1]))
    largest = max(photograph["delta_e_76"][usual.precision] for photograph in photographs)
    result = {
        **provenance(precision=usual.precision),
        "look": wish.look,
        "largest": {"measured": largest, "at_most": AIM},
        "photographs": photographs,
    }
    if wish.write:
        write(wish.write, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raws", nargs="+", type=Path, help="raw files")
    parser.add_argument("--look", default=DEFAULT)
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


if __name__ == "__main__":
    main()
