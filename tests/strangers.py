"""Who reads strangers' files, the sound files that damage begins with, and what must be true of whatever is read.

A reader either gives something sound or refuses with one of the package's own errors. Anything else is a finding:
another exception, a crash, and what is given but cannot be.
"""

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms

import zoo
from crispnet.errors import CrispnetError
from crispnet.look.cube import cube_text, read_cube
from crispnet.look.file import SEAL_BYTES, LookFile, seal
from crispnet.raw import dngtags
from crispnet.raw.bayer import pack_linear, thumbnail
from crispnet.raw.image import RawImage
from crispnet.raw.opcodes import parse, serialise
from crispnet.raw.reader import open_raw
from crispnet.raw.writer import write_dng
from making import one_of_each

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
ZOO = 24  # members whose files damage begins with


class Wrong(AssertionError):
    """Something was read that cannot be."""


@dataclass(frozen=True)
class Target:
    """A reader of files.

    Attributes:
        seeds: sound files.
        read: reads one, at a path; raises ``CrispnetError`` for what it refuses, ``Wrong`` for what it should have.
        name: of the file that it is given.
        finish: what is done to a damaged file by whoever wants it to be taken for a whole one.
        settle: puts into a folder what belongs beside the file.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    name: str = "a.dng"
    finish: Callable[[bytes, np.random.Generator], bytes] = lambda content, _: content
    settle: Callable[[Path], object] = lambda _: None


def outcome(target: Target, content: bytes, path: Path) -> str:
    """Say what a reader makes of a file: "read", "refused", or, of a finding, what it is."""
    path.write_bytes(content)
    try:
        target.read(path)
    except CrispnetError as error:
        return "refused" if str(error) else "wrong: a refusal without words"
    except Wrong as fault:
        return f"wrong: {fault}"
    except Exception as error:
        line = error.__traceback__
        while line and line.tb_next:
            line = line.tb_next
        where = f"{Path(line.tb_frame.f_code.co_filename).name}:{line.tb_lineno}" if line else "?"
        return f"crashed: {type(error).__name__} at {where}: {error}"[:300]
    return "read"


def require(faults: Iterator[str]) -> None:
    """Refuse what has a fault."""
    found = list(faults)
    if found:
        raise Wrong("; ".join(found))


# Raw files


def faults_of(raw: RawImage) -> Iterator[str]:
    """Name what no raw image may be, whatever the file says."""
    area, (height, width), crop = raw.active_area, raw.stored_size, raw.crop
    if raw.mosaic.dtype != np.uint16 or raw.mosaic.shape != (area.height, area.width):
        yield f"a mosaic of {raw.mosaic.shape} {raw.mosaic.dtype} for {area}"
    if not (0 <= area.top < area.bottom <= height and 0 <= area.left < area.right <= width):
        yield f"{area} within {height} x {width}"
    if not (0 <= crop.top < crop.bottom <= area.height and 0 <= crop.left < crop.right <= area.width):
        yield f"a crop {crop} of {area}"
    if not (np.isfinite(raw.black).all() and 0 <= raw.black.min() <= raw.black.max() < raw.white <= 65535):
        yield f"black {raw.black.tolist()}, white {raw.white}"
    balance = raw.white_balance
    if not (np.isfinite(balance).all() and balance.min() > 0 and balance.max() / balance.min() <= 20.001):
        yield f"white balance {balance.tolist()}"
    if balance[1] != 1 or balance[3] != 1:
        yield f"a green of {balance[1]}, {balance[3]}"
    if raw.orientation not in range(1, 9):
        yield f"orientation {raw.orientation}"
    noise = raw.noise_profile
    if noise is not None and not (noise.shape == (4, 2) and np.isfinite(noise).all() and noise.min() >= 0):
        yield f"noise {noise.tolist()}"
    if not np.isfinite(raw.balanced_to_xyz()).all():
        yield "a camera matrix that is not finite"
    for key, value in raw.exif.items():
        if not isinstance(value, str) and not (isinstance(value, float | int) and math.isfinite(value)):
            yield f"{key} {value!r}"
    if not all(isinstance(note, str) and note for note in raw.notes):
        yield "a note without words"


def _read_raw(path: Path) -> None:
    raw = open_raw(path)
    require(faults_of(raw))
    packed = pack_linear(raw)
    if not np.isfinite(packed).all() or not np.isfinite(thumbnail(packed)).all():
        raise Wrong("packed values that are not finite")


def _read_tags(path: Path) -> None:
    tags = dngtags.read_tags(path)
    found: list[Any] = [dngtags.as_shot_neutral(tags), dngtags.as_shot_white(tags), dngtags.noise_profile(tags)]
    found += [dngtags.black_levels(tags, 1), dngtags.black_levels(tags, 3), *dngtags.black_deltas(tags, 26, 35)]
    found += [known.xyz_to_camera for known in dngtags.calibrations(tags)]
    for values in found:
        if values is not None and not np.isfinite(values).all():
            raise Wrong(f"tags that are not finite: {values}")
    area, crop = dngtags.active_area(tags, 26, 35), dngtags.default_crop(tags)
    if area and not (0 <= area.top < area.bottom <= 26 and 0 <= area.left < area.right <= 35):
        raise Wrong(f"an active area {area}")
    if crop and max(crop.height, crop.width, crop.top, crop.left) > 1e6:
        raise Wrong(f"a crop {crop}")
    dngtags.opcodes(tags)
    for code in list(tags.values)[:50]:
        tags.text(code), tags.whole(code)


def _read_opcodes(path: Path) -> None:
    content = path.read_bytes()
    small = zoo.image_of(zoo.Member())
    for stage in (1, 2, 3):
        opcodes, notes = parse(content, stage)
        if not all(isinstance(note, str) for note in notes):
            raise Wrong("notes that are no words")
        packed = pack_linear(replace(small, opcodes=opcodes))
        if np.isnan(packed).any():
            raise Wrong(f"gains that make no number: {[type(opcode).__name__ for opcode in opcodes]}")


def _read_camera_picture(path: Path) -> None:
    from crispnet.raw.picture import camera_picture

    _check_picture(camera_picture(path).pixels, np.uint8)


def _check_picture(pixels: np.ndarray, kind: type) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != kind or 0 in pixels.shape:
        raise Wrong(f"a picture of {pixels.shape} {pixels.dtype}")
    if kind is np.float32 and not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
        raise Wrong("pixels beyond 0 and 1")


@cache
def raws() -> list[bytes]:
    """Files of the zoo, with and without a picture inside, and pieces of the two samples."""
    random = np.random.default_rng(1)
    found = [_file(lambda path, n=n: zoo.write(zoo.member(int(n)), path)) for n in random.integers(zoo.COUNT, size=ZOO)]
    shown = zoo.image_of(zoo.Member(area="odd", orientation=6))
    found += [_file(lambda path: write_dng(shown, path, preview=_jpeg(), overwrite=True))]
    # Both keep what their readers look for: the DNG its directories in front, the CRW its directory at the end.
    crw = (SAMPLES / "box.crw").read_bytes()
    return [*found, (SAMPLES / "mural.dng").read_bytes()[:300_000], crw[:2_000] + crw[-60_000:]]


@cache
def whole_samples() -> list[bytes]:
    """The two samples."""
    return [(SAMPLES / name).read_bytes() for name in ("mural.dng", "box.crw")]


def _file(write: Callable[[Path], object]) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dng"
        write(path)
        return path.read_bytes()


def _opcode_lists() -> list[bytes]:
    everything = one_of_each()
    lists = [serialise([opcode for opcode in everything if opcode.stage == stage]) for stage in (1, 2, 3)]
    return [*lists, *(serialise(maps) for maps in zoo.MAPS.values() if maps)]


# Pictures


def _encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = Image.radial_gradient("L").resize((40, 28))
    Image.merge("RGB", (picture, picture.rotate(90), picture.rotate(180))).save(file, kind, **options)
    return file.getvalue()


def _jpeg() -> bytes:
    exif = Image.Exif()
    exif[271], exif[274], exif[0x8769] = "Maker", 6, {0xA001: 65535}
    exif[0xA005] = {1: "R03"}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return _encoded("JPEG", exif=exif, icc_profile=profile)


@cache
def pictures() -> list[bytes]:
    """Pictures of every kind that is read, of 8 and 16 bits, with profiles and without."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    deep = io.BytesIO()
    tifffile.imwrite(deep, np.arange(28 * 40 * 3, dtype=np.uint16).reshape(28, 40, 3), photometric="rgb")
    small = io.BytesIO()
    tifffile.imwrite(small, np.linspace(0, 1, 28 * 40 * 3, dtype=np.float32).reshape(28, 40, 3), photometric="rgb")
    kinds = [_encoded("PNG", icc_profile=profile), _encoded("TIFF"), _encoded("TIFF", compression="tiff_lzw")]
    kinds += [_encoded("WEBP"), _encoded("AVIF"), _encoded("BMP"), _encoded("GIF")]
    return [_jpeg(), _encoded("JPEG", progressive=True), *kinds, deep.getvalue(), small.getvalue()]


def _read_sidecar(path: Path) -> None:
    from crispnet.raw.sidecar import picture_file

    _check_picture(picture_file(path).pixels, np.uint8)


def _read_picture(path: Path) -> None:
    from crispnet.darkroom.opening import open_picture

    _check_picture(open_picture(path).pixels, np.float32)


# Looks and tables


@cache
def looks() -> list[bytes]:
    """A small look, as it is exported."""
    from tiny_look import TINY  # which needs onnx

    return [TINY]


def _sealed_again(content: bytes, random: np.random.Generator) -> bytes:
    """Seal what was changed, as somebody does who means harm; leave every third file as damage left it."""
    return seal(content[:-SEAL_BYTES]) if random.integers(3) else content


def _read_look(path: Path) -> None:
    look = LookFile.open(path)
    if not (look.name and look.version and look.stride >= 1 and look.halo >= 0 and look.bytes_per_cell >= 1):
        raise Wrong(f"a look {look.name!r}, stride {look.stride}, halo {look.halo}")
    if not all(isinstance(text, str) for text in look.card.values()):
        raise Wrong("a card that is no words")


def _run_look(path: Path) -> None:
    from crispnet.look.contract import Metadata
    from crispnet.look.openvino import OpenVinoLook

    look = OpenVinoLook(path, precision="f32")
    side = 8 * look.stride
    if look.stride > 16:
        return
    known = Metadata.of(zoo.image_of(zoo.Member()))
    scene = look.scene(np.full((1, 3, 368, 480), 0.2, np.float32), known)
    shown = look.render(np.full((1, 4, side, side), 0.2, np.float32), scene)
    if shown.shape != (1, 3, 2 * side, 2 * side):
        raise Wrong(f"a picture of {shown.shape} for {side} cells")


def _cubes() -> list[bytes]:
    nodes = np.stack(np.meshgrid(*[np.linspace(0, 1, 3)] * 3, indexing="ij"), axis=-1)
    return [cube_text(nodes, title="a", comments=["b"]), cube_text(nodes[::-1], title="c")]


def _read_cube(path: Path) -> None:
    table = read_cube(path)
    size = len(table)
    if table.shape != (size, size, size, 3) or not 2 <= size <= 65 or not np.isfinite(table).all():
        raise Wrong(f"a table of {table.shape}")


# What training reads


def _manifests() -> list[bytes]:
    lines = [
        {"raw": f"raw/{n}.dng", "picture": f"jpeg/{n}.jpg", "scene": f"s{n // 2}", "split": "train", "tags": {"iso": n}}
        for n in range(6)
    ]
    return ["\n".join(map(json.dumps, lines)).encode(), json.dumps(lines[0] | {"split": "test"}).encode() + b"\n"]


def _read_manifest(path: Path) -> None:
    from crispnet.data.pairs import SPLITS, read_manifest

    for pair in read_manifest(path):
        if pair.split not in SPLITS or not pair.scene or not isinstance(pair.tags, dict):
            raise Wrong(f"{pair}")


def _recipes() -> list[bytes]:
    from crispnet.train.recipes import RECIPES

    return [json.dumps(asdict(recipe)).encode() for recipe in (RECIPES["crispnet"], RECIPES["pynet"], RECIPES["phone"])]


def _read_recipe(path: Path) -> None:
    from crispnet.train.recipes import read_recipe

    recipe = read_recipe(path)
    if not (isinstance(recipe.steps, int) and recipe.steps >= 1 and recipe.stages):
        raise Wrong(f"a recipe of {recipe.steps!r} steps in {len(recipe.stages)} stages")
    for step in (0, recipe.steps // 2, recipe.steps - 1):
        rate = recipe.rate_at(step)
        if not 0 <= recipe.stage_at(step) < len(recipe.stages) or not (math.isfinite(rate) and rate >= 0):
            raise Wrong(f"a rate of {rate} at step {step}")


def _sets() -> list[bytes]:
    from crispnet.data import setfile

    said = json.loads((Path(setfile.__file__).parent / "sets" / "monitor-v1.json").read_text(encoding="utf-8"))
    return [json.dumps(said | {"entries": said["entries"][:20]}).encode()]


def _read_set(path: Path) -> None:
    from crispnet.data.setfile import named_set

    found = named_set(str(path))
    if not (found.name and found.seed >= 0 and found.per_photograph >= 0):
        raise Wrong(f"a set {found.name!r}, seed {found.seed}")


def _settle_frames(folder: Path) -> None:
    (folder / "train").mkdir(exist_ok=True)
    (folder / "train" / "frames-0.bin").write_bytes(bytes(_BYTES))


_CELLS = (4, 6)
_BYTES = 2 * 4 * 4 * 6 + 3 * 4 * 4 * 6 + 4 * 3 * 368 * 480


def _frames() -> list[bytes]:
    entry = {"name": "a", "scene": "s", "cells": _CELLS, "white_balance": [2, 1, 1.5, 1], "tags": {}}
    entry["to_srgb"] = np.eye(3).tolist()
    index = {"schema": "crispnet frames 1", "content": "frames-0.bin", "bytes": _BYTES, "origin": "", "frames": [entry]}
    return [json.dumps(index).encode()]


def _read_frames(path: Path) -> None:
    from crispnet.data.frames import open_frames

    for frame in open_frames(path.parent.parent, path.parent.name):
        if frame.packed.shape != (4, *_CELLS) or frame.target.shape != (8, 12, 3):
            raise Wrong(f"a frame of {frame.packed.shape}")


def _checkpoints() -> list[bytes]:
    from crispnet.model import catalogue, checkpoint

    options = {"widths": (4, 8), "blocks": 1}
    weights = catalogue.build("unet-residual", **options).state_dict()
    return [_file(lambda path: checkpoint.save("unet-residual", options, weights, path, step=3))]


def _read_checkpoint(path: Path) -> None:
    from crispnet.model import checkpoint

    checkpoint.load(path)


@cache
def _state() -> Any:
    import torch

    from crispnet.train.recipes import RECIPES
    from crispnet.train.state import first_state

    return first_state(RECIPES["unet-residual"].set("widths=4,8", "blocks=1"), device=torch.device("cpu"))


def _states() -> list[bytes]:
    from crispnet.train.state import save_state

    return [_file(lambda path: save_state(_state(), path))]


def _read_state(path: Path) -> None:
    from crispnet.train.state import restore_state

    state = _state()
    restore_state(state, path)
    if not (isinstance(state.counts.step, int) and state.counts.step >= 0):
        raise Wrong(f"{state.counts}")


TARGETS: Mapping[str, Target] = {
    "tags": Target(raws, _read_tags),
    "opcodes": Target(_opcode_lists, _read_opcodes, "a.bin"),
    "raw": Target(raws, _read_raw),
    "whole raw": Target(whole_samples, _read_raw),
    "camera's picture": Target(raws, _read_camera_picture),
    "sidecar": Target(pictures, _read_sidecar, "a.jpg"),
    "picture": Target(pictures, _read_picture, "a.png"),
    "look": Target(looks, _read_look, "a.onnx", _sealed_again),
    "look in use": Target(looks, _run_look, "a.onnx", lambda content, _: seal(content[:-SEAL_BYTES])),
    "table": Target(_cubes, _read_cube, "a.cube"),
    "manifest": Target(_manifests, _read_manifest, "manifest.jsonl"),
    "recipe": Target(_recipes, _read_recipe, "recipe.json"),
    "frames": Target(_frames, _read_frames, "train/frames.json", settle=_settle_frames),
    "checkpoint": Target(_checkpoints, _read_checkpoint, "best.safetensors"),
    "set of captures": Target(_sets, _read_set, "set.json"),
    "state": Target(_states, _read_state, "last.safetensors"),
}
