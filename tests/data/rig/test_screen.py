import http.client
import json
import shutil
import threading
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pytest

from crispnet.data.rig.browser import Browser
from crispnet.data.rig.marks import Layout
from crispnet.data.rig.screen import HOST, Screen
from crispnet.data.rig.stage import drawn
from crispnet.errors import RigError
from rigging import CHART, LAYOUT


@pytest.fixture
def screen():
    with Screen() as opened:
        yield opened


class Page:
    """What the page's script does, without a browser."""

    def __init__(self, screen):
        split = urlsplit(screen.address)
        self.place, self.secret = split.netloc, split.path

    def ask(self, path, *, method="GET", body=None, host=None):
        connection = http.client.HTTPConnection(self.place, timeout=10)
        connection.request(method, path, body=body, headers={"Host": host or self.place})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def tell(self, turn, rows=LAYOUT.rows, columns=LAYOUT.columns):
        body = json.dumps({"turn": turn, "rows": rows, "columns": columns})
        return self.ask(f"{self.secret}painted", method="POST", body=body)[0].status

    def follow(self, count, **size):
        """Open the page, and paint so many frames; give them."""
        self.tell(0, **size)
        frames, turn = [], 0
        while len(frames) < count:
            said = json.loads(self.ask(f"{self.secret}next?after={turn}")[1])
            if said["turn"] > turn:
                turn = said["turn"]
                frames.append(self.ask(f"{self.secret}frame/{turn}.png")[1])
                self.tell(turn, **size)
        return frames


def test_a_frame_is_shown_once_the_page_has_painted_it(screen):
    page, got = Page(screen), []
    following = threading.Thread(target=lambda: got.extend(page.follow(2)))
    following.start()
    assert screen.layout(patience=5) == LAYOUT
    frame = drawn(CHART, LAYOUT, 1).pixels
    screen.show(frame, patience=5)
    screen.show(frame[::-1], patience=5)
    following.join(5)
    np.testing.assert_array_equal(imagecodecs.png_decode(got[1]), frame[::-1])


def test_who_does_not_know_the_secret_gets_nothing(screen):
    page = Page(screen)
    assert page.ask(page.secret)[0].status == 200
    for path in ("/", "/next", f"/{'x' * 22}/", page.secret.rstrip("/"), f"{page.secret}../page.html"):
        assert page.ask(path)[0].status == 404


def test_another_host_gets_nothing(screen):
    page = Page(screen)
    port = page.place.rpartition(":")[2]
    for host in (f"example.org:{port}", f"{HOST}.example.org:{port}", HOST, f"{HOST}:1", "x"):
        assert page.ask(page.secret, host=host)[0].status == 404
    assert page.ask(page.secret, host=f"localhost:{port}")[0].status == 200


def test_the_page_loads_nothing_from_elsewhere(screen):
    page = Page(screen)
    answer, content = page.ask(page.secret)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert b"http" not in content
    assert page.ask(f"{page.secret}page.js")[0].headers["Content-Type"] == "text/javascript"


@pytest.mark.parametrize(
    "body",
    [
        *("", "no JSON", "[]", "{}", '{"turn": 5, "rows": 9, "columns": 9}', '{"turn": 0, "rows": -1, "columns": 9}'),
        *('{"turn": true, "rows": 9, "columns": 9}', '{"turn": 0, "rows": 1e9, "columns": 9}', "x" * 2000),
    ],
)
def test_words_that_make_no_sense_are_refused(screen, body):
    page = Page(screen)
    assert page.ask(f"{page.secret}painted", method="POST", body=body)[0].status == 404
    with pytest.raises(RigError, match="No browser opened"):
        screen.layout(patience=0.05)


def test_a_page_that_went_away_or_changed_its_size_is_said(screen):
    page = Page(screen)
    page.tell(0)
    frame = drawn(CHART, LAYOUT, 1).pixels
    with pytest.raises(RigError, match="did not show a frame within 0 s"):
        screen.show(frame, patience=0.05)

    def follow():
        with suppress(OSError, HTTPException):  # the screen goes while the page waits for more
            page.follow(2, rows=500)

    following = threading.Thread(target=follow)
    following.start()
    with pytest.raises(RigError, match="640 x 500 pixels by now, and had 640 x 480"):
        screen.show(frame, patience=5)
    following.join(5)


def test_a_tiny_window_and_a_taken_port_are_refused(screen):
    Page(screen).tell(0, rows=90)
    with pytest.raises(RigError, match="640 x 90 pixels"):
        screen.layout(patience=1)
    with pytest.raises(RigError, match="Choose another with --port"):
        Screen(port=urlsplit(screen.address).port)


def test_a_browser_that_is_not_there_is_asked_for(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RigError, match="Install both"):
        Browser("http://127.0.0.1/", rows=480, columns=640)


@pytest.mark.tools
def test_a_real_browser_shows_every_pixel_as_it_is():
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed")
    with Screen() as opened, Browser(f"{opened.address}?begin", rows=480, columns=640) as browser:
        layout = opened.layout(patience=20)
        assert layout == Layout(480, 640)
        noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
        for frame in (drawn(CHART, layout, 1).pixels, noise):
            opened.show(frame)
            np.testing.assert_array_equal(browser.see(), frame)
