import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from crispnet.app.cli import app
from crispnet.darkroom.photo import develop
from crispnet.data.pairs import Pair, write_manifest
from crispnet.raw.writer import write_dng
from making import raw_image


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The command runs in an empty folder, and without the seconds that exiftool takes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    return tmp_path


@pytest.fixture(scope="session")
def crispnet():
    """Run a command as it is typed."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def photographs():
    """Make a folder of small photographs: gradients with grain."""

    def make(folder, count, *, height=370, width=482):
        folder.mkdir(parents=True, exist_ok=True)
        across = np.linspace(0, 1, width)[None, :, None]
        for number in range(count):
            noise = np.random.default_rng(number)
            left, right = noise.random((2, 3))
            pixels = left * (1 - across) + right * across + 0.05 * noise.standard_normal((height, width, 3))
            Image.fromarray((255 * pixels.clip(0, 1)).astype(np.uint8)).save(folder / f"photo{number}.jpg")
        return folder

    return make


@pytest.fixture(scope="session")
def captures():
    """Make a folder of tiny captures, as a camera with the plain look would give them."""

    def make(folder, splits=("train", "train", "validation", "test", "test")):
        pairs = []
        for number, split in enumerate(splits):
            raw = raw_image(height=72, width=96, seed=number)
            paths = folder / "raw" / f"{number}.dng", folder / "picture" / f"{number}.png"
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
            write_dng(raw, paths[0])
            develop(raw, "plain", depth=8).save(paths[1])
            kind = {"kind": "sky" if number % 2 else "face", "camera": "Virtual One", "camera_seen": number % 2 == 0}
            kind["source"] = "panorama" if number == 3 else "photograph"
            pairs.append(Pair(*paths, f"scene {number}", split, kind))
        write_manifest(pairs, folder / "manifest.jsonl")
        return folder

    return make
