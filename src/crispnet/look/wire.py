"""The wire format of ONNX files, Protocol Buffers: read as far as an envelope needs it, and bounded."""

from collections.abc import Iterator
from typing import Any

MOST_FIELDS = 200_000  # a network has some thousands; more would only keep us busy


class Refusal(Exception):
    """What is wrong with the content, before anybody knows the name of the file."""


class Message:
    """One message of Protocol Buffers: the values of each field, by its number."""

    def __init__(self, content: memoryview) -> None:
        self.values: dict[int, list[Any]] = {}
        for number, value in _fields(content):
            self.values.setdefault(number, []).append(value)

    def texts(self, number: int) -> list[str]:
        """Give the values of a field of text."""
        return [str(content, "utf-8", "replace") for content in self._parts(number)]

    def text(self, number: int) -> str:
        """Give the last text of a field, which is the one that counts, or none."""
        return "".join(self.texts(number)[-1:])

    def messages(self, number: int) -> Iterator["Message"]:
        """Give the messages within a field, one by one."""
        return (Message(content) for content in self._parts(number))

    def first(self, number: int) -> "Message":
        """Give the first message within a field, or an empty one."""
        return next(self.messages(number), Message(memoryview(b"")))

    def number(self, number: int) -> int:
        """Give the last number of a field, or 0."""
        value = self.values.get(number, [0])[-1]
        return value if isinstance(value, int) else 0

    def _parts(self, number: int) -> list[memoryview]:
        parts = self.values.get(number, [])
        if not all(isinstance(part, memoryview) for part in parts):
            raise Refusal("it is no ONNX model")
        return parts


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Split a message into numbered fields: an int, or the bytes of whatever is in it."""
    at = 0
    for _ in range(MOST_FIELDS):
        if at >= len(content):
            return
        key, at = _varint(content, at)
        kind, number = key & 7, key >> 3
        if kind == 0:
            value, at = _varint(content, at)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, at = _varint(content, at)
        if length is None or length > len(content) - at:
            raise Refusal("it is no ONNX model")
        yield number, content[at : at + length]
        at += length
    raise Refusal("it has more parts than any network")


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, and where the next one begins."""
    value = 0
    for place, byte in enumerate(content[at : at + 10]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise Refusal("it is no ONNX model")
