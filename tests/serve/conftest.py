"""A server for a whole session of tests, and what asks it."""

import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from crispnet.darkroom.photo import develop
from crispnet.raw.image import RawImage
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import raw_image
from serving import serving

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="session")
def server():
    with serving() as server:
        yield server


@pytest.fixture
def ask(server):
    with httpx.Client(base_url=f"{server.url}/api", timeout=300) as client:
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

    def wait(job, seconds=240):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = ask.get(f"/jobs/{job}").json()
            if told["state"] not in ("waiting", "developing"):
                return told
            time.sleep(0.05)
        raise AssertionError(f"still {told}")

    return wait
