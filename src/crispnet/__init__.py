"""crispnet learns how a camera renders colour, and develops raw files with that rendition.

    import crispnet
    photo = crispnet.develop("IMG_0001.DNG")
    photo.save("IMG_0001.jpg")

The names below are the whole public surface. They are fetched at first use, so that importing the package costs
nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from crispnet.errors import (
    CrispnetError,
    ForeignPicture,
    LookError,
    NoCameraPicture,
    OutputError,
    RawError,
    UnreadableRaw,
    UnsupportedRaw,
)
from crispnet.version import VERSION as __version__

if TYPE_CHECKING:
    from crispnet.darkroom.photo import Photo, develop
    from crispnet.look.shelf import load_look
    from crispnet.raw.image import RawImage
    from crispnet.raw.reader import open_raw

__all__ = [
    "CrispnetError",
    "ForeignPicture",
    "LookError",
    "NoCameraPicture",
    "OutputError",
    "Photo",
    "RawError",
    "RawImage",
    "UnreadableRaw",
    "UnsupportedRaw",
    "__version__",
    "develop",
    "load_look",
    "open_raw",
]

ROOMS = {
    "Photo": "crispnet.darkroom.photo",
    "RawImage": "crispnet.raw.image",
    "develop": "crispnet.darkroom.photo",
    "load_look": "crispnet.look.shelf",
    "open_raw": "crispnet.raw.reader",
}


def __getattr__(name: str) -> object:
    if name not in ROOMS:
        raise AttributeError(f"module 'crispnet' has no attribute {name!r}")
    return getattr(import_module(ROOMS[name]), name)
