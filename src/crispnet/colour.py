"""The colour arithmetic of the house: curves, spaces, white points, temperatures and differences.

Notation, used by every function here:

- **linear** and **encoded** values are relative to white: 1 is white, 0 is black, the range is open at both ends;
- **XYZ** is relative, Y = 1 for white; **xy** is a chromaticity; whites are the CIE 1931 2-degree observer's;
- **Lab** is CIE 1976: L* in [0, 100], a* and b* roughly in [-130, 130];
- the last axis holds the components, any axes before it are kept (``(3,)``, ``(n, 3)``, ``(h, w, 3)``).

Everything is computed and returned in float64; only the two curves keep float32 when they are given it. Whole
pictures may be passed, but a dozen float64 planes of 12 megapixels are a gigabyte: pass bands of rows instead.
"""

import numpy as np
from numpy.typing import ArrayLike

D65_XY, D50_XY = (0.3127, 0.3290), (0.3457, 0.3585)
JND = 2.3  # the difference in ΔE76 that is just noticeable (Mahy, Van Eycken and Oosterlinck 1994)
KELVIN_RANGE = (1667.0, 25000.0)  # the temperatures that are told apart: 600 and 40 mired

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_ROOTS_TO_LAB = np.array([[0, 116.0, 0], [500.0, -500.0, 0], [0, 200.0, -200.0]])
_LAB_OF_NO_ROOTS = np.array([-16.0, 0, 0])
_LAB_KNEE = 6 / 29  # cube root of the ratio at which Lab leaves the cube root for a straight line

# Robertson 1968 as corrected in Wyszecki and Stiles 1982, table 1(3.11), from 40 mired on: mired, u, v and slope of the
# isotherm in CIE 1960 uv. DNG readers use this very table, so a temperature reads here as it reads elsewhere.
_ISOTHERMS = np.array([
    (40, 0.18293, 0.27407, -0.30470), (50, 0.18388, 0.27709, -0.32675), (60, 0.18494, 0.28021, -0.35156),
    (70, 0.18611, 0.28342, -0.37915), (80, 0.18740, 0.28668, -0.40955), (90, 0.18880, 0.28997, -0.44278),
    (100, 0.19032, 0.29326, -0.47888), (125, 0.19462, 0.30141, -0.58204), (150, 0.19962, 0.30921, -0.70471),
    (175, 0.20525, 0.31647, -0.84901), (200, 0.21142, 0.32312, -1.0182), (225, 0.21807, 0.32909, -1.2168),
    (250, 0.22511, 0.33439, -1.4512), (275, 0.23247, 0.33904, -1.7298), (300, 0.24010, 0.34308, -2.0637),
    (325, 0.24792, 0.34655, -2.4681), (350, 0.25591, 0.34951, -2.9641), (375, 0.26400, 0.35200, -3.5814),
    (400, 0.27218, 0.35407, -4.3633), (425, 0.28039, 0.35577, -5.3762), (450, 0.28863, 0.35714, -6.7262),
    (475, 0.29685, 0.35823, -8.5955), (500, 0.30505, 0.35907, -11.324), (525, 0.31320, 0.35968, -15.628),
    (550, 0.32129, 0.36011, -23.325), (575, 0.32931, 0.36038, -40.770), (600, 0.33724, 0.36051, -116.45),
])  # fmt: skip


def encode_srgb(linear: ArrayLike) -> np.ndarray:
    """Encode linear values with the sRGB curve (IEC 61966-2-1), which Display P3 shares.

    Nothing is clipped: values above 1 follow the curve on, negative ones its mirror image. Any shape; float32
    stays float32. The standard's rounded constants leave a step of 3e-8 at the knee.

    >>> encode_srgb([-0.18, 0.0, 0.001, 0.18, 1.0, 2.0]).round(4)
    array([-0.4614,  0.    ,  0.0129,  0.4614,  1.    ,  1.3533])
    """
    linear = _real(linear)
    size = np.abs(linear)
    return np.where(size <= 0.0031308, 12.92 * linear, np.copysign(1.055 * size ** (1 / 2.4) - 0.055, linear))


def decode_srgb(encoded: ArrayLike) -> np.ndarray:
    """Decode sRGB-encoded values to linear light (IEC 61966-2-1); Display P3 shares the curve.

    The inverse of ``encode_srgb``, with its range and types; integer codes must be divided by their maximum first.

    >>> decode_srgb([-0.5, 0.0, 0.04, 0.5, 1.0]).round(4)
    array([-0.214 ,  0.    ,  0.0031,  0.214 ,  1.    ])
    """
    encoded = _real(encoded)
    size = np.abs(encoded)
    return np.where(size <= 0.04045, encoded / 12.92, np.copysign(((size + 0.055) / 1.055) ** 2.4, encoded))


def xy_to_xyz(xy: ArrayLike) -> np.ndarray:
    """Turn chromaticities (..., 2) into XYZ (..., 3) with Y = 1.

    Raises ValueError where y is not above 0: no light of Y = 1 looks like that.

    >>> xy_to_xyz(D65_XY).round(4)
    array([0.9505, 1.    , 1.0891])
    """
    xy = _components(xy, 2)
    x, y = xy[..., 0], xy[..., 1]
    if not np.all((y > 0) & np.isfinite(x + y)):
        raise ValueError(f"expected chromaticities with y above 0, got {xy}")
    return np.stack([x / y, np.ones_like(y), (1 - x - y) / y], axis=-1)


def xyz_to_xy(xyz: ArrayLike) -> np.ndarray:
    """Turn XYZ (..., 3) of any scale into chromaticities (..., 2).

    Raises ValueError where X + Y + Z is 0: black has no chromaticity.

    >>> xyz_to_xy([0.9642, 1.0, 0.8251]).round(4)
    array([0.3457, 0.3585])
    """
    xyz = _components(xyz, 3)
    total = xyz.sum(axis=-1, keepdims=True)
    if np.any(total == 0):
        raise ValueError("expected XYZ with some light in it, got X + Y + Z = 0")
    return xyz[..., :2] / total


def _real(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values)
    return values if values.dtype == np.float32 else values.astype(np.float64, copy=False)


def _components(values: ArrayLike, count: int) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim == 0 or values.shape[-1] != count:
        raise ValueError(f"expected {count} components along the last axis, got shape {values.shape}")
    return values


def _white(xyz: ArrayLike) -> np.ndarray:
    xyz = _components(xyz, 3)
    if not np.all((xyz > 0) & np.isfinite(xyz)):
        raise ValueError(f"expected a white with X, Y and Z above 0, got {xyz}")
    return xyz


def _rgb_to_xyz(primaries: ArrayLike) -> np.ndarray:
    """Derive the 3x3 of an RGB space from its primaries (3, 2) so that (1, 1, 1) is exactly D65."""
    columns = xy_to_xyz(primaries).T
    return columns * np.linalg.solve(columns, xy_to_xyz(D65_XY))


# Derived, not copied: the four-digit matrix printed in IEC 61966-2-1 misses its own white, and neutrals must have
# a* = b* = 0. The two differ by less than 4e-5.
SRGB_TO_XYZ = _rgb_to_xyz([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)])
XYZ_TO_SRGB = np.linalg.inv(SRGB_TO_XYZ)
P3_TO_XYZ = _rgb_to_xyz([(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)])
ADOBE_RGB_TO_XYZ = _rgb_to_xyz([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)])
for _shared in (SRGB_TO_XYZ, XYZ_TO_SRGB, P3_TO_XYZ, ADOBE_RGB_TO_XYZ):
    _shared.setflags(write=False)


def adaptation(source_xyz: ArrayLike, target_xyz: ArrayLike) -> np.ndarray:
    """Make the 3x3 that takes XYZ seen under one white to XYZ seen under another (linear Bradford).

    As in ICC profiles and in the DNG specification, chapter 6. The whites (..., 3) may have any Y, only their
    chromaticity counts; the result is (..., 3, 3) and keeps Y of white. Raises ValueError for a white that is not one.

    >>> (adaptation(xy_to_xyz(D65_XY), xy_to_xyz(D50_XY)) @ xy_to_xyz(D65_XY)).round(4)
    array([0.9643, 1.    , 0.8251])
    """
    whites = _white(source_xyz), _white(target_xyz)
    source, target = ((white / white[..., 1:2]) @ _BRADFORD.T for white in whites)
    if not np.all(np.minimum(source, target) > 0):
        raise ValueError(f"expected whites that excite all three kinds of cone, got XYZ {whites}")
    return np.linalg.inv(_BRADFORD) @ ((target / source)[..., np.newaxis] * _BRADFORD)


def srgb_to_lab(rgb: ArrayLike) -> np.ndarray:
    """Convert sRGB-encoded pictures (..., 3), nominally in [0, 1], to Lab relative to D65.

    >>> srgb_to_lab([1.0, 0.0, 0.0]).round(2)
    array([53.24, 80.09, 67.2 ])
    """
    linear = decode_srgb(_components(rgb, 3))
    return _ratios_to_lab(linear @ (SRGB_TO_XYZ / xy_to_xyz(D65_XY)[:, np.newaxis]).T)


def xyz_to_lab(xyz: ArrayLike, white: ArrayLike) -> np.ndarray:
    """Convert XYZ (..., 3) to Lab relative to a white (CIE 015:2018).

    ``white`` is XYZ on the same scale as ``xyz``. Negative XYZ continue along the straight part of the curve.

    >>> xyz_to_lab([0.2, 0.18, 0.1], xy_to_xyz(D50_XY)).round(2)
    array([49.5 , 13.66, 13.95])
    """
    return _ratios_to_lab(_components(xyz, 3) / _white(white))


def lab_to_xyz(lab: ArrayLike, white: ArrayLike) -> np.ndarray:
    """Convert Lab (..., 3) relative to a white back to XYZ on the scale of ``white``.

    >>> lab_to_xyz([49.5, 13.66, 13.95], xy_to_xyz(D50_XY)).round(3)
    array([0.2 , 0.18, 0.1 ])
    """
    roots = (_components(lab, 3) - _LAB_OF_NO_ROOTS) @ np.linalg.inv(_ROOTS_TO_LAB).T
    straight = 3 * _LAB_KNEE**2 * (roots - 4 / 29)
    return np.where(roots > _LAB_KNEE, roots**3, straight) * _white(white)


def _ratios_to_lab(ratios: np.ndarray) -> np.ndarray:
    roots = np.cbrt(ratios)
    dark = ratios <= _LAB_KNEE**3
    roots[dark] = ratios[dark] / (3 * _LAB_KNEE**2) + 4 / 29
    return roots @ _ROOTS_TO_LAB.T + _LAB_OF_NO_ROOTS


def delta_e_76(lab_a: ArrayLike, lab_b: ArrayLike) -> np.ndarray:
    """Measure the CIE 1976 difference of Lab colours (..., 3): their distance; 2.3 (``JND``) is just noticeable.

    >>> float(delta_e_76([50.0, 0.0, 0.0], [50.0, 3.0, 4.0]))
    5.0
    """
    difference = _components(lab_a, 3) - _components(lab_b, 3)
    return np.sqrt(np.einsum("...i,...i->...", difference, difference))


def delta_e_2000(lab_a: ArrayLike, lab_b: ArrayLike) -> np.ndarray:
    """Measure the CIEDE2000 difference of Lab colours (..., 3), with k_L = k_C = k_H = 1.

    Follows Sharma, Wu and Dalal 2005, whose names stand in the comments; symmetric to the last bit.

    >>> float(delta_e_2000([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]).round(4))
    2.0425
    """
    lab_a, lab_b = _components(lab_a, 3), _components(lab_b, 3)
    flat_chroma = (np.hypot(lab_a[..., 1], lab_a[..., 2]) + np.hypot(lab_b[..., 1], lab_b[..., 2])) / 2
    stretch = 1.5 - 0.5 * _saturation(flat_chroma)  # 1 + G
    chroma_a, hue_a = _chroma_and_hue(lab_a, stretch)
    chroma_b, hue_b = _chroma_and_hue(lab_b, stretch)
    turn, hue = _turn_and_mean_hue(hue_a, hue_b)
    chroma = (chroma_a + chroma_b) / 2
    lift = ((lab_a[..., 0] + lab_b[..., 0]) / 2 - 50) ** 2
    lightness_step = (lab_b[..., 0] - lab_a[..., 0]) / (1 + 0.015 * lift / np.sqrt(20 + lift))  # ΔL' / S_L
    chroma_step = (chroma_b - chroma_a) / (1 + 0.045 * chroma)  # ΔC' / S_C
    hue_step = 2 * np.sqrt(chroma_a * chroma_b) * np.sin(turn / 2)  # ΔH'
    hue_step /= 1 + 0.015 * chroma * _hue_weight(hue)  # / S_H; the weight is T
    bend = np.sin(2 * np.radians(30 * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))))
    rotation = -2 * _saturation(chroma) * bend  # R_T
    return np.sqrt(lightness_step**2 + chroma_step**2 + hue_step**2 + rotation * chroma_step * hue_step)


def _saturation(chroma: np.ndarray) -> np.ndarray:
    seventh = chroma**7
    return np.sqrt(seventh / (seventh + 25.0**7))


def _chroma_and_hue(lab: np.ndarray, stretch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = lab[..., 1] * stretch, lab[..., 2]
    return np.hypot(a, b), np.arctan2(b, a) % (2 * np.pi)


def _turn_and_mean_hue(hue_a: np.ndarray, hue_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The paper's exception for greys is left out: where a chroma is 0, nothing that depends on hue reaches the sum.
    turn = hue_b - hue_a
    far = np.abs(turn) > np.pi + 1e-12  # rounding must not choose a side for opposite hues
    middle = ((hue_a + hue_b) / 2 + np.where(far, np.pi, 0.0)) % (2 * np.pi)
    return turn - np.where(far, np.copysign(2 * np.pi, turn), 0.0), middle


def _hue_weight(hue: np.ndarray) -> np.ndarray:
    weight = 1 - 0.17 * np.cos(hue - np.radians(30)) + 0.24 * np.cos(2 * hue)
    return weight + 0.32 * np.cos(3 * hue + np.radians(6)) - 0.20 * np.cos(4 * hue - np.radians(63))


def kelvin_to_xy(kelvin: ArrayLike) -> np.ndarray:
    """Find the chromaticity (..., 2) of a light from its correlated colour temperature, 1667 to 25000 K.

    Up to 4000 K a black body (Krystek 1985), from 5000 K daylight (CIE D series), between them a smooth blend, so
    that a temperature slider does not jump. Raises ValueError outside the range.

    >>> kelvin_to_xy(6504.0).round(4)
    array([0.3127, 0.3291])
    """
    kelvin = np.asarray(kelvin, np.float64)
    lowest, highest = KELVIN_RANGE
    if not np.all((kelvin >= lowest) & (kelvin <= highest)):
        raise ValueError(f"expected {lowest:.0f} to {highest:.0f} K, got {kelvin}")
    progress = np.clip((kelvin - 4000) / 1000, 0, 1)
    daylight_share = (progress**2 * (3 - 2 * progress))[..., np.newaxis]
    return (1 - daylight_share) * _blackbody(kelvin) + daylight_share * _daylight(kelvin)


def _blackbody(kelvin: np.ndarray) -> np.ndarray:
    u = np.polyval([1.28641212e-7, 1.54118254e-4, 0.860117757], kelvin)
    u /= np.polyval([7.08145163e-7, 8.42420235e-4, 1], kelvin)
    v = np.polyval([4.20481691e-8, 4.22806245e-5, 0.317398726], kelvin)
    v /= np.polyval([1.61456053e-7, -2.89741816e-5, 1], kelvin)
    return np.stack([3 * u, 2 * v], axis=-1) / (2 * u - 8 * v + 4)[..., np.newaxis]


def _daylight(kelvin: np.ndarray) -> np.ndarray:
    warm = np.polyval([-4.6070e9, 2.9678e6, 0.09911e3, 0.244063], 1 / kelvin)
    cool = np.polyval([-2.0064e9, 1.9018e6, 0.24748e3, 0.237040], 1 / kelvin)
    x = np.where(kelvin <= 7000, warm, cool)
    return np.stack([x, -3.000 * x**2 + 2.870 * x - 0.275], axis=-1)


def xy_to_kelvin(xy: ArrayLike) -> np.ndarray:
    """Find the correlated colour temperature of chromaticities (..., 2) in kelvin (Robertson 1968).

    What lies beyond 1667 or 25000 K is clamped, as DNG readers do. Meant for whites, not for pictures: each is
    compared with 27 isotherms. Raises ValueError where xy is no light at all.

    >>> xy_to_kelvin([D65_XY, D50_XY, (0.7, 0.3)]).round()
    array([6504., 5001., 1667.])
    """
    xy = _components(xy, 2)
    scale = 3 - 2 * xy[..., :1] + 12 * xy[..., 1:]
    if not np.all((scale > 0) & np.isfinite(xy)):
        raise ValueError(f"expected chromaticities of lights, got {xy}")
    mired, u, v, slope = _ISOTHERMS.T
    beyond = (6 * xy[..., 1:] / scale - v - slope * (4 * xy[..., :1] / scale - u)) / np.hypot(1, slope)
    # The scale ends at its outer isotherms: whatever lies outside them is put between them.
    beyond[..., 0] = np.maximum(beyond[..., 0], 0)
    beyond[..., -1] = np.minimum(beyond[..., -1], -np.finfo(np.float64).tiny)
    after = np.argmax(beyond < 0, axis=-1)[..., np.newaxis]
    passed, ahead = np.take_along_axis(beyond, after - 1, axis=-1), np.take_along_axis(beyond, after, axis=-1)
    found = mired[after - 1] + (mired[after] - mired[after - 1]) * passed / (passed - ahead)
    return np.clip(1e6 / found[..., 0], *KELVIN_RANGE)
