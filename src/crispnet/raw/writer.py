"""RawImage → DNG: the file that LibRaw, RawTherapee, darktable and exiftool open without a warning.

Tags are those of the DNG 1.7 specification (chapters 4-6), TIFF 6.0 and EXIF 2.32.
Counts are stored as they are. The lossless JPEG that imagecodecs writes has predictor 6, and darktable knows only 1.
"""

import math
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from crispnet.errors import OutputError
from crispnet.files import write_whole
from crispnet.raw.image import RawImage
from crispnet.raw.opcodes import serialise
from crispnet.raw.tiff import (
    Directory,
    Field,
    byte,
    double,
    lay_out,
    long,
    picture_in,
    rational,
    short,
    signed_rational,
    text,
    undefined,
)
from crispnet.version import VERSION

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
    if 2 * math.prod(raw.stored_size) > LARGEST_FRAME:
        raise OutputError(f"{path} would exceed 4 GiB. A DNG holds less. Write a smaller part of the frame.")
    write_whole(path, lay_out(_first_directory(raw, preview)), raw=raw.path, overwrite=overwrite)
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


def _first_directory(raw: RawImage, preview: np.ndarray | bytes | None) -> Directory:
    """What the file says and holds; the camera and the shot in front, where readers begin."""
    camera = _describe_camera(raw) | {"ExifTag": [_describe_shot(raw.exif)]}
    mosaic = _describe_frame(raw) | picture_in(_stored_frame(raw).data)
    if preview is None:
        return camera | mosaic
    # The DNG way: a picture that any viewer shows comes first, the mosaic in a SubIFD of it.
    jpeg = preview if isinstance(preview, bytes) else _encode_preview(preview)
    picture = _describe_preview(jpeg, UNKNOWN_SPACE if jpeg is preview else SRGB)
    return camera | picture | picture_in(jpeg) | {"SubIFDs": [mosaic]}


def _describe_frame(raw: RawImage) -> Directory:
    """The mosaic's own tags: its size, its colours, what its counts mean."""
    area, crop, (height, width) = raw.active_area, raw.crop, raw.stored_size
    tags: Directory = {
        "NewSubfileType": long(0),
        "ImageWidth": long(width),
        "ImageLength": long(height),
        "BitsPerSample": short(16),
        "Compression": short(UNCOMPRESSED),
        "PhotometricInterpretation": short(CFA),
        "SamplesPerPixel": short(1),
        "RowsPerStrip": long(height),
        "PlanarConfiguration": short(1),
        # A trap for readers: the CFA and the black levels start at the corner of ActiveArea, not of the frame. All of
        # LibRaw, RawTherapee and darktable agree about the CFA. Of the black levels, if they differ, only RawTherapee
        # is right where that corner is odd: darktable starts at the frame, LibRaw at the next even corner, before
        # which it also drops a row or a column of the mosaic.
        "CFARepeatPatternDim": short(2, 2),
        "CFAPattern": byte(bytes("RGB".index(letter) for letter in raw.cfa)),
        "CFAPlaneColor": byte(bytes([0, 1, 2])),
        "CFALayout": short(1),
        "BlackLevelRepeatDim": short(2, 2),
        "BlackLevel": rational(*raw.black.ravel()),
        "WhiteLevel": long(int(raw.white)),
        "DefaultCropOrigin": long(crop.left, crop.top),
        "DefaultCropSize": long(crop.width, crop.height),
        "ActiveArea": long(area.top, area.left, area.bottom, area.right),
    }
    if raw.black_columns is not None:
        tags["BlackLevelDeltaH"] = signed_rational(*raw.black_columns)
    if raw.black_rows is not None:
        tags["BlackLevelDeltaV"] = signed_rational(*raw.black_rows)
    if raw.noise_profile is not None:
        tags["NoiseProfile"] = double(*_noise_of_planes(raw.noise_profile))
    for stage in (1, 2, 3):
        opcodes = [opcode for opcode in raw.opcodes if opcode.stage == stage]
        if opcodes:
            tags[f"OpcodeList{stage}"] = undefined(serialise(opcodes))
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
        "Orientation": short(raw.orientation),
        "DNGVersion": byte(version.to_bytes(4, "big")),
        "DNGBackwardVersion": byte(oldest.to_bytes(4, "big")),
        "UniqueCameraModel": text(named.strip() or "Unknown camera"),
        "AsShotNeutral": rational(*(1 / raw.white_balance[:3])),
    }
    for number, calibration in enumerate(raw.calibrations, 1):
        tags[f"CalibrationIlluminant{number}"] = short(calibration.illuminant)
        tags[f"ColorMatrix{number}"] = signed_rational(*calibration.xyz_to_camera.ravel())
        if calibration.balanced_to_d50 is not None:
            tags[f"ForwardMatrix{number}"] = signed_rational(*calibration.balanced_to_d50.ravel())
    texts = {"Make": "make", "Model": "model", "Software": "software", "DateTime": "datetime", "Artist": "artist"}
    texts |= {"Copyright": "copyright", "CameraSerialNumber": "serial_number"}
    tags |= _known(raw.exif, {"BaselineExposure": "baseline_exposure"}, signed_rational)
    return tags | _known(raw.exif, texts, text)


def _describe_shot(exif: Mapping[str, object]) -> Directory:
    """The EXIF directory."""
    texts = {"DateTimeOriginal": "datetime", "BodySerialNumber": "serial_number", "LensModel": "lens"}
    numbers = {"ExposureTime": "exposure_time", "FNumber": "aperture", "FocalLength": "focal_length"}
    tags: Directory = {"ExifVersion": undefined(b"0232")}
    tags |= _known(exif, texts, text) | _known(exif, numbers, rational)
    if "iso" in exif:
        # The old tag has 16 bits: EXIF 2.3 saturates it and tells the number in a second one.
        iso = round(float(str(exif["iso"])))
        tags["PhotographicSensitivity"] = short(min(iso, 65535))
        tags |= {"SensitivityType": short(2), "RecommendedExposureIndex": long(iso)}
    return tags


def _known(exif: Mapping[str, object], keys: Mapping[str, str], encode: Callable[[Any], Field]) -> Directory:
    """The tags of those fields that are there."""
    return {tag: encode(exif[key]) for tag, key in keys.items() if key in exif}


def _describe_preview(jpeg: bytes, space: int) -> Directory:
    height, width, subsampling = _jpeg_frame(jpeg)
    return {
        "NewSubfileType": long(1),
        "ImageWidth": long(width),
        "ImageLength": long(height),
        "BitsPerSample": short(8, 8, 8),
        "Compression": short(JPEG),
        "PhotometricInterpretation": short(YCBCR),
        "SamplesPerPixel": short(3),
        "RowsPerStrip": long(height),
        "PlanarConfiguration": short(1),
        "YCbCrSubSampling": short(*subsampling),
        "YCbCrPositioning": short(1),
        "ReferenceBlackWhite": rational(0, 255, 128, 255, 128, 255),  # the full range, as in JFIF
        "PreviewApplicationName": text("crispnet"),
        "PreviewApplicationVersion": text(VERSION),
        "PreviewColorSpace": long(space),
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


def _stored_frame(raw: RawImage) -> np.ndarray:
    """The frame with its margins, which hold the black level of their site."""
    area, frame = raw.active_area, np.empty(raw.stored_size, "<u2")
    black = np.roll(raw.black, (area.top, area.left), axis=(0, 1)).round()
    for row, column in np.ndindex(2, 2):
        frame[row::2, column::2] = black[row, column]
    frame[area.rows, area.columns] = raw.mosaic
    return frame
