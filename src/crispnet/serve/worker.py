"""A process that works for the server: whatever it meets there, the server stays up.

What comes from strangers is decoded in it. If it crashes, hangs or runs out of memory, that is the end of one request,
with a reason, and the next one gets a new process.

    request    {"do": name, ...}                          JSON
    reply      {"done": facts} | {"refused": words}       JSON, then bytes: a picture, or none

Nothing is unpickled of what a worker sends: one that has been taken over can send but words and pictures.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from crispnet.errors import CrispnetError
from crispnet.raw.confined import limit_memory

Facts = dict[str, Any]
Handle = Callable[[Facts], tuple[Facts, bytes]]
STARTING = 60.0  # seconds that a new process may take beside its first request
MOST_WAITING = 12  # requests that may wait for a worker, before others are told that it is busy
MOST_REPLY = 1 << 28  # bytes
TRY = "Try again; if it happens again, the file is damaged, or larger than this computer can hold."


class Refused(CrispnetError):
    """What a worker refused, in its own words."""


class Busy(CrispnetError):
    """There is too much to do already; it may be tried again."""


class WorkerLost(CrispnetError):
    """A worker crashed, hung, or was stopped."""


class Worker:
    """A process that answers one request at a time; threads may share it."""

    def __init__(
        self, make: Callable[[], Handle], *, niceness: int = 0, memory: int | None = None, waiting: int = MOST_WAITING
    ) -> None:
        """Start the process.

        Args:
            make: makes, in the process, what handles requests; it and its arguments are pickled.
            niceness: how far it stands back when processors are scarce.
            memory: bytes it may take beyond what it has once it is ready; None for any.
            waiting: requests that may wait at a time.
        """
        self._arguments = (make, niceness, memory)
        self._most_waiting = waiting
        self._turn, self._door = threading.Lock(), threading.Lock()
        self._waiting, self._closed = 0, False
        self._stopped = threading.Event()  # a process that was killed seems alive for a moment
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._start()

    def ask(self, request: Facts, *, limit: float) -> tuple[Facts, bytes]:
        """Have a request answered: facts, and bytes.

        Raises:
            Refused: with the worker's reason.
            Busy: too many requests wait.
            WorkerLost: it crashed, was stopped, or took more than ``limit`` seconds.
        """
        with self._queued(), self._turn:
            if self._process is None or self._stopped.is_set() or not self._process.is_alive():
                self._start()
            told, blob = self._exchange(request, limit=limit + STARTING)
        if "done" not in told:
            raise Refused(str(told.get("refused", "")))
        return told["done"], blob

    def interrupt(self) -> None:
        """Stop the process, whatever it does; the next request gets a new one."""
        if self._process is not None:
            self._process.kill()
        self._stopped.set()

    def close(self) -> None:
        """Stop the process for good."""
        self._closed = True
        self.interrupt()

    @property
    def pid(self) -> int | None:
        """The process that works now."""
        return self._process.pid if self._process else None

    @contextmanager
    def _queued(self) -> Iterator[None]:
        with self._door:
            if self._waiting >= self._most_waiting:
                raise Busy("There is too much to do already. Fewer requests at a time were needed. Try in a moment.")
            self._waiting += 1
        try:
            yield
        finally:
            with self._door:
                self._waiting -= 1

    def _start(self) -> None:
        if self._closed:
            raise WorkerLost("The server is closing. Start it again.")
        if self._connection is not None:
            self._connection.close()
        spawning = multiprocessing.get_context("spawn")  # decoders have threads, which a fork would not survive
        self._stopped.clear()
        self._connection, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()

    def _exchange(self, request: Facts, *, limit: float) -> tuple[Facts, bytes]:
        assert self._connection is not None
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            if not self._connection.poll(limit):
                self.interrupt()
                raise WorkerLost(f"It took more than {limit:.0f} seconds, and was stopped. {TRY}")
            told = json.loads(self._connection.recv_bytes(MOST_REPLY))
            return told, self._connection.recv_bytes(MOST_REPLY)
        except (EOFError, OSError, ValueError) as error:
            self.interrupt()
            raise WorkerLost(f"{self._ending()} A whole photograph was needed. {TRY}") from error

    def _ending(self) -> str:
        """Say how the process ended."""
        assert self._process is not None
        self._process.join(5)
        code = self._process.exitcode or 0
        if code == -signal.SIGKILL:
            return "The process that worked on it was stopped, by the user or for want of memory."
        return f"The process that worked on it ended unexpectedly (code {code})."


def _work(connection: Connection, make: Callable[[], Handle], niceness: int, memory: int | None) -> None:
    """Answer requests until nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    if niceness:
        with suppress(AttributeError, OSError):
            os.nice(niceness)
    handle = make()
    if memory is not None:
        limit_memory(memory)
    with suppress(EOFError, OSError):
        while True:
            reply, blob = _answered(handle, json.loads(connection.recv_bytes()))
            connection.send_bytes(reply)
            connection.send_bytes(blob)


def _answered(handle: Handle, request: Facts) -> tuple[bytes, bytes]:
    try:
        facts, blob = handle(request)
        return json.dumps({"done": facts}, allow_nan=False).encode(), blob
    except CrispnetError as error:
        refused = str(error)
    except MemoryError:
        refused = f"It needs more memory than there is. A smaller photograph was needed. {TRY}"
    except Exception as error:  # whatever a strange file brings about is the file's failure, not the server's
        refused = f"It cannot be developed: {type(error).__name__}: {error}. {TRY}"
    return json.dumps({"refused": refused}).encode(), b""
