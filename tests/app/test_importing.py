import json
from pathlib import Path

import pytest

from crispnet.data.pairs import read_manifest
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import CALIBRATIONS, raw_image
from publishing import metaisp_scene, zurich_pair

pytestmark = pytest.mark.usefixtures("elsewhere")
SMALL = "steps=2 widths=4,8 blocks=1 dim=16 depth=1"


def test_a_download_is_imported_and_trains_the_paper_s_recipe(crispnet):
    for seed, split in enumerate(("train", "train", "val", "test")):
        metaisp_scene(Path("monitor"), f"s{seed}", seed, split=split, side=84)
    result = crispnet("data", "import", "metaisp", "monitor", "-o", "pairs", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["pairs"], told["train"], told["validation"], told["test"]) == (4, 2, 1, 1)
    result = crispnet("train", "crispnet", "pairs", "-o", "run", "--set", SMALL, "--threads", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    result = crispnet("evaluate", "run", "pairs", "--split", "test", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[0])


def test_a_part_of_a_set_is_imported_and_a_manifest_is_kept(crispnet):
    for number in range(5):
        zurich_pair(Path("zurich"), 60 * number)
    words = ("data", "import", "zurich", "zurich", "-o", "pairs")
    result = crispnet(*words, "--limit", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout == "pairs/manifest.jsonl\n"
    assert [pair.raw.stem for pair in read_manifest("pairs/manifest.jsonl")] == ["train-0", "train-120"]
    again = crispnet(*words)
    assert again.exit_code == 3
    assert "exists already" in again.stderr
    assert crispnet(*words, "--overwrite").exit_code == 0
    assert len(read_manifest("pairs/manifest.jsonl")) == 5


def test_colours_are_taken_from_a_raw_of_the_camera(crispnet):
    zurich_pair(Path("zurich"), 0)
    write_dng(raw_image(), Path("like.dng"))
    assert crispnet("data", "import", "zurich", "zurich", "-o", "pairs", "--like", "like.dng").exit_code == 0
    matrices = [calibration.xyz_to_camera for calibration in open_raw("pairs/raw/train-0.dng").calibrations]
    assert len(matrices) == len(CALIBRATIONS) == 2
    assert abs(matrices[1] - CALIBRATIONS[1].xyz_to_camera).max() < 1e-4


def test_another_folder_is_refused(crispnet):
    Path("empty").mkdir()
    result = crispnet("data", "import", "metaisp", "empty", "-o", "pairs")
    assert result.exit_code == 3
    assert "not of MetaISP's form" in result.stderr
    assert not Path("pairs").exists()
