from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from crispnet.data.rig.marks import BASE, MOST_FRAMES
from crispnet.data.rig.plan import Step, photographs_in, planned, read_plan, write_plan
from crispnet.errors import DataError, OutputError
from rigging import write_photographs

PHOTOGRAPHS = [Path(f"/photos/{number}.jpg") for number in range(10)]


def test_every_photograph_is_shot_as_often_as_asked_with_charts_around():
    plan = planned(PHOTOGRAPHS, each=3, chart_every=7)
    kinds = [step.kind for step in plan.steps]
    assert [step.number for step in plan.steps] == list(range(len(plan.steps)))
    assert (kinds[0], kinds[-1]) == ("chart", "chart")
    assert Counter(step.photograph for step in plan.steps if step.photograph) == dict.fromkeys(map(str, PHOTOGRAPHS), 3)
    apart = "".join("c" if kind == "chart" else "p" for kind in kinds)
    assert max(map(len, apart.split("c"))) == 7
    assert "cc" not in apart


def test_exposures_and_gains_take_turns():
    plan = planned(PHOTOGRAPHS, each=6, exposures=(0.0, -1.0, 1.0), gains=(50, 400))
    shots = [step for step in plan.steps if step.photograph]
    assert set(Counter((step.ev, step.iso) for step in shots).values()) == {10}
    for path in map(str, PHOTOGRAPHS):
        assert len({(step.ev, step.iso) for step in shots if step.photograph == path}) == 6
    assert {(step.ev, step.iso) for step in plan.steps if step.kind == "chart"} == {(0.0, None)}


def test_another_seed_is_another_order_and_the_same_is_the_same():
    first, again, other = (planned(PHOTOGRAPHS, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.steps != other.steps
    assert 0 <= first.session < BASE


def test_nothing_to_show_and_too_much_are_refused():
    with pytest.raises(DataError, match="no photograph to show"):
        planned([])
    with pytest.raises(DataError, match=f"At most {MOST_FRAMES}"):
        planned(PHOTOGRAPHS, each=MOST_FRAMES // 10 + 1)


def test_a_plan_is_read_as_it_was_written_and_never_replaced(tmp_path):
    plan = planned(write_photographs(tmp_path / "photos", 2), exposures=(0.5,), licence="CC0")
    write_plan(plan, tmp_path)
    assert read_plan(tmp_path) == plan
    with pytest.raises(OutputError, match="exists already"):
        write_plan(plan, tmp_path)


def test_a_photograph_that_changed_is_noticed(tmp_path):
    photographs = write_photographs(tmp_path / "photos", 2)
    write_plan(planned(photographs), tmp_path)
    Image.new("RGB", (300, 200)).save(photographs[1])
    with pytest.raises(DataError, match=r"p1\.png is not the photograph"):
        read_plan(tmp_path)
    photographs[1].unlink()
    with pytest.raises(DataError, match=r"p1\.png cannot be read"):
        read_plan(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "another"}', '{"schema": "crispnet rig 1", "steps": [{}]}'])
def test_what_is_no_plan_is_refused(tmp_path, text):
    with pytest.raises(DataError, match="cannot be read"):
        read_plan(tmp_path)
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DataError, match="is no plan of a session"):
        read_plan(tmp_path)


def test_panoramas_are_not_shown(tmp_path):
    paths = write_photographs(tmp_path, 2)
    (tmp_path / "sky.hdr").write_bytes(b"#?RADIANCE")
    assert photographs_in([tmp_path]) == paths


def test_only_known_kinds_are_planned():
    with pytest.raises(ValueError, match="one of chart, photograph"):
        replace(Step(0, "chart"), kind="black")
