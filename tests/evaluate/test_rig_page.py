import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from crispnet.data.pairs import Pair
from crispnet.data.rig.camera import Taken
from crispnet.data.rig.charting import Reading
from crispnet.data.rig.looking import Seen
from crispnet.data.rig.plan import Step
from crispnet.evaluate.rig_page import FRAME, rig_page
from crispnet.raw.image import Box
from crispnet.raw.orientation import upright

SIZE, BOX = (120, 160), Box(20, 40, 60, 100)
GREY = np.linspace(0.02, 0.8, 12)[:, None] * np.ones(3)


def seen(folder, number, *, orientation=1, **changes):
    """A capture all of whose picture is grey."""
    taken = Taken(folder / f"{number}.dng", folder / f"{number}.png")
    standing = upright(np.full((*SIZE, 3), 90, np.uint8), orientation)
    Image.fromarray(np.ascontiguousarray(standing)).save(taken.picture)
    step = Step(number, "photograph", f"{number}.jpg")
    return Seen(taken, number, step=step, box=BOX, blur=0.8, size=SIZE, orientation=orientation, **changes)


def pair(folder, number):
    return Pair(
        folder / f"{number}.dng", folder / f"{number}.png", str(number), "train", {"frame": number, "misfit": 0.1}
    )


def shown(page):
    found = re.findall(r'<img alt="([^"]*)".*?src="data:image/jpeg;base64,([^"]*)"', page)
    return {words: np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for words, content in found}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_line_is_around_what_is_cut_out_however_the_camera_was_held(tmp_path, orientation):
    page = rig_page("s", [seen(tmp_path, 0, orientation=orientation)], [pair(tmp_path, 0)], never={}, notes=[])
    (picture,) = shown(page).values()
    line = (np.abs(picture.astype(int) - FRAME) < 90).all(axis=2)
    mask = np.zeros(SIZE, bool)
    mask[BOX.rows, BOX.columns] = True
    for found, expected in zip((line.any(axis=1), line.any(axis=0)), (1, 0), strict=True):
        inside = np.flatnonzero(upright(mask, orientation).any(axis=expected))
        ends = np.flatnonzero(found)
        assert abs(ends[0] - inside[0]) <= 2
        assert abs(ends[-1] - inside[-1]) <= 2


def test_what_is_left_out_is_said_and_shown_with_its_reason(tmp_path):
    bad = seen(tmp_path, 1, fault="blurred", reason="Edges are spread by <3> photosites.")
    page = rig_page("s", [seen(tmp_path, 0), bad], [pair(tmp_path, 0)], never={7: "no JPEG"}, notes=["It went on."])
    assert "Edges are spread by &lt;3&gt; photosites." in page
    assert {"frame 0: the part inside the line is the pair", "frame 1: it is not sharp"} == shown(page).keys()
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr>.*?</tr>", page)]
    assert any("Frame 7: a file did not arrive. no JPEG" in row for row in rows)
    assert "It went on." in page


def test_charts_are_compared_with_the_first(tmp_path):
    charts = [
        seen(tmp_path, number, reading=Reading(GREY * light, GREY * light, known=True, moire=0.001))
        for number, light in ((0, 1.0), (1, 0.5))
    ]
    page = rig_page("s", charts, [], never={}, notes=[])
    assert "<td>-1.000</td>" in page
    assert "<td>0.10 %</td>" in page


def test_a_capture_without_its_picture_is_only_said(tmp_path):
    gone = seen(tmp_path, 0, fault="missing", reason=".png did not arrive.")
    gone.taken.picture.unlink()
    page = rig_page("s", [gone], [], never={}, notes=[])
    assert shown(page) == {}
    assert ".png did not arrive." in page
