"""`crispnet study`, on sets and networks small enough to test."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crispnet.app import studying
from crispnet.data.captures import freeze
from crispnet.data.patches import Stage
from crispnet.data.setfile import write_set
from crispnet.data.sources import find_sources
from crispnet.train.study import PROFILES

pytestmark = pytest.mark.usefixtures("elsewhere")
STAGES = ((Stage("frames", (16, 24), scenes=2), 1.0),)
TINY = {"widths": (4, 8), "blocks": 1}


@pytest.fixture
def small_study(elsewhere, photographs, monkeypatch):
    """A set of six photographs under both names, and networks of two levels."""
    sources = find_sources(photographs(elsewhere / "photos", 6))
    frozen = freeze(sources, "little", cameras=("Apple iPhone 11",), per_photograph=1, shares=(0.34, 0.33, 0.33))
    write_set(frozen, Path("little.json"))
    monkeypatch.setattr(studying, "SETS", dict.fromkeys(("monitor", "real", "scratch"), "little.json"))
    profile = replace(
        PROFILES["laptop"],
        options={"unet-residual": TINY},
        steps=2,
        fine_tuning=1,
        stages=STAGES,
        refining=STAGES,
    )
    monkeypatch.setattr(studying, "PROFILES", {"laptop": profile})


@pytest.mark.usefixtures("small_study")
def test_runs_are_made_and_measured_in_order_and_only_once(crispnet):
    words = ("study", "photos", "--only", "real/unet-residual", "--only", "monitor/curve")
    result = crispnet(*words)
    assert result.exit_code == 0, result.output
    made = ["monitor/curve", "monitor/unet-residual", "real/unet-residual"]  # the last starts from the one before it
    assert sorted(path.relative_to("results/laptop").as_posix() for path in Path("results").rglob("*.json")) == [
        f"{key}.json" for key in made
    ]
    figures = json.loads(Path("results/laptop/real/unet-residual.json").read_text())
    assert figures["facts"]["split"] == "test"
    recipe = json.loads(Path("study/laptop/real/unet-residual/recipe.json").read_text())
    assert (recipe["steps"], recipe["start_from"]) == (1, "study/laptop/monitor/unet-residual")

    before = Path("results/laptop/monitor/curve.json").stat().st_mtime_ns
    result = crispnet(*words)
    assert result.exit_code == 0, result.output
    assert "3 of 3 results are there" in result.stderr
    assert Path("results/laptop/monitor/curve.json").stat().st_mtime_ns == before


def test_an_unknown_run_is_refused(crispnet):
    result = crispnet("study", "photos", "--only", "monitor/pix2pix")
    assert result.exit_code == 3
    assert "no 'monitor/pix2pix' in the study" in result.stderr
