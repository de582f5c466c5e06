"""Processes of a pool end with the one that made them, and leave Ctrl-C to it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crispnet.data.pool import pool_of

PROGRAM = """
import os, time
from crispnet.data.pool import pool_of

if __name__ == "__main__":
    with pool_of(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        {then}
        time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("then", ["", "pool.submit(time.sleep, 60)"], ids=["idle", "busy"])
def test_they_end_with_the_process_that_made_them_even_if_it_is_killed(then, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(then=then))
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as parent:
        place = Path("/proc", parent.stdout.readline().strip())
        assert place.exists()
        parent.kill()
    deadline = time.monotonic() + 20
    while place.exists() and "State:\tZ" not in (place / "status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def leave_early(error):
    with pool_of(1) as pool:
        pool.submit(time.sleep, 60)
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_whoever_leaves_early_waits_for_nothing(error):
    began = time.monotonic()
    with pytest.raises(error):
        leave_early(error)
    assert time.monotonic() - began < 20


def fail_with(work, begun):
    with pool_of(1) as pool:
        begun += [pool.submit(time.sleep, seconds) for seconds in work]
        raise ValueError("a mistake elsewhere")


def test_what_was_begun_is_finished_where_something_else_fails():
    begun = []
    with pytest.raises(ValueError, match="elsewhere"):
        fail_with((0.2, 0.2, 0.2, 60, 60), begun)
    assert begun[0].result() is None
    assert begun[-1].cancelled()


def test_ctrl_c_is_for_the_process_that_made_them():
    with pool_of(1) as pool:
        number = pool.submit(os.getpid).result()
        os.kill(number, signal.SIGINT)
        assert pool.submit(os.getpid).result() == number
