"""Measured spectra: what cameras are sensitive to, what lights emit, what surfaces reflect.

Notation, used by the virtual camera:

- a **spectrum** is 31 values at ``WAVELENGTHS``, 400 to 700 nm in steps of 10 nm;
- **sensitivities** are a camera's three spectra, relative, green's peak 1; **lights** are relative, their mean 1;
- what a sensor sees is the sum over wavelengths of light x reflectance x sensitivity.

The tables in ``data/tables`` are made by ``samples/make_spectra.py``, which names the sources.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import numpy as np

from crispnet.colour import D65_XY, kelvin_to_xy, xy_to_xyz

WAVELENGTHS = np.arange(400.0, 701.0, 10.0)  # nm
ILLUMINANT_A, ILLUMINANT_D65 = 2856.0, 6504.0  # K
GREENISH = np.exp(-0.5 * ((WAVELENGTHS - 545) / 40) ** 2)  # what a light has too much of that lies above the locus
# A monitor with a white-LED backlight: a blue die and two phosphors behind colour filters. Peaks and widths in nm are
# typical of wide-gamut displays; each primary's own light, and what its filter lets through of the others'.
DISPLAY_PEAKS, DISPLAY_WIDTHS = np.array([622.0, 533.0, 450.0]), np.array([20.0, 22.0, 10.0])
DISPLAY_LEAKS = np.array([[1.0, 0.04, 0.01], [0.03, 1.0, 0.03], [0.01, 0.04, 1.0]])


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera whose sensor has been measured.

    Attributes:
        name: maker and model.
        kind: what it is sold as.
        source: who measured it.
        sensitivities: (3, 31) for red, green and blue, green's peak 1.
    """

    name: str
    kind: Literal["phone", "camera"]
    source: str
    sensitivities: np.ndarray


@dataclass(frozen=True)
class Light:
    """A light that a scene may stand in.

    Attributes:
        name: "daylight", "black body", or one of ``lamps()``.
        kelvin: correlated colour temperature; of no meaning for a lamp.
        tint: how much greener (above 0) or more magenta than that, as a share of the light at 545 nm.
    """

    name: str = "daylight"
    kelvin: float = ILLUMINANT_D65
    tint: float = 0.0

    def spectrum(self) -> np.ndarray:
        """Give the light's 31 values, their mean 1.

        Raises ValueError for a name that is none.
        """
        if self.name == "daylight":
            pure = daylight(self.kelvin)
        elif self.name == "black body":
            pure = blackbody(self.kelvin)
        elif self.name in lamps():
            pure = lamps()[self.name]
        else:
            raise ValueError(f"expected daylight, black body or one of {', '.join(lamps())}, got {self.name!r}")
        tinted = pure * (1 + self.tint * GREENISH)
        return tinted / tinted.mean()


D65 = Light()


@cache
def cameras() -> tuple[Camera, ...]:
    """List the measured cameras in alphabetical order."""
    rows = _table("sensitivities")
    return tuple(
        Camera(red["name"], red["kind"], red["source"], np.stack([_spectrum(row) for row in (red, green, blue)]))  # type: ignore[arg-type]
        for red, green, blue in zip(rows[::3], rows[1::3], rows[2::3], strict=True)
    )


def camera(name: str) -> Camera:
    """Find a camera by its name.

    Raises ValueError where nobody has measured it.
    """
    for candidate in cameras():
        if candidate.name == name:
            return candidate
    raise ValueError(f"expected one of the {len(cameras())} measured cameras, got {name!r}")


def blackbody(kelvin: float) -> np.ndarray:
    """Give the spectrum of a black body (Planck's law), its mean 1."""
    spectrum = WAVELENGTHS**-5 / np.expm1(1.4388e7 / (WAVELENGTHS * kelvin))  # second radiation constant in nm K
    return spectrum / spectrum.mean()


def daylight(kelvin: float) -> np.ndarray:
    """Give the spectrum of daylight of 4000 to 25000 K (CIE D series, CIE 015:2018 section 4.1.2), its mean 1.

    >>> daylight(6504.0)[[5, 16, 30]].round(2)
    array([1.22, 1.05, 0.75])
    """
    if not 4000 <= kelvin <= 25000:
        raise ValueError(f"expected daylight of 4000 to 25000 K, got {kelvin}")
    x, y = _daylight_xy(kelvin)
    weights = np.array([-1.3515 - 1.7703 * x + 5.9114 * y, 0.0300 - 31.4424 * x + 30.0717 * y])
    mean, yellow_blue, pink_green = (_spectrum(row) for row in _table("lights") if row["kind"] == "daylight component")
    first, second = weights / (0.0241 + 0.2562 * x - 0.7341 * y)
    spectrum = mean + first * yellow_blue + second * pink_green
    return spectrum / spectrum.mean()


def _daylight_xy(kelvin: float) -> np.ndarray:
    # The house's scale blends into black bodies below 5000 K, where CIE daylight goes on down to 4000 K.
    if kelvin >= 5000:
        return kelvin_to_xy(kelvin)
    x = np.polyval([-4.6070e9, 2.9678e6, 0.09911e3, 0.244063], 1 / kelvin)
    return np.array([x, -3.000 * x**2 + 2.870 * x - 0.275])


@cache
def lamps() -> Mapping[str, np.ndarray]:
    """Give the spectra of lamps by name: LEDs and fluorescents of the CIE, studio tungsten of ISO 7589."""
    rows = [row for row in _table("lights") if row["kind"] != "daylight component"]
    return MappingProxyType({row["name"]: _spectrum(row) for row in rows})


@cache
def reflectances() -> np.ndarray:
    """Give 190 measured surfaces, (190, 31): the training patches of rawtoaces, one of which fluoresces."""
    return np.stack([_spectrum(row) for row in _table("reflectances")])


@cache
def cmfs() -> np.ndarray:
    """Give the colour-matching functions of the CIE 1931 2-degree observer, (3, 31)."""
    return np.stack([_spectrum(row) for row in _table("observer")])


def xyz_weights(light: np.ndarray) -> np.ndarray:
    """Give the (3, 31) weights from a reflectance under a light to XYZ; Y of white is 1."""
    weights = cmfs() * light
    return weights / weights[1].sum()


def srgb_white_weights() -> np.ndarray:
    """Give the weights to XYZ under D65, scaled by up to a percent so that white is D65 to the last digit."""
    weights = xyz_weights(daylight(ILLUMINANT_D65))
    return weights * (xy_to_xyz(D65_XY) / weights.sum(axis=1))[:, None]


def display_primaries() -> np.ndarray:
    """Give the spectra of a monitor's red, green and blue, (3, 31), relative."""
    lights = np.exp(-0.5 * ((WAVELENGTHS - DISPLAY_PEAKS[:, None]) / DISPLAY_WIDTHS[:, None]) ** 2)
    return DISPLAY_LEAKS @ lights


@cache
def _table(name: str) -> list[dict[str, str]]:
    text = (files("crispnet.data") / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _spectrum(row: Mapping[str, str]) -> np.ndarray:
    return np.array([float(row[f"{wavelength:.0f}"]) for wavelength in WAVELENGTHS])
