"""Rows, summaries, paired differences, and looks measured as they develop."""

import json

import numpy as np
import pytest
import torch

from crispnet.colour import XYZ_TO_SRGB
from crispnet.darkroom.photo import develop
from crispnet.data.frames import Frame
from crispnet.errors import OutputError
from crispnet.evaluate.measure import as_look, measure, metadata_of, paired, summary, write_results
from crispnet.evaluate.metrics import METRICS, compare
from crispnet.look.plain import PlainLook
from crispnet.look.torch import TorchLook
from crispnet.model.catalogue import build
from crispnet.model.contract import Metadata
from crispnet.raw.bayer import pack_linear, thumbnail
from making import raw_image


def frame(seed=0, *, height=48, width=64, tags=None, scene=None):
    """A frame whose camera is the plain look, in 8 bits."""
    raw = raw_image(seed=seed, height=height, width=width)
    packed = pack_linear(raw).astype(np.float16)
    target = np.round(np.clip(develop(raw, "plain").pixels, 0, 1) * 255).astype(np.uint8)
    to_srgb = (XYZ_TO_SRGB @ raw.balanced_to_xyz()).astype(np.float32)
    return Frame(
        name=f"frame {seed}", scene=scene or f"scene {seed}", packed=packed, target=target,
        thumbnail=thumbnail(packed.astype(np.float32)), white_balance=raw.white_balance.astype(np.float32),
        to_srgb=to_srgb, tags=tags or {},
    )  # fmt: skip


def row(name, scene, value, **tags):
    return {"name": name, "scene": scene, "tags": tags} | dict.fromkeys(METRICS, value)


def darker(of):
    return of.target.astype(np.float32) / 255 * np.float32(0.9)


def test_the_plain_look_is_found_to_be_its_own_camera():
    frames, seen = [frame(0), frame(1)], []
    raw = raw_image(seed=0)  # the frames take after it but for the maker's baseline exposure
    assert raw.exif.get("baseline_exposure", 0.0) == 0
    rows = measure(as_look(PlainLook()), frames, progress=seen.append)
    assert seen == rows
    assert [(row["name"], row["scene"]) for row in rows] == [("frame 0", "scene 0"), ("frame 1", "scene 1")]
    assert all(row["delta_e"] < 0.6 and row["psnr"] > 45 and row["below_jnd"] > 0.99 for row in rows)
    assert all(row["delta_e"] > 2 for row in measure(darker, frames))


def test_rows_hold_the_metrics_of_the_unquantised_rendition():
    of = frame(tags={"light": "dim"})
    (found,) = measure(darker, [of])
    expected = compare(darker(of), (of.target / 255).astype(np.float32))
    assert found == {"name": "frame 0", "scene": "scene 0", "tags": {"light": "dim"}} | expected


class Blurring:
    """A look of stride 8 that looks 3 cells around, and tells how often it rendered."""

    name, version, card, stride, halo, bytes_per_cell, cells_at_once = "blurring", "1", {}, 8, 3, 48, 64 * 256

    def __init__(self):
        self.rendered = []

    def scene(self, thumbnail, metadata):
        assert thumbnail.shape == (1, 3, 368, 480)
        assert metadata.balanced_to_xyz.shape == (1, 3, 3)
        return thumbnail.mean()

    def render(self, packed, scene):
        assert packed.dtype == np.float32
        self.rendered.append(packed.shape[2:])
        assert all(size % self.stride == 0 for size in packed.shape[2:])
        around = np.pad(packed, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="edge")
        height, width = packed.shape[2:]
        mean = sum(around[..., r : r + height, c : c + width] for r, c in np.ndindex(7, 7)) / 49
        return mean[:, :3].repeat(2, 2).repeat(2, 3) + np.float32(scene)


def test_windows_do_not_show():
    of = frame(height=180, width=550)
    windowed, whole = Blurring(), Blurring()
    whole.cells_at_once = 10**6
    np.testing.assert_allclose(as_look(windowed)(of), as_look(whole)(of), atol=1e-6)
    assert len(windowed.rendered) > len(whole.rendered)


def test_a_look_without_a_halo_gets_whole_frames():
    of = frame(height=180, width=550)
    look = Blurring()
    look.halo = None
    assert as_look(look)(of).shape == (180, 550, 3)
    assert look.rendered == [(96, 280)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("csanet", {"width": 4, "blocks": 1}),
        ("awnet", {"width": 8, "blocks": (1, 1, 1, 1, 1), "growth": 4}),
        ("pynet-ca", {"width": 2}),
    ],
)
def test_networks_that_need_whole_photographs_can_be_measured(name, options):
    """Those that pool over all pixels have no halo; the study has to measure them all the same."""
    torch.manual_seed(0)
    isp, of = build(name, **options).eval(), frame(height=128, width=192)
    with torch.inference_mode():
        packed = torch.tensor(of.packed.astype(np.float32))[None]
        light = torch.tensor(of.white_balance)[None]
        metadata = Metadata(light, torch.tensor(of.to_srgb)[None], torch.zeros(1))
        expected = isp(packed, torch.tensor(of.thumbnail)[None], metadata)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(as_look(TorchLook(isp, name=name))(of), expected, atol=2e-4)


def test_metadata_is_the_frame_s():
    raw = raw_image()
    metadata = metadata_of(frame())
    np.testing.assert_allclose(metadata.balanced_to_xyz[0], raw.balanced_to_xyz(), atol=1e-6)
    np.testing.assert_allclose(metadata.white_balance[0], raw.white_balance, rtol=1e-6)
    assert metadata.baseline.tolist() == metadata.exposure.tolist() == [0]


def test_a_summary_averages_images_and_parts_them_by_tags():
    rows = [row("a", "1", 1.0, light="dim"), row("b", "1", 2.0, light="bright"), row("c", "2", 6.0, light="dim")]
    found = summary([*rows, row("d", "3", 3.0)], groups=["light"])
    assert (found["images"], found["scenes"]) == (4, 3)
    assert set(found["metrics"]) == set(METRICS)
    whole = found["metrics"]["delta_e"]
    assert whole["mean"] == 3
    assert 1.5 <= whole["low"] < 3 < whole["high"] <= 6
    assert {value: part["images"] for value, part in found["groups"]["light"].items()} == {"bright": 1, "dim": 2}
    assert found["groups"]["light"]["dim"]["metrics"]["psnr"]["mean"] == 3.5


def test_paired_differences_have_the_sign_of_a_minus_b():
    random = np.random.default_rng(0)
    difficulty = random.normal(10, 5, 30)
    b = [row(f"{n}", f"scene {n // 2}", value) for n, value in enumerate(difficulty)]
    a = [row(f"{n}", f"scene {n // 2}", value - 0.5 + random.normal(0, 0.3)) for n, value in enumerate(difficulty)]
    found = paired(a, b[::-1], "delta_e")
    assert found.low < -0.5 < found.high < 0
    back = paired(b, a, "delta_e")
    assert (back.mean, back.low, back.high) == pytest.approx((-found.mean, -found.high, -found.low), abs=0.02)
    # The images differ far more than that: unpaired, nothing would be seen.
    alone = summary(a)["metrics"]["delta_e"]
    assert alone["high"] - alone["low"] > 5 * (found.high - found.low)


@pytest.mark.parametrize(
    ("others", "metric"), [([row("b", "1", 1.0)], "delta_e"), ([], "delta_e"), ([row("a", "1", 1.0)], "beauty")]
)
def test_only_rows_of_the_same_pictures_are_paired(others, metric):
    with pytest.raises(ValueError, match="expected"):
        paired([row("a", "1", 1.0)], others, metric)


def test_results_say_what_was_measured_and_where(tmp_path):
    rows = [row("a", "1", np.float32(1.5), light="dim"), row("b", "1", float("inf"))]
    write_results(
        tmp_path / "r.json", rows, what="the plain look on the test split", groups=["light"], facts={"recipe": "none"}
    )
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert list(found) == ["what", "summary", "facts", "provenance", "rows"]
    assert found["rows"][0]["psnr"] == 1.5
    assert found["rows"][1]["psnr"] is None
    assert found["summary"]["metrics"]["ssim"]["low"] is None  # one scene
    assert found["facts"] == {"recipe": "none"}
    assert set(found["provenance"]) == {"machine", "versions", "precision", "commit", "date", "command"}
    assert str(tmp_path) not in json.dumps(found)


def test_results_in_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_results(tmp_path / "none" / "r.json", [row("a", "1", 1.0)], what="x")
