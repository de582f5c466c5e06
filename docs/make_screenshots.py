"""Takes the pictures of the page in docs/page/, with Chromium and the samples: `python docs/make_screenshots.py`.

Each is a JPEG. Look at them: a page can pass every test and still be ugly.
"""

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "page"
SAMPLES = [ROOT / "samples" / name for name in ("box.crw", "mural.dng")]
DESKTOP, PHONE = (1440, 900), (390, 844)
QUALITY = 85
PATIENCE = 900  # seconds; other work may keep the machine busy
FULL = "document.querySelector('#side-right img').dataset.level === ''"
MEASURED = "!document.getElementById('difference').hidden"


class Shot(NamedTuple):
    """A picture to take: of which size and scheme, with how many samples, after which script."""

    name: str
    size: tuple[int, int]
    scheme: str
    samples: int
    script: str
    until: str


SHOTS = (
    Shot("empty", DESKTOP, "light", 0, "", "true"),
    Shot("compare", DESKTOP, "dark", 2, "", FULL),
    Shot("diagonal", DESKTOP, "light", 2, "document.querySelector('[value=diagonal]').click()", MEASURED),
    Shot("map", DESKTOP, "dark", 2, "document.querySelector('[value=map]').click(); read(500, 300)", MEASURED),
    Shot("file", DESKTOP, "light", 2, "$('file').open = true; $('file').scrollIntoView(); oneToOne()", FULL),
    Shot("phone", PHONE, "dark", 1, "", MEASURED),
    Shot("phone-controls", PHONE, "light", 1, "$('block-look').scrollIntoView()", MEASURED),
)


def main() -> None:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with serving() as address:
        for shot in SHOTS:
            with browsing(shot) as driver:
                driver.get(address)
                take(driver, shot)


@contextmanager
def serving() -> Iterator[str]:
    """Start the server; give its address."""
    command = [sys.executable, "-c", "from crispnet.app.cli import main; main()", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@contextmanager
def browsing(shot: Shot) -> Iterator[webdriver.Chrome]:
    """Open a browser of the shot's size and scheme."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    width, height = shot.size
    narrow = shot.size == PHONE
    sizes = {"width": width, "height": height, "deviceScaleFactor": 2 if narrow else 1, "mobile": narrow}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    features = [{"name": "prefers-color-scheme", "value": shot.scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield driver
    finally:
        driver.quit()


def take(driver: webdriver.Chrome, shot: Shot) -> None:
    """Bring the page to where it is to be seen, and save what it looks like."""

    def until(condition: str) -> None:
        WebDriverWait(driver, PATIENCE, 0.1).until(lambda _: driver.execute_script(f"return {condition}"))

    until("document.body.dataset.ready === 'yes'")
    if shot.samples:
        driver.find_element("id", "files").send_keys("\n".join(map(str, SAMPLES[: shot.samples])))
        until(f"photographs.length === {shot.samples} && photographs.every((each) => each.state === 'ready')")
        until(MEASURED)
    driver.execute_script(shot.script)
    until(shot.until)
    time.sleep(0.5)  # what moves comes to rest
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    picture.save(FOLDER / f"{shot.name}.jpg", quality=QUALITY, optimize=True)
    sys.stdout.write(f"{FOLDER / shot.name}.jpg\n")


if __name__ == "__main__":
    main()
