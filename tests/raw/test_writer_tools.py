"""DNGs of a known scene in the programs that people develop with: no warning, and the right colours."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from crispnet.colour import SRGB_TO_XYZ, adaptation
from crispnet.raw.calibration import D50, D65, Calibration
from crispnet.raw.image import CFAS, Box, RawImage
from crispnet.raw.opcodes import FixVignetteRadial, GainMap
from crispnet.raw.writer import write_dng
from making import EXIF, WHITE, XYZ_TO_CAMERA, mosaiced

pytestmark = pytest.mark.tools

SIZE = (400, 608)
PATCH = (150, 115)
CORNERS = [(30 + 190 * row, 30 + 145 * column) for row in range(2) for column in range(4)]
COLOURS = np.array(  # linear sRGB: R, G, B, yellow, cyan, magenta, grey, dark grey
    [
        [0.6, 0.12, 0.1], [0.12, 0.5, 0.12], [0.1, 0.12, 0.6], [0.6, 0.55, 0.1],
        [0.1, 0.5, 0.55], [0.55, 0.12, 0.5], [0.5, 0.5, 0.5], [0.12, 0.12, 0.12],
    ]
)  # fmt: skip
GREY = 6
BLACK = np.array([[512.25, 513.5], [511.75, 510.0]])  # nearly equal: not every program gets more than that right


def scene() -> np.ndarray:
    """Eight patches on a soft grey ramp, linear sRGB."""
    picture = np.broadcast_to(0.2 * np.linspace(0.8, 1.2, SIZE[1])[None, :, None], (*SIZE, 3)).copy()
    for (top, left), colour in zip(CORNERS, COLOURS, strict=True):
        picture[top : top + PATCH[0], left : left + PATCH[1]] = colour
    return picture


def photograph(cfa: str, offset: tuple[int, int] = (0, 0), **values: object) -> RawImage:
    to_camera = XYZ_TO_CAMERA @ SRGB_TO_XYZ
    neutral = to_camera.sum(axis=1) / to_camera.sum(axis=1)[1]
    exposed = 0.8 * scene() @ to_camera.T / to_camera.sum(axis=1)[1]
    forward = adaptation(D65, D50) @ np.linalg.inv(XYZ_TO_CAMERA) @ np.diag(to_camera.sum(axis=1))
    return RawImage(
        mosaic=mosaiced(exposed, cfa=cfa, black=BLACK, white=WHITE),
        cfa=cfa,
        black=BLACK,
        white=WHITE,
        white_balance=np.array([1 / neutral[0], 1, 1 / neutral[2], 1]),
        calibrations=(Calibration(17, XYZ_TO_CAMERA, forward), Calibration(21, XYZ_TO_CAMERA, forward)),
        active_area=Box(*offset, *SIZE),
        stored_size=(SIZE[0] + offset[0] + 4, SIZE[1] + offset[1] + 6),
        **values,
    )


def photograph_with_everything(cfa: str, offset: tuple[int, int]) -> RawImage:
    """The same picture with every optional tag, and corrections that change nothing."""
    ones = np.ones((2, 2, 1), np.float32)
    return photograph(
        cfa,
        offset,
        noise_profile=np.array([[1, 0.1], [2, 0.2], [3, 0.3], [2, 0.2]]) * 1e-5,
        black_rows=np.zeros(SIZE[0]),
        black_columns=np.zeros(SIZE[1]),
        opcodes=(
            GainMap(2, True, 0, 0, *SIZE, 0, 1, 1, 1, (1.0, 1.0), (0.0, 0.0), ones),
            FixVignetteRadial(3, True, (0.0, 0.0, 0.0, 0.0, 0.0), (0.5, 0.5)),
        ),
        exif=EXIF | {"baseline_exposure": 0.0},
    )


def part_of(raw: RawImage) -> RawImage:
    """A corner of a picture: exiftool warns that it does not show black deltas of more than 500 rows or columns."""
    height, width = 300, 400
    return replace(
        raw,
        mosaic=raw.mosaic[:height, :width],
        active_area=Box(raw.active_area.top, raw.active_area.left, height, width),
        crop=Box(1, 2, height - 3, width - 3),
        black_rows=raw.black_rows[:height],
        black_columns=raw.black_columns[:width],
    )


def run(home: Path, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    home.mkdir(exist_ok=True)
    command = [program, *map(str, arguments)]
    # Settings of whoever runs the tests must not change the picture.
    environment = os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def colours_of(rendered: np.ndarray, *, linear: bool) -> np.ndarray:
    """The patches' mean colours, linear, relative to the grey one."""
    values = rendered[..., :3] / np.iinfo(rendered.dtype).max
    if not linear:
        values = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    # Programs trim a few pixels off the borders: stay clear of the patches' edges.
    means = [values[top + 25 : top + 125, left + 20 : left + 95].mean(axis=(0, 1)) for top, left in CORNERS]
    return np.array(means) / means[GREY][1]


TRUTH = COLOURS / COLOURS[GREY, 1]


@pytest.mark.parametrize("with_preview", [False, True])
@pytest.mark.parametrize("everything", [False, True])
def test_exiftool_finds_nothing_to_complain_about(with_preview: bool, everything: bool, tmp_path: Path) -> None:
    raw = part_of(photograph_with_everything("GRBG", (3, 5))) if everything else photograph("RGGB")
    preview = np.full((80, 120, 3), 128, np.uint8) if with_preview else None
    path = write_dng(raw, tmp_path / "a.dng", preview=preview)
    done = run(tmp_path / "home", "exiftool", "-validate", "-warning", "-error", "-a", "-s3", path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "OK", "")


def test_exiftool_finds_the_picture_and_the_shot(tmp_path: Path) -> None:
    picture = imagecodecs.jpeg8_encode(np.full((80, 120, 3), 128, np.uint8))
    path = write_dng(photograph_with_everything("RGGB", (0, 0)), tmp_path / "a.dng", preview=bytes(picture))
    run(tmp_path / "home", "exiftool", "-b", "-PreviewImage", "-w", "jpg", path)
    assert (tmp_path / "a.jpg").read_bytes() == picture
    shown = run(tmp_path / "home", "exiftool", "-s3", "-Artist", "-ISO", "-FNumber", "-LensModel", path).stdout
    assert shown.split("\n")[:4] == ["Zoë", "400", "2.8", "35mm f/2"]


@pytest.mark.parametrize("cfa", CFAS)
@pytest.mark.parametrize("offset", [(0, 0), (3, 5), (2, 5), (3, 4)])
def test_libraw_shows_the_right_colours(cfa: str, offset: tuple[int, int], tmp_path: Path) -> None:
    path = write_dng(photograph(cfa, offset), tmp_path / "a.dng")
    done = run(tmp_path / "home", "dcraw_emu", "-T", "-4", "-w", "-o", "1", "-W", path)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(colours_of(tifffile.imread(f"{path}.tiff"), linear=True), TRUTH, rtol=0, atol=0.01)


@pytest.mark.parametrize("cfa", CFAS)
@pytest.mark.parametrize("offset", [(0, 0), (3, 5)])
def test_rawtherapee_shows_the_right_colours(cfa: str, offset: tuple[int, int], tmp_path: Path) -> None:
    path = write_dng(photograph_with_everything(cfa, offset), tmp_path / "a.dng")
    out = tmp_path / "a.png"
    done = run(tmp_path / "home", "rawtherapee-cli", "-o", out, "-n", "-b16", "-c", path)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(colours_of(imagecodecs.imread(out), linear=False), TRUTH, rtol=0, atol=0.02)


@pytest.mark.parametrize(("cfa", "offset"), [("GBRG", (0, 0)), ("GRBG", (3, 5))])
def test_darktable_shows_the_right_colours(cfa: str, offset: tuple[int, int], tmp_path: Path) -> None:
    preview = np.full((80, 120, 3), 128, np.uint8)
    path = write_dng(photograph_with_everything(cfa, offset), tmp_path / "a.dng", preview=preview)
    out, settings = tmp_path / "a.png", tmp_path / "home"
    done = run(settings, "darktable-cli", path, out, "--core", "--library", ":memory:", "--configdir", settings)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "a.dng" in line or "rawspeed" in line]
    assert (done.returncode, complaints) == (0, [])
    # Its tone curve (filmic) is not ours to judge: hues are.
    np.testing.assert_allclose(colours_of(imagecodecs.imread(out), linear=False), TRUTH, rtol=0, atol=0.15)
