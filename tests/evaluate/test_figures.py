import json
import re
import subprocess
import sys

import numpy as np
import pytest

from crispnet.evaluate.drawing import MARGIN, WIDTH, colour_map
from crispnet.evaluate.figures import NAMES, PLANS, figures
from crispnet.evaluate.renditions import picture_path, write_rendition

TAGS = (
    {"light": "daylight", "kelvin": 6500, "iso": 50.0, "ev": 0.0, "level": "full"},
    {"light": "black body", "kelvin": 2700, "iso": 400.0, "ev": 0.0, "level": "half"},
    {"light": "FL1", "kelvin": 6504, "iso": 1600.0, "ev": -1.0, "level": "low"},
)


@pytest.fixture
def study(tmp_path):
    """Make the results of some methods on some sets: of each method the camera's own pictures, ``shift`` brighter."""

    def make(sets=("monitor", "real"), methods=tuple(NAMES), *, shift=0.1):
        for folder in (tmp_path / name for name in sets):
            rows = []
            for number, tags in enumerate(TAGS):
                name = f"capture-{number}"
                target = np.random.default_rng(number).uniform(0.2, 0.7, (9, 12, 3)).repeat(8, 0).repeat(8, 1)
                write_rendition(target, picture_path(folder, name, "target"))
                for method in methods:
                    write_rendition(target + shift, picture_path(folder, name, method))
                rows.append({"name": name, "scene": name, "tags": tags, "psnr": 20.0, "delta_e": 10.0 + number})
            for method in methods:
                (folder / f"{method}.json").write_text(json.dumps({"rows": rows}))
        return tmp_path

    return make


def drawn(folder):
    return {figure.number: figure for figure in figures(folder)}


def test_all_figures_of_the_paper_are_drawn(study):
    found = drawn(study())
    assert list(found) == [1, 3, 4, 5]
    for figure in found.values():
        assert figure.picture is not None
        assert WIDTH - 10 <= figure.picture.width <= WIDTH
        assert figure.caption.startswith(next(plan.shows for plan in PLANS if plan.number == figure.number))
        assert "left out" not in figure.caption


def test_captions_say_the_rule_and_what_it_chose(study):
    found = drawn(study())
    for plan in PLANS:
        assert plan.rule in found[plan.number].caption
        assert plan.sets[0] in found[plan.number].caption
    assert "`capture-1`" in found[1].caption  # the median
    assert re.findall(r"capture-\d", found[3].caption) == ["capture-0", "capture-1", "capture-2"]
    assert re.findall(r"capture-\d", found[4].caption) == ["capture-1", "capture-0"]  # warm, cool
    assert re.findall(r"capture-\d", found[5].caption) == ["capture-2"]


def test_missing_methods_are_left_out_and_named(study):
    found = drawn(study(methods=("crispnet", "unet-residual")))
    for number, missing in ((1, "AWNet"), (3, "AWNet"), (4, "AWNet, PyNET-CA"), (5, "AWNet")):
        assert found[number].picture is not None
        assert found[number].caption.endswith(f"left out: {missing}.")


@pytest.mark.parametrize("methods", [(), ("awnet",)])
def test_there_is_no_figure_without_crispnet(study, methods):
    for figure in drawn(study(methods=methods)).values():
        assert figure.picture is None
        assert "no result of CRISPnet" in figure.caption


def test_there_is_no_figure_without_the_cameras_own_picture(study):
    folder = study()
    for path in folder.rglob("target.jpg"):
        path.unlink()
    for figure in drawn(folder).values():
        assert figure.picture is None
        assert "no picture" in figure.caption


def test_another_set_stands_in_where_the_paper_has_no_preference(study):
    found = drawn(study(sets=("real",)))
    assert "Set real" in found[1].caption
    assert found[4].picture is not None


def test_fine_tuned_frames_come_from_the_real_set_only(study):
    found = drawn(study(sets=("monitor",)))
    assert found[3].picture is None
    assert "on real yet" in found[3].caption


def test_equal_pictures_give_an_empty_map(study):
    picture = np.asarray(next(figures(study(shift=0.0))).picture)
    middle = picture.shape[1] // 4
    column = picture[:, middle]
    assert (column == colour_map()[0]).all(axis=-1).sum() > 400  # the map, and nothing but its first colour


def test_figures_are_the_same_when_drawn_again(study):
    folder = study()
    first, second = (next(figures(folder)).picture for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_portrait_stays_within_the_width(study):
    folder = study(methods=("crispnet",))
    for path in folder.rglob("*.jpg"):
        write_rendition(np.random.default_rng(0).random((96, 72, 3)), path)
    for figure in drawn(folder).values():
        assert 2 * MARGIN < figure.picture.width <= WIDTH


def test_drawing_needs_no_torch():
    program = "import sys, crispnet.app.picturing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
