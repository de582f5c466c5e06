"""OpenVINO in this process: what it leaves behind must not be felt."""

import os
import subprocess
import sys
from pathlib import Path

from crispnet.look.runtime import core

SOURCES = Path(__file__).resolve().parents[2] / "src"
LOOKS_COME_AND_GO = """
import gc, signal, sys
from crispnet.look.file import LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.look.shelf import file_of

looks = [OpenVinoLook(LookFile.open(file_of("phone"))) for _ in range(2)]
while looks:
    looks.pop(0)
    gc.collect()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_is_handled_after_looks_have_come_and_gone():
    """OpenVINO's first core would take the stack for signals with it: the process died of SIGTERM's handler."""
    sources = os.pathsep.join([str(SOURCES), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": sources}
    done = subprocess.run([sys.executable, "-c", LOOKS_COME_AND_GO], env=environment, check=False)
    assert done.returncode == 7


def test_there_is_one_core():
    assert core() is core()
