"""A server that listens, for a whole session of tests, and what asks it."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import uvicorn

from crispnet.darkroom.photo import develop
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from crispnet.serve.application import make_application
from crispnet.serve.looks import offered
from crispnet.serve.running import listening
from crispnet.serve.shop import Limits
from making import raw_image

SAMPLES = Path(__file__).parents[2] / "samples"
LIMITS = Limits(most_bytes=30_000_000, most_photographs=60, patience=2.0)


@contextmanager
def serving(*, limits=LIMITS, host="127.0.0.1", token=None):
    """Serve from a thread; gives the address, the port and the application."""
    app = make_application(offered(), limits=limits, host=host, token=token)
    with listening(host, 0) as opened:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        port = opened.getsockname()[1]
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}", port=port, app=app)
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def server():
    with serving() as server:
        yield server


@pytest.fixture
def ask(server):
    with httpx.Client(base_url=f"{server.url}/api", timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def small_raw(tmp_path_factory):
    """A raw of an upright-to-be scene, large enough to be compared."""
    return write_dng(raw_image(height=240, width=320, orientation=6), tmp_path_factory.mktemp("raw") / "small.dng")


@pytest.fixture(scope="session")
def pictured(tmp_path_factory):
    """A part of a sample, with a camera's own picture in it that is warmer and brighter than ours."""
    raw = open_raw(SAMPLES / "mural.dng")
    part = RawImage(
        np.ascontiguousarray(raw.mosaic[200:800, 300:1100]),
        *(raw.cfa, raw.black, raw.white, raw.white_balance, raw.calibrations, raw.orientation),
    )
    picture = develop(part, "plain", exposure=0.3, white_balance=part.white_balance * [1.1, 1, 0.9, 1], depth=8)
    return write_dng(part, tmp_path_factory.mktemp("raw") / "pictured.dng", preview=picture.pixels)


@pytest.fixture
def bring(ask):
    """Bring a file, and give its id; what was brought is taken away at the end."""
    brought = []

    def bring(path, name=None):
        answer = ask.post("/photographs", params={"name": name or path.name}, content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        brought.append(answer.json()["id"])
        return brought[-1]

    yield bring
    for each in brought:
        ask.delete(f"/photographs/{each}")


@pytest.fixture
def done(ask):
    """Wait until an order is over."""

    def wait(job, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = ask.get(f"/jobs/{job}").json()
            if told["state"] not in ("waiting", "developing"):
                return told
            time.sleep(0.05)
        raise AssertionError(f"still {told}")

    return wait
