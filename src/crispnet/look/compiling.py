"""The parts of a look file, compiled for this CPU, or found compiled from an earlier run.

Compiling takes longer than decoding a raw. What OpenVINO makes of a part is kept (``look.kept``) under a name that
follows from all it depends on: the look's digest, the part and its shapes, the settings, the CPU, the version of
OpenVINO, and the code that cuts the graph. The graph itself is read and cut where something is missing, and not before.
"""

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crispnet.look import cutting, rewriting
from crispnet.look.contract import Depths
from crispnet.look.cutting import FAILURES, halves, parts
from crispnet.look.file import LookFile
from crispnet.look.kept import Kept
from crispnet.look.runtime import ov

Shapes = tuple[tuple[int, ...], ...]  # of the inputs of a part, in their order
Open = tuple[int | None, ...]  # the shape of an input, None for sizes that are left open

SEE, RENDER = "see", "render"
IN_DEPTHS = ("descend", "deepen", "ascend")


@dataclass(frozen=True)
class Plan:
    """What is known of a look's parts before their graphs are.

    Attributes:
        inputs: by part, its inputs by name; without ``IN_DEPTHS`` where the look has no such levels.
        depths: how the levels are parted; None where they are not.
    """

    inputs: Mapping[str, Mapping[str, Open]]
    depths: Depths | None

    @classmethod
    def read(cls, content: bytes) -> "Plan":
        """Read what ``write`` gave.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: something else did.
        """
        told = json.loads(content)
        inputs = {
            part: {name: tuple(shape) for name, shape in shapes.items()} for part, shapes in told["inputs"].items()
        }
        return cls(inputs, Depths(**told["depths"]) if told["depths"] else None)

    def write(self) -> bytes:
        """Write it as JSON."""
        return json.dumps({"inputs": self.inputs, "depths": self.depths and asdict(self.depths)}).encode()


class Compiler:
    """Compiles the parts of one look file. Threads may share it."""

    def __init__(self, core: ov.Core, file: LookFile, kept: Kept) -> None:
        """Learn what parts the file has.

        Raises:
            LookError: OpenVINO cannot read it.
        """
        self._core, self._file, self._kept = core, file, kept
        self._lock = threading.Lock()
        self._graphs: dict[str, ov.Model] = {}
        self._in_use: dict[str, memoryview] = {}  # weights may be read where they are mapped
        self._origin = [file.digest, _version(), _processor(core), ov.get_version()]
        self.plan = self._found_plan() or self._made_plan()

    def compiled(self, part: str, shapes: Shapes, settings: Mapping[str, str]) -> ov.CompiledModel:
        """Give a part compiled for some shapes."""
        name = self._name(part, shapes, dict(settings))
        content = self._kept.get(name)
        if content is not None:
            with suppress(*FAILURES):  # it is of another make after all
                shared = ov.Tensor(np.frombuffer(content, np.uint8), shared_memory=True)
                found = self._core.import_model(shared, "CPU", dict(settings))
                self._in_use[name] = content
                return found
        model = self._graph(part).clone()
        model.reshape(dict(enumerate(shapes)))
        compiled = self._core.compile_model(model, "CPU", dict(settings))
        self._kept.put(name, compiled.export_model().getbuffer())
        return compiled

    def _found_plan(self) -> Plan | None:
        content = self._kept.get(self._name("plan"))
        try:
            return Plan.read(bytes(content)) if content is not None else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def _made_plan(self) -> Plan:
        depths = self._cut()
        inputs = {
            part: {port.any_name: _open(port.partial_shape) for port in graph.inputs}
            for part, graph in self._graphs.items()
        }
        plan = Plan(inputs, depths)
        self._kept.put(self._name("plan"), plan.write())
        return plan

    def _cut(self) -> Depths | None:
        before, after = halves(self._core, self._file)
        found = parts(after, self._file)
        in_depths = zip(IN_DEPTHS, found[:3], strict=True) if found else ()
        self._graphs = {SEE: before, RENDER: after, **dict(in_depths)}
        return found.depths if found else None

    def _graph(self, part: str) -> ov.Model:
        with self._lock:
            if not self._graphs:
                self._cut()
            return self._graphs[part]

    def _name(self, *what: object) -> str:
        return hashlib.sha256(json.dumps([self._origin, *what]).encode()).hexdigest()


def _open(shape: ov.PartialShape) -> Open:
    return tuple(size.get_length() if size.is_static else None for size in shape)


def _version() -> str:
    """Digest the code that decides what is compiled."""
    paths = (__file__, cutting.__file__, rewriting.__file__)
    return hashlib.sha256(b"".join(Path(path).read_bytes() for path in paths)).hexdigest()


def _processor(core: ov.Core) -> list[Any]:
    """Say which CPU this is, and what it can do."""
    try:
        flags = re.search(r"^flags\s*:.*$", Path("/proc/cpuinfo").read_text("ascii", errors="replace"), re.MULTILINE)
    except OSError:
        flags = None
    told = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    return [*told, flags[0] if flags else ""]
