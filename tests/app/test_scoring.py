"""`crispnet score`: two pictures, two folders, what is refused, and what is written."""

import json

import numpy as np
import pytest
from PIL import Image

from crispnet.evaluate.metrics import compare
from crispnet.evaluate.score import FIGURES

SIZE = (48, 64)


def picture(path, seed, *, worse=0.0):
    """A soft scene of blocks; two of one seed differ by ``worse``."""
    generator = np.random.default_rng(seed)
    pixels = np.kron(generator.random((6, 8, 3)), np.ones((8, 8, 1)))
    pixels = np.clip(pixels + worse * generator.normal(0, 1, pixels.shape), 0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def pair(tmp_path):
    return picture(tmp_path / "a" / "one.png", 1, worse=0.05), picture(tmp_path / "b" / "two.png", 1)


@pytest.fixture
def folders(tmp_path):
    for number, worse in enumerate((0.02, 0.2, 0.1)):
        picture(tmp_path / "ours" / f"IMG_{number}.png", number, worse=worse)
        picture(tmp_path / "theirs" / f"img_{number}.TIF", number)
    return tmp_path / "ours", tmp_path / "theirs"


def opened(path):
    return np.asarray(Image.open(path), np.float32) / 255


def lines(done):
    return [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]


def refused(done, code, *words):
    assert done.exit_code == code
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_json_has_the_figures_of_metrics(crispnet, pair):
    done = crispnet("score", *pair, "--json")
    assert done.exit_code == 0
    (told,) = lines(done)
    for name, figure in compare(*map(opened, pair)).items():
        assert told[name] == pytest.approx(figure, rel=1e-4), name
    assert (told["result"], told["reference"], told["pixels"]) == (*map(str, pair), [64, 48])
    assert sum(group["share"] for group in told["hues"]) == pytest.approx(1)
    assert told["chart"] is None
    assert "too small" in told["notes"][0]


def test_text_says_what_json_says(crispnet, pair):
    (told,) = lines(crispnet("score", *pair, "--json"))
    said = crispnet("score", *pair).stdout
    assert said.startswith("one.png against two.png\n")
    assert f"{told['delta_e']:.2f}" in said
    assert f"{told['below_jnd']:.1%}" in said
    assert "L* 20 to 40" in said


def test_the_first_is_the_result(crispnet, tmp_path):
    light, dark = (tmp_path / f"{level}.png" for level in (200, 100))
    for path in (light, dark):
        Image.new("RGB", (20, 20), (int(path.stem),) * 3).save(path)
    for first, second, sign in ((light, dark, 1), (dark, light, -1)):
        (told,) = lines(crispnet("score", first, second, "--json"))
        assert told["hues"][0]["lightness"] * sign > 30


def test_equal_pictures_have_no_psnr(crispnet, pair):
    (told,) = lines(crispnet("score", pair[0], pair[0], "--json"))
    assert told["psnr"] is None
    assert told["delta_e"] == 0


def test_page_and_map_are_written_once(crispnet, pair, tmp_path):
    page, drawn = tmp_path / "page.html", tmp_path / "map.png"
    wanted = ("score", *pair, "--html", page, "--map", drawn)
    assert crispnet(*wanted).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<img") == 4  # result, reference, map, bar
    assert "one.png against two.png" in text
    with Image.open(drawn) as found:
        assert found.width >= 900
    refused(crispnet(*wanted), 3, "exists already")
    assert crispnet(*wanted, "--overwrite").exit_code == 0


def test_pictures_are_never_written_over(crispnet, pair):
    before = pair[0].read_bytes()
    refused(crispnet("score", *pair, "--html", pair[0], "--overwrite"), 3, "one of the two pictures")
    refused(crispnet("score", *pair, "--html", pair[0].parent / "no" / "page.html"), 3, "is not a folder")
    assert pair[0].read_bytes() == before


def test_names_in_a_page_are_escaped(crispnet, tmp_path):
    odd = picture(tmp_path / "<b>&.png", 1)
    page = tmp_path / "page.html"
    assert crispnet("score", odd, odd, "--html", page).exit_code == 0
    assert "<b>&" not in page.read_text(encoding="utf-8")


def test_folders_are_paired_by_stem_and_summed_up(crispnet, folders):
    done = crispnet("score", *folders, "--json")
    assert done.exit_code == 0
    *rows, total = lines(done)
    assert len(rows) == total["pictures"] == 3
    assert total["refused"] == 0
    for name in FIGURES:
        assert total["summary"][name]["mean"] == pytest.approx(np.mean([row[name] for row in rows]))
        assert total["summary"][name]["low"] <= total["summary"][name]["mean"] <= total["summary"][name]["high"]
    assert {group["pictures"] for group in total["lightness"].values()} <= {1, 2, 3}


def test_the_table_of_folders_has_means_and_their_intervals(crispnet, folders):
    total = lines(crispnet("score", *folders, "--json"))[-1]["summary"]
    said = crispnet("score", *folders).stdout.splitlines()
    forms = {"delta_e": ".2f", "delta_e_median": ".2f", "delta_e_p95": ".2f", "below_jnd": ".1%", "delta_e_2000": ".2f"}
    for label, end in (("mean", "mean"), ("95 % from", "low"), ("to", "high")):
        (row,) = (line.removeprefix(label).split() for line in said if line.startswith(label))
        assert row[:5] == [format(total[name][end], form) for name, form in forms.items()]
        assert row[-1] == format(total["ssim"][end], ".4f")


def test_a_page_of_folders_has_the_worst_first_and_all(crispnet, folders, tmp_path):
    page = tmp_path / "page.html"
    said = crispnet("score", *folders, "--html", page).stdout
    table = [line.split()[0] for line in said.splitlines() if line.startswith("IMG_")]
    assert table == ["IMG_1", "IMG_2", "IMG_0"]
    text = page.read_text(encoding="utf-8")
    headings = [text.index(f"<h2>IMG_{number}") for number in (1, 2, 0)]
    assert headings == sorted(headings)
    listed = text[text.index("All pictures") :]
    assert [listed.count(f"<td>IMG_{number}</td>") for number in range(3)] == [1, 1, 1]
    assert text.count("<img") == 3 * 3 + 1


def test_only_the_worst_are_shown_but_all_are_listed(crispnet, folders, tmp_path, monkeypatch):
    monkeypatch.setattr("crispnet.app.scoring.WORST", 1)
    page = tmp_path / "page.html"
    crispnet("score", *folders, "--html", page)
    text = page.read_text(encoding="utf-8")
    assert text.count("<img") == 3 + 1
    assert text.count("<td>IMG_") == 3


def test_what_has_no_partner_or_cannot_be_read_is_named_and_the_others_done(crispnet, folders, tmp_path):
    ours, theirs = folders
    picture(ours / "alone.png", 7)
    picture(ours / "img_0.jpg", 7)
    picture(theirs / "lonely.png", 7)
    (ours / "img_9.jpg").write_text("no picture")
    picture(theirs / "img_9.png", 7)
    (ours / "notes.txt").write_text("left out")
    page = tmp_path / "page.html"
    done = crispnet("score", *folders, "--html", page)
    refused(done, 1, "alone.png", "lonely.png", "no picture of a known kind", "same name")
    assert "notes.txt" not in done.stderr
    assert "IMG_2" in done.stdout
    assert "lonely.png" in page.read_text(encoding="utf-8")
    assert lines(crispnet("score", *folders, "--json"))[-1]["refused"] == 4


def test_what_cannot_be_compared_is_refused_with_a_reason(crispnet, pair, tmp_path):
    other = tmp_path / "other.png"
    Image.new("RGB", (30, 40)).save(other)
    refused(crispnet("score", pair[0], other), 3, str(pair[0]), "64 x 48", "30 x 40", "--align")
    Image.new("RGB", (1, 1)).save(other)
    refused(crispnet("score", other, other), 3, "At least 11")
    refused(crispnet("score", pair[0], tmp_path / "missing.jpg"), 3, "missing.jpg")
    refused(crispnet("score", pair[0], tmp_path / "photo.NEF"), 3, "is a raw file", "develop")
    refused(crispnet("score", pair[0], tmp_path), 3, "is a folder")


def test_folders_without_pairs_are_refused(crispnet, folders, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(crispnet("score", folders[0], empty), 3, "holds no pictures")
    picture(empty / "else.png", 1)
    refused(crispnet("score", folders[0], empty), 3, "could be compared", "else.png")
    refused(crispnet("score", *folders, "--map", tmp_path / "map.png"), 3, "two folders")


def test_aligning_is_asked_for_by_name(crispnet, tmp_path):
    whole = np.kron(np.random.default_rng(3).random((16, 20, 3)), np.ones((16, 16, 1)))
    for name, left in (("a", 0), ("b", 6)):
        Image.fromarray(np.rint(255 * whole[:, left : left + 300]).astype(np.uint8)).save(tmp_path / f"{name}.png")
    both = tmp_path / "a.png", tmp_path / "b.png"
    refused(crispnet("score", *both), 3, "to the left", "--align")
    (told,) = lines(crispnet("score", *both, "--align", "--json"))
    assert told["delta_e"] < 3
    assert told["pixels"][0] < 300
