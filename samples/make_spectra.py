"""Makes the spectral tables of ``crispnet.data`` from the measurements that others have published.

    python samples/make_spectra.py SPECTRA

SPECTRA is a folder with

- ``rawtoaces/``: github.com/AcademySoftwareFoundation/rawtoaces-data (Apache-2.0): cameras, training reflectances;
- ``eilat/``: the repository of Tominaga, Nishi and Ohtera 2021 and others, collected for "Spectral sensitivity
  estimation without a camera" (arXiv 2304.11549): cameras, phones among them;
- ``hotgluebanjo/``: the estimate of an iPhone 15's sensitivities.

The lights are ISO 7589 studio tungsten, from rawtoaces too, and the CIE's, as colour-science (BSD-3-Clause) tabulates
them. Every spectrum is resampled to 400-700 nm in steps of 10 nm by a triangle of that half width, which keeps the
energy of narrow lines.
"""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import colour
import numpy as np

TABLES = Path(__file__).parents[1] / "src/crispnet/data/tables"
WAVELENGTHS = np.arange(400, 701, 10)
MAKERS = {"iPhone": "Apple iPhone"}
NAMES = {"Apple iPhone 10": "Apple iPhone X", "Panasonic DMCL X5": "Panasonic DMC LX5"}
# The same model under another name, or measured twice: the one measurement that is kept is not in this list.
DOUBLED = {
    "Canon_10D_Kawakami-et-al-2013", "Canon_1Ds-Mk-II_Akkaynak-et-al-2011", "Canon_1Ds-Mk-II_Brady-2009",
    "Canon_400D_Lebourgeois-2008", "Canon_40D_Mauer-2009", "Canon_5D-Mk-II_Jiang-et-al-2013",
    "Canon_5D-Mk-II_Kawakami-et-al-2013", "Canon_5D_Kawakami-et-al-2013", "Canon_600D_Jiang-et-al-2013",
    "Nikon_D200_Jiang-et-al-2013", "Nikon_D200_Mauer-2009", "Nikon_D3_Brady-2009", "Nikon_D5100_Jiang-et-al-2013",
    "Nikon_D700_Jiang-et-al-2013", "Nikon_D700_Mauer-2009", "Nikon_D70_Huynh-2007", "Nikon_D70_Kawakami-et-al-2013",
}  # fmt: skip
BAD = {  # curves that no filter has: steps and spikes from one 10 nm to the next
    "Canon_1D-Mk-III_Jiang-et-al-2013", "Nikon_D80_Jiang-et-al-2013",
}  # fmt: skip
PHONES = ("iPhone", "Samsung_Galaxy")
LAMPS = [f"LED-{name}" for name in "B1 B2 B3 B4 B5 BH1 RGB1 V1 V2".split()]
LAMPS += [f"FL{number}" for number in (1, 2, 4, 7, 8, 10, 11, 12)]
DAYLIGHT = ("S0", "S1", "S2")


def main(folder: Path) -> None:
    """Write all four tables."""
    measured = [*from_rawtoaces(folder / "rawtoaces"), *from_eilat(folder / "eilat"), from_hotgluebanjo(folder)]
    write_table("sensitivities", ("name", "kind", "source", "channel"), sensitivity_rows(measured))
    write_table("lights", ("name", "kind", "source"), light_rows(folder / "rawtoaces"))
    write_table("observer", ("name",), observer_rows())
    write_table("reflectances", ("name",), reflectance_rows(folder / "rawtoaces"))


def from_rawtoaces(folder: Path) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Read name, kind, source and (3, 31) sensitivities of each camera that the Academy's project has measured."""
    for path in sorted((folder / "data/camera").glob("*.json")):
        content = json.loads(path.read_text())
        header = content["header"]
        values, wavelengths = spectra_in(content)
        name = f"{header['manufacturer']} {header['model']}"
        yield name, "camera", "rawtoaces (Apache-2.0)", resampled(wavelengths, values)


def from_eilat(folder: Path) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Read what has been published elsewhere: one measurement per model, and none of a model read before."""
    for path in sorted((folder / "data/ground-truths").glob("**/*.csv")):
        if path.stem in DOUBLED or path.stem in BAD:
            continue
        maker, model, *source = path.stem.split("_")
        name = f"{MAKERS.get(maker, maker)} {model.replace('-', ' ')}"
        kind = "phone" if path.stem.startswith(PHONES) else "camera"
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        values = resampled(table[:, 0], table[:, 1:].T)
        source_in_words = " ".join(source).replace("-", " ").replace("etal", "et al").replace("_", " ")
        yield NAMES.get(name, name), kind, source_in_words, values


def from_hotgluebanjo(folder: Path) -> tuple[str, str, str, np.ndarray]:
    """Read the estimate of an iPhone 15."""
    table = np.loadtxt(folder / "hotgluebanjo/cameras/eilat/iPhone_15.csv", delimiter=",")
    return "Apple iPhone 15", "phone", "hotgluebanjo (an estimate)", resampled(table[:, 0], table[:, 1:].T)


def spectra_in(content: dict) -> tuple[np.ndarray, np.ndarray]:
    """Get (n, wavelengths) values and the wavelengths out of a rawtoaces file."""
    table = content["spectral_data"]["data"]["main"]
    return np.array(list(table.values())).T, np.array([float(key) for key in table])


def resampled(wavelengths: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Average (..., n) values at even wavelengths over triangles of 10 nm to either side."""
    shares = np.clip(1 - np.abs(WAVELENGTHS[:, None] - wavelengths) / 10, 0, None)
    return values @ (shares / shares.sum(axis=1, keepdims=True)).T


def sensitivity_rows(measured: list[tuple[str, str, str, np.ndarray]]) -> Iterator[list[object]]:
    """Scale each camera so that green peaks at 1; what a measurement has below 0 is noise."""
    for name, kind, source, values in sorted(measured, key=lambda camera: camera[0].lower()):
        positive = np.clip(values, 0, None) / values[1].max()
        for channel, row in zip("RGB", positive, strict=True):
            yield [name, kind, source, channel, *digits(row)]


def light_rows(folder: Path) -> Iterator[list[object]]:
    """Scale lamps to 1 at their mean over 400-700 nm; the daylight components keep their scale."""
    for name in LAMPS:
        kind = "led" if name.startswith("LED") else "fluorescent"
        yield [name, kind, "CIE 015:2018", *digits(light(colour.SDS_ILLUMINANTS[name], name))]
    content = json.loads((folder / "data/illuminant/iso7589_stutung_380_780_5.json").read_text())
    values, wavelengths = spectra_in(content)
    tungsten = resampled(wavelengths, values[0])
    yield ["studio tungsten", "tungsten", "ISO 7589", *digits(tungsten / tungsten.mean())]
    components = colour.colorimetry.SDS_BASIS_FUNCTIONS_CIE_ILLUMINANT_D_SERIES
    for name in DAYLIGHT:
        yield [name, "daylight component", "CIE 015:2018", *digits(light(components[name], name))]


def light(spectrum: colour.SpectralDistribution, name: str) -> np.ndarray:
    """Resample a light of colour-science."""
    values = resampled(spectrum.wavelengths, spectrum.values)
    return values if name in DAYLIGHT else values / values.mean()


def observer_rows() -> Iterator[list[object]]:
    """Sample the colour-matching functions of the CIE 1931 2-degree observer."""
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    for name, row in zip("XYZ", resampled(observer.wavelengths, observer.values.T), strict=True):
        yield [name, *digits(row)]


def reflectance_rows(folder: Path) -> Iterator[list[object]]:
    """Sample the 190 training patches of rawtoaces."""
    values, wavelengths = spectra_in(json.loads((folder / "data/training/training_spectral.json").read_text()))
    for number, row in enumerate(resampled(wavelengths, values), 1):
        yield [f"patch {number}", *digits(row)]


def digits(row: np.ndarray) -> list[str]:
    """Write values with four digits after the point, and none in vain."""
    return [f"{value:.4f}".rstrip("0").rstrip(".") for value in row]


def write_table(name: str, columns: tuple[str, ...], rows: Iterator[list[object]]) -> None:
    """Write one table."""
    with (TABLES / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *WAVELENGTHS])
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
