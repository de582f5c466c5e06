"""Keeps renditions of some test captures as pictures, for the figures.

They lie beside the results of their set, upright, as everybody would look at them:

    pictures/CAPTURE/NAME.jpg    what NAME made of a capture; NAME is that of its result, NAME.json
    pictures/CAPTURE/target.jpg  what the camera made of it

Not every capture may be shown. Panoramas are in the public domain (CC0), so views cut out of them are free to
publish; most photographs are not ours to give away. The tag ``source`` says what a capture was taken of.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from crispnet.darkroom.output import srgb_profile
from crispnet.data.frames import Frame
from crispnet.evaluate.measure import Render
from crispnet.files import make_folder, whole_file
from crispnet.raw.orientation import upright

PICTURES, TARGET = "pictures", "target"
QUALITY = 97
FREE = "panorama"  # what may be published, by the tag ``source``


def picture_path(folder: Path, capture: str, name: str) -> Path:
    """Say where the picture of a capture by ``name`` lies, in the folder of a set's results."""
    return folder / PICTURES / capture / f"{name}.jpg"


def free_to_publish(frames: Iterable[Frame]) -> list[Frame]:
    """Pick the frames whose pictures are kept if nobody says otherwise: the views of panoramas, all of them.

    Frames whose tags do not say what they show are left out: nobody can tell whose they are.
    """
    return [frame for frame in frames if frame.tags.get("source") == FREE]


def keeping(render: Render, folder: Path, *, name: str, captures: Collection[str]) -> Render:
    """Make a render that does the same, and keeps a picture of some captures, and the camera's own beside it.

    Args:
        render: makes (2h, 2w, 3) sRGB of a frame.
        folder: of the set's results.
        name: of the result.
        captures: names of the frames to keep pictures of.

    Raises:
        OutputError: by the render, if a picture cannot be written.
    """

    def render_and_keep(frame: Frame) -> np.ndarray:
        rendition = render(frame)
        if frame.name in captures:
            target = np.asarray(frame.target, np.float32) / np.float32(255)
            orientation = orientation_of(frame)
            write_rendition(rendition, picture_path(folder, frame.name, name), orientation=orientation)
            write_rendition(target, picture_path(folder, frame.name, TARGET), orientation=orientation)
        return rendition

    return render_and_keep


def orientation_of(frame: Frame) -> int:
    """Say how a frame was held: EXIF Orientation by its tag ``orientation``, 1 where there is none."""
    said = frame.tags.get("orientation", 1)
    return said if isinstance(said, int) and 1 <= said <= 8 else 1


def write_rendition(rendition: np.ndarray, path: Path, *, orientation: int = 1) -> None:
    """Write a rendition as a JPEG that hardly loses anything (quality 97, colour at full size); replace an old one.

    Args:
        rendition: (h, w, 3) sRGB, in sensor orientation; what is beyond [0, 1] is clipped.
        path: of the file; folders are made.
        orientation: EXIF Orientation by which to turn it upright.

    Raises:
        OutputError: the file cannot be written.
    """
    make_folder(path.parent, purpose="pictures")
    codes = np.rint(255 * np.clip(upright(rendition, orientation), 0, 1)).astype(np.uint8)
    write_jpeg(Image.fromarray(np.ascontiguousarray(codes)), path, quality=QUALITY)


def write_jpeg(picture: Image.Image, path: Path, *, quality: int) -> None:
    """Write a picture as a JPEG that says it is sRGB, colour at full size; replace an old one.

    Raises:
        OutputError: the file cannot be written.
    """
    with whole_file(path, overwrite=True) as hidden:
        picture.save(hidden, "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile())
