"""The looks at hand, by name."""

from crispnet.errors import LookError
from crispnet.look.contract import Look
from crispnet.look.plain import PlainLook

SHIPPED = {PlainLook.name: PlainLook}


def load_look(name: str) -> Look:
    """Take a look off the shelf.

    Raises:
        LookError: there is none of that name.
    """
    if name not in SHIPPED:
        known = ", ".join(SHIPPED)
        raise LookError(f"There is no look called {name!r}. These are at hand: {known}. See `crispnet looks`.")
    return SHIPPED[name]()
