"""What can go wrong with somebody's file, as one family.

    CrispnetError
    ├── RawError                 the raw file
    │   ├── UnreadableRaw        missing, empty, truncated, damaged, not a raw file at all
    │   └── UnsupportedRaw       a healthy file of a kind that cannot be developed
    ├── NoCameraPicture          there is no picture of the camera's own, or none that can be read
    ├── ForeignPicture           a picture that is not the camera's of this raw, or not as the camera wrote it
    ├── PictureError             a picture that cannot be read, or compared with another
    ├── LookError                a look that does not exist or cannot be used
    ├── DataError                photographs, pairs or a manifest that nothing can be learned from
    ├── RigError                 a camera that does not shoot, or a screen that does not show
    │   └── MissedShot           one capture went wrong, the next may not
    ├── RunError                 a training run, a recipe or a checkpoint that cannot be used
    └── OutputError              the result cannot be written where it was asked for

A message is for the person at the keyboard and has three parts: what is wrong with *this* file, what was
needed, what to try. Mistakes of the calling code are plain ``ValueError``s with the expected and the got value.
"""


class CrispnetError(Exception):
    """Anything this package refuses; catch it to go on with the next file."""


class RawError(CrispnetError):
    """A raw file that cannot be developed."""


class UnreadableRaw(RawError):
    """The file is missing, empty, truncated, damaged, or not a raw file."""


class UnsupportedRaw(RawError):
    """The file is sound, but of a kind that cannot be developed (X-Trans, Foveon, monochrome, ...)."""


class NoCameraPicture(CrispnetError):
    """There is no picture rendered by the camera, or it cannot be read."""


class ForeignPicture(CrispnetError):
    """The picture is not the camera's of this raw, or not as the camera wrote it."""


class PictureError(CrispnetError):
    """A picture that cannot be read, or that cannot be compared with another."""


class LookError(CrispnetError):
    """The look does not exist, or cannot be used."""


class DataError(CrispnetError):
    """Photographs, pairs or a manifest from which nothing can be learned."""


class RigError(CrispnetError):
    """A camera that does not shoot, or a screen that does not show."""


class MissedShot(RigError):
    """One capture went wrong; the next may not."""


class RunError(CrispnetError):
    """A training run, a recipe or a checkpoint that cannot be used."""


class OutputError(CrispnetError):
    """The result cannot be written where it was asked for."""
