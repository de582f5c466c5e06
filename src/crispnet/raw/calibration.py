"""The camera's colour: matrices measured under known lights, and the one for the light at hand.

Follows "Mapping Camera Color Space to CIE XYZ Space" of the DNG 1.7 specification, chapter 6. Camera values here are
linear R, G, B; *balanced* ones have been multiplied by the white balance, so that a neutral is (1, 1, 1).
"""

from dataclasses import dataclass, replace

import numpy as np

from crispnet.colour import (
    D50_XY,
    D65_XY,
    SRGB_TO_XYZ,
    adaptation,
    kelvin_to_xy,
    xy_to_kelvin,
    xy_to_xyz,
    xyz_to_xy,
)

LIGHT_KELVIN = {  # EXIF LightSource → correlated colour temperature, as DNG readers take them
    1: 5500, 2: 4200, 3: 2850, 4: 5500, 9: 5500, 10: 6500, 11: 7500, 12: 6400, 13: 5050, 14: 4150, 15: 3525,
    17: 2850, 18: 5500, 19: 6500, 20: 5500, 21: 6500, 22: 7500, 23: 5000, 24: 3200,
}  # fmt: skip
LIGHT_NAMES = {
    1: "daylight", 2: "fluorescent", 3: "tungsten", 4: "flash", 17: "light A", 18: "light B", 19: "light C",
    20: "D55", 21: "D65", 22: "D75", 23: "D50", 24: "studio tungsten",
}  # fmt: skip
# Rows that are positive for the X, Y, Z of any light: those between deep blue, candle, green and magenta.
LIGHTS = np.array([[1, -1 / 2, 0], [-1 / 2, 1, 0], [0, -1 / 15, 1], [0.7, 0.7, -0.3]])
DARKEST_SHARE = 1e-3  # of a neutral's brightest colour
WORST_CONDITION = 1e4  # of a matrix: beyond, rounding in the file becomes colour
D65 = xy_to_xyz(np.array(D65_XY))
D50 = xy_to_xyz(np.array(D50_XY))


@dataclass(frozen=True, eq=False)
class Calibration:
    """How a camera sees under one light.

    Attributes:
        illuminant: EXIF LightSource code of the light (DNG CalibrationIlluminant; 17 = A, 21 = D65).
        xyz_to_camera: 3x3 from XYZ to linear camera R, G, B, with the body's own CameraCalibration and
            AnalogBalance multiplied in (DNG ColorMatrix).
        balanced_to_d50: 3x3 from balanced camera values to XYZ relative to D50, or None (DNG ForwardMatrix).
    """

    illuminant: int
    xyz_to_camera: np.ndarray
    balanced_to_d50: np.ndarray | None = None

    @property
    def kelvin(self) -> float:
        """Colour temperature of the light; 6500 K where its code says nothing."""
        return LIGHT_KELVIN.get(self.illuminant, 6500)

    @property
    def light(self) -> str:
        """The light in words."""
        return LIGHT_NAMES.get(self.illuminant, f"light {self.illuminant}")


def believable(calibrations: tuple[Calibration, ...]) -> tuple[Calibration, ...]:
    """Leave out the calibrations that no camera has.

    A matrix must be invertible and make its own light and D50 positive in all three colours; a forward matrix
    must make (1, 1, 1) roughly D50, else the calibration goes on without it. If something between two of them
    cannot be inverted, only the first is kept.
    """
    known = tuple(
        calibration if _goes_to_d50(calibration.balanced_to_d50) else replace(calibration, balanced_to_d50=None)
        for calibration in calibrations
        if _sees(calibration)
    )
    if len(known) < 2:
        return known
    volumes = [np.linalg.det(xyz_to_camera(known, 1 / inverse)) for inverse in np.linspace(1 / 7500, 1 / 2850, 65)]
    return known if min(volumes) > 0 or max(volumes) < 0 else known[:1]  # a change of sign passes through 0


def _sees(calibration: Calibration) -> bool:
    matrix = calibration.xyz_to_camera
    own_light = xy_to_xyz(kelvin_to_xy(calibration.kelvin))
    return _is_invertible(matrix) and bool(min(*(matrix @ own_light), *(matrix @ D50)) > 0)


def _goes_to_d50(forward: np.ndarray | None) -> bool:
    return forward is None or bool(np.isfinite(forward).all() and np.abs(forward.sum(axis=1) - D50).max() < 0.25)


def _is_invertible(matrix: np.ndarray) -> bool:
    """Say whether a 3x3 has an inverse that does not blow up rounding, and entries of a size that one expects."""
    return bool(np.isfinite(matrix).all() and np.abs(matrix).max() < 100 and np.linalg.cond(matrix) < WORST_CONDITION)


def neutral_of(calibrations: tuple[Calibration, ...], xy: np.ndarray) -> np.ndarray:
    """Give the camera's R, G, B of a neutral under a light of chromaticity ``xy``, with G = 1 (DNG AsShotNeutral)."""
    camera = xyz_to_camera(calibrations, float(xy_to_kelvin(xy))) @ xy_to_xyz(xy)
    # A matrix goes wrong far from the lights it was measured under; a photosite still counts no negative light.
    camera = np.maximum(camera, DARKEST_SHARE * np.abs(camera).max())
    return camera / camera[1]


def light_of(calibrations: tuple[Calibration, ...], neutral: np.ndarray) -> np.ndarray:
    """Give the chromaticity of the light under which the camera records ``neutral`` for a neutral.

    The matrix depends on the light and the light on the matrix, so the two are found in turn, as the DNG
    specification does; where they go round in a circle, the mean of the last two is taken. Where no light can
    have that chromaticity (a white balance set for effect), it is the last possible one on the way there from D50.
    """
    xy = np.array(D50_XY)
    for _ in range(30):
        xyz = np.linalg.solve(xyz_to_camera(calibrations, float(xy_to_kelvin(xy))), neutral)
        found = xyz_to_xy(_possible_light(xyz))
        if np.abs(found - xy).sum() < 1e-7:
            return found
        before, xy = xy, found
    return (before + xy) / 2


def _possible_light(xyz: np.ndarray) -> np.ndarray:
    """Move a colour towards D50 of the same sum until a light could have it."""
    total = np.abs(xyz).sum()
    point, white = xyz / total, D50 / D50.sum()
    inside, wanted = LIGHTS @ white, LIGHTS @ point
    ways = inside[wanted < 0] / (inside - wanted)[wanted < 0]
    return white + min(1.0, *ways) * (point - white) if len(ways) else point


def white_balance_at(calibrations: tuple[Calibration, ...], kelvin: float) -> np.ndarray:
    """Give the four multipliers R, G, B, G that make a light of this colour temperature neutral."""
    neutral = neutral_of(calibrations or (SRGB_CAMERA,), kelvin_to_xy(kelvin))
    return (1 / neutral)[[0, 1, 2, 1]]


def kelvin_of(calibrations: tuple[Calibration, ...], white_balance: np.ndarray) -> float:
    """Give the correlated colour temperature of the light that a white balance makes neutral."""
    return float(xy_to_kelvin(light_of(calibrations or (SRGB_CAMERA,), 1 / white_balance[:3])))


def balanced_to_xyz(calibrations: tuple[Calibration, ...], white_balance: np.ndarray) -> np.ndarray:
    """Give the 3x3 from balanced camera values to XYZ relative to D65; (1, 1, 1) becomes D65 white with Y = 1.

    A camera nobody has measured (no calibrations) is taken to see in sRGB.
    """
    calibrations = calibrations or (SRGB_CAMERA,)
    xy = light_of(calibrations, 1 / white_balance[:3])
    kelvin = float(xy_to_kelvin(xy))
    to_d50 = [known.balanced_to_d50 for known in calibrations if known.balanced_to_d50 is not None]
    if len(to_d50) == len(calibrations):
        forward = _between(calibrations, kelvin, to_d50)
        return _white_kept(adaptation(D50, D65) @ forward)
    # The neutral of that light, not the one given: they differ where no light has the one given.
    to_xyz = np.linalg.inv(xyz_to_camera(calibrations, kelvin)) @ np.diag(neutral_of(calibrations, xy))
    return _white_kept(adaptation(xy_to_xyz(xy), D65) @ to_xyz)


def xyz_to_camera(calibrations: tuple[Calibration, ...], kelvin: float) -> np.ndarray:
    """Give the 3x3 from XYZ to camera under a light of this temperature, between the calibrated ones."""
    return _between(calibrations, kelvin, [known.xyz_to_camera for known in calibrations])


def _between(calibrations: tuple[Calibration, ...], kelvin: float, matrices: list[np.ndarray]) -> np.ndarray:
    """Interpolate linearly in inverse temperature, and not beyond the calibrated lights."""
    order = np.argsort([-known.kelvin for known in calibrations])
    mired = [1 / calibrations[i].kelvin for i in order]
    shares = [np.interp(1 / kelvin, mired, unit) for unit in np.eye(len(order))]
    return np.einsum("n,nij->ij", shares, np.stack([matrices[i] for i in order]))


def _white_kept(matrix: np.ndarray) -> np.ndarray:
    """Scale the rows so that (1, 1, 1) becomes D65 white exactly, not just to the rounding of the file's matrices."""
    return matrix * (D65 / matrix.sum(axis=1))[:, None]


SRGB_CAMERA = Calibration(21, np.linalg.inv(SRGB_TO_XYZ))
