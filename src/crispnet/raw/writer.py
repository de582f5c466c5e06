"""RawImage → DNG: the file that LibRaw, RawTherapee, darktable and exiftool open without a warning.

The TIFF is laid out by hand, because tifffile writes neither an EXIF directory nor a JPEG that it did not encode.
A directory is a mapping of tag names (DNG 1.7 specification, chapters 4-6; TIFF 6.0; EXIF 2.32) to a type and values.
Directories are appended children before parents, so that every offset is known when it is written.

Counts are stored as they are. The lossless JPEG that imagecodecs writes has predictor 6, and darktable knows only 1.
"""

import math
import os
import secrets
import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from tifffile import DATATYPE, TIFF

from crispnet.errors import OutputError
from crispnet.raw.image import RawImage
from crispnet.raw.opcodes import serialise
from crispnet.version import VERSION

Directory = dict[str, tuple[Any, ...]]  # tag name → (type, value, value, ...)
NUMBERS = {"SHORT": "H", "LONG": "I", "RATIONAL": "I", "SRATIONAL": "i", "DOUBLE": "d"}  # the others hold bytes
LARGEST = {"RATIONAL": 2**32 - 1, "SRATIONAL": 2**31 - 1}
LARGEST_FRAME = 2**32 - 2**28  # bytes: offsets in a TIFF have 32 bits, and the tags and the picture need some room
UNCOMPRESSED, JPEG = 1, 7
CFA, YCBCR = 32803, 6
UNKNOWN_SPACE, SRGB = 0, 2


def write_dng(
    raw: RawImage, path: str | os.PathLike[str], *, preview: np.ndarray | bytes | None = None, overwrite: bool = False
) -> Path:
    """Write a raw image as a DNG and return its path.

    The stored frame is rebuilt: the mosaic at ``raw.active_area``, the margins at black level. The two greens of
    the noise profile are averaged, because a DNG knows three planes; ``sources`` and ``notes`` have no tag.

    Args:
        raw: the image; it needs a calibration, a whole-numbered white level and no negative black level.
        path: where to; the folder must exist.
        preview: a picture to embed, in *sensor* orientation like the mosaic: (h, w, 3) uint8 sRGB, or the bytes
            of a colour JPEG, which are kept as they are.
        overwrite: replace a file of that name. Without it, nothing that exists is touched.

    Raises:
        OutputError: the file exists, is the raw image's own source, cannot be written, or would exceed 4 GiB.
            No half-written file is left behind.
        ValueError: the image says something that a DNG cannot hold.
    """
    path = Path(path)
    _check_representable(raw)
    _check_destination(raw, path, overwrite=overwrite)
    # Not named after the target, whose name may already be as long as the disk allows.
    part = path.with_name(f".crispnet-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            _write_tiff(file, raw, preview)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. A writable folder with enough free space was "
            "needed. Check the folder and the disk, or choose another destination."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _check_representable(raw: RawImage) -> None:
    area, (height, width) = raw.active_area, raw.stored_size
    if (area.height, area.width) != raw.mosaic.shape:
        raise ValueError(f"expected an active area of {raw.mosaic.shape}, the mosaic's size, got {area}")
    if min(area.top, area.left) < 0 or area.bottom > height or area.right > width:
        raise ValueError(f"expected an active area within the stored {height} x {width}, got {area}")
    if not 1 <= len(raw.calibrations) <= 3:
        raise ValueError(f"expected 1 to 3 calibrations, without which no DNG is valid, got {len(raw.calibrations)}")
    if raw.black.min() < 0:
        raise ValueError(f"expected black levels of at least 0, got {raw.black.tolist()}")
    if not raw.white.is_integer():
        raise ValueError(f"expected a whole-numbered white level, got {raw.white}")
    if raw.white_balance[1] != raw.white_balance[3]:
        raise ValueError(f"expected equal multipliers for both greens, got {raw.white_balance}")


def _check_destination(raw: RawImage, path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already. A new name was needed. Choose another, or allow overwriting.")
    if path.exists() and raw.path is not None and raw.path.exists() and path.samefile(raw.path):
        raise OutputError(f"{path} is the raw file itself. Raws are never changed. Choose another name.")
    if 2 * math.prod(raw.stored_size) > LARGEST_FRAME:
        raise OutputError(f"{path} would exceed 4 GiB. A DNG holds less. Write a smaller part of the frame.")


# What the directories say


def _describe_frame(raw: RawImage) -> Directory:
    """The mosaic's own tags: its size, its colours, what its counts mean."""
    area, crop, (height, width) = raw.active_area, raw.crop, raw.stored_size
    tags: Directory = {
        "NewSubfileType": ("LONG", 0),
        "ImageWidth": ("LONG", width),
        "ImageLength": ("LONG", height),
        "BitsPerSample": ("SHORT", 16),
        "Compression": ("SHORT", UNCOMPRESSED),
        "PhotometricInterpretation": ("SHORT", CFA),
        "SamplesPerPixel": ("SHORT", 1),
        "RowsPerStrip": ("LONG", height),
        "StripByteCounts": ("LONG", 2 * height * width),
        "PlanarConfiguration": ("SHORT", 1),
        # A trap for readers: the CFA and the black levels start at the corner of ActiveArea, not of the frame. All of
        # LibRaw, RawTherapee and darktable agree about the CFA. Of the black levels, if they differ, only RawTherapee
        # is right where that corner is odd: darktable starts at the frame, LibRaw at the next even corner, before
        # which it also drops a row or a column of the mosaic.
        "CFARepeatPatternDim": ("SHORT", 2, 2),
        "CFAPattern": ("BYTE", bytes("RGB".index(letter) for letter in raw.cfa)),
        "CFAPlaneColor": ("BYTE", bytes([0, 1, 2])),
        "CFALayout": ("SHORT", 1),
        "BlackLevelRepeatDim": ("SHORT", 2, 2),
        "BlackLevel": ("RATIONAL", *raw.black.ravel()),
        "WhiteLevel": ("LONG", int(raw.white)),
        "DefaultCropOrigin": ("LONG", crop.left, crop.top),
        "DefaultCropSize": ("LONG", crop.width, crop.height),
        "ActiveArea": ("LONG", area.top, area.left, area.bottom, area.right),
    }
    if raw.black_columns is not None:
        tags["BlackLevelDeltaH"] = ("SRATIONAL", *raw.black_columns)
    if raw.black_rows is not None:
        tags["BlackLevelDeltaV"] = ("SRATIONAL", *raw.black_rows)
    if raw.noise_profile is not None:
        tags["NoiseProfile"] = ("DOUBLE", *_noise_of_planes(raw.noise_profile))
    for stage in (1, 2, 3):
        opcodes = [opcode for opcode in raw.opcodes if opcode.stage == stage]
        if opcodes:
            tags[f"OpcodeList{stage}"] = ("UNDEFINED", serialise(opcodes))
    return tags


def _noise_of_planes(profile: np.ndarray) -> list[float]:
    """The noise of R, G and B in turn, or one pair if all are equal."""
    red, green, blue, other_green = profile.tolist()
    mean = [(one + other) / 2 for one, other in zip(green, other_green, strict=True)]
    return list(red if red == green == blue == other_green else red + mean + blue)


def _describe_camera(raw: RawImage) -> Directory:
    """The first directory's tags: which camera, its colour, how to hold the picture."""
    make, model = (str(raw.exif.get(key, "")).strip() for key in ("make", "model"))
    named = model if model.startswith(make) else f"{make} {model}"
    version = max([0x01040000 if len(raw.calibrations) < 3 else 0x01060000, *(opcode.since for opcode in raw.opcodes)])
    # An older reader may pass over a third calibration or an optional opcode, but not over a mandatory one.
    oldest = max([0x01010000, *(opcode.since for opcode in raw.opcodes if not opcode.optional)])
    tags: Directory = {
        "Orientation": ("SHORT", raw.orientation),
        "DNGVersion": ("BYTE", version.to_bytes(4, "big")),
        "DNGBackwardVersion": ("BYTE", oldest.to_bytes(4, "big")),
        "UniqueCameraModel": ("ASCII", named.strip() or "Unknown camera"),
        "AsShotNeutral": ("RATIONAL", *(1 / raw.white_balance[:3])),
    }
    for number, calibration in enumerate(raw.calibrations, 1):
        tags[f"CalibrationIlluminant{number}"] = ("SHORT", calibration.illuminant)
        tags[f"ColorMatrix{number}"] = ("SRATIONAL", *calibration.xyz_to_camera.ravel())
        if calibration.balanced_to_d50 is not None:
            tags[f"ForwardMatrix{number}"] = ("SRATIONAL", *calibration.balanced_to_d50.ravel())
    texts = {"Make": "make", "Model": "model", "Software": "software", "DateTime": "datetime", "Artist": "artist"}
    texts |= {"Copyright": "copyright", "CameraSerialNumber": "serial_number"}
    tags |= _known(raw.exif, {"BaselineExposure": "baseline_exposure"}, "SRATIONAL")
    return tags | _known(raw.exif, texts, "ASCII")


def _describe_shot(exif: Mapping[str, object]) -> Directory:
    """The EXIF directory."""
    texts = {"DateTimeOriginal": "datetime", "BodySerialNumber": "serial_number", "LensModel": "lens"}
    numbers = {"ExposureTime": "exposure_time", "FNumber": "aperture", "FocalLength": "focal_length"}
    tags: Directory = {"ExifVersion": ("UNDEFINED", b"0232")}
    tags |= _known(exif, texts, "ASCII") | _known(exif, numbers, "RATIONAL")
    if "iso" in exif:
        # The old tag has 16 bits: EXIF 2.3 saturates it and tells the number in a second one.
        iso = round(float(str(exif["iso"])))
        tags["PhotographicSensitivity"] = ("SHORT", min(iso, 65535))
        tags |= {"SensitivityType": ("SHORT", 2), "RecommendedExposureIndex": ("LONG", iso)}
    return tags


def _known(exif: Mapping[str, object], keys: Mapping[str, str], kind: str) -> Directory:
    """The tags of those fields that are there."""
    return {tag: (kind, exif[key]) for tag, key in keys.items() if key in exif}


def _describe_preview(jpeg: bytes, space: int) -> Directory:
    height, width, subsampling = _jpeg_frame(jpeg)
    return {
        "NewSubfileType": ("LONG", 1),
        "ImageWidth": ("LONG", width),
        "ImageLength": ("LONG", height),
        "BitsPerSample": ("SHORT", 8, 8, 8),
        "Compression": ("SHORT", JPEG),
        "PhotometricInterpretation": ("SHORT", YCBCR),
        "SamplesPerPixel": ("SHORT", 3),
        "RowsPerStrip": ("LONG", height),
        "StripByteCounts": ("LONG", len(jpeg)),
        "PlanarConfiguration": ("SHORT", 1),
        "YCbCrSubSampling": ("SHORT", *subsampling),
        "YCbCrPositioning": ("SHORT", 1),
        "ReferenceBlackWhite": ("RATIONAL", 0, 255, 128, 255, 128, 255),  # the full range, as in JFIF
        "PreviewApplicationName": ("ASCII", "crispnet"),
        "PreviewApplicationVersion": ("ASCII", VERSION),
        "PreviewColorSpace": ("LONG", space),
    }


def _encode_preview(preview: np.ndarray) -> bytes:
    if preview.dtype != np.uint8 or preview.ndim != 3 or preview.shape[2] != 3:
        raise ValueError(f"expected a preview of (h, w, 3) uint8, got {preview.shape} {preview.dtype}")
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(preview), level=92))


def _jpeg_frame(jpeg: bytes) -> tuple[int, int, tuple[int, int]]:
    """Height, width and chroma subsampling (horizontal, vertical) of a colour JPEG, from its frame header."""
    position = 2
    while jpeg[:2] == b"\xff\xd8" and position + 18 <= len(jpeg) and jpeg[position] == 0xFF:
        marker, length = struct.unpack_from(">BH", jpeg, position + 1)
        if marker in (0xC0, 0xC1, 0xC2) and jpeg[position + 9] == 3:
            height, width, _, _, luma, _, _, chroma = struct.unpack_from(">HHBBBBBB", jpeg, position + 5)
            return height, width, ((luma >> 4) // (chroma >> 4 or 1), (luma & 15) // (chroma & 15 or 1))
        position += 2 + length
    raise ValueError(f"expected the bytes of a colour JPEG, got {len(jpeg)} bytes: {jpeg[:4].hex(' ')} ...")


# The layout of the file


def _write_tiff(file: BinaryIO, raw: RawImage, preview: np.ndarray | bytes | None) -> None:
    file.write(b"II*\0\0\0\0\0")
    mosaic = _describe_frame(raw) | {"StripOffsets": ("LONG", _append(file, _stored_frame(raw).data))}
    camera = _describe_camera(raw) | {"ExifTag": ("LONG", _append_directory(file, _describe_shot(raw.exif)))}
    if preview is None:
        first = mosaic | camera
    else:
        # The DNG way: a picture that any viewer shows comes first, the mosaic in a SubIFD of it.
        jpeg = preview if isinstance(preview, bytes) else _encode_preview(preview)
        picture = _describe_preview(jpeg, UNKNOWN_SPACE if jpeg is preview else SRGB)
        first = picture | {"StripOffsets": ("LONG", _append(file, jpeg))} | camera
        first["SubIFDs"] = ("LONG", _append_directory(file, mosaic))
    start = _append_directory(file, first)
    file.seek(4)
    file.write(struct.pack("<I", start))


def _stored_frame(raw: RawImage) -> np.ndarray:
    """The frame with its margins, which hold the black level of their site."""
    area, frame = raw.active_area, np.empty(raw.stored_size, "<u2")
    black = np.roll(raw.black, (area.top, area.left), axis=(0, 1)).round()
    for row, column in np.ndindex(2, 2):
        frame[row::2, column::2] = black[row, column]
    frame[area.rows, area.columns] = raw.mosaic
    return frame


def _append(file: BinaryIO, content: bytes | memoryview) -> int:
    """Append bytes at the next even offset, as TIFF asks, and return that offset."""
    file.write(b"\0" * (file.tell() % 2))
    offset = file.tell()
    file.write(content)
    return offset


def _append_directory(file: BinaryIO, tags: Directory) -> int:
    """Append the values that do not fit into their entry, then the entries, and return where these start."""
    entries = b""
    for code, (kind, *values) in sorted((TIFF.EXIF_TAGS[tag], value) for tag, value in tags.items()):
        content = _as_bytes(kind, values)
        count = len(values) if kind in NUMBERS else len(content)
        short = content if len(content) <= 4 else struct.pack("<I", _append(file, content))
        entries += struct.pack("<HHI4s", code, DATATYPE[kind], count, short)
    return _append(file, struct.pack("<H", len(tags)) + entries + bytes(4))


def _as_bytes(kind: str, values: list[Any]) -> bytes:
    if kind == "ASCII":
        return str(values[0]).encode() + b"\0"
    if kind not in NUMBERS:
        return bytes(values[0])
    if kind in LARGEST:
        values = [part for value in values for part in _fraction(float(value), LARGEST[kind])]
    return struct.pack(f"<{len(values)}{NUMBERS[kind]}", *values)


def _fraction(value: float, largest: int) -> tuple[int, int]:
    """The fraction nearest to a value whose numerator and denominator both fit."""
    denominator = int(largest / max(1.0, abs(value)))
    return Fraction(value).limit_denominator(max(1, denominator)).as_integer_ratio()
