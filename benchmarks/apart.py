"""Measures what decoding in a process apart costs, beside decoding here: what ``crispnet develop --trust`` saves.

The process is there before the first file, as in a folder. Both ways take turns, so that a busy machine is fair.

python benchmarks/apart.py RAW... [--rounds 15] [--output results/reliability/apart.json]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from crispnet.raw.apart import Decoder, Limits
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from provenance import RESULTS, provenance, write

AT_MOST = 50.0  # milliseconds more


def main() -> None:
    """Measure each raw, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raws", nargs="+", type=Path, metavar="RAW")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=RESULTS / "reliability" / "apart.json")
    wish = parser.parse_args()
    with Decoder(Limits()) as decoder:
        rows = [_measured(raw, decoder, rounds=wish.rounds) for raw in wish.raws]
    write(wish.output, provenance() | {"rounds": wish.rounds, "at_most_ms": AT_MOST, "raws": rows})
    for row in rows:
        print(row)


def _measured(raw: Path, decoder: Decoder, *, rounds: int) -> dict[str, object]:
    ways: dict[str, Callable[[Path], RawImage]] = {"here_ms": open_raw, "apart_ms": decoder.open}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, decode in ways.items():
            began = time.perf_counter()
            photosites = decode(raw).mosaic.size
            if number:  # the first one imports, and reads the disk
                found[name].append(1000 * (time.perf_counter() - began))
    middle = {name: round(statistics.median(times), 1) for name, times in found.items()}
    more = round(middle["apart_ms"] - middle["here_ms"], 1)
    return {"raw": raw.name, "megapixels": round(photosites / 1e6, 1), **middle, "more_ms": more}


if __name__ == "__main__":
    main()
