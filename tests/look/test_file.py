import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from crispnet.colour import XYZ_TO_SRGB
from crispnet.errors import LookError
from crispnet.look import file as file_room
from crispnet.look import wire
from crispnet.look.contract import Metadata
from crispnet.look.file import LookFile, metadata_inputs, seal
from making import raw_image
from tiny_look import CARD_OF_TINY, FACTS, SHAPES, TINY, sealed, tiny_model, value


def refused(content, *, because):
    with pytest.raises(LookError, match=because) as refusal:
        LookFile.parse(content, origin="some.onnx")
    message = str(refusal.value)
    assert message.startswith("some.onnx cannot be used as a look: ")
    assert "was needed. Download" in message


def test_a_look_file_tells_what_it_is(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(TINY)
    look = LookFile.open(path)
    assert (look.name, look.version, look.stride, look.halo, look.bytes_per_cell) == ("tiny", "3", 2, 4, 100)
    assert look.card == CARD_OF_TINY
    assert look.reads == ("white_balance",)
    assert look.content == TINY
    assert look.origin == str(path)


def test_a_look_file_is_an_onnx_model_like_any_other():
    model = onnx.load_from_string(TINY)
    onnx.checker.check_model(model)
    assert {entry.key for entry in model.metadata_props} == {"crispnet", "crispnet.sha256"}
    assert model.SerializeToString() == TINY  # whoever loads and saves it does not break the seal


def test_reading_the_card_needs_no_runtime(tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(TINY)
    program = """
        import sys
        from crispnet.look.file import LookFile
        print(LookFile.open(sys.argv[1]).name, *{"torch", "onnx", "openvino"} & sys.modules.keys())
    """.replace("\n        ", "\n")
    command = [sys.executable, "-c", program, str(tmp_path / "tiny.onnx")]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "tiny\n"


@pytest.mark.parametrize("name", ["missing.onnx", "", "a\0b", "x" * 5000])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(LookError, match=r"cannot be read: .* A look file \(.onnx\) was needed. Check"):
        LookFile.open(f"{tmp_path}/{name}")


def test_every_truncation_is_refused():
    for end in range(len(TINY)):
        refused(TINY[:end], because="no look file, or its end is missing|damaged")


def test_every_flipped_byte_is_refused():
    for place in range(len(TINY)):
        damaged = bytearray(TINY)
        damaged[place] ^= 1 + place % 255
        refused(bytes(damaged), because="no look file, or its end is missing|damaged")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_content_brings_the_reader_down_even_under_a_seal(data):
    content = bytearray(TINY[: -file_room.SEAL_BYTES])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    sealed_content = seal(bytes(content[:end]))
    try:
        look = LookFile.parse(sealed_content, origin="some.onnx")
    except LookError:
        return
    assert look.content == sealed_content


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_noise_under_a_seal_is_refused(noise):
    refused(seal(noise), because="no ONNX model|nothing in it says|operators")


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        (None, "nothing in it says that it is a look"),
        ("{", "its description is not JSON"),
        ("[" * 100_000, "its description is not JSON"),
        ("[]", "its schema is None"),
        (FACTS | {"schema": 2}, "its schema is 2, and this version of crispnet knows 1"),
        (FACTS | {"name": ""}, "no name"),
        (FACTS | {"version": 1}, "no version"),
        (FACTS | {"stride": 0}, "its stride is 0, not a number from 1 to"),
        (FACTS | {"stride": True}, "its stride is True"),
        (FACTS | {"halo": -1}, "its halo is -1, not a number from 0 to"),
        (FACTS | {"bytes_per_cell": 1e99}, "its bytes_per_cell"),
        (FACTS | {"card": []}, "it has no card"),
        (FACTS | {"card": {"summary": 1}}, "it has no card"),
        (FACTS | {"card": CARD_OF_TINY | {"licence": ""}}, "its card does not say 'licence'"),
    ],
)
def test_wrong_descriptions_are_refused(facts, because):
    refused(sealed(tiny_model(facts=facts)), because=because)


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"packed": (1, 3, None, None)}, "its input packed is"),
        ({"packed": (1, 4, 64, 64)}, "its input packed is"),
        ({"thumbnail": (1, 3, 368, 481)}, "its input thumbnail is"),
        ({"white_balance": (1, 3)}, "its input white_balance is"),
        ({"weather": (1, 3)}, "its input weather is"),
        ({"srgb": (1, 4, None, None)}, "its output srgb is"),
    ],
)
def test_wrong_shapes_are_refused(change, because):
    refused(sealed(tiny_model(shapes=SHAPES | change)), because=because)


def test_other_numbers_than_floats_are_refused():
    refused(sealed(tiny_model(kind=TensorProto.DOUBLE)), because="not of 32-bit floats")


def test_a_graph_without_a_scene_is_refused():
    refused(sealed(tiny_model(scene="mood")), because="no inner tensor called scene")


def test_weights_in_other_files_are_refused():
    model = tiny_model()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    refused(sealed(model), because="weights lie in another file")


def test_weights_in_other_files_are_refused_in_attributes_too():
    model = tiny_model()
    tensor = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["constant"], value=tensor))
    refused(sealed(model), because="weights lie in another file")


def test_graphs_within_graphs_and_foreign_operators_are_refused():
    model = tiny_model()
    inner = helper.make_graph([], "inner", [], [value("srgb", (1,))])
    model.graph.node.append(helper.make_node("If", ["first"], ["either"], then_branch=inner, else_branch=inner))
    refused(sealed(model), because="graphs within its graph")
    model = tiny_model()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    refused(sealed(model), because="operators that are not ONNX's own")


def test_too_large_a_file_is_refused(monkeypatch):
    monkeypatch.setattr(file_room, "MOST_BYTES", len(TINY) - 1)
    refused(TINY, because="larger than")


def test_too_many_parts_are_refused(monkeypatch):
    monkeypatch.setattr(wire, "MOST_FIELDS", 3)
    refused(TINY, because="more parts than any network")


def test_the_inputs_of_a_look_come_from_the_metadata():
    inputs = metadata_inputs(Metadata.of(raw_image(exif={"baseline_exposure": -0.25}), exposure=0.75))
    assert {name: values.shape for name, values in inputs.items()} == {
        "white_balance": (1, 4), "to_srgb": (1, 3, 3), "exposure": (1,),
    }  # fmt: skip
    assert all(values.dtype == np.float32 for values in inputs.values())
    assert inputs["exposure"] == pytest.approx(0.5)
    # Balanced white is white, and sRGB's.
    np.testing.assert_allclose(inputs["to_srgb"][0] @ np.ones(3), np.ones(3), atol=2e-3)
    to_xyz = raw_image().balanced_to_xyz(inputs["white_balance"][0].astype(float))
    np.testing.assert_allclose(inputs["to_srgb"][0], XYZ_TO_SRGB @ to_xyz, rtol=1e-5, atol=1e-5)
