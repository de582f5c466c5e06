"""A browser without a screen, for the virtual camera: Chromium, driven by Selenium."""

import io
import os
import shutil
from types import TracebackType

import numpy as np
from PIL import Image

from crispnet.errors import RigError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"


class Browser:
    """Shows a page on a screen that only the virtual camera sees."""

    def __init__(self, address: str, *, rows: int, columns: int) -> None:
        """Open a page in a window of ``columns`` x ``rows`` pixels.

        Raises:
            RigError: Selenium, Chromium or its driver are not there, or do not start.
        """
        try:
            from selenium.common.exceptions import WebDriverException
            from selenium.webdriver import Chrome, ChromeOptions, ChromeService
        except ModuleNotFoundError as error:
            raise RigError(
                'Selenium is not installed. The virtual camera needs it to see a page. Run: pip install "crispnet[rig]"'
            ) from error
        program, driver = next(filter(None, map(shutil.which, PROGRAMS)), None), shutil.which(DRIVER)
        if program is None or driver is None:
            raise RigError(
                f"There is no {DRIVER if program else PROGRAMS[0]}. The virtual camera needs Chromium and its driver. "
                "Install both (Debian: chromium, chromium-driver)."
            )
        options = ChromeOptions()
        options.binary_location = program
        for word in ("headless=new", "hide-scrollbars", "force-color-profile=srgb", "disable-gpu"):
            options.add_argument(f"--{word}")
        if os.name == "posix" and os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium's does not work for root; the page is our own
        try:
            self._driver = Chrome(options, ChromeService(driver))
            self._driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": columns, "height": rows, "deviceScaleFactor": 1, "mobile": False},
            )
            self._driver.get(address)
        except WebDriverException as error:
            raise RigError(
                f"Chromium did not start: {error.msg}. One that runs without a screen was needed. Try `{program} "
                "--headless --no-sandbox --dump-dom about:blank`."
            ) from error

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._driver.quit()

    def see(self) -> np.ndarray:
        """Give what the window shows: (rows, columns, 3) uint8 sRGB."""
        with Image.open(io.BytesIO(self._driver.get_screenshot_as_png())) as picture:
            return np.asarray(picture.convert("RGB"))
