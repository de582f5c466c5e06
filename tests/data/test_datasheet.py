from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crispnet.data.datasheet import OPEN, datasheet, facts_of
from crispnet.data.pairs import Pair
from crispnet.errors import DataError

SKIN, SKY = (214, 160, 130), (120, 160, 210)


@pytest.fixture
def pairs(tmp_path):
    made = []
    for number, (split, colour) in enumerate([("train", SKIN), ("train", SKY), ("test", SKY)]):
        raw, picture = tmp_path / f"{number}.dng", tmp_path / f"{number}.png"
        raw.write_bytes(b"x" * 500)
        Image.fromarray(np.full((60, 80 + 20 * number, 3), colour, np.uint8)).save(picture)
        tags = {"camera": "K 1", "iso": 100 * (number + 1), "time": f"2024:05:0{number + 1} 07:08:09", "licence": "CC0"}
        made.append(Pair(raw, picture, f"scene {number}", split, tags))
    return made


def test_what_can_be_counted_is(pairs):
    sheet = datasheet("mine", facts_of(pairs))
    assert "3 pairs of a raw" in sheet
    for row in ("| train | 2 | 2 |", "| validation | 0 | 0 |", "| K 1 | 3 |", "| 80 x 60 | 1 |", "| CC0 | 3 |"):
        assert row in sheet
    assert "| ISO | 100 | 200 | 300 | 3 |" in sheet
    assert "between 2024:05:01 07:08:09 and 2024:05:03 07:08:09" in sheet
    assert sheet.count(OPEN) == 7


def test_pictures_that_may_show_people_are_named(pairs):
    facts = facts_of(pairs)
    assert facts.skin == ("0.png",)
    assert "In 1 pictures there is much of the colour of skin: `0.png`" in datasheet("mine", facts)


def test_what_nobody_said_is_called_so(pairs):
    sheet = datasheet("mine", facts_of([replace(pair, tags={}) for pair in pairs]))
    assert "| not stated | 3 |" in sheet
    assert sheet.count("| not known | 3 |") == 3


def test_a_file_that_is_missing_is_named(pairs):
    pairs[1].raw.unlink()
    with pytest.raises(DataError, match=r"1\.dng cannot be read"):
        facts_of(pairs)
    pairs[0].picture.unlink()
    with pytest.raises(DataError, match=r"0\.png cannot be read as a picture"):
        facts_of(pairs)
