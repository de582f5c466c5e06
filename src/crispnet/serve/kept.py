"""Keeps what was made last, up to a size."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key; the one used longest ago makes room for a new one, which itself always stays.

    >>> kept = Kept(2, size=lambda _: 1)
    >>> [kept.get((key,), lambda: made) for key, made in (("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5))]
    [1, 2, 1, 4, 5]
    """

    def __init__(self, room: int, *, size: Callable[[Value], int]) -> None:
        """Begin with nothing; ``room`` is what all sizes may add up to."""
        self._room, self._size = room, size
        self._values: dict[Hashable, Value] = {}

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Give what is kept for a key, or make it."""
        value = self._values.pop(key) if key in self._values else make()
        self._values[key] = value
        while len(self._values) > 1 and sum(map(self._size, self._values.values())) > self._room:
            del self._values[next(iter(self._values))]
        return value

    def forget(self, of: Callable[[Hashable], bool]) -> None:
        """Forget what is kept for some keys."""
        self._values = {key: value for key, value in self._values.items() if not of(key)}
