"""Freezes ``cameras-v2``: ``cameras-v1``, and hand-held captures of the scenes that it trains with.

    python samples/freeze_cameras.py

On its tripod ``cameras-v1`` shows each photograph whole, every time: what a look learns of 308 scenes from 987 captures
it knows by heart. Hands frame a photograph anew each time, and look into a panorama in another direction, and every
framing is a scene of its own brightness and colours. Validation and test are those of ``cameras-v1``, to the last
count, so that looks of both are compared by the same pictures.
"""

from dataclasses import replace
from pathlib import Path

from crispnet.data.setfile import named_set, write_set

SETS = Path(__file__).parents[1] / "src/crispnet/data/sets"
FURTHER = (4, 24)  # captures of each photograph, and of each panorama


def main() -> None:
    """Write the set to where it ships from."""
    cameras = named_set("cameras-v1")
    write_set(replace(cameras, name="cameras-v2", further=FURTHER), SETS / "cameras-v2.json")


if __name__ == "__main__":
    main()
