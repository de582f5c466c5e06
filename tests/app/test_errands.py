"""What is sent to a cluster and what comes of it, without one: the errands are done here."""

import pickle
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from crispnet.app import cluster as clusters
from crispnet.app import errands
from crispnet.app.batch import plan
from crispnet.app.cluster import connected
from crispnet.app.collecting import frames_of
from crispnet.app.desk import Desk, Wish
from crispnet.app.errands import Brought, SentLook, develop_on
from crispnet.app.ledger import Ledger, digest_of
from crispnet.app.measuring import SentSubject, measure_on
from crispnet.data.pairs import read_manifest
from crispnet.errors import CrispnetError, LookError
from crispnet.evaluate.measure import as_look, measure
from crispnet.look.shelf import load_look
from crispnet.raw.writer import write_dng
from making import names, raw_image

WISH = Wish("as-shot", 0.0, False, None, None, 95, 1 << 30, False, False)
pytestmark = pytest.mark.usefixtures("elsewhere")


class Here:
    """Does errands in this process, after having carried them as a cluster does; may lose some."""

    def __init__(self, lost=()):
        self.lost, self.done = lost, []

    def run(self, work, sent):
        for errand in sent:
            task = errand.key.task
            self.done.append(task.raw.name)
            reads = pickle.loads(pickle.dumps(errand.reads))
            yield errand.key, CrispnetError("its machines died") if task.raw.name in self.lost else work(*reads)


@pytest.fixture
def shoot(tmp_path):
    folder = tmp_path / "shoot"
    folder.mkdir()
    for number in range(3):
        write_dng(raw_image(seed=number), folder / f"{number}.dng")
    (folder / "bad.dng").write_bytes(b"II*\0" + bytes(3000))
    return folder


@pytest.fixture(autouse=True, scope="module")
def _forgotten():
    yield
    errands._decoder(WISH.max_memory).close()
    errands._decoder.cache_clear()


def develop(shoot, out, cluster, *, wish=WISH):
    look = SentLook.read("plain")
    with Ledger.open(out) as ledger:
        return list(develop_on(cluster, plan([shoot], out, ".jpg"), Desk(wish, look.fingerprint, ledger), look))


@pytest.mark.parametrize("trust", [False, True])
def test_pictures_are_those_that_are_made_here(trust, shoot, tmp_path, crispnet, monkeypatch):
    if trust:
        monkeypatch.setattr(errands, "_decoder", None)
    outcomes = develop(shoot, tmp_path / "there", Here(), wish=replace(WISH, trust=trust))
    assert crispnet("develop", shoot, "-o", tmp_path / "here", "--look", "plain").exit_code == 1
    pictures = [name for name in names(tmp_path / "here") if name.endswith(".jpg")]
    assert len(pictures) == 3
    assert names(tmp_path / "there") == names(tmp_path / "here")
    assert all(digest_of(tmp_path / "there" / name) == digest_of(tmp_path / "here" / name) for name in pictures)
    (failed,) = (outcome for outcome in outcomes if outcome.error)
    assert str(failed.error).startswith(f"{shoot / 'bad.dng'} ")
    assert {outcome.facts["picture"] for outcome in outcomes if outcome.facts} == {
        str(tmp_path / "there" / name) for name in pictures
    }


def test_what_was_lost_is_made_the_next_time_and_the_rest_is_not(shoot, tmp_path):
    first = develop(shoot, tmp_path / "out", Here(lost=("1.dng",)))
    assert [outcome.task.raw.name for outcome in first if outcome.error] == ["1.dng", "bad.dng"]
    second = Here()
    outcomes = develop(shoot, tmp_path / "out", second)
    assert second.done == ["1.dng", "bad.dng"]
    assert len(outcomes) == 4
    assert sum("made_before" in (outcome.facts or {}) for outcome in outcomes) == 2


def test_a_picture_that_came_meanwhile_is_kept(shoot, tmp_path):
    class Slow(Here):
        def run(self, work, sent):
            for key, brought in super().run(work, sent):
                if isinstance(brought, Brought):
                    key.task.picture.write_text("mine")
                yield key, brought

    outcomes = develop(shoot, tmp_path / "out", Slow())
    assert sum("exists already" in str(outcome.error) for outcome in outcomes) == 3
    assert (tmp_path / "out" / "0.jpg").read_text() == "mine"


def test_a_raw_that_cannot_be_read_is_not_sent(shoot, tmp_path):
    cluster = Here()
    (shoot / "0.dng").unlink()
    tasks = plan([shoot / "0.dng", shoot / "1.dng"], tmp_path, ".jpg")
    outcomes = list(develop_on(cluster, tasks, Desk(WISH, ""), SentLook.read("plain")))
    assert cluster.done == ["1.dng"]
    assert [bool(outcome.error) for outcome in outcomes] == [True, False]


def test_figures_of_frames_on_the_disk_are_those_that_are_measured_here(captures, tmp_path):
    class Carried:
        def run(self, work, sent):
            for errand in sent:
                yield errand.key, work(*pickle.loads(pickle.dumps(errand.reads)))

    pairs = read_manifest(captures(tmp_path) / "manifest.jsonl")
    frames = frames_of(pairs, "test", places=[tmp_path / "frames"])
    assert all(frame.kept for frame in frames)
    rows, told = measure(as_look(load_look("plain")), frames), []
    assert measure_on(Carried(), SentSubject("plain"), frames, progress=told.append) == rows == told


def test_a_look_travels_as_the_content_of_its_file():
    sent = SentLook.read("phone")
    assert pickle.loads(pickle.dumps(sent)).load().digest == sent.fingerprint
    with pytest.raises(LookError):
        SentLook.read("nix")


def test_without_ray_it_is_said_what_to_install(shoot, crispnet, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = crispnet("develop", shoot, "-o", "out", "--look", "plain", "--ray", "auto")
    assert done.exit_code == 3
    assert 'pip install "crispnet[cluster]"' in done.stderr
    with pytest.raises(CrispnetError, match="not installed"), connected("auto"):
        pass


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "plain", "--output", "a.json", "--pictures"),
        ("develop", "a.dng", "--jobs", 2),
        ("data", "simulate", ".", "-o", "out", "--jobs", 2),
    ],
)
def test_what_a_cluster_does_not_do_is_wrong_usage(words, crispnet):
    assert crispnet(*words, "--ray", "auto").exit_code == 2


def test_a_machine_with_another_version_says_so():
    assert clusters.do("0.0.0", len, "abc").args[0].startswith("A machine of the cluster has crispnet")
    assert clusters.do(clusters.VERSION, len, "abc") == 3


def test_no_thread_but_the_main_one_writes_results(capsys):
    with clusters.own_output():
        print("a result")
        thread = threading.Thread(target=print, args=("noise",))
        thread.start()
        thread.join()
        assert not sys.stdout.isatty()
    assert capsys.readouterr().out == "a result\n"


def test_what_ray_says_of_lost_machines_is_no_result(capsys, monkeypatch):
    def init(*_, **__):
        thread = threading.Thread(target=print, args=("a machine was lost",))
        thread.start()
        thread.join()

    def shutdown():
        init()
        print("another was lost")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, shutdown=shutdown))
    with connected("auto"):
        print("a result")
    print("the end")
    assert capsys.readouterr().out == "a result\nthe end\n"
