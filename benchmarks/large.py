"""Measures what large frames cost: the mosaic of a raw, laid side by side with its mirror images, developed.

    python benchmarks/large.py RAW [--runs 3] [--max-memory 2GB] [--write results/large.json]

Each frame is developed by the command, as a whole process, within the same limit; frames take turns.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from develop import CRISPNET
from provenance import provenance, write
from whole_process import Program, interleave, summary

SIDES = (1, 3, 4)  # mosaics along each side of a frame
MEMORY, TIME = 2147, 1.15  # MB, of 2 GiB; seconds a megapixel, over those of the raw itself
LAYING = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from crispnet import open_raw
from crispnet.raw.image import EVERYTHING
from crispnet.raw.writer import write_dng

raw = open_raw(sys.argv[1])
rows, columns = (side & ~1 for side in raw.mosaic.shape)
part = raw.mosaic[:rows, :columns]
for side in map(int, sys.argv[3:]):
    # Mirrored about a photosite and not between two, so that the filters keep their order.
    wide = np.pad(part, ((0, (side - 1) * rows), (0, (side - 1) * columns)), "reflect")
    whole = replace(raw, mosaic=wide, crop=EVERYTHING, active_area=EVERYTHING, stored_size=(0, 0), opcodes=(),
                    black_rows=None, black_columns=None, path=None)
    write_dng(whole, Path(sys.argv[2]) / f"{side}.dng")
    print(wide.size)
"""


def main() -> None:
    """Lay, measure, print, and write the result where that is asked for."""
    wish = _parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: what this one holds would be counted with every child's memory.
        laying = (sys.executable, "-c", LAYING, wish.raw, folder, *map(str, SIDES))
        sizes = subprocess.run(laying, capture_output=True, text=True, check=True).stdout.split()
        programs = [_program(side, folder, wish.max_memory) for side in SIDES]
        costs = interleave(programs, runs=wish.runs, tell=lambda line: print(line, file=sys.stderr))
    frames = [
        {"megapixels": round(int(size) / 1e6, 1), **summary(costs[program.name])}
        for size, program in zip(sizes, programs, strict=True)
    ]
    for frame in frames:
        frame["per_megapixel"] = round(frame["wall_seconds"] / frame["megapixels"], 4)
        frame["ratio"] = round(frame["per_megapixel"] / frames[0]["per_megapixel"], 3)
        print(frame)
    if wish.write:
        result = {
            **provenance(precision="bf16 where the CPU has it"),
            "raw": wish.raw.name,
            "max_memory": wish.max_memory,
            "aims": _aims(frames[1]),
            "frames": frames,
        }
        write(wish.write, result)


def _aims(middle: dict[str, Any]) -> list[dict[str, object]]:
    """Give the aims for the frame in the middle; a larger one need not fit the limit, but has to be developed."""
    name = f"{middle['megapixels']:.0f} megapixels"
    return [
        {"what": f"{name}: peak memory, MB", "at_most": MEMORY, "measured": middle["peak_memory_mb"]},
        {"what": f"{name}: seconds a megapixel, over the raw's", "at_most": TIME, "measured": middle["ratio"]},
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raw", type=Path, help="a raw file")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count, after one that warms up")
    parser.add_argument("--max-memory", default="2GB", help="for each development")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


def _program(side: int, folder: Path, limit: str) -> Program:
    target = folder / f"{side}.jpg"
    command = (CRISPNET, "develop", folder / f"{side}.dng", "-o", target, "--overwrite", "--max-memory", limit)
    return Program(str(side), tuple(map(str, command)), target)


if __name__ == "__main__":
    main()
