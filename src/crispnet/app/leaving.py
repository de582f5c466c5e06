"""The end of the program: what it holds is not taken apart piece by piece, for the system takes it back at once.

An interpreter that ends frees its modules, networks and frames one by one, which takes as long as saving a picture.
"""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let the program end without taking itself apart, if the block ends it by ``SystemExit``.

    All that was registered to be done at the end since the block began is done before, and threads are waited for.
    Programs that end by an error or by Ctrl-C end as usual.
    """
    codes: list[int] = []

    def leave() -> None:
        if codes and _flushed():
            os._exit(codes[0])

    atexit.register(leave)  # before all others, so that it is the last
    try:
        yield
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            codes.append(end.code or 0)
        raise


def _flushed() -> bool:
    """Bring out what was said; where that fails, the interpreter has to say so."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        return False
    return True
