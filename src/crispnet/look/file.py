"""A trained look as one file: an ONNX graph with its weights, its card, and a seal.

    inputs    packed (1, 4, h, w), thumbnail (1, 3, 368, 480); of white_balance (1, 4), to_srgb (1, 3, 3) and
              exposure (1,) those that it reads
    inner     scene (1, n): what the render half knows of the photograph; a runtime cuts the graph there
    output    srgb (1, 3, 2h, 2w)

All of them float32, in the ranges of ``look.contract``; ``to_srgb`` leads from balanced camera values to linear sRGB,
``exposure`` is the maker's baseline and the user's wish together. Nothing lies outside the file, and its weights keep
the names that training gave them.

The metadata of the ONNX model has two entries of ours:

- ``crispnet``, a JSON object: ``schema`` (1), ``name``, ``version``, ``stride``, ``halo``, ``bytes_per_cell`` and
  ``card``, an object of strings that has at least ``CARD``;
- ``crispnet.sha256``, the last bytes of the file: the SHA-256 of all bytes before it. A damaged file is found by it,
  before a parser is let loose on it. It is no signature.

Only the envelope is read here, with what Python has (``look.wire``): a list of looks needs no runtime. The numbers of
the fields are ONNX's (``onnx.proto``).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.colour import XYZ_TO_SRGB
from crispnet.errors import LookError
from crispnet.look.contract import Metadata
from crispnet.look.wire import Message, Refusal
from crispnet.raw.bayer import THUMBNAIL

SCHEMA = 1
CARD = ("summary", "learned from", "cameras", "licence")  # what every look tells of itself
PIXELS: Mapping[str, tuple[int | None, ...]] = {"packed": (1, 4, None, None), "thumbnail": (1, 3, *THUMBNAIL)}
READABLE: Mapping[str, tuple[int, ...]] = {"white_balance": (1, 4), "to_srgb": (1, 3, 3), "exposure": (1,)}
OUTPUT: Mapping[str, tuple[int | None, ...]] = {"srgb": (1, 3, None, None)}
MOST_BYTES = 256 << 20
GREATEST = {"stride": 1 << 10, "halo": 1 << 12, "bytes_per_cell": 1 << 24}
FLOAT32 = 1
NEWEST_OPERATORS = 26  # opset of ONNX whose meaning is known
SEAL_KEY = b"crispnet.sha256"
SEAL_BYTES = 2 + 2 + len(SEAL_KEY) + 2 + 64


@dataclass(frozen=True, eq=False)
class LookFile:
    """A look file whose envelope is in order.

    Attributes:
        content: the whole file, an ONNX model.
        origin: what to call it in a message: its path.
        name: what users call the look.
        version: of its numbers, not of the software.
        card: what a user should know of it, by heading.
        stride: heights and widths of ``packed`` must be multiples of it.
        halo: packed pixels at each edge of a window whose result depends on what lies beyond the window.
        bytes_per_cell: memory that rendering takes for each packed pixel in float32.
        reads: the inputs that it takes beside pixels.
    """

    content: bytes
    origin: str
    name: str
    version: str
    card: Mapping[str, str]
    stride: int
    halo: int
    bytes_per_cell: int
    reads: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Give the SHA-256 that the file is sealed with: that of all that it holds."""
        return str(self.content[-64:], "ascii")

    @classmethod
    def open(cls, path: str | Path) -> "LookFile":
        """Read a look file.

        Raises:
            LookError: it is missing, damaged, no look file, or one of a schema that we do not know.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise LookError(
                f"{path} cannot be read: {reason}. A look file (.onnx) was needed. Check its name and its permissions."
            ) from error
        return cls.parse(content, origin=str(path))

    @classmethod
    def parse(cls, content: bytes, *, origin: str) -> "LookFile":
        """Read a look file that is in memory already; ``origin`` names it in messages.

        Raises:
            LookError: as ``open``.
        """
        try:
            _check_seal(content)
            told, reads = _read_model(memoryview(content))
            return cls(content, origin, reads=reads, **_read_facts(told))
        except Refusal as refusal:
            raise unusable(origin, str(refusal)) from refusal


def unusable(origin: str, reason: str) -> LookError:
    """Make the error for a look file that cannot be used; ``reason`` goes on after "cannot be used as a look: "."""
    return LookError(
        f"{origin} cannot be used as a look: {reason}. A whole look file of schema {SCHEMA} was needed. Download or "
        "export it again; `crispnet looks` lists those at hand."
    )


def metadata_inputs(metadata: Metadata) -> dict[str, np.ndarray]:
    """Turn a photograph's metadata into what trained looks read, b first, by the names of a look file's inputs."""
    return {
        "white_balance": np.asarray(metadata.white_balance, np.float32),
        "to_srgb": (XYZ_TO_SRGB @ metadata.balanced_to_xyz).astype(np.float32),
        "exposure": np.asarray(metadata.baseline + metadata.exposure, np.float32),
    }


def seal(content: bytes) -> bytes:
    """Close a serialised ONNX model with the checksum that ``LookFile`` asks for."""
    return content + _end(content)


def _end(content: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(content).hexdigest().encode()
    return _field(14, _field(1, SEAL_KEY) + _field(2, digest))


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value  # both fit seven bits here


def _check_seal(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise Refusal(f"it is larger than {MOST_BYTES >> 20} MB")
    if SEAL_KEY not in content[-SEAL_BYTES:]:
        raise Refusal("it is no look file, or its end is missing")
    if _end(memoryview(content)[:-SEAL_BYTES]) != content[-SEAL_BYTES:]:
        raise Refusal("it is damaged, or was changed after its export")


def _read_facts(told: bytes) -> dict[str, Any]:
    """Check what the file tells of itself, and give it as fields of ``LookFile``."""
    try:
        facts = json.loads(told)
    except (ValueError, RecursionError):
        raise Refusal("its description is not JSON") from None
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        schema = facts.get("schema") if isinstance(facts, dict) else None
        raise Refusal(f"its schema is {schema!r}, and this version of crispnet knows {SCHEMA}")
    if not all(isinstance(facts.get(key), str) and 0 < len(facts[key]) <= 80 for key in ("name", "version")):
        raise Refusal("it has no name or no version")
    for key, greatest in GREATEST.items():
        least = 0 if key == "halo" else 1
        if type(facts.get(key)) is not int or not least <= facts[key] <= greatest:
            raise Refusal(f"its {key} is {facts.get(key)!r}, not a number from {least} to {greatest}")
    card = facts.get("card")
    if not isinstance(card, dict) or not all(isinstance(text, str) for text in card.values()):
        raise Refusal("it has no card")
    missing = [heading for heading in CARD if not card.get(heading)]
    if missing:
        raise Refusal(f"its card does not say {missing[0]!r}")
    return {key: facts[key] for key in ("name", "version", "card", *GREATEST)}


def _read_model(content: memoryview) -> tuple[bytes, tuple[str, ...]]:
    """Check a ModelProto; give what it tells of itself, and what it reads beside pixels."""
    model = Message(content)
    entries = {entry.text(1): entry for entry in model.messages(14)}
    if "crispnet" not in entries:
        raise Refusal("it is an ONNX model, but nothing in it says that it is a look")
    if 25 in model.values or any(opset.text(1) not in ("", "ai.onnx") for opset in model.messages(8)):
        raise Refusal("it needs operators that are not ONNX's own")
    newest = max((opset.number(2) for opset in model.messages(8)), default=0)
    if not 1 <= newest <= NEWEST_OPERATORS:  # runtimes take what they do not know for what they do
        raise Refusal(f"its operators are of version {newest}, and this version of crispnet knows {NEWEST_OPERATORS}")
    graph = model.first(7)
    _check_nodes(graph)
    _check_shapes("output", _shapes(graph, 12), wanted=OUTPUT)
    inputs = _shapes(graph, 11)
    reads = tuple(name for name in READABLE if name in inputs)
    _check_shapes("input", inputs, wanted={**PIXELS, **{name: READABLE[name] for name in reads}})
    return bytes(entries["crispnet"].text(2), "utf-8"), reads


def _check_nodes(graph: Message) -> None:
    """Refuse tensors that lie in other files, graphs within graphs, and a graph that cannot be cut at the scene."""
    tensors = list(graph.messages(5))
    outputs = []
    for node in graph.messages(1):
        outputs += node.texts(2)
        for attribute in node.messages(5):
            if attribute.values.keys() & {6, 11}:
                raise Refusal("it has graphs within its graph")
            tensors += [*attribute.messages(5), *attribute.messages(10)]
    if any(tensor.values.keys() & {13} or tensor.number(14) for tensor in tensors):
        raise Refusal("some of its weights lie in another file")
    if outputs.count("scene") != 1:
        raise Refusal("it has no inner tensor called scene")


def _shapes(graph: Message, number: int) -> dict[str, tuple[int | None, ...]]:
    """Give the shapes of the graph's inputs (field 11) or outputs (12), None for sizes that are left open."""
    shapes: dict[str, tuple[int | None, ...]] = {}
    for value in graph.messages(number):
        tensor = value.first(2).first(1)
        if tensor.number(1) != FLOAT32:
            raise Refusal(f"its {value.text(1)} is not of 32-bit floats")
        sizes = tensor.first(2).messages(1)
        shapes[value.text(1)] = tuple(size.number(1) if 1 in size.values else None for size in sizes)
    return shapes


def _check_shapes(
    kind: str, found: Mapping[str, tuple[int | None, ...]], *, wanted: Mapping[str, tuple[int | None, ...]]
) -> None:
    for name in wanted.keys() | found.keys():
        if found.get(name) != wanted.get(name):
            raise Refusal(f"its {kind} {name} is {found.get(name)}, where {wanted.get(name)} was expected")
