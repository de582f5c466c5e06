"""What opens the files that strangers send: in this process, or in one that is apart (``raw.apart``)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crispnet.raw.image import RawImage
from crispnet.raw.picture import CameraPicture, camera_picture
from crispnet.raw.reader import open_raw
from crispnet.raw.sidecar import picture_file


@dataclass(frozen=True)
class Opening:
    """Three functions of a path; each raises what its namesake here does.

    Attributes:
        raw: decodes a raw file, as ``raw.reader.open_raw``.
        camera_picture: takes the camera's own picture out of one, as ``raw.picture.camera_picture``.
        picture_file: reads a picture beside one, as ``raw.sidecar.picture_file``.
    """

    raw: Callable[[Path], RawImage] = open_raw
    camera_picture: Callable[[Path], CameraPicture] = camera_picture
    picture_file: Callable[[Path], CameraPicture] = picture_file


HERE = Opening()
