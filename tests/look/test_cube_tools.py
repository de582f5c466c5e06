"""Tables applied by the programs that people develop with give what they give here."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from crispnet.look.cube import cube_text, to_hald
from crispnet.look.trilinear import identity, interpolate

pytestmark = pytest.mark.tools

ONE_CODE = 1 / 255


def program(*names: str) -> str:
    """The first of these programs that is installed."""
    for name in names:
        if shutil.which(name):
            return name
    return pytest.skip(f"{names[0]} is not installed")


def imagemagick() -> str:
    """The name it goes by here; other programs are called `convert`, too."""
    for name in filter(shutil.which, ("magick", "convert")):
        said = subprocess.run([name, "-version"], capture_output=True, text=True, check=False).stdout
        if "ImageMagick" in said:
            return name
    return pytest.skip("ImageMagick is not installed")


def run(home: Path, *words: str | Path) -> None:
    home.mkdir(exist_ok=True)
    # Settings of whoever runs the tests must not change the picture.
    environment = os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def warm(colours: np.ndarray) -> np.ndarray:
    """A rendition that tells red, green and blue apart: none of them may be taken for another."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    return np.stack([red**0.7, 0.08 + 0.8 * green, 0.75 * blue**1.3 + 0.1 * red], axis=-1)


def picture() -> np.ndarray:
    """Soft colours all over the cube, without its saturated ends, which programs handle in wider spaces: 8 bits."""
    down, across = np.mgrid[:96, :144] / np.array([95, 143])[:, None, None]
    colours = np.stack([across, down, 0.5 + 0.5 * np.sin(5 * across + 3 * down)], axis=-1)
    return np.round((0.2 + 0.6 * colours) * 255).astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(imagecodecs.png_encode(pixels))
    return path


def difference(path: Path, nodes: np.ndarray) -> np.ndarray:
    """How far each pixel of a program's picture is from ours, in [0, 1]."""
    theirs = imagecodecs.imread(path)
    theirs = theirs[..., :3] / np.iinfo(theirs.dtype).max
    return np.abs(theirs - interpolate(nodes, picture() / 255))


@pytest.mark.parametrize("level", [4, 8])
def test_imagemagick_applies_a_hald(tmp_path, level):
    nodes = warm(identity(level**2))
    plain, hald = write_png(tmp_path / "plain.png", picture()), write_png(tmp_path / "hald.png", to_hald(nodes))
    convert = imagemagick()
    run(tmp_path / "home", convert, plain, hald, "-hald-clut", "-depth", "16", tmp_path / "out.png")
    assert difference(tmp_path / "out.png", nodes).max() < ONE_CODE


def test_rawtherapee_applies_a_hald(tmp_path):
    nodes = warm(identity(64))
    plain, hald = tmp_path / "plain.tif", write_png(tmp_path / "hald.png", to_hald(nodes))
    tifffile.imwrite(plain, picture(), photometric="rgb")
    profile = tmp_path / "a.pp3"
    profile.write_text(f"[Film Simulation]\nEnabled=true\nClutFilename={hald}\nStrength=100\n")
    out, developer = tmp_path / "out.png", program("rawtherapee-cli")
    run(tmp_path / "home", developer, "-o", out, "-p", profile, "-n", "-b16", "-Y", "-c", plain)
    assert np.percentile(difference(out, nodes), 99) < ONE_CODE


@pytest.mark.parametrize("ending", ["cube", "png"])
def test_darktable_applies_a_table(tmp_path, ending):
    nodes = warm(identity(33 if ending == "cube" else 64))
    plain, table = write_png(tmp_path / "plain.png", picture()), tmp_path / f"table.{ending}"
    if ending == "cube":
        table.write_bytes(cube_text(nodes, title="warm"))
    else:
        write_png(table, to_hald(nodes))
    settings = tmp_path / "plain.png.xmp"
    settings.write_text(history(table.name))
    out, home = tmp_path / "out.png", tmp_path / "home"
    run(
        home, program("darktable-cli"), plain, settings, out, "--core", "--library", ":memory:", "--configdir", home,
        "--conf", f"plugins/darkroom/lut3d/def_path={tmp_path}",
        "--conf", "plugins/imageio/format/png/bpp=16",
    )  # fmt: skip
    assert np.percentile(difference(out, nodes), 99) < ONE_CODE


def history(table: str) -> str:
    """An XMP with one step: darktable's module "lut 3D", version 3, sRGB, trilinear."""
    parameters = struct.pack("<512s3i12288s128s", table.encode(), 0, 1, 0, b"", b"").hex()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/"
   darktable:xmp_version="5" darktable:raw_params="0" darktable:auto_presets_applied="1" darktable:history_end="1"
   darktable:iop_order_version="4">
   <darktable:masks_history><rdf:Seq/></darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li darktable:num="0" darktable:operation="lut3d" darktable:enabled="1" darktable:modversion="3"
      darktable:params="{parameters}" darktable:multi_name="" darktable:multi_priority="0"
      darktable:blendop_version="11" darktable:blendop_params="gz12eJxjYGBgkGAAgRNODESDBnsIHll8ANNSGQM="/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
