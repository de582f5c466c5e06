"""Starts several processes that learn together, and tells them what torchrun would."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parent


def _started(command: Sequence[str], rank: int, size: int, port: int) -> subprocess.Popen:
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    surroundings = os.environ | {name: str(value) for name, value in told.items()} | {"PYTHONPATH": str(TESTS)}
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def together(*command: object, size: int = 2) -> list[tuple[int, str, str]]:
    """Run a command as so many processes; the code, the output and the errors of each."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    processes = [_started([sys.executable, *map(str, command)], rank, size, port) for rank in range(size)]
    said = [process.communicate(timeout=120) for process in processes]
    return [(process.returncode, *words) for process, words in zip(processes, said, strict=True)]
