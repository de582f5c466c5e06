"""What the page asks for: photographs come, are rendered small and large, compared, and go."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crispnet.colour import JND, delta_e_76, srgb_to_lab
from crispnet.darkroom.photo import develop
from crispnet.raw.calibration import white_balance_at
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import raw_image

SAMPLES = Path(__file__).parents[2] / "samples"
BOX, MURAL = SAMPLES / "box.crw", SAMPLES / "mural.dng"


def opened(answer):
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def pixels(answer):
    return np.asarray(opened(answer).convert("RGB"), np.float32) / 255


def order(ask, photograph, kind="jpeg", **controls):
    answer = ask.post("/jobs", json={"photograph": photograph, "kind": kind, "controls": controls})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def test_the_offer_lists_looks_and_limits(ask):
    offer = ask.get("/offer").json()
    assert {"plain", "phone"} <= {look["name"] for look in offer["looks"]}
    assert offer["default"] == "phone"
    assert len(offer["colours"]) == 256


def test_a_proof_is_upright_and_has_its_profile_and_nothing_else(bring, ask, small_raw):
    photograph = bring(small_raw)
    proof = opened(ask.get(f"/photographs/{photograph}/proof", params={"look": "plain"}))
    assert proof.size == (240, 320)  # turned upright, and not enlarged
    assert proof.info["icc_profile"]
    assert "exif" not in proof.info


@pytest.mark.parametrize(
    "wish", [{}, {"exposure": 0.7}, {"white_balance": "4000"}, {"other": "plain", "strength": 0.4}]
)
def test_small_and_full_renderings_have_the_same_colours(bring, ask, done, wish):
    photograph = bring(MURAL)
    quick = pixels(ask.get(f"/photographs/{photograph}/proof", params=wish))
    job = order(ask, photograph, "view", **wish)
    assert done(job)["state"] == "done", done(job)
    full = opened(ask.get(f"/jobs/{job}/picture")).resize((64, 48), Image.Resampling.BOX)
    quick = Image.fromarray((quick * 255).astype(np.uint8)).resize((64, 48), Image.Resampling.BOX)
    labs = [srgb_to_lab(np.asarray(each, np.float64) / 255) for each in (quick, full)]
    assert delta_e_76(*labs).mean() < 1.5


@pytest.mark.parametrize(
    ("controls", "options"),
    [
        ({}, {}),
        ({"exposure": -0.5, "white_balance": "2,1,1.5"}, {"exposure": -0.5, "white_balance": np.array([2, 1, 1.5, 1])}),
        ({"look": "plain", "match": True}, {"look": "plain", "match_preview": True}),
    ],
    ids=["default", "adjusted", "matched"],
)
def test_a_saved_picture_is_that_of_the_command_line(bring, ask, done, pictured, tmp_path, controls, options):
    photograph = bring(pictured)
    told = done(order(ask, photograph, **controls))
    assert told["state"] == "done", told
    answer = ask.get(f"/jobs/{told['id']}/picture")
    assert 'filename="pictured.jpg"' in answer.headers["content-disposition"]
    expected = develop(pictured, depth=8, **options).save(tmp_path / "expected.jpg")
    assert (np.asarray(opened(answer)) == np.asarray(Image.open(expected))).all()


@pytest.mark.parametrize("kind", ["png", "tiff", "avif"])
def test_every_format_is_saved(bring, ask, done, small_raw, kind):
    told = done(order(ask, bring(small_raw), kind, look="plain"))
    assert told["state"] == "done", told
    assert opened(ask.get(f"/jobs/{told['id']}/picture")).format == kind.upper()


def test_what_is_only_looked_at_says_nothing_of_where_it_was_taken(bring, ask, done, pictured):
    photograph = bring(pictured)
    job = order(ask, photograph, "view", look="plain")
    done(job)
    for route in (f"/jobs/{job}/picture", f"/photographs/{photograph}/proof", f"/photographs/{photograph}/camera"):
        shown = opened(ask.get(route))
        assert not shown.getexif(), route
        assert shown.info["icc_profile"], route


def test_drafts_are_smaller_and_of_the_same_colours(bring, ask):
    photograph = bring(MURAL)
    draft, quick = (
        opened(ask.get(f"/photographs/{photograph}/proof", params={"size": size})) for size in ("draft", "quick")
    )
    assert (draft.size, quick.size) == ((512, 384), (1024, 768))
    labs = [
        srgb_to_lab(np.asarray(each.resize((32, 24), Image.Resampling.BOX), np.float64) / 255)
        for each in (draft, quick)
    ]
    assert delta_e_76(*labs).mean() < JND  # a network sees other details in a smaller picture, but nobody notices


def test_more_exposure_is_brighter_and_a_warmer_light_is_bluer(bring, ask, small_raw):
    photograph = bring(small_raw)

    def mean(**wish):
        return pixels(ask.get(f"/photographs/{photograph}/proof", params={"look": "plain", **wish})).mean(axis=(0, 1))

    plain = mean()
    assert mean(exposure=1).mean() > plain.mean() > mean(exposure=-1).mean()
    warm, cold = mean(white_balance="3000"), mean(white_balance="9000")
    assert warm[2] / warm[0] > plain[2] / plain[0] > cold[2] / cold[0]
    magenta, green = mean(white_balance="6500", tint=60), mean(white_balance="6500", tint=-60)
    assert magenta[1] / magenta.mean() < green[1] / green.mean()


def test_strength_goes_from_one_look_to_the_other(bring, ask, small_raw):
    photograph = bring(small_raw)

    def shown(**wish):
        return pixels(ask.get(f"/photographs/{photograph}/proof", params=wish))

    one, other = shown(look="plain"), shown(look="phone")
    middle = shown(look="phone", other="plain", strength=0.5)
    assert np.abs(middle - (one + other) / 2).mean() < 0.01
    assert np.abs(one - other).mean() > 0.02


def test_strength_says_what_it_mixes(bring, ask, done, small_raw):
    photograph = bring(small_raw)
    mixed = done(order(ask, photograph, other="plain", strength=0.5))
    assert (mixed["mixes"], "50%" in mixed["look"]) == ("pictures", True)
    assert done(order(ask, photograph, other="phone", strength=0.5))["mixes"] == "scenes"
    assert done(order(ask, photograph))["mixes"] == ""


def test_what_the_file_says_has_its_sources(bring, ask):
    told = ask.get(f"/photographs/{bring(BOX)}").json()
    assert (told["width"], told["height"]) == (2272, 1704)
    assert told["exif"]["model"] == "PowerShot S40"
    assert 5000 < told["light"]["kelvin"] < 7000
    values = {each["name"]: each for each in told["values"]}
    assert values["white balance"]["source"] == "LibRaw, as shot"


def test_a_histogram_counts_every_pixel(bring, ask, small_raw):
    photograph = bring(small_raw)
    counts = ask.get(f"/photographs/{photograph}/histogram", params={"look": "plain"}).json()
    assert [sum(counts[colour]) for colour in ("red", "green", "blue")] == [240 * 320] * 3
    bright = ask.get(f"/photographs/{photograph}/histogram", params={"look": "plain", "exposure": 5}).json()
    assert max(bright["white"]) > max(counts["white"])


def test_a_grey_that_is_picked_becomes_grey(bring, ask, tmp_path):
    raw = raw_image(height=240, width=320, white_balance=np.array([1.0, 1, 1, 1]))
    photograph = bring(write_dng(raw, tmp_path / "green.dng"))
    grey = ask.get(f"/photographs/{photograph}/grey", params={"across": 0.25, "down": 0.75}).json()
    shown = pixels(
        ask.get(f"/photographs/{photograph}/proof", params={"look": "plain", "white_balance": grey["white_balance"]})
    )
    place = shown[174:186, 74:86].mean(axis=(0, 1))
    assert np.ptp(place) < 0.03
    assert np.ptp(shown[60, 240]) > 0.03  # the scene is not all grey


def test_grey_is_found_where_the_upright_picture_shows_it(bring, ask, tmp_path):
    """The four quarters of a scene have colours of their own; whichever way it is turned, the one below is meant."""
    raw = raw_image(height=240, width=320)
    quarters = raw.mosaic.copy()
    quarters[:120, :160] = 14000
    answers = []
    for orientation, place in ((1, (0.2, 0.2)), (6, (0.8, 0.2)), (3, (0.8, 0.8)), (8, (0.2, 0.8)), (2, (0.8, 0.2))):
        turned = raw_image(height=240, width=320, mosaic=quarters, orientation=orientation)
        photograph = bring(write_dng(turned, tmp_path / f"{orientation}.dng"))
        answers.append(
            ask.get(f"/photographs/{photograph}/grey", params=dict(zip(("across", "down"), place, strict=True)))
        )
    assert len({answer.json()["white_balance"] for answer in answers}) == 1
    assert answers[0].json()["white_balance"].startswith("1.0")  # equal counts of all colours


def test_what_cannot_be_grey_is_refused(bring, ask, tmp_path):
    raw = raw_image(height=240, width=320, mosaic=np.full((240, 320), 16383, np.uint16))
    photograph = bring(write_dng(raw, tmp_path / "white.dng"))
    answer = ask.get(f"/photographs/{photograph}/grey", params={"across": 0.5, "down": 0.5})
    assert answer.status_code == 422
    assert "clipped" in answer.json()["detail"]


# The camera's picture


def test_the_cameras_picture_is_found_measured_and_matched(bring, ask):
    photograph = bring(BOX)
    place = ask.get(f"/photographs/{photograph}/place").json()
    assert (place["width"], place["height"], place["reason"]) == (640, 480, "")
    assert abs(place["place"]["top"]) < 0.02
    assert 0.97 < place["place"]["width"] < 1.03
    assert opened(ask.get(f"/photographs/{photograph}/camera")).size == (640, 480)
    plain, matched = (
        ask.get(f"/photographs/{photograph}/differences", params={"match": match}).json() for match in (False, True)
    )
    assert matched["mean"] < 3 < plain["mean"]
    assert matched["below_jnd"] > 0.5 > plain["below_jnd"]
    assert matched["p95"] > matched["mean"]


def test_the_map_holds_the_figures(bring, ask, pictured):
    photograph = bring(pictured)
    figures = ask.get(f"/photographs/{photograph}/differences").json()
    content = ask.get(f"/photographs/{photograph}/differences/map").content
    values = np.frombuffer(content, "<u2").reshape(figures["height"], figures["width"])
    seen = values[values != 65535] / 100
    assert seen.mean() == pytest.approx(figures["mean"], abs=0.01)
    assert (seen < 2.3).mean() == pytest.approx(figures["below_jnd"], abs=0.01)
    assert seen.size / values.size == pytest.approx(figures["compared"])


def test_a_raw_without_a_picture_takes_the_one_that_is_brought(bring, ask, tmp_path):
    photograph = bring(MURAL)
    answer = ask.get(f"/photographs/{photograph}/place")
    assert answer.status_code == 422
    assert "mural.dng holds no picture" in answer.json()["detail"]
    picture = develop(MURAL, "plain", exposure=0.3, depth=8).save(tmp_path / "anything.jpg")
    brought = ask.put(f"/photographs/{photograph}/camera", params={"name": "MURAL.JPG"}, content=picture.read_bytes())
    assert brought.json()["picture"] == "MURAL.JPG"
    assert ask.get(f"/photographs/{photograph}/place").json()["picture"] == "MURAL.JPG"
    assert (
        ask.get(f"/photographs/{photograph}/differences", params={"look": "plain", "exposure": 0.3}).json()["mean"]
        < 1.5
    )


def test_a_foreign_picture_is_said_to_be_one(bring, ask, tmp_path):
    photograph = bring(MURAL)
    foreign = develop(BOX, "plain", depth=8).save(tmp_path / "expected.jpg").read_bytes()
    ask.put(f"/photographs/{photograph}/camera", params={"name": "box.jpg"}, content=foreign)
    told = ask.get(f"/photographs/{photograph}/place").json()
    assert told["place"] is None
    assert "another" in told["reason"]
    assert ask.get(f"/photographs/{photograph}/differences").status_code == 422


def test_a_report_sets_it_beside_the_cameras_picture(bring, ask, done, pictured):
    job = order(ask, bring(pictured), "report", look="plain")
    told = done(job)
    assert told["state"] == "done", told
    answer = ask.get(f"/jobs/{job}/picture")
    assert "text/html" in answer.headers["content-type"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "pictured.dng" in answer.text
    assert "ΔE76 mean" in answer.text


def test_two_pictures_are_scored(bring, ask, done, pictured, tmp_path):
    names = ("one.png", "two.png")
    for name, exposure in zip(names, (0, 0.2), strict=True):
        develop(pictured, "plain", exposure=exposure, depth=8).save(tmp_path / name)
    result, reference = (bring(tmp_path / name) for name in names)
    job = ask.post("/scores", json={"result": result, "reference": reference}).json()["id"]
    told = done(job)
    assert told["state"] == "done", told
    text = ask.get(f"/jobs/{job}/picture").text
    assert "one.png against two.png" in text
    assert "crispnet-" not in text  # no path of ours


# What is odd, what goes wrong, and what is over


@pytest.mark.parametrize("shape", [(24, 300), (300, 24), (61, 47)])
@pytest.mark.parametrize("cfa", ["RGGB", "BGGR"])
def test_frames_of_any_shape_are_rendered_whole(bring, ask, tmp_path, shape, cfa):
    raw = raw_image(height=shape[0], width=shape[1], cfa=cfa)
    photograph = bring(write_dng(raw, tmp_path / "odd.dng"))
    for size in ("draft", "quick"):
        proof = opened(ask.get(f"/photographs/{photograph}/proof", params={"look": "plain", "size": size}))
        assert proof.size == shape[::-1]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "empty.dng", "empty.dng is empty (0 bytes)"),
        (b"\xff\xd8\xff\xe0" + b"x" * 1000, "really.dng", "really.dng is a JPEG picture"),
        (bytes(range(256)) * 400, "IMG_1.CR2", "IMG_1.CR2 is not a raw file"),
        (MURAL.read_bytes()[:200_000], "half.dng", "half.dng is not a raw file"),
    ],
)
def test_what_is_no_raw_is_refused_by_its_name(ask, bring, tmp_path, content, name, words):
    path = tmp_path / "content"
    path.write_bytes(content)
    photograph = bring(path, name)
    for route in ("", "/proof", "/histogram", "/place", "/differences"):
        answer = ask.get(f"/photographs/{photograph}{route}")
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
        assert "/tmp" not in answer.json()["detail"]


def test_an_order_that_fails_says_why(ask, bring, done, tmp_path):
    path = tmp_path / "empty.dng"
    path.write_bytes(b"")
    job = order(ask, bring(path))
    told = done(job)
    assert (told["state"], "is empty" in told["error"]) == ("failed", True)
    assert ask.get(f"/jobs/{job}/picture").status_code == 409


def test_orders_are_cancelled_waiting_or_running(ask, bring, done):
    photograph = bring(MURAL)
    first, second, third = (order(ask, photograph, "png", look=look) for look in ("phone", "phone", "plain"))
    while ask.get(f"/jobs/{first}").json()["state"] == "waiting":
        time.sleep(0.02)
    assert ask.delete(f"/jobs/{second}").json()["state"] == "cancelled"
    assert ask.delete(f"/jobs/{first}").json()["state"] == "cancelled"
    assert done(third)["state"] == "done"
    assert [ask.get(f"/jobs/{job}").json()["state"] for job in (first, second)] == ["cancelled"] * 2


def test_contradictions_are_refused_at_once(ask, bring, small_raw):
    photograph = bring(small_raw)
    for controls in ({"match": True, "exposure": 1}, {"tint": 5}, {"look": "velvia"}, {"white_balance": "blue"}):
        answer = ask.post("/jobs", json={"photograph": photograph, "controls": controls})
        assert answer.status_code == 422, controls
        assert len(answer.json()["detail"]) > 40


def test_what_was_removed_is_gone(ask, bring, small_raw):
    photograph = bring(small_raw)
    job = order(ask, photograph, look="plain")
    assert ask.delete(f"/photographs/{photograph}").status_code == 204
    for route in ("", "/proof", "/camera"):
        assert ask.get(f"/photographs/{photograph}{route}").status_code == 404
    assert ask.get(f"/jobs/{job}").status_code == 404
    assert ask.delete(f"/photographs/{photograph}").status_code == 404


def test_a_page_that_is_left_takes_all_of_its_photographs_along(ask, bring, small_raw):
    mine, gone, others = (bring(small_raw) for _ in range(3))
    ask.delete(f"/photographs/{gone}")
    assert ask.post("/leavings", json={"photographs": [gone, mine]}).status_code == 204
    assert [each["id"] for each in ask.get("/photographs").json() if each["id"] in (mine, gone, others)] == [others]


def test_temperature_on_the_page_is_that_of_the_command_line(bring, ask, done, small_raw, tmp_path):
    told = done(order(ask, bring(small_raw), look="plain", white_balance="4200"))
    raw = open_raw(small_raw)
    balance = white_balance_at(raw.calibrations, 4200)
    expected = develop(raw, "plain", white_balance=balance, depth=8).save(tmp_path / "expected.jpg")
    shown = np.asarray(opened(ask.get(f"/jobs/{told['id']}/picture")))
    assert (shown == np.asarray(Image.open(expected))).all()
