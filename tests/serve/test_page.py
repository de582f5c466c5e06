"""The page in a browser, as people use it: drop, compare, adjust, save."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from crispnet.app.cli import app
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import raw_image

selenium = pytest.importorskip("selenium", reason="selenium is not installed: the page is not tried in a browser")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed"),
]
SAMPLES = Path(__file__).parents[2] / "samples"
BOX, MURAL = SAMPLES / "box.crw", SAMPLES / "mural.dng"
LARGE = os.environ.get("CRISPNET_RAW", "")
PATIENCE = 240  # seconds; other work may keep the machine busy
MEAN = """
    const image = document.querySelector(arguments[0]), canvas = document.createElement("canvas");
    canvas.width = canvas.height = 32;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 32, 32);
    const codes = context.getImageData(0, 0, 32, 32).data, sums = [0, 0, 0];
    codes.forEach((code, place) => { if (place % 4 < 3) sums[place % 4] += code / 1024; });
    return sums;
"""
DROP = """
    const input = document.getElementById("dropped"), brought = new DataTransfer();
    for (const file of input.files) brought.items.add(file);
    input.remove();
    document.getElementById("stage").dispatchEvent(
        new DragEvent("drop", { dataTransfer: brought, bubbles: true, cancelable: true }));
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.downloads = tmp_path_factory.mktemp("downloads")
    allowed = {"behavior": "allow", "downloadPath": str(driver.downloads)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    yield driver
    driver.quit()


class Page:
    """What a person does with the page, and what they see."""

    def __init__(self, driver, url, *, size=(1280, 860), scheme="dark"):
        self.driver = driver
        sizes = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get_log("browser")
        driver.get(url)
        self.until("document.body.dataset.ready === 'yes'")

    def until(self, condition, seconds=PATIENCE):
        WebDriverWait(self.driver, seconds, 0.05).until(lambda driver: driver.execute_script(f"return {condition}"))

    def find(self, name):
        return self.driver.find_element(By.ID, name)

    def text(self, name):
        return self.driver.execute_script("return document.getElementById(arguments[0]).textContent", name)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def drop(self, *paths):
        self.run(
            "const i = document.createElement('input'); i.type = 'file'; i.multiple = true; i.id = 'dropped';"
            "document.body.append(i)"
        )
        self.find("dropped").send_keys("\n".join(map(str, paths)))
        self.run(DROP)

    def open(self, *paths):
        """Drop files, and wait until the first is known in full."""
        self.drop(*paths)
        self.until("document.querySelector('#side-right img').naturalWidth > 0")
        self.until("chosen.state === 'ready' && chosen.facts && chosen.camera !== undefined")
        self.rest()

    def rest(self):
        """Wait until the quick rendering of what is wished for is there."""
        self.until("!drawing && chosen.pictures.has('quick ' + keyOf(chosen.wish))")

    def mean(self, side="right"):
        self.until(f"document.querySelector('#side-{side} img').complete")
        return np.array(self.run(MEAN, f"#side-{side} img"))

    def slide(self, name, value):
        """Move a slider as a hand does: through some values, then let go."""
        self.run(
            "const slider = document.getElementById(arguments[0]), from = Number(slider.value);"
            "for (const part of [0.3, 0.6, 1]) { slider.value = from + part * (arguments[1] - from);"
            "slider.dispatchEvent(new Event('input', {bubbles: true})); }"
            "slider.dispatchEvent(new Event('change', {bubbles: true}));",
            name,
            value,
        )
        self.rest()

    def complaints(self):
        """What the browser itself complains of: scripts that fail, what the policy forbids."""
        expected = ("status of 422", "status of 404", "status of 429")
        return [
            each["message"]
            for each in self.driver.get_log("browser")
            if each["level"] == "SEVERE" and not any(words in each["message"] for words in expected)
        ]


@pytest.fixture
def page(chromium, server, request):
    page = Page(chromium, server.url, **getattr(request, "param", {}))
    yield page
    page.run("for (const each of [...photographs]) remove(each)")
    assert page.complaints() == []


def test_a_raw_that_is_dropped_is_seen_and_measured(page):
    page.open(BOX)
    assert page.text("tag-left") == "camera's picture"
    assert page.text("tag-right") == "phone"
    page.until("!document.getElementById('difference').hidden")
    assert 1 < float(page.text("de-mean")) < 40
    assert float(page.text("de-p95")) > float(page.text("de-mean"))
    assert page.text("de-jnd").endswith(" %")
    assert "Clipped to black" in page.text("clipping")
    assert "PowerShot S40" in page.text("shot")
    assert "LibRaw, as shot" in page.text("values")
    page.until("document.querySelector('#side-right img').dataset.level === ''")
    assert page.run("return document.querySelector('#side-right img').naturalWidth") == 2272


@pytest.mark.skipif(not LARGE, reason="CRISPNET_RAW names no raw; `make page RAW=file` does")
def test_a_large_raw_and_its_picture_are_seen_changed_and_measured(page):
    raw = Path(LARGE)
    page.open(raw, *(path for path in (raw.with_suffix(".JPG"), raw.with_suffix(".jpg")) if path.is_file()))
    page.until("!document.getElementById('difference').hidden")
    assert 1 < float(page.text("de-mean")) < 40
    page.until("document.querySelector('#side-right img').dataset.level === ''")
    assert page.run("return document.querySelector('#side-right img').naturalWidth") == open_raw(raw).upright_size[1]
    before = page.mean()
    page.run(
        "const slider = document.getElementById('exposure'); slider.value = 1;"
        "for (const name of ['input', 'change']) slider.dispatchEvent(new Event(name))"
    )
    page.until("chosen.wish.exposure === 1")
    page.rest()
    assert page.mean().mean() > before.mean()


def test_the_divider_is_dragged_by_hand_and_by_key(page, pictured):
    page.open(pictured)
    divider = page.find("divider")

    def at():
        return int(divider.get_attribute("aria-valuenow"))

    before = page.run("return document.getElementById('side-right').style.clipPath")
    ActionChains(page.driver).click_and_hold(divider).move_by_offset(-200, 0).release().perform()
    dragged = at()
    assert dragged < 40
    assert page.run("return document.getElementById('side-right').style.clipPath") != before
    divider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert at() == dragged + 4
    divider.send_keys(Keys.HOME)
    assert at() == 0
    page.run("document.querySelector('input[value=diagonal]').click()")
    assert page.run("return !document.getElementById('edge').hasAttribute('hidden')")


def test_white_balance_changes_the_picture_and_can_be_undone(page, pictured):
    page.open(pictured)
    as_shot = page.mean()
    page.slide("kelvin", 588 - 1e6 / 3000)
    warm = page.mean()
    assert warm[2] / warm[0] > 1.15 * as_shot[2] / as_shot[0]
    assert page.text("kelvin-words") == "3000 K"
    assert page.find("preset").get_attribute("value") == "custom"
    page.slide("exposure", 1)
    assert page.mean().mean() > warm.mean() + 10
    page.find("undo").click()
    page.rest()
    assert np.abs(page.mean() - warm).max() < 1
    page.find("undo").click()
    page.rest()
    assert np.abs(page.mean() - as_shot).max() < 1
    page.find("redo").click()
    page.rest()
    assert np.abs(page.mean() - warm).max() < 1
    page.find("reset").click()
    page.rest()
    assert np.abs(page.mean() - as_shot).max() < 1


def test_a_grey_is_picked_with_the_pointer_and_with_keys(page, pictured):
    page.open(pictured)
    for pick in (
        lambda: ActionChains(page.driver).move_to_element_with_offset(page.find("stage"), 60, 40).click().perform(),
        lambda: page.find("stage").send_keys(Keys.ENTER),
    ):
        before = page.run("return chosen.wish.white_balance")
        page.find("grey").click()
        pick()
        page.until(
            f"chosen.wish.white_balance !== '{before}' || document.getElementById('state').textContent.includes('grey')"
        )
        assert page.find("grey").get_attribute("aria-pressed") == "false"


def test_looks_mix_by_strength_and_matching_takes_the_camera_s_colours(page, pictured):
    page.open(pictured)
    page.until("!document.getElementById('difference').hidden")
    own, before = page.mean(), float(page.text("de-mean"))
    page.slide("strength", 0)
    plain = page.mean()
    assert np.abs(plain - own).max() > 3
    page.slide("strength", 50)
    assert np.abs(page.mean() - (plain + own) / 2).max() < 2
    page.find("reset").click()
    page.rest()
    page.find("match").click()
    page.rest()
    page.until("chosen.differences && chosen.differences.key === keyOf(chosen.wish)")
    assert float(page.text("de-mean")) < before / 3
    assert not page.find("exposure").is_enabled()
    page.find("match").click()
    page.rest()
    assert page.find("exposure").is_enabled()


def test_the_map_tells_the_difference_under_the_pointer(page, pictured):
    page.open(pictured)
    page.until("chosen.differences")
    page.run("document.querySelector('input[value=map]').click()")
    page.until("!document.getElementById('map').hidden")
    ActionChains(page.driver).move_to_element(page.find("stage")).perform()
    page.until("!document.getElementById('readout').hidden")
    words = page.text("readout")
    assert words.startswith("ΔE ")
    assert words.endswith(" JND")
    middle = page.run(
        "const {map, width, height} = chosen.differences;"
        "return map[Math.floor(height / 2) * width + Math.floor(width / 2)] / 100"
    )
    assert abs(float(words.split()[1]) - middle) < 8
    assert page.run("return document.querySelectorAll('#ticks span').length") >= 6


def test_both_sides_move_in_step(page, pictured):
    page.open(pictured)
    page.until("document.querySelector('#side-right img').dataset.level === ''")
    page.find("zoom-one").click()
    assert page.text("zoom-words") == "100 %"
    stage = page.find("stage")
    stage.send_keys("+", Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    page.until("document.getElementById('zoom-words').textContent === '140 %'")
    boxes = [
        page.run(
            f"const b = document.querySelector('#side-{side} img').getBoundingClientRect();"
            "return [b.x, b.y, b.width, b.height]"
        )
        for side in ("left", "right")
    ]
    place = page.run("const p = chosen.camera.place; return [p.left, p.top, p.width, p.height]")
    ours = boxes[1]
    expected = [ours[0] + place[0] * ours[2], ours[1] + place[1] * ours[3], place[2] * ours[2], place[3] * ours[3]]
    assert np.abs(np.array(boxes[0]) - expected).max() < 1.5
    stage.send_keys("0")
    assert page.text("zoom-words") == "fit"


def test_what_is_saved_is_what_the_command_line_makes(page, tmp_path):
    for old in page.driver.downloads.iterdir():
        old.unlink()
    page.open(BOX)
    page.slide("exposure", 0.5)
    page.find("save").click()
    page.until("document.getElementById('saved').textContent.includes('developed in')")
    saved = page.driver.downloads / "box.jpg"
    end = time.monotonic() + 20
    while not saved.exists() and time.monotonic() < end:
        time.sleep(0.1)
    made = CliRunner().invoke(app, ["develop", str(BOX), "-o", str(tmp_path / "box.jpg"), "--exposure", "0.5"])
    assert made.exit_code == 0
    assert saved.read_bytes() == (tmp_path / "box.jpg").read_bytes()


def test_what_cannot_be_developed_says_so_and_stops_nothing(page, tmp_path):
    files = {"garbage.dng": bytes(range(256)) * 200, "nothing.cr2": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "huge.nef").open("wb") as huge:
        huge.truncate(300_000_000)
    good = write_dng(raw_image(height=240, width=320), tmp_path / "good.dng")
    page.drop(*(tmp_path / name for name in files), tmp_path / "huge.nef", good)
    page.until("photographs.length === 4 && photographs.every((each) => ['ready', 'failed'].includes(each.state))")
    states = page.run("return photographs.map((each) => [each.name, each.state, each.error])")
    assert [state for _, state, _ in states] == ["failed", "failed", "failed", "ready"]
    assert "not a raw file" in states[0][2]
    assert "0 bytes" in states[1][2]
    assert "300 MB" in states[2][2]
    assert page.find("trouble").is_displayed()
    assert "garbage.dng" in page.find("trouble").text
    page.driver.find_elements(By.CSS_SELECTOR, "#strip .pick")[3].click()
    page.until("chosen.name === 'good.dng'")
    page.rest()
    assert not page.find("trouble").is_displayed()


def test_twenty_at_once_are_all_developed(page, tmp_path):
    raws = [write_dng(raw_image(height=96, width=128, seed=seed), tmp_path / f"{seed:02}.dng") for seed in range(20)]
    page.drop(*raws)
    page.until("photographs.length === 20")
    page.until("!document.getElementById('progress').hidden")
    assert "of 20" in page.text("progress-words")
    page.until("photographs.every((each) => each.state === 'ready')")
    assert page.run("return new Set(photographs.map((each) => each.thumbnail)).size") == 20
    page.until("document.getElementById('progress').hidden")


def test_a_queue_can_be_cancelled(page, tmp_path):
    raws = [write_dng(raw_image(height=96, width=128, seed=seed), tmp_path / f"{seed:02}.dng") for seed in range(12)]
    page.drop(*raws)
    page.until("photographs.filter((each) => each.state === 'ready').length >= 2")
    page.find("cancel").click()
    left = page.run("return photographs.length")
    assert 2 <= left < 12
    page.until("photographs.every((each) => each.state === 'ready')")
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#strip li")) == page.run("return photographs.length")


def test_the_camera_s_jpeg_that_is_dropped_along_is_compared(page, tmp_path):
    shutil.copy(MURAL, tmp_path / "GOPR1.DNG")
    CliRunner().invoke(app, ["develop", str(MURAL), "-o", str(tmp_path / "own.jpg"), "--look", "plain"])
    shutil.move(tmp_path / "own.jpg", tmp_path / "GOPR1.JPG")
    page.open(tmp_path / "GOPR1.DNG", tmp_path / "GOPR1.JPG")
    assert page.run("return photographs.length") == 1
    page.until("chosen.camera && chosen.camera.place")
    assert "GOPR1.JPG" in page.text("match-words")


CONTRAST = """
    const channel = (code) => { const c = code / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const over = (top, below) => top.slice(0, 3).map((code, i) => code * top[3] + below[i] * (1 - top[3]));
    const ground = (element) => {
        if (!element) return [255, 255, 255];
        const own = parse(getComputedStyle(element).backgroundColor);
        return own[3] === 1 ? own : over(own, ground(element.parentElement));
    };
    const poor = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
        const element = node.parentElement;
        if (!node.textContent.trim() || !element.checkVisibility()) continue;
        if (element.closest(":disabled, .hidden, option, .skip")) continue;
        if (element.closest("label")?.querySelector("input:disabled")) continue;
        const below = ground(element), ink = over(parse(getComputedStyle(element).color), below);
        const pair = [light(ink), light(below)].sort((a, b) => b - a), ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (ratio < 4.5) poor.push([node.textContent.trim().slice(0, 30), ratio.toFixed(2)]);
    }
    return poor;
"""
NAMELESS = """
    return [...document.querySelectorAll("button, select, input, a, [role=slider], canvas[role]")].filter((element) => {
        if (element.type === "hidden") return false;
        const label = element.labels && element.labels.length ? element.labels[0].textContent : "";
        return !(element.getAttribute("aria-label") || label.trim() || element.textContent.trim());
    }).map((element) => element.outerHTML.slice(0, 80));
"""


@pytest.mark.parametrize("page", [{"scheme": "dark"}, {"scheme": "light"}], ids=["dark", "light"], indirect=True)
def test_everything_can_be_read_and_has_a_name(page, pictured):
    assert page.run(CONTRAST) == []
    page.open(pictured)
    page.until("!document.getElementById('difference').hidden")
    page.run("document.getElementById('file').open = true")
    assert page.run(CONTRAST) == []
    assert page.run(NAMELESS) == []
    assert len(page.run("return document.documentElement.lang")) == 2


def test_everything_is_reached_by_key_in_the_order_in_which_it_is_read(page, pictured):
    page.open(pictured)
    page.run("document.body.focus()")
    reached = []
    for _ in range(60):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        name = page.run(
            "return document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
        )
        if name == "BODY":
            break
        reached.append(name)
    wanted = ["open", "score", "theme", "side-a", "side-b", "zoom-in", "stage", "divider", "pick", "look", "strength"]
    wanted += ["preset", "grey", "kelvin", "tint", "exposure", "match", "reset", "format", "save"]
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)


@pytest.mark.parametrize("page", [{"size": (360, 740)}], ids=["360"], indirect=True)
def test_a_phone_is_wide_enough(page, pictured):
    page.open(pictured)
    page.run("document.getElementById('file').open = true")
    assert page.run("return document.documentElement.scrollWidth") <= 360
    stage = page.run("const b = document.getElementById('stage').getBoundingClientRect(); return [b.width, b.height]")
    assert stage[0] == 360
    assert stage[1] > 250


def test_who_leaves_takes_everything_along(page, tmp_path, ask):
    raws = [write_dng(raw_image(height=96, width=128, seed=seed), tmp_path / f"{seed:02}.dng") for seed in range(9)]
    page.drop(*raws)  # more than a browser asks for at a time
    page.until("photographs.filter((each) => each.id).length === 9")
    assert len(ask.get("/photographs").json()) == 9
    page.driver.refresh()
    page.until("document.body.dataset.ready === 'yes' && photographs.length === 0")
    end = time.monotonic() + 20
    while ask.get("/photographs").json():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_nothing_is_fetched_from_elsewhere(page, pictured, server):
    page.open(pictured)
    names = page.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert names
    assert [name for name in names if not name.startswith((server.url, "blob:"))] == []
