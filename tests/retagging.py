"""Changes the tags of a DNG that exists, the way damage, odd cameras and other programs do."""

import struct
from pathlib import Path

TYPES = {"B": 1, "H": 3, "I": 4, "i": 9, "f": 11, "d": 12}  # struct letter → TIFF type
NOBODYS = 65000  # a tag that no reader knows


def directories(content: bytes) -> list[int]:
    """Where the directories of a little-endian TIFF start: the first one and its SubIFDs."""
    first = struct.unpack_from("<I", content, 4)[0]
    found = [first]
    for entry in entries(content, first):
        code, _, count, value = struct.unpack_from("<HHII", content, entry)
        if code == 330:
            found += [value] if count == 1 else struct.unpack_from(f"<{count}I", content, value)
    return found


def entries(content: bytes, directory: int) -> range:
    """Where the entries of a directory start."""
    count = struct.unpack_from("<H", content, directory)[0]
    return range(directory + 2, directory + 2 + 12 * count, 12)


def entry_of(content: bytes, code: int) -> int:
    """Where the last entry with a code starts: that of the mosaic, where the picture has one too."""
    places = [entry for start in directories(content) for entry in entries(content, start)]
    return [entry for entry in places if struct.unpack_from("<H", content, entry)[0] == code][-1]


def without_tag(path: Path, code: int) -> Path:
    """Give a tag a number that nobody knows."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, entry_of(content, code), NOBODYS)
    path.write_bytes(content)
    return path


def with_tag(path: Path, code: int, letter: str, *values: float, instead_of: int | None = None) -> Path:
    """Give a tag another type and other values, or put it in the place of another; "R" and "r" are rationals.

    Rationals are given as numerators and denominators in turn. The entries are no longer in order of their codes.
    """
    content = bytearray(path.read_bytes())
    entry = entry_of(content, instead_of or code)
    rational = {"R": ("I", 5), "r": ("i", 10)}
    kind, number = rational.get(letter, (letter, TYPES.get(letter, 0)))
    packed = struct.pack(f"<{len(values)}{kind}", *values)
    count = len(values) // 2 if letter in rational else len(values)
    content += bytes(len(content) % 2)
    short = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", len(content))
    struct.pack_into("<HHI4s", content, entry, code, number, count, short)
    path.write_bytes(content + (packed if len(packed) > 4 else b""))
    return path
