"""Commands that make data: stopped, on a full disk, beside another process, they leave nothing half and go on."""

import signal
from pathlib import Path

import pytest
from PIL import Image

from crispnet.alone import LOCK, alone_in
from crispnet.app.ledger import digest_of
from crispnet.data.camera import photograph
from crispnet.data.pairs import Pair, read_manifest, write_manifest
from crispnet.data.phone.isp import render
from crispnet.raw.writer import write_dng
from mishaps import full_disk, signalled
from publishing import zurich_pair
from scenery import PLAIN, market

pytestmark = pytest.mark.usefixtures("elsewhere")
SIZE = (240, 320)
COMMANDS = {
    "simulate": ("simulate", "photographs", "--captures", 1, "--jobs", 1),
    "scan": ("scan", "pairs/0.dng"),
    "align": ("align", "pairs"),
    "import": ("import", "zurich", "zurich"),
}
STOPPED = (
    "crispnet: stopped. What was finished is whole, and is kept. Give the same command again to go on, or to begin "
    "anew.\n"
)


@pytest.fixture(scope="module")
def material(tmp_path_factory, photographs):
    """What the commands work on: photographs, pairs, and a published set."""
    place = tmp_path_factory.mktemp("material")
    photographs(place / "photographs", 3)
    (place / "pairs").mkdir()
    pairs = []
    for number in range(2):
        raw = photograph(market(SIZE, seed=number), PLAIN)
        paths = write_dng(raw, place / "pairs" / f"{number}.dng"), place / "pairs" / f"{number}.jpg"
        Image.fromarray(render(raw).pixels).save(paths[1], quality=95)
        pairs.append(Pair(*paths, f"scene {number}", "train" if number else "test"))
        zurich_pair(place / "zurich", number)
    write_manifest(pairs, place / "pairs" / "manifest.jsonl")
    return place


@pytest.fixture
def run(material, crispnet, monkeypatch):
    """Run a command on the material, into a folder."""
    monkeypatch.chdir(material)
    return lambda name, out: crispnet("data", *COMMANDS[name], "-o", out)


def made(folder):
    """Digests of all files of a folder, but for its lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != LOCK)
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in files}


@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_happens_nothing_is_half_and_the_same_command_ends_as_if_nothing_had(name, run, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    first = run(name, whole)
    assert first.exit_code == 0, first.output
    wanted = made(whole)
    with full_disk():
        full = run(name, out)
    assert full.exit_code == 3, full.output
    assert "cannot be written: " in full.stderr
    for number, at in ((signal.SIGTERM, 1), (signal.SIGINT, 4)):
        with signalled(number, at=at):
            stopped = run(name, out)
        assert stopped.exit_code == 1
        assert stopped.stderr.endswith(STOPPED)
        left = made(out)
        assert "manifest.jsonl" not in left
        assert not any(Path(path).name.startswith(".") for path in left)
    (out / "picture" / ".crispnet-0123456789abcdef.part").write_bytes(b"half")  # of one that was killed
    with alone_in(out):
        second = run(name, out)
    assert (second.exit_code, second.stderr) == (
        3,
        f"crispnet: Another process is working at {out}. A folder of its own was needed. Wait for it, end it, or "
        "choose another folder.\n",
    )
    assert run(name, out).exit_code == 0
    assert made(out) == wanted


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where not even root may write")
@pytest.mark.parametrize("name", [*COMMANDS])
def test_a_folder_that_may_not_be_written_to_is_one_clear_sentence(name, run):
    done = run(name, "/sys/kernel")
    assert done.exit_code == 3
    assert "/sys/kernel" in done.stderr
    assert " was needed. " in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_manifest_is_split_anew_or_stays_as_it_was(crispnet, material, tmp_path):
    manifest = write_manifest(read_manifest(material / "pairs" / "manifest.jsonl"), tmp_path / "manifest.jsonl")
    before = manifest.read_bytes()
    with full_disk(most=10):
        full = crispnet("data", "split", manifest, "--minutes", 0)
    assert (full.exit_code, "cannot be written: " in full.stderr) == (3, True)
    with signalled(signal.SIGTERM, at=1):
        stopped = crispnet("data", "split", manifest, "--minutes", 0)
    assert (stopped.exit_code, stopped.stderr.endswith(STOPPED)) == (1, True)
    assert made(tmp_path) == {manifest.name: digest_of(manifest)}
    assert manifest.read_bytes() == before
    assert crispnet("data", "split", manifest, "--minutes", 0).exit_code == 0
    assert manifest.read_bytes() != before
