"""Damages files the way disks, networks and strangers do: bits, ends, pieces, and the numbers that parsers trust."""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

ODD_NUMBERS = (0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
ODD_FLOATS = (0.0, -0.0, 1e-45, 1e38, -1.0, float("inf"), float("-inf"), float("nan"))
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -1e308, 1e308, float("nan"), float("inf"), "", "\0", "../../x",
    "x" * 70_000, "\ud800", [], [[]], {}, {"a": []}, ["a"], [0] * 3, [1e308] * 9,
)  # fmt: skip
ODD_WORDS = (b'"', b"{", b"}", b"[", b"]", b":", b",", b"\n", b"-", b"NaN", b"Infinity", b"null", b"true", b"1e999",
             b"9" * 40, b"\0", b"\xff", "\u202e".encode(), b"../", b"0 0 0\n", b'"\\ud800"', b"[" * 3000)  # fmt: skip
TIFFS = (b"II*\0", b"MM\0*")
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes of TIFF's types
Damage = Callable[[bytearray, np.random.Generator, Sequence[bytes]], bytes]


def mutated(content: bytes, random: np.random.Generator, others: Sequence[bytes] = ()) -> bytes:
    """Damage a file in one way or, less often, in several.

    Args:
        content: the file.
        random: decides which ways, and where.
        others: files of which pieces may be put in.
    """
    for _ in range(int(random.geometric(0.6))):
        damage = DAMAGES[int(random.integers(len(DAMAGES)))]
        if content[:1] == b"{" and random.integers(2):  # nearly all other damage ends in "no JSON"
            damage = odd_json
        content = damage(bytearray(content), random, others)
    return content


def flip_bits(content: bytearray, random: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """Flip one to sixteen bits, mostly where headers are."""
    for _ in range(int(random.integers(1, 17)) if content else 0):
        content[_place(content, random)] ^= 1 << int(random.integers(8))
    return bytes(content)


def cut_off(content: bytearray, random: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """Lose the end."""
    return bytes(content[: _place(content, random)])


def splice(content: bytearray, random: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Put a piece of another file, or of this one, over or between what is there."""
    donor = others[int(random.integers(len(others)))] if others else bytes(content)
    begin, at = _place(donor, random), _place(content, random)
    piece = donor[begin : begin + int(random.integers(1, 4096))]
    over = len(piece) if random.integers(2) else 0
    return bytes(content[:at] + piece + content[at + over :])


def take_out(content: bytearray, random: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """Lose a piece, or have it filled with zeros."""
    begin, size = _place(content, random), int(random.integers(1, 512))
    filled = bytes(size) if random.integers(2) else b""
    return bytes(content[:begin] + filled[: len(content) - begin] + content[begin + size :])


def odd_number(content: bytearray, random: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """Write a number at which programs break, of 1, 2, 4 or 8 bytes, in either order."""
    order, kind = "<>"[int(random.integers(2))], "BHIfd"[int(random.integers(5))]
    odd = ODD_FLOATS if kind in "fd" else ODD_NUMBERS
    value = odd[int(random.integers(len(odd)))]
    whole = value if kind in "fd" else int(value) % (1 << 8 * struct.calcsize(kind))
    packed, at = struct.pack(order + kind, whole), _place(content, random)
    content[at : at + len(packed)] = packed
    return bytes(content)


def odd_word(content: bytearray, random: np.random.Generator, _: Sequence[bytes]) -> bytes:
    """Write what means something to JSON, tables and paths."""
    at, word = _place(content, random), ODD_WORDS[int(random.integers(len(ODD_WORDS)))]
    over = len(word) if random.integers(2) else 0
    return bytes(content[:at] + word + content[at + over :])


def odd_tag(content: bytearray, random: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Change the number, type, count or value of a tag of a TIFF's first directories; of another file, bits."""
    found = list(_entries(content))
    if not found:
        return flip_bits(content, random, others)
    order, at = found[int(random.integers(len(found)))]
    place, kind = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "I"))[int(random.integers(5))]
    value = ODD_NUMBERS[int(random.integers(len(ODD_NUMBERS)))] if random.integers(2) else int(random.integers(2**32))
    struct.pack_into(order + kind, content, at + place, value % (1 << 8 * struct.calcsize(kind)))
    return bytes(content)


def odd_value(content: bytearray, random: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Change a number within the value of a TIFF's tag, wherever that lies."""
    found = list(_entries(content))
    if not found:
        return odd_number(content, random, others)
    order, at = found[int(random.integers(len(found)))]
    kind, count, pointer = struct.unpack_from(order + "HII", content, at + 2)
    size = SIZES.get(kind, 1) * count
    begin, length = (at + 8, 4) if size <= 4 else (pointer, size)
    letter = {11: "f", 12: "d", 3: "H"}.get(kind, "I")
    odd = ODD_FLOATS if letter in "fd" else ODD_NUMBERS
    value = odd[int(random.integers(len(odd)))]
    width = struct.calcsize(letter)
    place = begin + width * int(random.integers(max(1, length // width)))
    if place + width <= len(content):
        struct.pack_into(order + letter, content, place, value if letter in "fd" else int(value) % (1 << 8 * width))
    return bytes(content)


def odd_json(content: bytearray, random: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Change a value somewhere in JSON, or in one of the lines of a file of it; of another file, a word."""
    try:
        text = content.decode()
        lines = [text] if text.startswith("{") and "\n{" not in text else text.split("\n")
        at = int(random.integers(len(lines)))
        said = json.loads(lines[at])
    except (ValueError, RecursionError):
        return odd_word(content, random, others)
    holders = list(_holders(said))
    if not holders:
        return odd_word(content, random, others)
    holder, key = holders[int(random.integers(len(holders)))]
    holder[key] = ODD_VALUES[int(random.integers(len(ODD_VALUES)))]
    lines[at] = json.dumps(said)
    return "\n".join(lines).encode()


def _holders(said: Any) -> Iterator[tuple[Any, Any]]:
    """Give every place in a value of JSON where another value stands."""
    within: Iterable[tuple[Any, Any]] = said.items() if isinstance(said, dict) else ()
    if isinstance(said, list):
        within = enumerate(said)
    for key, value in list(within):
        yield said, key
        yield from _holders(value)


def _entries(content: bytearray) -> list[tuple[str, int]]:
    """Find the entries of the directories of a TIFF, as far as they can be followed: byte order and place."""
    if bytes(content[:4]) not in TIFFS or len(content) < 8:
        return []
    order = "<" if content[:2] == b"II" else ">"
    waiting, found = [struct.unpack_from(order + "I", content, 4)[0]], []
    while waiting and len(found) < 400:
        start = waiting.pop()
        if start + 2 > len(content):
            continue
        count = min(struct.unpack_from(order + "H", content, start)[0], 200)
        for at in range(start + 2, min(start + 2 + 12 * count, len(content) - 11), 12):
            found.append((order, at))
            code, _, many, value = struct.unpack_from(order + "HHII", content, at)
            if code in (330, 34665) and many == 1 and len(waiting) < 8:
                waiting.append(value)
    return found


def _place(content: bytes | bytearray, random: np.random.Generator) -> int:
    """Choose a place: as often in the first half kilobyte, where what is read first stands, as anywhere."""
    end = min(len(content), 512) if random.integers(2) else len(content)
    return int(random.integers(end)) if end else 0


DAMAGES: tuple[Damage, ...] = (
    flip_bits, flip_bits, cut_off, splice, take_out, odd_number, odd_word, odd_json, odd_tag, odd_tag, odd_value,
    odd_value, odd_value,
)  # fmt: skip
