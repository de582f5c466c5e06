"""What a process apart answers, and what of that is believed: nothing but the parts of images is unpickled."""

import importlib
import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from crispnet.raw.image import RawImage
from crispnet.raw.opcodes import KNOWN
from crispnet.raw.picture import CameraPicture

TRUSTED = {  # what an answer may be made of
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "pathlib": {"Path", "PosixPath", "WindowsPath"},
    "crispnet.raw.image": {"Box", "rebuilt"},
    "crispnet.raw.picture": {"CameraPicture"},
    "crispnet.raw.calibration": {"Calibration"},
    "crispnet.raw.opcodes": {kind.__name__ for kind in KNOWN.values()},
}


def unpickled(parts: Sequence[Any]) -> object:
    """Unpickle an answer: the pickle, and the arrays that belong into it.

    Raises:
        pickle.UnpicklingError: it names what no image is made of; other damage raises what it may.
    """
    return _Careful(io.BytesIO(parts[0]), buffers=parts[1:]).load()


def raw_image(answer: object) -> RawImage:
    """Take an answer for a raw image, or raise pickle.UnpicklingError."""
    if not isinstance(answer, RawImage):
        raise pickle.UnpicklingError(f"expected a RawImage, got {type(answer).__name__}")
    return answer


def camera_picture(answer: object) -> CameraPicture:
    """Take an answer for a camera's picture, or raise pickle.UnpicklingError."""
    if not isinstance(answer, CameraPicture):
        raise pickle.UnpicklingError(f"expected a CameraPicture, got {type(answer).__name__}")
    pixels = answer.pixels
    sound = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape[2:] == (3,) and pixels.size
    if not (sound and isinstance(answer.colour_space, str) and isinstance(answer.jpeg, bytes | None)):
        raise pickle.UnpicklingError("expected a picture of 8 bits, got another")
    return answer


class _Careful(pickle.Unpickler):
    """Unpickles raw images and pictures, and refuses all else that a pickle could call."""

    def find_class(self, module: str, name: str) -> Any:
        """Give what an answer names.

        Raises:
            pickle.UnpicklingError: it is nothing that one of them is made of.
        """
        if name in TRUSTED.get(module, ()):
            return getattr(importlib.import_module(module), name)
        raise pickle.UnpicklingError(f"expected parts of an image, got {module}.{name}")
