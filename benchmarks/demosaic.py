"""Measures our demosaicing beside the published ones of colour-demosaicing, on photographs with all three colours.

    python benchmarks/demosaic.py [FOLDER] [--write results/demosaic.json]

The photographs are those inside scikit-image, or those of a folder. They are sampled as a mosaic would have, put
together again, and compared over all three colours, in sRGB-encoded values, without a border of 8 pixels. That is
done twice: sampled encoded, as papers do, and sampled in linear light, as developing does.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

from crispnet.colour import decode_srgb, encode_srgb
from crispnet.look.demosaic import MARGIN, demosaic
from crispnet.look.plain import BLOCK
from crispnet.raw.bayer import PLANE_SITES, pack, remosaic
from crispnet.strips import strips
from provenance import provenance, write

with warnings.catch_warnings():  # it tells that matplotlib is missing
    warnings.simplefilter("ignore")
    from colour_demosaicing import (
        demosaicing_CFA_Bayer_bilinear,
        demosaicing_CFA_Bayer_Malvar2004,
        demosaicing_CFA_Bayer_Menon2007,
    )

SHIPPED = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
BORDER = 8
Method = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Measure each method on each photograph, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of photographs [default: scikit-image's]")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    wish = parser.parse_args()
    photographs = _photographs(wish.folder)
    figures = [_measure(path) for path in photographs]
    seconds = {name: _seconds_per_megapixel(method) for name, method in METHODS.items()}
    for figure in figures:
        print(figure["photograph"], figure["encoded"], figure["linear"])
    means = {domain: _means([figure[domain] for figure in figures]) for domain in ("encoded", "linear")}
    print("mean", means, seconds)
    source = f"inside scikit-image {skimage.__version__}" if wish.folder is None else wish.folder.name
    if wish.write:
        measured = {"photographs": figures, "mean": means, "seconds_per_megapixel": seconds}
        write(wish.write, {**provenance(), "source": source, "border": BORDER, **measured})


def ours(mosaic: np.ndarray) -> np.ndarray:
    """Demosaic an RGGB mosaic with the plain look's method, block by block as it does, on one core."""
    packed = pack(mosaic.astype(np.float32), "RGGB")
    around = np.pad(packed, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), mode="edge")
    rgb = np.empty((*mosaic.shape, 3), np.float32)
    for rows in strips(packed.shape[1], BLOCK[0]):
        for columns in strips(packed.shape[2], BLOCK[1]):
            part = around[:, rows.start : rows.stop + 2 * MARGIN, columns.start : columns.stop + 2 * MARGIN]
            target = rgb[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
            for (row, column), colours in zip(PLANE_SITES, demosaic(part).swapaxes(0, 1), strict=True):
                target[row::2, column::2] = colours.transpose(1, 2, 0)
    return rgb


METHODS: dict[str, Method] = {
    "crispnet": ours,
    "bilinear": demosaicing_CFA_Bayer_bilinear,
    "Malvar 2004": demosaicing_CFA_Bayer_Malvar2004,
    "Menon 2007": demosaicing_CFA_Bayer_Menon2007,
}


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Give the peak signal-to-noise ratio over all colours in decibels; 1 is the peak, and what lies beyond is cut."""
    inner = slice(BORDER, -BORDER)
    return float(-10 * np.log10(np.square(np.clip(picture, 0, 1) - truth)[inner, inner].mean()))


def _photographs(folder: Path | None) -> list[Path]:
    if folder is None:
        return [Path(skimage.__file__).parent / "data" / name for name in SHIPPED]
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".tif", ".tiff"))
    if not found:
        raise SystemExit(f"{folder} holds no photographs")
    return found


def _measure(path: Path) -> dict[str, object]:
    with Image.open(path) as picture:
        truth = np.asarray(picture.convert("RGB"), np.float64) / 255
    truth = truth[: truth.shape[0] // 2 * 2, : truth.shape[1] // 2 * 2]
    mosaic, linear_mosaic = remosaic(truth), remosaic(decode_srgb(truth))
    encoded = {name: round(psnr(method(mosaic), truth), 2) for name, method in METHODS.items()}
    linear = {
        name: round(psnr(encode_srgb(np.clip(method(linear_mosaic), 0, 1)), truth), 2)
        for name, method in METHODS.items()
    }
    return {"photograph": path.name, "encoded": encoded, "linear": linear}


def _means(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([figure[name] for figure in figures])), 2) for name in METHODS}


def _seconds_per_megapixel(method: Method) -> float:
    mosaic = np.random.default_rng(0).random((1024, 1024), np.float32)
    method(mosaic)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        method(mosaic)
        times.append(time.perf_counter() - start)
    return round(float(np.median(times)) / mosaic.size * 1e6, 4)


if __name__ == "__main__":
    main()
