import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.app.contact import CELL, ContactSheet, shortened
from crispnet.data.camera import photograph
from crispnet.data.pairs import read_manifest
from crispnet.data.phone.isp import render
from crispnet.errors import OutputError
from crispnet.evaluate.drawing import length
from crispnet.raw.writer import write_dng
from scenery import PLAIN, market

pytestmark = pytest.mark.usefixtures("elsewhere")
SIZE = (240, 320)


@cache
def shot(seed):
    raw = photograph(market(SIZE, seed=seed), PLAIN)
    return raw, render(raw).pixels


def shots(folder, *hours):
    """Raws with their pictures, taken at such hours."""
    Path(folder).mkdir(exist_ok=True)
    for number, hour in enumerate(hours):
        raw, picture = shot(number)
        exif = {**raw.exif, "datetime": f"2024:05:06 {hour:02}:00:00"}
        write_dng(replace(raw, exif=exif), Path(folder, f"{number}.dng"))
        Image.fromarray(picture).save(Path(folder, f"{number}.JPG"), quality=95)


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_pairs_are_found_and_the_rest_is_listed_with_its_reasons(crispnet):
    shots("card", 9, 9, 15)
    Path("card/1.JPG").unlink()
    Path("card/broken.dng").write_bytes(b"II*\0")
    Image.new("RGB", (8, 8)).save("card/holiday.jpg")
    result = crispnet("data", "scan", "card", "-o", "out")
    assert result.exit_code == 1, result.output  # a raw could not be read
    assert result.stdout == "out/manifest.jsonl\n"
    assert "2 of 4 raws came through, of 2 scenes" in result.stderr
    assert "1.dng is left out: card/1.dng holds no picture" in result.stderr
    pairs = read_manifest(Path("out/manifest.jsonl"))
    assert [pair.picture.resolve() for pair in pairs] == [Path(f"card/{n}.JPG").resolve() for n in (0, 2)]
    assert sorted(pair.split for pair in pairs) == ["test", "train"]
    tags = pairs[0].tags
    assert (tags["source"], tags["size"], tags["time"]) == ("sidecar", list(SIZE), "2024:05:06 09:00:00")
    np.testing.assert_allclose(tags["box"], [0, 0, *SIZE], atol=1)
    left_out = {each.get("raw", each.get("picture")): each["reason"] for each in lines("out/left-out.jsonl")}
    assert set(left_out) == {"card/1.dng", "card/broken.dng", "card/holiday.jpg"}
    assert all(reason.count(". ") >= 1 for reason in left_out.values())
    with Image.open("out/sheet-1.jpg") as sheet:
        assert sheet.width > 4 * CELL[0]


def test_one_pair_is_listed_and_said_to_be_too_few(crispnet):
    shots("card", 9)
    result = crispnet("data", "scan", "card", "-o", "out", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["pairs"], told["train"], told["test"], told["left_out"]) == (1, 1, 0, 0)
    assert "A single pair of one scene cannot be split" in result.stderr
    again = crispnet("data", "scan", "card", "-o", "out")
    assert again.exit_code == 3
    assert "exists already" in again.stderr
    assert crispnet("data", "scan", "card", "-o", "out", "--overwrite").exit_code == 0
    assert crispnet("data", "scan", "card", "-o", "card").exit_code == 0  # among the raws, whose pictures still count


def test_where_nothing_comes_through_the_reasons_are_kept_and_no_manifest_is_written(crispnet):
    shots("card", 9)
    Path("card/0.JPG").rename("card/other.jpg")
    result = crispnet("data", "scan", "card", "-o", "out")
    assert result.exit_code == 3
    assert "None of 1 raws came through" in result.stderr
    assert [each.get("raw") for each in lines("out/left-out.jsonl")] == ["card/0.dng", None]
    assert Path("out/sheet-1.jpg").exists()
    assert not Path("out/manifest.jsonl").exists()


def test_a_picture_inside_a_raw_becomes_a_file(crispnet):
    box = Path(__file__).parents[2] / "samples" / "box.crw"
    result = crispnet("data", "scan", box, "-o", "out")
    assert result.exit_code == 0, result.output
    (pair,) = read_manifest(Path("out/manifest.jsonl"))
    assert pair.tags["source"] == "embedded"
    assert pair.picture == Path("out/picture/box.jpg")
    with Image.open(pair.picture) as picture:
        assert picture.size == (640, 480)


def test_a_folder_without_raws_is_refused(crispnet):
    Path("empty").mkdir()
    result = crispnet("data", "scan", "empty", "-o", "out")
    assert result.exit_code == 3
    assert "There is no raw file in empty" in result.stderr
    assert not Path("out").exists()


def test_where_nothing_can_be_written_nothing_is_begun(crispnet):
    shots("card", 9)
    Path("out").touch()
    result = crispnet("data", "scan", "card", "-o", "out")
    assert result.exit_code == 3
    assert "cannot be made" in result.stderr


def test_sheets_have_pages_and_older_ones_go(tmp_path):
    pictures = np.zeros((30, 40, 3), np.float32), np.zeros((40, 30, 3), np.uint8)
    first = ContactSheet(tmp_path)
    for number in range(25):
        first.add(*pictures, name=str(number), words="a reason", fault=True)
    assert [page.name for page in first.close()] == ["sheet-1.jpg", "sheet-2.jpg"]
    second = ContactSheet(tmp_path)
    second.add(pictures[0], None, name="one", words="", fault=False)
    assert len(second.close()) == 1
    assert [page.name for page in tmp_path.iterdir()] == ["sheet-1.jpg"]
    third = ContactSheet(tmp_path / "nowhere")
    third.add(pictures[0], None, name="one", words="", fault=False)
    with pytest.raises(OutputError):
        third.close()


@pytest.mark.parametrize("words", ["short", "a reason that goes on and on, " * 9, ""])
def test_words_are_cut_to_what_fits(words):
    cut = shortened(words, 300, size=25)
    assert length(cut, size=25) <= 300
    assert cut == words or (cut.endswith("...") and words.startswith(cut[:-3]))
