"""A folder is worked at by one process, however that ends, and what a killed one left there is cleared away."""

import errno
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from crispnet.alone import LOCK, alone_in
from crispnet.errors import OutputError
from making import names

HOLDER = """
    import sys, time
    from pathlib import Path
    from crispnet.alone import alone_in

    with alone_in(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


def test_another_process_is_refused_until_the_first_has_ended_even_by_a_kill(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=r"Another process is working at .* was needed\. Wait for it"):
            alone_in(tmp_path).__enter__()
        holder.kill()
    for _ in range(2):
        with alone_in(tmp_path):
            pass


def test_what_was_left_half_is_cleared_where_that_is_said_and_nowhere_else(tmp_path):
    (tmp_path / "raw").mkdir()
    for place in (tmp_path, tmp_path / "raw"):
        for name in (".crispnet-1234.part", ".mine", "a.dng"):
            (place / name).write_text("half")
    with alone_in(tmp_path, clearing=[tmp_path / "raw", tmp_path / "missing"]):
        assert sorted(names(tmp_path)) == sorted([".crispnet-1234.part", LOCK, ".mine", "a.dng", "raw"])
        assert sorted(names(tmp_path / "raw")) == [".mine", "a.dng"]
        (tmp_path / "raw" / ".crispnet-5678.part").write_text("half")  # of a process that was ended meanwhile
    assert sorted(names(tmp_path / "raw")) == [".mine", "a.dng"]


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where not even root may write")
def test_a_folder_that_may_not_be_written_to_is_refused():
    with pytest.raises(OutputError, match=r"/sys/kernel cannot be written to: .* needed\. Check it"):
        alone_in(Path("/sys/kernel")).__enter__()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be written to"):
        alone_in(tmp_path).__enter__()
    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_knows_no_locks_is_worked_at_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with alone_in(tmp_path), alone_in(tmp_path):
        pass
