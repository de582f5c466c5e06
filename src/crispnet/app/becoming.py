"""Which of several renditions becomes a look of one's own: the network that learned, or a control that does better."""

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crispnet.colour import decode_srgb
from crispnet.data.frames import Frame
from crispnet.evaluate.controls import LUT_SIZE, Control, Curve, Lut, MatrixCurve
from crispnet.evaluate.judging import Verdict
from crispnet.evaluate.measure import Render, as_look
from crispnet.look.contract import Look
from crispnet.look.torch import TorchLook
from crispnet.look.trilinear import identity
from crispnet.model import checkpoint
from crispnet.model.contract import ISP
from crispnet.model.table import Table
from crispnet.train.export import export
from crispnet.train.reopening import NETWORK
from crispnet.version import VERSION

WEIGHTS = "best.safetensors"
BEFORE, AFTER = "before", "after"
TOP = 2.5  # balanced camera values of the last nodes of a curve's table: beyond what white balance makes of white
CONTROLS: Mapping[str, Callable[[Sequence[Frame]], Control]] = {
    "curve": Curve.fit,
    "3 × 3 + curve": MatrixCurve.fit,
    "3-D table": Lut.fit,
}
LICENCE = "yours; made from your own pictures"


class Choice(NamedTuple):
    """The name of the best control, and of what becomes the look."""

    control: str
    chosen: str


@dataclass(frozen=True, eq=False)
class Contenders:
    """What may become the look, and what it is compared with.

    Attributes:
        renders: by name: the look to begin with, controls from the simplest on, the network that learned.
        controls: by name.
        network: that learned.
        options: of it.
    """

    renders: Mapping[str, Render]
    controls: Mapping[str, Control]
    network: ISP
    options: Mapping[str, object]

    @classmethod
    def of(cls, before: Look, run: Path, frames: Sequence[Frame]) -> "Contenders":
        """Take the best weights of a run, and fit the controls to the same frames.

        Raises:
            RunError: the run has no weights that can be used.
        """
        network, facts = checkpoint.load(run / WEIGHTS)
        controls = {name: fit(frames) for name, fit in CONTROLS.items()}
        renders = {BEFORE: as_look(before), **controls, AFTER: as_look(TorchLook(network, name=AFTER))}
        return cls(renders, controls, network, facts["options"])

    def after_all(self, chosen: str, run: Path, frames: Sequence[Frame]) -> "Contenders":
        """Let what was chosen be what has learned from all frames: the weights of a later run, or a control.

        Raises:
            RunError: the run has no weights that can be used.
        """
        if chosen == AFTER:
            return replace(self, network=checkpoint.load(run / WEIGHTS)[0])
        return replace(self, controls={chosen: CONTROLS[chosen](frames)})

    def choose(self, verdict: Verdict) -> Choice:
        """Name the best control, and what becomes the look: that, or the network where it is better."""
        control = verdict.best(list(self.controls))
        return Choice(control, verdict.best([control, AFTER]))


def become(path: Path, contenders: Contenders, chosen: str, *, facts: Mapping[str, str], overwrite: bool) -> None:
    """Write what was chosen as a look file.

    Args:
        path: of the look; its name becomes the look's.
        contenders: one of which was chosen.
        chosen: its name.
        facts: for its card.
        overwrite: whether another look of that name may be replaced.

    Raises:
        OutputError: it cannot be written there.
    """
    table = None if chosen == AFTER else as_table(contenders.controls[chosen])
    isp: ISP = contenders.network if table is None else table
    own = {"model": "canonical", "options": dict(contenders.options)}
    card = {
        "summary": f"A look of one's own: {'a network' if table is None else f'a {chosen}'} fitted to pictures.",
        "learned from": facts["learned from"],
        "cameras": facts["cameras"],
        "licence": LICENCE,
        **({NETWORK: json.dumps(own)} if table is None else {}),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "software": f"crispnet {VERSION}",
    }
    export(isp, path, name=path.stem, version=version_of(isp), card={**facts, **card}, overwrite=overwrite)


def version_of(isp: ISP) -> str:
    """Tell a network from others of its name, by its weights."""
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in isp.state_dict().values())).hexdigest()[:8]


def as_table(control: Control) -> Table:
    """Write a control down as a table: exact for a table, and close to it for curves."""
    if isinstance(control, Lut):
        return Table(control.nodes, control.top)
    top = np.full(3, TOP)
    camera = decode_srgb(identity(LUT_SIZE)) * top
    return Table(control.colours(camera.astype(np.float32)), top)
