"""Work on the machines of a Ray cluster.

Ray finds a free core for each piece of work, carries what it reads and what it makes, and does it again where a process
or a machine dies on the way. Files travel as bytes, so machines need no disk in common; the same version of crispnet
has to be installed on each. What is made is written by the program that asked, and by no other: nothing is there twice.
"""

import io
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Generic, TextIO, TypeVar

from crispnet.errors import CrispnetError
from crispnet.version import VERSION

RETRIES = 3  # of one piece, where what worked on it died
PATIENCE = 10.0  # seconds to wait for a cluster to open
AHEAD = 2  # pieces for each core: one is worked on, one has been carried there
QUIET = {  # Ray neither reports how it is used, nor warns of what it will do otherwise some day
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

Key = TypeVar("Key")


@dataclass(frozen=True)
class Errand(Generic[Key]):
    """A piece of work.

    Attributes:
        key: what it is called here.
        reads: what is sent to whoever does it.
    """

    key: Key
    reads: tuple[Any, ...]


@dataclass
class Cluster:
    """A cluster that we are connected to."""

    _ray: Any
    _running: dict[Any, Any] = field(default_factory=dict)

    @property
    def cores(self) -> int:
        """Count the cores there are now."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def share(self, thing: object) -> "Shared":
        """Send something that all errands read, once to each machine."""
        return Shared(self._ray.put(thing))

    def run(self, work: Callable[..., Any], errands: Iterable[Errand[Key]]) -> Iterator[tuple[Key, Any]]:
        """Have errands done, and give what each brought, as it comes: a result, or a ``CrispnetError``.

        Args:
            work: a function of a module, called with what an errand reads. It gives its results, and failures that
                are the errand's own fault as ``CrispnetError``; what it raises is a mistake and ends all.
            errands: begun in their order, no more at a time than the cluster has cores for.
        """
        remote = self._ray.remote(num_cpus=1, max_retries=RETRIES)(do)
        waiting = iter(errands)
        try:
            while True:
                for errand in waiting:
                    self._running[remote.remote(VERSION, work, *errand.reads)] = errand.key
                    if len(self._running) >= AHEAD * self.cores:
                        break
                if not self._running:
                    return
                (done,), _ = self._ray.wait(list(self._running), num_returns=1)
                yield self._running.pop(done), self._result(done)
        finally:
            for reference in self._running:
                self._ray.cancel(reference, force=True)
            self._running.clear()

    def _result(self, reference: Any) -> Any:
        from ray.exceptions import RayError, RayTaskError

        try:
            return self._ray.get(reference)
        except RayTaskError as error:
            if "failed to import" in str(error):
                raise CrispnetError(
                    f"A machine of the cluster has no crispnet that works. Version {VERSION}, as here, was needed. "
                    'Install "crispnet[cluster]" there, in the Python that runs Ray.'
                ) from error
            raise error.as_instanceof_cause() from error
        except RayError as error:
            return CrispnetError(
                f"The processes of the cluster that worked on it died, {RETRIES + 1} times ({type(error).__name__}). "
                "Machines that stay, with memory for it, were needed. Run the same command again, or without --ray."
            )


@dataclass(frozen=True)
class Shared:
    """Something that was sent to a cluster once, to be read by many errands."""

    reference: Any

    def read(self) -> Any:
        """Get it, on whichever machine."""
        import ray

        return ray.get(self.reference)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a Ray cluster.

    Args:
        address: "host:port", "auto" for the one that this machine belongs to, or "local" for a new one of this machine.

    Raises:
        CrispnetError: Ray is not installed, or there is no such cluster.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise CrispnetError(
            'Ray is not installed. --ray needs it, here and on each machine. Run: pip install "crispnet[cluster]"'
        ) from error
    with own_output(), _initialised(ray, address):
        yield Cluster(ray)


@contextmanager
def _initialised(ray: Any, address: str) -> Iterator[None]:
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        _knock(address)
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **local)
    except (OSError, RuntimeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise CrispnetError(
            f"There is no Ray cluster at {address} ({reason}). The address of one that is running "
            "was needed. Start it with `ray start --head`, or name another."
        ) from error
    try:
        yield
    finally:
        with redirect_stdout(io.StringIO()):  # in this thread, too, it says what is left to say of lost machines
            ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody is there: Ray itself would wait for minutes.

    Raises:
        OSError: nobody is.
    """
    found = re.fullmatch(r"(?:ray://)?(.+):(\d+)", address)
    if found:
        socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=PATIENCE).close()


@contextmanager
def own_output() -> Iterator[None]:
    """Keep from standard output, which is for results, what Ray's threads print on it of machines that were lost."""
    kept = sys.stdout
    sys.stdout = _OfMainThread(kept)
    try:
        yield
    finally:
        sys.stdout = kept


class _OfMainThread:
    """A stream on which no thread writes but the main one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._stream.write(text) if threading.current_thread() is threading.main_thread() else len(text)


def do(version: str, work: Callable[..., Any], *reads: Any) -> Any:
    """Do an errand, on a machine of the cluster."""
    if version != VERSION:
        return CrispnetError(
            f"A machine of the cluster has crispnet {VERSION}. Version {version}, as here, was needed. Install that."
        )
    return work(*reads)
