"""Workers that do what strange files make decoders do; in a module of its own, since a new process imports it."""

import os
import signal
import time

from crispnet.errors import UnreadableRaw


def make(greeting="hello"):
    def handle(request):
        return VERBS[request["do"]](request) or (
            {"said": greeting, "pid": os.getpid(), "niceness": os.nice(0)},
            b"blob",
        )

    return handle


def _refuse(_):
    raise UnreadableRaw("It is empty. A raw file was needed. Copy it again.")


def _stumble(_):
    raise KeyError("colour")


VERBS = {
    "greet": lambda _: None,
    "slow": lambda request: time.sleep(request["seconds"]),
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "leave": lambda _: os._exit(3),
    "bomb": lambda _: ({"size": len(bytearray(8 << 30))}, b""),
    "nan": lambda _: ({"figure": float("nan")}, b""),
    "stumble": _stumble,
    "refuse": _refuse,
}
