import json

import numpy as np
import pytest
from PIL import Image

from crispnet.errors import DataError
from crispnet.evaluate.gallery import darkest, gallery, lights, most_varied, spread, typical


def names(rows):
    return [row["name"] for row in rows]


@pytest.fixture
def study(tmp_path):
    """Make a gallery of CRISPnet from (name, scene, ΔE, tags); those that are named have pictures."""

    def make(rows, pictured=None):
        said = [{"name": n, "scene": s, "delta_e": d, "psnr": 30.0, "tags": t} for n, s, d, t in rows]
        (tmp_path / "crispnet.json").write_text(json.dumps({"rows": said}))
        for name in [row[0] for row in rows] if pictured is None else pictured:
            folder = tmp_path / "pictures" / name
            folder.mkdir(parents=True)
            for picture in ("target", "crispnet"):
                Image.new("RGB", (16, 12)).save(folder / f"{picture}.jpg")
        return gallery(tmp_path, ["crispnet", "awnet"])

    return make


def test_the_typical_capture_is_the_median_of_all_not_of_the_pictured(study):
    rows = [(f"c{number}", f"s{number}", float(number), {}) for number in range(11)]
    assert names(typical(study(rows))) == ["c5"]


def test_the_pictured_capture_nearest_to_the_median_stands_for_it(study):
    rows = [(f"c{number}", f"s{number}", float(number), {}) for number in range(11)]
    assert names(typical(study(rows, ["c0", "c1", "c7"]))) == ["c7"]


def test_quartiles_are_of_different_scenes_while_there_are_any(study):
    rows = [(f"c{number}", "a" if number < 8 else f"s{number}", float(number), {}) for number in range(12)]
    assert names(spread(study(rows))) == ["c3", "c8", "c9"]


def test_a_single_scene_may_be_shown_three_times(study):
    rows = [(f"c{number}", "a", float(number), {}) for number in range(5)]
    assert names(spread(study(rows))) == ["c1", "c2", "c3"]


def test_lights_go_from_warm_to_cool_and_lamps_have_no_temperature(study):
    lamp = {"light": "FL1", "kelvin": 1000}
    rows = [("lamp", "l", 1.0, lamp), ("none", "n", 1.0, {})]
    rows += [(f"{k}", f"{k}", 1.0, {"light": "daylight", "kelvin": k}) for k in (9000, 5000, 6000, 7000, 4000)]
    assert names(lights(study(rows))) == ["4000", "6000", "9000"]


def test_the_least_light_goes_first_and_full_light_never(study):
    rows = [
        ("full", "a", 1.0, {"level": "full", "iso": 9999.0, "ev": -2.0}),
        ("half", "b", 1.0, {"level": "half", "iso": 9999.0, "ev": 0.0}),
        ("noisy", "c", 1.0, {"level": "low", "iso": 800.0, "ev": 0.0}),
        ("under", "d", 1.0, {"level": "low", "iso": 400.0, "ev": -2.0}),
    ]
    assert names(darkest(study(rows))) == ["under", "noisy"]


@pytest.mark.parametrize("rule", [typical, spread, lights, darkest])
def test_nothing_is_chosen_without_pictures(study, rule):
    rows = [("a", "a", 1.0, {"level": "low", "light": "daylight", "kelvin": 5000})]
    assert rule(study(rows, [])) == []
    assert rule(gallery(study(rows, []).folder / "nowhere", ["crispnet"])) == []


def test_only_methods_with_results_and_pictures_are_shown(study):
    shown = study([("a", "a", 1.0, {})])
    assert shown.methods(["awnet", "crispnet"], shown.pictured) == ["crispnet"]
    (shown.folder / "awnet.json").write_text((shown.folder / "crispnet.json").read_text())
    again = gallery(shown.folder, ["awnet", "crispnet"])
    assert again.methods(["awnet", "crispnet"], again.pictured) == ["crispnet"]
    Image.new("RGB", (16, 12)).save(shown.folder / "pictures" / "a" / "awnet.jpg")
    assert again.methods(["awnet", "crispnet"], again.pictured) == ["awnet", "crispnet"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"rows": {"a": 1}}', '{"rows": [{"name": "a"}]}', '{"rows": [3]}', '{"rows": 3}'],
)
def test_a_damaged_result_is_refused(tmp_path, text):
    (tmp_path / "crispnet.json").write_text(text)
    with pytest.raises(DataError, match=r"crispnet\.json cannot be read as a result"):
        gallery(tmp_path, ["crispnet"])


def test_a_damaged_picture_is_refused(study):
    shown = study([("a", "a", 1.0, {})])
    (shown.folder / "pictures" / "a" / "crispnet.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="Measure crispnet again"):
        shown.rendition(shown.pictured[0], "crispnet")


def test_a_picture_of_another_size_is_refused(study):
    shown = study([("a", "a", 1.0, {})])
    Image.new("RGB", (12, 16)).save(shown.folder / "pictures" / "a" / "crispnet.jpg")
    with pytest.raises(DataError, match="12 x 16 pixels"):
        shown.rendition(shown.pictured[0], "crispnet")


def test_the_part_with_the_most_varied_hues_is_found():
    pixels = np.full((240, 320, 3), 128, np.uint8)
    pixels[:80] = np.random.default_rng(0).integers(0, 256, (80, 320, 1))  # bright and dark, but grey
    pixels[144:192, 208:240], pixels[144:192, 240:272] = (220, 40, 40), (40, 60, 220)
    left, top, right, bottom = most_varied(Image.fromarray(pixels), (64, 48))
    assert (left, top, right, bottom) == (208, 144, 272, 192)


@pytest.mark.parametrize("size", [(64, 48), (1000, 1000), (330, 20), (1, 1)])
def test_a_part_lies_within_its_picture(size):
    pixels = np.random.default_rng(0).integers(0, 256, (243, 325, 3), np.uint8)
    left, top, right, bottom = most_varied(Image.fromarray(pixels), size)
    assert 0 <= left < right <= 325
    assert 0 <= top < bottom <= 243
    assert (right - left, bottom - top) == (min(size[0], 325), min(size[1], 243))
