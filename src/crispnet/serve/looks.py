"""The looks that the page offers, by name; each is loaded when it is first asked for, and stays."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from crispnet.errors import LookError
from crispnet.look.contract import Look
from crispnet.look.mixed import mixed, share_renderer
from crispnet.look.shelf import load_look, read_card, shipped
from crispnet.serve.wish import Wish


class Looks:
    """Looks by the names that users choose from."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Take looks as ``offered`` lists them: name → what ``look.shelf.load_look`` takes."""
        self._sources = dict(sources)
        self._loaded: dict[str, Look] = {}
        self._share = lru_cache(maxsize=64)(share_renderer)

    def wished(self, wish: Wish) -> Look:
        """Give the look of a wish, which may be a mixture of two.

        Raises:
            LookError: there is no such look, or its file cannot be used.
        """
        look = self.named(wish.look)
        if not wish.other or wish.strength == 1:
            return look
        return mixed(self.named(wish.other), look, strength=wish.strength, scenes=self.mixes(wish) == "scenes")

    def mixes(self, wish: Wish) -> str:
        """Say what strength mixes: "scenes" or "pictures"; "" where there is nothing to mix."""
        if not wish.other or wish.strength == 1:
            return ""
        return "scenes" if self._share(self._source(wish.other), self._source(wish.look)) else "pictures"

    def named(self, name: str) -> Look:
        """Give a look by its name.

        Raises:
            LookError: see ``wished``.
        """
        if name not in self._loaded:
            self._loaded[name] = load_look(self._source(name))
        return self._loaded[name]

    def _source(self, name: str) -> str:
        check_name(self._sources, name)
        return self._sources[name]


def check_name(sources: Mapping[str, str], name: str) -> None:
    """Refuse the name of a look that is not offered.

    Raises:
        LookError: with the names that are.
    """
    if name not in sources:
        raise LookError(
            f"There is no look called {name!r} here. One of {', '.join(sources)} was needed. Choose one, or start "
            "`crispnet serve` with --look FILE."
        )


def offered(files: Sequence[str] = ()) -> dict[str, str]:
    """List the looks to offer, name → what ``look.shelf.load_look`` takes: those that ship, and look files.

    Raises:
        LookError: a file is no look.
    """
    sources = {name: name for name in shipped()}
    for file in files:
        name = read_card(file)["name"]
        while name in sources:
            name = f"{name} ({Path(file).stem})"
        sources[name] = file
    return sources
