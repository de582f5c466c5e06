import json

import numpy as np
import pytest
from PIL import Image

from crispnet.app.picturing import draw_figures
from crispnet.errors import OutputError, RunError
from crispnet.evaluate.renditions import picture_path, write_rendition


@pytest.fixture
def results(tmp_path):
    """Results of CRISPnet alone, on one capture of set monitor."""
    folder = tmp_path / "results" / "laptop" / "monitor"
    picture = np.random.default_rng(0).random((48, 64, 3))
    for name in ("target", "crispnet"):
        write_rendition(picture, picture_path(folder, "one", name))
    rows = [{"name": "one", "scene": "one", "tags": {}, "psnr": None, "delta_e": 0.0}]
    (folder / "crispnet.json").write_text(json.dumps({"rows": rows}))
    return tmp_path / "results"


def test_the_page_shows_what_was_drawn_and_says_what_was_not(results, tmp_path, capsys):
    draw_figures(results, "laptop", tmp_path / "docs", as_json=False)
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(tmp_path / "docs" / "figures" / "figure-1.jpg")]
    assert "Figure 3: Not drawn" in said.err
    page = (tmp_path / "docs" / "figures.md").read_text()
    assert "](figures/figure-1.jpg)" in page
    assert page.count("Not drawn") == 3
    assert [line for line in page.splitlines() if line.startswith("## ")][1].startswith("## Figure 3: ")
    with Image.open(tmp_path / "docs" / "figures" / "figure-1.jpg") as picture:
        assert picture.format == "JPEG"
        assert picture.width <= 1600


def test_json_says_it_too(results, tmp_path, capsys):
    draw_figures(results, "laptop", tmp_path / "docs", as_json=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["figure"] for one in told] == [1, 3, 4, 5]
    assert [one["picture"] is not None for one in told] == [True, False, False, False]


def test_equal_results_give_equal_files(results, tmp_path):
    for name in ("a", "b"):
        draw_figures(results, "laptop", tmp_path / name, as_json=False)
    for file in ("figures.md", "figures/figure-1.jpg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_profile_without_results_is_refused(results, tmp_path):
    with pytest.raises(RunError, match=r"no results in .*paper"):
        draw_figures(results, "paper", tmp_path / "docs", as_json=False)
    assert not (tmp_path / "docs").exists()


def test_a_place_that_cannot_be_written_to_is_refused(results, tmp_path):
    (tmp_path / "docs").write_text("")
    with pytest.raises(OutputError, match="Choose another with -o"):
        draw_figures(results, "laptop", tmp_path / "docs", as_json=False)
