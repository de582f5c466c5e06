"""What is loaded is data: nothing is unpickled, executed or looked for elsewhere, whatever a file says."""

import ast
import json
import os
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from crispnet.data.frames import open_frames
from crispnet.data.pairs import read_manifest
from crispnet.errors import CrispnetError, LookError, RunError
from crispnet.look.cube import read_cube
from crispnet.look.file import LookFile
from crispnet.look.openvino import OpenVinoLook
from crispnet.model import checkpoint
from crispnet.raw.reader import open_raw
from crispnet.train.perceptual import read_features
from crispnet.train.recipes import read_recipe
from crispnet.train.state import first_state, restore_state
from runs import tiny
from tiny_look import TINY, sealed, tiny_model

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = [path for room in ("src", "benchmarks", "docs", "samples") for path in sorted((ROOT / room).rglob("*.py"))]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
CALLS = {"torch.load", "np.load", "numpy.load", "os.system", "os.popen", "eval", "exec", "compile", "__import__"}
# A process of our own is spoken to in pickles, whose reader makes nothing but the parts of a raw image.
UNPICKLED_FOR_A_REASON = {"raw/answers.py", "raw/confined.py"}


# No code of ours could do it


def dangers(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from [node.module or ""] if (node.module or "").split(".")[0] in MODULES else []
        elif isinstance(node, ast.Call):
            yield from [ast.unparse(node.func)] if ast.unparse(node.func) in CALLS else []
            for keyword in node.keywords:
                harmless = isinstance(keyword.value, ast.Constant) and not keyword.value.value
                if keyword.arg in ("shell", "allow_pickle") and not harmless:
                    yield f"{keyword.arg}={ast.unparse(keyword.value)}"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_unpickles_executes_or_starts_a_shell(path):
    if "/".join(path.parts[-2:]) not in UNPICKLED_FOR_A_REASON:
        assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import yaml.loader", "torch.load(path)", "np.load(path)",
        "eval(text)", "exec(text)", "f(x, shell=True)", "f(x, shell=wish)", "np.loads(x, allow_pickle=True)",
        "os.system(words)",
    ],
)  # fmt: skip
def test_what_is_forbidden_is_found(source):
    assert len(list(dangers(source))) == 1


def test_what_is_harmless_is_not():
    assert list(dangers("isp.eval(); np.loadtxt(path); f(x, shell=False); open_raw(path)")) == []
    assert len(PROGRAMS) > 150


# No file could make it


class Evil:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def the_state(path: Path) -> None:
    restore_state(first_state(tiny(), device=torch.device("cpu")), path)


LOADERS = {
    "a look": ("a.onnx", LookFile.open),
    "a table": ("a.cube", read_cube),
    "a checkpoint": ("best.safetensors", checkpoint.load),
    "a state": ("last.safetensors", the_state),
    "weights": ("vgg.pth", lambda path: read_features(path, network="vgg16")),
    "weights by another name": ("vgg.safetensors", lambda path: read_features(path, network="vgg16")),
    "a recipe": ("recipe.json", read_recipe),
    "a manifest": ("manifest.jsonl", read_manifest),
    "frames": ("train/frames.json", lambda path: open_frames(path.parent.parent, "train")),
    "a raw": ("a.dng", open_raw),
}


def pickles(mark: Path) -> dict[str, bytes]:
    zipped = Path(mark.parent / "zipped")
    torch.save({"features.0.weight": Evil(mark)}, zipped)
    return {
        **{f"protocol {number}": pickle.dumps(Evil(mark), number) for number in range(6)},
        "torch": zipped.read_bytes(),
    }


@pytest.mark.parametrize(("name", "load"), LOADERS.values(), ids=LOADERS)
def test_a_pickle_is_refused_and_not_run(name, load, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for content in pickles(mark).values():
        path.write_bytes(content)
        with pytest.raises(CrispnetError):
            load(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists(), "the pickle should have been one that does harm"


def safetensors(header: object, *, size: int | None = None, content: bytes = bytes(64)) -> bytes:
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(said) if size is None else size) + said + content


def tensor(**changes: object) -> dict[str, object]:
    return {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | changes}


HOSTILE = {
    "an endless header": safetensors(b"{}", size=2**63),
    "a header beyond the end": safetensors(b"{}", size=10**6),
    "no JSON": safetensors(b"\xff" * 16),
    "deep JSON": safetensors(b'{"a":' + b"[" * 20_000),
    "bytes beyond the end": safetensors(tensor(data_offsets=[0, 10**12])),
    "bytes before the beginning": safetensors(tensor(data_offsets=[-16, 0])),
    "bytes backwards": safetensors(tensor(data_offsets=[16, 0])),
    "an endless shape": safetensors(tensor(shape=[2**62, 2**62])),
    "a negative shape": safetensors(tensor(shape=[-4])),
    "an unknown type": safetensors(tensor(dtype="OBJECT")),
    "two tensors in one place": safetensors(tensor() | {"b": tensor()["a"]}),
    "a gap": safetensors(tensor(data_offsets=[8, 24])),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("load", [checkpoint.load, the_state], ids=["checkpoint", "state"])
def test_a_hostile_file_of_tensors_is_refused(load, content, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError):
        load(path)


@pytest.mark.parametrize(
    "place", ["weights.bin", "../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "..\\..\\a", "a\0b", ""]
)
def test_weights_in_other_files_are_refused_wherever_they_are(place):
    model = tiny_model()
    weight = model.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=place)
    with pytest.raises(LookError, match="some of its weights lie in another file"):
        LookFile.parse(sealed(model), origin="a.onnx")


def test_weights_in_other_files_are_found_within_nodes_too():
    model = tiny_model()
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    value.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["constant"], value=value))
    with pytest.raises(LookError, match="some of its weights lie in another file"):
        LookFile.parse(sealed(model), origin="a.onnx")


@pytest.mark.parametrize("opset", [9999, 0])
def test_a_look_of_operators_yet_to_come_is_refused_in_words(opset, tmp_path):
    model = tiny_model()
    model.opset_import[0].version = opset
    path = tmp_path / "a.onnx"
    path.write_bytes(sealed(model))
    with pytest.raises(LookError, match="cannot be used as a look"):
        OpenVinoLook(path, precision="f32").render(np.zeros((1, 4, 8, 8), np.float32), np.zeros((1, 4), np.float32))


def test_a_look_larger_than_any_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("crispnet.look.file.MOST_BYTES", len(TINY) - 1)
    path = tmp_path / "a.onnx"
    path.write_bytes(TINY + bytes(10**6))
    with pytest.raises(LookError, match="it is larger than"):
        LookFile.open(path)
