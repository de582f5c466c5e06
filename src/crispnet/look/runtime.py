"""OpenVINO, without the tools that it loads along: converters of other models, and telemetry of them.

They take longer to import than all the rest, and nothing here needs them. A program that does imports them by their own
name, ``openvino.tools.ovc``.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

TOOLS = "openvino.tools.ovc"


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Let a module that is not loaded yet be one that cannot be, which OpenVINO takes for granted."""
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


with _without(TOOLS):
    import openvino as ov

__all__ = ["core", "ov"]


@cache
def core() -> ov.Core:
    """Give the process its only Core, which stays.

    The first use of a Core gives the thread a stack for handling signals, and its end gives back the one before. Of two
    that end in the order in which they began, the second gives back what the first has freed: the next Ctrl-C is a
    crash.
    """
    return ov.Core()
