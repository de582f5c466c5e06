"""The program ends at once, but not before all that has to be done is done."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import atexit, os, signal, sys, threading, time
from crispnet.app.leaving import leaving_at_once

class Large:
    def __del__(self):
        print("taken apart", flush=True)

def late():
    time.sleep(0.2)
    print("a thread")

held = Large()
atexit.register(print, "before")
with leaving_at_once():
    atexit.register(print, "since")
    threading.Thread(target=late).start()
    {ending}
"""


def ended(ending):
    return subprocess.run([sys.executable, "-c", START.format(ending=ending)], capture_output=True, text=True)


@pytest.mark.parametrize(("ending", "code"), [("sys.exit()", 0), ("sys.exit(3)", 3)])
def test_what_was_to_be_done_is_done_and_nothing_is_taken_apart(ending, code):
    done = ended(ending)
    assert done.returncode == code
    assert done.stdout.split("\n") == ["a thread", "since", ""]


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("sys.exit('in words')", 1, "in words"),
        ("raise ValueError('broken')", 1, "ValueError: broken"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_other_ends_are_the_usual_ones(ending, code, said):
    done = ended(ending)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout.split("\n") == ["a thread", "since", "before", "taken apart", ""]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_cannot_be_said_is_a_failure():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", START.format(ending="print('lost'); sys.exit()")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode
    assert "No space left on device" in done.stderr
