"""Why a file cannot be developed: what is wrong with this one, what is needed, what to try."""

from pathlib import Path
from typing import NoReturn

import rawpy

from crispnet.errors import UnreadableRaw, UnsupportedRaw
from crispnet.raw.dngtags import JPEG_XL, LOSSY_JPEG, VC5, Tags

MOST_PHOTOSITES = 400_000_000  # twice the largest sensor on sale
NOT_RAW = {  # how files that are often taken for raws begin
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x1f\x8b": "a gzip archive",
}
CRW = "Canon CRW"
RAW = {  # (where, what) that raws other than TIFFs begin with
    (6, b"HEAPCCDR"): CRW,
    (4, b"ftypcrx "): "Canon CR3",
    (0, b"FUJIFILMCCD-RAW"): "Fujifilm RAF",
    (0, b"\0MRM"): "Minolta MRW",
}
USUAL_CODECS = (None, 1, 7)  # Compression (259): not stated, none, lossless JPEG
COPY_AGAIN = "Copy it from the card again, or open it with the camera maker's program to see whether it is whole."


def refuse_by_content(path: Path) -> None:
    """Refuse what is no file, cannot be read, is empty, or begins like something else.

    Raises:
        UnreadableRaw: with the reason.
    """
    try:
        head = _head(path)
    except FileNotFoundError:
        raise UnreadableRaw(f"{path} does not exist. A raw file was needed. Check the name and the folder.") from None
    except PermissionError:
        raise UnreadableRaw(
            f"{path} may not be read by this user. Permission to read was needed. Change it, or copy the file."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UnreadableRaw(
            f"{path} cannot be read: {reason}. A raw file on a working disk was needed. Check the name, and the disk "
            "or the card."
        ) from None
    if not head:
        raise UnreadableRaw(f"{path} is empty (0 bytes). A raw file was needed. {COPY_AGAIN}")
    for magic, kind in NOT_RAW.items():
        if head.startswith(magic):
            raise UnreadableRaw(
                f"{path} is {kind}, whatever its name says. A raw file straight from the camera was needed. "
                "Look for the file of the same name ending in .dng, .cr3, .nef, .arw or the like."
            )
    if head.startswith(b"FOVb"):
        _refuse_kind(path, "holds three layers per pixel (Foveon X3F)", "Develop it with Sigma Photo Pro.")


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise UnreadableRaw(
            f"{path} is a folder. A raw file was needed. Name the files in it, or give the folder to `develop`."
        )
    if path.exists() and not path.is_file():  # a pipe would keep us waiting
        raise UnreadableRaw(f"{path} is a device or a pipe. A raw file on a disk was needed. Save it as a file first.")
    with path.open("rb") as file:
        return file.read(16)


def refuse_by_header(path: Path, tags: Tags) -> None:
    """Refuse what the tags already tell: codecs that LibRaw lacks, and data that should lie past the file's end.

    Raises:
        UnsupportedRaw: for the codec.
        UnreadableRaw: for the missing end.
    """
    codec = tags.whole(259) if tags.is_dng else None
    if codec == JPEG_XL:
        _refuse_kind(path, "is a DNG compressed with JPEG XL, which LibRaw cannot decode yet", CONVERT)
    if codec == VC5 or path.suffix.lower() == ".gpr":
        _refuse_kind(path, "is compressed with VC-5 (GoPro GPR), which LibRaw cannot decode here", CONVERT)
    size = path.stat().st_size
    for offsets, counts in ((273, 279), (324, 325)):  # Strip and Tile: Offsets, ByteCounts
        first, length = tags.numbers(offsets), tags.numbers(counts)
        if tags.is_dng and first is not None and length is not None and first.size == length.size:
            end = int((first + length).max())
            if end > size:
                raise UnreadableRaw(
                    f"{path} ends early: it holds {size} bytes. At least {end} were needed. {COPY_AGAIN}"
                )


CONVERT = "Convert it with Adobe DNG Converter (compatibility 'Camera Raw 15.3' or older) and develop the result."


def refuse_by_size(path: Path, height: int, width: int) -> None:
    """Refuse a frame that is no photograph.

    Raises:
        UnreadableRaw: for fewer than 2 x 2 or more than 400 million photosites.
    """
    if min(height, width) < 2 or height * width > MOST_PHOTOSITES:
        raise UnreadableRaw(
            f"{path} claims a frame of {width} x {height} photosites. One of 2 x 2 to "
            f"{MOST_PHOTOSITES // 10**6} million was needed. {COPY_AGAIN}"
        )


def refuse_filter_array(path: Path, colours: str, shape: tuple[int, int] | None) -> NoReturn:
    """Refuse a filter array other than Bayer's.

    Args:
        path: the file.
        colours: the colours of the filters as LibRaw names them, e.g. "RGBG".
        shape: size of the smallest repeating cell; None for no mosaic at all.
    """
    if shape == (6, 6):
        _refuse_kind(path, "has an X-Trans sensor (6 x 6 colour filters)", CONVERT_LINEAR)
    if shape is None:
        _refuse_kind(path, f"holds pixels of other colours than red, green and blue ({colours})", CONVERT_LINEAR)
    if shape == (1, 1):
        _refuse_kind(path, "has a monochrome sensor, and so no colours to render", "Develop it with RawTherapee.")
    _refuse_kind(path, f"has a {shape[0]} x {shape[1]} colour filter array of {colours}", CONVERT_LINEAR)


CONVERT_LINEAR = "Convert it to a linear (demosaiced) DNG with Adobe DNG Converter and develop that."


def refuse_by_libraw(path: Path, tags: Tags, error: Exception) -> NoReturn:
    """Say in words what LibRaw said in an exception."""
    reason = said(error)
    if isinstance(error, MemoryError | rawpy.LibRawUnsufficientMemoryError | rawpy.LibRawTooBigError):
        raise UnreadableRaw(
            f"{path} needs more memory to decode than there is ({reason}). A photograph that fits was needed. Close "
            "other programs, or check that the file is a photograph."
        ) from error
    if isinstance(error, rawpy.LibRawFileUnsupportedError | rawpy.LibRawNotImplementedError | NotImplementedError):
        if not tags.is_dng:
            _refuse_cut_short(path, error)
            raise UnreadableRaw(
                f"{path} is not a raw file that LibRaw {_version()} knows. A camera's raw file was needed (DNG, CR2, "
                "CR3, CRW, NEF, ARW, RAF, RW2, ORF, PEF). If it is one, a newer camera may need a newer rawpy; else "
                + COPY_AGAIN[0].lower()
                + COPY_AGAIN[1:]
            ) from error
        codec = "lossy JPEG" if tags.whole(259) == LOSSY_JPEG else f"compression {tags.whole(259)}"
        if tags.whole(259) in USUAL_CODECS:
            raise UnreadableRaw(
                f"{path} is a DNG that LibRaw {_version()} cannot make sense of ({reason}). A whole DNG of a camera "
                f"was needed. {COPY_AGAIN}"
            ) from error
        raise UnsupportedRaw(
            f"{path} cannot be decoded by LibRaw {_version()} ({codec}: {reason}). A codec that LibRaw has was needed. "
            + CONVERT
        ) from error
    raise UnreadableRaw(
        f"{path} is damaged or cut short: LibRaw says '{reason}'. A whole raw file was needed. {COPY_AGAIN}"
    ) from error


def _refuse_cut_short(path: Path, error: Exception) -> None:
    """Refuse what begins like a raw file, but no longer has what LibRaw tells the camera from (in a CRW, its end)."""
    kind = kind_of(path)
    if kind is not None:
        raise UnreadableRaw(
            f"{path} begins like a {kind}, but the rest makes no sense to LibRaw {_version()}: it is damaged or "
            f"cut short. A whole file was needed. {COPY_AGAIN}"
        ) from error


def kind_of(path: Path) -> str | None:
    """Name the kind of raw, other than those that are TIFFs, that a file begins like; None for any other file."""
    head = _head(path)
    return next((kind for (where, what), kind in RAW.items() if head[where:].startswith(what)), None)


def said(error: Exception) -> str:
    """Read the words of an exception, which LibRaw gives as bytes."""
    words = error.args[0] if error.args else type(error).__name__
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def _refuse_kind(path: Path, what: str, instead: str) -> NoReturn:
    raise UnsupportedRaw(f"{path} {what}. Bayer raws are developed here. {instead}")


def _version() -> str:
    return ".".join(map(str, rawpy.libraw_version))
