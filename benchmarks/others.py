"""What other raw developers make of a raw, and how far two pictures of it are apart."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crispnet.app.batch import RAW_ENDINGS
from crispnet.colour import decode_srgb, delta_e_76, encode_srgb, srgb_to_lab
from crispnet.raw.bayer import area_average
from crispnet.raw.sidecar import picture_file, sidecars

MEANS = (240, 320)  # rows, columns of the means whose colours are compared
MIRRORED = (2, 4, 5, 7)  # EXIF orientations
OTHERS: Mapping[str, tuple[str, ...]] = {
    "RawTherapee": ("rawtherapee-cli", "-o", "{picture}", "-j98", "-js3", "-Y", "-d", "-c", "{raw}"),
    "darktable": ("darktable-cli", "{raw}", "{picture}", "--core", "--library", ":memory:", "--configdir", "{home}"),
}
VERSIONS = {"rawtherapee-cli": ("rawtherapee-cli", "-v"), "darktable-cli": ("darktable-cli", "--version")}


def installed() -> list[str]:
    """Name those of the other programs that are here."""
    return [name for name, command in OTHERS.items() if shutil.which(command[0])]


def raws_of(words: str) -> list[tuple[Path, Path | None]]:
    """Find the raws of a folder and their pictures, or split what was typed for one raw."""
    folder = Path(words)
    if folder.is_dir():
        return [
            (path, next(iter(sidecars(path)), None))
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in RAW_ENDINGS
        ]
    raw, _, picture = words.partition("=")
    return [(Path(raw), Path(picture) if picture else None)]


def colour_difference(
    picture: np.ndarray, theirs: np.ndarray | None, *, means: tuple[int, int] = MEANS
) -> dict[str, float]:
    """Measure ΔE76 between the means, in linear light, of equal parts of both pictures; empty without the camera's."""
    if theirs is None:
        return {}
    differences = delta_e_76(*(lab_of_means(each, means) for each in (picture, theirs)))
    median, high = np.percentile(differences, (50, 95))
    return {
        "delta_e_76_mean": round(float(differences.mean()), 2),
        "delta_e_76_median": round(float(median), 2),
        "delta_e_76_p95": round(float(high), 2),
    }


def lab_of_means(picture: np.ndarray, means: tuple[int, int] = MEANS) -> np.ndarray:
    """Average a picture's codes, in linear light, over so many rows and columns of equal parts, as Lab."""
    linear_of_code = decode_srgb(np.arange(256, dtype=np.float32) / 255)
    averages = [area_average(linear_of_code[picture[..., colour]], *means) for colour in range(3)]
    return srgb_to_lab(encode_srgb(np.stack(averages, axis=-1)))


def developed_by(name: str, raw: Path) -> np.ndarray | None:
    """Develop a raw with another program as it comes, with settings and caches that nobody has touched."""
    with tempfile.TemporaryDirectory() as home:
        picture = Path(home) / "picture.jpg"
        words = [word.format(raw=raw.resolve(), picture=picture, home=home) for word in OTHERS[name]]
        homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)
        subprocess.run(words, env=os.environ | homes, capture_output=True, check=True)
        return picture_file(picture).pixels


def turned(picture: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """Mirror the picture of a program that does not mirror what the camera says it should (RawTherapee 5.9)."""
    candidates = (picture, np.ascontiguousarray(picture[:, ::-1]))
    lab = lab_of_means(ours)
    return min(candidates, key=lambda candidate: float(delta_e_76(lab_of_means(candidate), lab).mean()))
