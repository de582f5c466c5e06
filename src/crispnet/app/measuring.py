"""Frames, measured on a cluster: they are sent out, and a row of figures comes back of each."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crispnet.app.cluster import Cluster, Errand, Shared
from crispnet.app.evaluating import CONTROLS, WEIGHTS, find_subject
from crispnet.data.frames import Frame
from crispnet.errors import CrispnetError
from crispnet.evaluate.measure import Render, Row, measure
from crispnet.look.shelf import ENDING


@dataclass(frozen=True)
class SentSubject:
    """What is measured, as it is sent.

    Attributes:
        what: a name that means the same everywhere, or that of a file.
        file: where its content is on the cluster; None for a name.
        fitted: where a control is, which was fitted here.
    """

    what: str
    file: Shared | None = None
    fitted: Shared | None = None

    @classmethod
    def send(cls, what: str, render: Render, cluster: Cluster) -> "SentSubject":
        """Send a look, a run or a control, of which ``render`` was made here."""
        if what in CONTROLS:
            return cls(what, fitted=cluster.share(render))
        path = Path(what) / WEIGHTS if (Path(what) / WEIGHTS).is_file() else Path(what)
        named = not what.lower().endswith(ENDING) and path.name != WEIGHTS
        return cls(what) if named else cls(Path(what).resolve().name, file=cluster.share(path.read_bytes()))

    def render(self) -> Render:
        """Make it again, on a machine of the cluster."""
        if self.fitted is not None:
            return self.fitted.read()
        if self.file is None:
            return find_subject(self.what, tuple, threads=1).render
        with tempfile.TemporaryDirectory(prefix="crispnet-") as place:
            there = Path(place) / self.what
            path = there if self.what.lower().endswith(ENDING) else there / WEIGHTS
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.file.read())
            return find_subject(str(there), tuple, threads=1).render


def measure_on(
    cluster: Cluster, subject: SentSubject, frames: Sequence[Frame], *, progress: Callable[[Row], object]
) -> list[Row]:
    """Measure frames on a cluster, as ``evaluate.measure.measure`` does here.

    Raises:
        CrispnetError: a frame could not be measured.
    """
    rows: dict[int, Row] = {}
    errands = (Errand(place, (subject, _in_memory(frame))) for place, frame in enumerate(frames))
    for place, row in cluster.run(measure_sent, errands):
        if isinstance(row, CrispnetError):
            raise row
        rows[place] = row
        progress(row)
    return [rows[place] for place in sorted(rows)]


def measure_sent(subject: SentSubject, frame: Frame) -> Row | CrispnetError:
    """Measure a frame, on a machine of the cluster."""
    try:
        (row,) = measure(_rendering(subject), [frame])
    except CrispnetError as error:
        return error
    return row


_renderings: dict[SentSubject, Render] = {}


def _rendering(subject: SentSubject) -> Render:
    if subject not in _renderings:
        _renderings.clear()  # one at a time: the process outlives the run that began it
        _renderings[subject] = subject.render()
    return _renderings[subject]


def _in_memory(frame: Frame) -> Frame:
    """Take a frame out of the file that it is mapped from."""
    return replace(
        frame,
        packed=np.array(frame.packed),
        target=np.array(frame.target),
        thumbnail=np.array(frame.thumbnail),
        tags=dict(frame.tags),
        kept=None,
    )
