"""The kinds of picture that are written: what their names end in, and how many bits a colour has in them."""

from pathlib import Path

from crispnet.errors import OutputError

ENDINGS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".tif": "tiff", ".tiff": "tiff", ".avif": "avif"}
DEPTHS = {"jpeg": (8,), "png": (8, 16), "tiff": (16, 8), "avif": (8,)}  # bits per channel, the usual one first


def usual_ending(kind: str) -> str:
    """Give the ending that a picture of a kind gets where nobody asks for another.

    >>> usual_ending("tiff")
    '.tif'
    """
    return next(ending for ending, named in ENDINGS.items() if named == kind)


def kind_and_depth(path: Path, named: str | None, depth: int | None) -> tuple[str, int]:
    """Settle the kind of a picture and its bits per channel, from what was asked for and the name's ending.

    Raises:
        OutputError: the ending is unknown and no kind was named, or the kind has no such depth.
    """
    if named is not None and named not in DEPTHS:
        raise ValueError(f"expected a format among {', '.join(DEPTHS)}, got {named!r}")
    kind = named or ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path} ends in no known way. Use one of {', '.join(ENDINGS)}, or name the format.")
    depth = depth or DEPTHS[kind][0]
    if depth not in DEPTHS[kind]:
        held = " or ".join(map(str, DEPTHS[kind]))
        raise OutputError(f"{path} cannot have {depth} bits per channel. A {kind} has {held}. Choose PNG or TIFF.")
    return kind, depth
