"""Work on a Ray cluster: a node that dies loses nothing, and nothing is made twice.

Starting a cluster takes a while: these tests are run by `make cluster`.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crispnet.app import ledger
from crispnet.app.cluster import Cluster, Errand
from crispnet.app.ledger import digest_of
from crispnet.errors import CrispnetError
from crispnet.raw.writer import write_dng
from making import raw_image

pytestmark = [pytest.mark.tools, pytest.mark.cluster]
COUNT = 12
STORE = 100 << 20  # bytes for objects on each node


@pytest.fixture(scope="module")
def cluster():
    """Nodes of one core each around a head that does no work, and a way to add and to kill one."""
    pytest.importorskip("ray", reason="needs Ray: pip install ray")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}  # a busy machine is slow
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    whole = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        whole.add_node(num_cpus=1, object_store_memory=STORE)
    yield whole
    whole.shutdown()


@pytest.fixture(scope="module")
def run(cluster):
    """Run a command on the cluster, as it is typed."""

    def start(*words):
        command = [sys.executable, "-c", "from crispnet.app.cli import main; main()", *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*command, "--ray", cluster.address], text=True, **pipes)

    return start


@pytest.fixture(scope="module")
def shoot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shoot")
    for number in range(COUNT):
        write_dng(raw_image(height=300, width=400 + 2 * number, seed=number), folder / f"{number:02}.dng")
    (folder / "bad.dng").write_bytes(b"II*\0" + bytes(5000))
    return folder


def pictures(folder):
    return {path.name: digest_of(path) for path in folder.iterdir() if path.name != ledger.NAME}


def test_a_folder_survives_the_loss_of_a_node_and_every_picture_is_there_once(run, cluster, shoot, tmp_path):
    here = [sys.executable, "-c", "from crispnet.app.cli import main; main()", "develop", shoot, "--look", "plain"]
    assert subprocess.run([*here, "-o", tmp_path / "here"], capture_output=True, check=False).returncode == 1
    lost = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    there = run("develop", shoot, "-o", tmp_path / "there", "--look", "plain", "--json")
    first = there.stdout.readline()
    killer = threading.Thread(target=cluster.remove_node, args=(lost,), kwargs={"allow_graceful": False})
    killer.start()
    said, complaints = there.communicate(timeout=300)
    killer.join()
    assert there.returncode == 1, complaints
    told = [json.loads(line) for line in (first + said).splitlines()]
    assert [Path(line["raw"]).name for line in told if "error" in line] == ["bad.dng"]
    assert str(shoot / "bad.dng") in complaints  # and not where it was sent to
    assert pictures(tmp_path / "there") == pictures(tmp_path / "here")
    made = [entry.picture for entry in ledger.read(tmp_path / "there") if entry.digest]
    assert sorted(made) == sorted(pictures(tmp_path / "there"))  # one line each: none was made twice
    again = run("develop", shoot, "-o", tmp_path / "there", "--look", "plain")
    _, complaints = again.communicate(timeout=300)
    assert f"{COUNT} of {COUNT + 1} had been made before" in complaints


def test_a_run_that_is_killed_is_gone_on_with(run, shoot, tmp_path):
    first = run("develop", shoot, "-o", tmp_path, "--look", "plain")
    first.stdout.readline()
    first.kill()
    first.communicate(timeout=60)
    whole = {name: (tmp_path / name).stat().st_ino for name in pictures(tmp_path) if not name.startswith(".")}
    assert whole
    _, complaints = run("develop", shoot, "-o", tmp_path, "--look", "plain").communicate(timeout=300)
    assert f"{len(whole)} of {COUNT + 1} had been made before" in complaints
    assert len(pictures(tmp_path)) == COUNT
    assert {name: (tmp_path / name).stat().st_ino for name in whole} == whole


def test_captures_are_those_that_are_taken_here(run, photographs, tmp_path):
    photographs(tmp_path / "photographs", 3)
    there = run("data", "simulate", tmp_path / "photographs", "-o", tmp_path / "there", "--captures", 1)
    _, complaints = there.communicate(timeout=300)
    assert there.returncode == 0, complaints
    here = [sys.executable, "-c", "from crispnet.app.cli import main; main()", "data", "simulate"]
    words = [tmp_path / "photographs", "-o", tmp_path / "here", "--captures", "1", "--jobs", "1"]
    subprocess.run([*here, *words], capture_output=True, check=True)
    for part in ("raw", "picture"):
        assert pictures(tmp_path / "there" / part) == pictures(tmp_path / "here" / part) != {}


@pytest.mark.parametrize("what", ["plain", "curve"])
def test_figures_are_those_that_are_measured_here(what, run, captures, crispnet, tmp_path):
    folder = captures(tmp_path)
    there = run("evaluate", what, folder, "--json")
    said, complaints = there.communicate(timeout=300)
    assert there.returncode == 0, complaints
    assert said == crispnet("evaluate", what, folder, "--json").stdout


class Broken:
    """A Ray whose one errand ended in an exception."""

    def __init__(self, error):
        self.error = error

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, function=None, *_, **__):
        return self if callable(function) or function is not None else lambda *_: self

    def wait(self, references, **_):
        return references, []

    def get(self, _):
        raise self.error


def test_what_ray_says_of_an_errand_that_came_to_nothing_is_said_in_words():
    exceptions = pytest.importorskip("ray.exceptions", reason="needs Ray: pip install ray")
    absent = RuntimeError("The remote function failed to import on the worker.")
    for error, kind, words in (
        (exceptions.WorkerCrashedError(), None, "died, 4 times"),
        (exceptions.RayTaskError("do", "failed to import", absent), CrispnetError, "has no crispnet that works"),
        (exceptions.RayTaskError("do", "it is ours", ZeroDivisionError("ours")), ZeroDivisionError, "ours"),
    ):
        done = Cluster(Broken(error)).run(len, [Errand("a", ("abc",))])
        if kind:
            with pytest.raises(kind, match=words):
                list(done)
        else:
            ((key, brought),) = done
            assert key == "a"
            assert words in str(brought)


@pytest.mark.usefixtures("cluster")
def test_a_cluster_that_is_not_there_is_said(shoot, crispnet, tmp_path):
    started = time.monotonic()
    done = crispnet("develop", shoot, "-o", tmp_path, "--look", "plain", "--ray", "127.0.0.1:1")
    assert done.exit_code == 3
    assert "no Ray cluster at 127.0.0.1:1" in done.stderr
    assert time.monotonic() - started < 60
