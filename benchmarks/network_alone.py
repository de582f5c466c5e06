"""Measures how long a look's network takes for a raw, and nothing else: seconds for each round, as JSON.

    python benchmarks/network_alone.py RAW [--look NAME] [--rounds 5]

The raw is developed in this process, again and again; what counts is the time within the calls of the look. The first
round, which compiles, does not count.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crispnet.darkroom.photo import Wanted, expose
from crispnet.look import DEFAULT
from crispnet.look.shelf import load_look
from crispnet.raw.reader import open_raw

CALLS = ("scene", "render", "descend", "deepen", "ascend")


class Timed:
    """A look that sums up the seconds within its calls."""

    def __init__(self, look: Any) -> None:
        self._look, self.seconds = look, 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._look, name)
        return self._timed(found) if name in CALLS else found

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*given)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--look", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5)
    wish = parser.parse_args()
    look = Timed(load_look(wish.look))
    raw, seconds = open_raw(wish.raw), []
    for _ in range(wish.rounds + 1):
        look.seconds = 0.0
        expose(raw, look, Wanted(depth=8))
        seconds.append(round(look.seconds, 4))
    print(json.dumps(seconds[1:]))


if __name__ == "__main__":
    main()
