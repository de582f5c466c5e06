"""Virtual captures, taken on a cluster: photographs are sent out, raws and pictures are brought back.

The folder and its journal belong to the program that asked: a capture that a machine died over is taken by another, and
its files are written once.
"""

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from crispnet.app.cluster import Cluster, Errand
from crispnet.data.captures import Capture
from crispnet.data.simulate import Made, Makers, files_of, make
from crispnet.data.sources import Source
from crispnet.errors import CrispnetError
from crispnet.files import make_folder, whole_file


@dataclass(frozen=True)
class Brought:
    """What comes back: a line of the journal, and the content of both files."""

    made: Made
    raw: bytes
    picture: bytes


def makers_on(cluster: Cluster) -> Makers:
    """Give what makes captures on a cluster, for ``data.simulate.simulate``."""
    return partial(_make_on, cluster)


def _make_on(cluster: Cluster, captures: Sequence[Capture], folder: Path) -> Generator[Made, None, None]:
    errands = (Errand(capture, (capture, capture.source.path.read_bytes())) for capture in captures)
    for capture, brought in cluster.run(make_sent, errands):
        if isinstance(brought, CrispnetError):
            raise brought
        for path, content in zip(files_of(capture.name, folder), (brought.raw, brought.picture), strict=True):
            with whole_file(path, overwrite=True) as hidden:
                hidden.write_bytes(content)
        yield brought.made


def make_sent(capture: Capture, source: bytes) -> Brought | CrispnetError:
    """Make a capture, on a machine of the cluster."""
    with tempfile.TemporaryDirectory(prefix="crispnet-") as place:
        folder = Path(place)
        path = folder / capture.source.path.name
        path.write_bytes(source)
        raw, picture = files_of(capture.name, folder)
        try:
            for each in (raw, picture):
                make_folder(each.parent, purpose="a capture")
            made = make(replace(capture, source=Source(path)), folder)
        except CrispnetError as error:
            return type(error)(str(error).replace(str(folder), str(capture.source.path.parent)))
        return Brought(made, raw.read_bytes(), picture.read_bytes())
