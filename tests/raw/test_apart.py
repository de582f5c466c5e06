"""What a process apart decodes is what is decoded here, and whatever a file does to that process costs one file."""

import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.errors import CrispnetError, NoCameraPicture, UnreadableRaw, UnsupportedRaw
from crispnet.raw.apart import Decoder, Decoders, Limits
from crispnet.raw.image import RawImage
from crispnet.raw.picture import ORIENTATION, camera_picture
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import picture_file
from crispnet.raw.writer import write_dng
from making import FRAME, one_of_each, raw_image

SAMPLES = Path(__file__).parents[2] / "samples"
ODD = """
import os, sys, time
import crispnet.raw.reader as reader

real = reader.open_raw


class Order:
    def __reduce__(self):
        return os.system, ("touch ran",)


def odd(path):
    if path.stem == "crash":
        os.abort()
    if path.stem == "hang":
        time.sleep(60)
    if path.stem == "spin":
        while True:
            pass
    if path.stem == "hungry":
        return bytes(1 << 33)
    if path.stem == "writing":
        path.with_name("written").write_bytes(bytes(1 << 20))
    if path.stem == "mistake":
        raise KeyError("colour")
    if path.stem == "order":
        return Order()
    if path.stem == "liar":
        from dataclasses import replace
        from pathlib import Path

        return replace(real(path), path=Path("/etc/passwd"))
    if path.stem == "number":
        return 5
    if path.stem == "chatty":
        print("what a library says", flush=True)
        os.write(1, b"and more")
    return real(path)


reader.open_raw = odd

import crispnet.raw.picture as picture
import crispnet.raw.sidecar as sidecar

picture.camera_picture = sidecar.picture_file = odd
"""


@pytest.fixture(scope="module")
def decoder():
    with Decoder(Limits()) as one:
        yield one


@pytest.fixture(scope="module")
def odd_decoder(tmp_path_factory):
    """A decoder that does what the name of a file says."""
    place = tmp_path_factory.mktemp("odd")
    (place / "sitecustomize.py").write_text(ODD, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        with Decoder(Limits(memory=1 << 30, seconds=1.5)) as one:
            yield one


@pytest.fixture
def odd(odd_decoder, tmp_path, monkeypatch):
    """A way to make a file of a name, and to have it decoded so."""
    monkeypatch.chdir(tmp_path)

    def opened(name, verb="open"):
        return getattr(odd_decoder, verb)(write_dng(raw_image(), tmp_path / f"{name}.dng", overwrite=True))

    return opened


def same(one, other):
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dict__") and not isinstance(one, Path):
        return (
            type(one) is type(other)
            and vars(one).keys() == vars(other).keys()
            and all(same(value, vars(other)[name]) for name, value in vars(one).items())
        )
    return one == other


@pytest.mark.parametrize("name", ["box.crw", "mural.dng"])
def test_a_raw_is_what_it_is_when_decoded_here(name, decoder):
    assert same(decoder.open(SAMPLES / name), open_raw(SAMPLES / name))


def test_a_picture_is_what_it_is_when_decoded_here(decoder, tmp_path):
    box = SAMPLES / "box.crw"
    assert same(decoder.camera_picture(box), camera_picture(box))
    beside = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (9, 6), "red").save(beside, exif=exif)
    assert same(decoder.picture_file(beside), picture_file(beside))
    assert decoder.opening.picture_file(beside).pixels.shape == (9, 6, 3)


def test_every_field_and_every_correction_survives(decoder, tmp_path):
    raw = raw_image(height=FRAME[0], width=FRAME[1], orientation=6, opcodes=one_of_each(), exif={"make": "Zoë"})
    path = write_dng(raw, tmp_path / "é.dng")
    assert open_raw(path).opcodes
    assert same(decoder.open(path), open_raw(path))


def test_a_raw_image_is_pickled_whole_and_checked_again():
    raw = raw_image(black_rows=np.arange(48.0), noise_profile=np.ones((4, 2)), notes=("a note",), path=Path("a.dng"))
    again = pickle.loads(pickle.dumps(raw))
    assert same(again, raw)
    assert type(again.exif) is type(raw.exif)
    function, (fields,) = raw.__reduce__()
    with pytest.raises(ValueError, match="expected one of RGGB"):
        function(fields | {"cfa": "XXXX"})


def test_it_refuses_what_is_refused_here_in_the_same_words(decoder, tmp_path):
    bad = tmp_path / "bad.dng"
    bad.write_bytes(b"\xff\xd8\xff" + bytes(100))
    layers = tmp_path / "a.x3f"
    layers.write_bytes(b"FOVb" + bytes(100))
    for path, kind in ((bad, UnreadableRaw), (layers, UnsupportedRaw), (tmp_path / "missing.dng", UnreadableRaw)):
        with pytest.raises(kind) as here:
            open_raw(path)
        with pytest.raises(kind) as apart:
            decoder.open(path)
        assert str(apart.value) == str(here.value)
    for read, also in ((camera_picture, decoder.camera_picture), (picture_file, decoder.picture_file)):
        with pytest.raises(CrispnetError) as here:
            read(layers)
        with pytest.raises(type(here.value)) as apart:
            also(layers)
        assert str(apart.value) == str(here.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("crash", "SIGABRT"),
        ("hang", "longer than 1.5 s"),
        ("spin", "longer than 1.5 s"),
        ("hungry", "MemoryError"),
        ("writing", "File too large"),
        ("mistake", "KeyError: 'colour'"),
        ("order", "no image"),
        ("number", "no image"),
    ],
)
def test_a_file_that_ends_or_misuses_the_process_is_refused_and_the_next_is_read(name, words, odd, tmp_path):
    with pytest.raises(UnreadableRaw, match=words) as refusal:
        odd(name)
    assert f"{name}.dng" in str(refusal.value)
    assert isinstance(odd("whole"), RawImage)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").stat().st_size


@pytest.mark.parametrize("name", ["crash", "mistake", "order", "whole"])  # a whole raw is no picture either
def test_a_picture_that_ends_or_misuses_the_process_is_none_and_the_next_file_is_read(name, odd):
    for verb in ("camera_picture", "picture_file"):
        with pytest.raises(NoCameraPicture, match="cannot be decoded") as refusal:
            odd(name, verb)
        assert f"{name}.dng" in str(refusal.value)
    assert isinstance(odd("whole"), RawImage)


def test_a_raw_is_the_file_that_was_asked_for_whatever_the_answer_says(odd, tmp_path):
    assert odd("liar").path == tmp_path / "liar.dng"


def test_what_a_library_prints_is_no_answer(odd):
    assert isinstance(odd("chatty"), RawImage)


def test_a_python_file_beside_a_raw_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("open('ran', 'w')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with Decoder(Limits()) as decoder:
        assert isinstance(decoder.open(write_dng(raw_image(), Path("a.dng"))), RawImage)
    assert not Path("ran").exists()


@pytest.mark.parametrize("verb", ["open", "picture_file"])
def test_closing_ends_the_process_whatever_it_does_and_no_photograph_goes_on_without_it(verb, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(ODD, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write_dng(raw_image(), tmp_path / "hang.dng")
    decoders, refused = Decoders(1, Limits()), []

    def wait():
        try:
            getattr(decoders, verb)(path)
        except UnreadableRaw as error:
            refused.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)
    decoders.close()
    waiting.join(10)
    assert len(refused) == 1


def test_the_process_ends_with_the_one_that_started_it():
    program = "from crispnet.raw.apart import *; import os; d = Decoder(Limits()); print(d.process); os._exit(0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 10
    while Path(f"/proc/{int(done.stdout)}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
