"""How hard monitor-v1 is: what simple controls leave of its test split, even when fitted on each picture itself.

python benchmarks/difficulty.py DATA --write FILE.json

DATA is the folder of its captures, as `crispnet study` or `crispnet data simulate --set monitor-v1` makes it.
"""

import argparse
import json
from pathlib import Path

from crispnet.data.frames import write_frames
from crispnet.data.pairs import read_manifest
from crispnet.evaluate.controls import difficulty
from crispnet.evaluate.provenance import provenance


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the captures")
    parser.add_argument("--write", type=Path, required=True, metavar="FILE", help="JSON file of the figures")
    wish = parser.parse_args()
    pairs = read_manifest(wish.data / "manifest.jsonl")
    train, test = (write_frames(pairs, wish.data / "frames", split) for split in ("train", "test"))
    document = {"what": "difficulty of monitor-v1, test", **provenance(precision="float64")}
    document |= {"captures": len(test), "difficulty": difficulty(train, test)}
    wish.write.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
