"""The virtual camera: a picture of a scene, or of a monitor that shows one, becomes a raw image.

    scene (h, w, 3), linear sRGB ─ surfaces under a light, or a monitor ─ sensitivities ─ lens ─ exposure ─ counts

Everything that changes from capture to capture stands in a ``Shot``, and nothing else decides: the same scene and the
same shot give the same raw image, to the last count.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from crispnet.colour import SRGB_TO_XYZ, XYZ_TO_SRGB
from crispnet.data import sensor
from crispnet.data.spectra import D65, Camera, Light, camera, cmfs, display_primaries, lamps, xyz_weights
from crispnet.data.upsampling import face_table, look_up
from crispnet.raw.image import CFAS, RawImage

DEPTHS = ((10, 64), (12, 256), (12, 528), (14, 512), (14, 1024))  # bits and black level, as phones and cameras have
PHONE_DEPTHS = 3  # how many of these phones have
ISO_RANGE = (32.0, 1600.0)
FULL_LIGHT_ISO, LOW_LIGHT_ISO = (32.0, 640.0), (640.0, 3200.0)  # of a hand-held phone
LOW_IN_DAYLIGHT, LOW_OTHERWISE = 0.1, 0.5  # how often light is low: at dusk and in shade; indoors and at night
BOLDEST_CAST = 1.6  # how far off grey, by red or blue, a picture may pull the white balance
DIMMEST_PRIMARY = 0.02  # of the brightest: what a monitor still shows of a light outside its gamut


@dataclass(frozen=True)
class Shot:
    """Everything that is random about one capture.

    Attributes:
        camera: name of the measured camera.
        light: what the scene stands in; on a monitor, what it stood in when it was photographed.
        kind: "scene" for surfaces under the light, "display" for a monitor that shows them unbalanced.
        ev: exposure against what the meter says.
        iso: sensitivity, which sets the noise.
        cfa: colours of the mosaic's first cell.
        bits: depth of the counts; white is 2**bits - 1.
        black: counts of no light.
        vignetting: EV that the corners lose.
        blur: standard deviation of the lens's blur, in photosites.
        aberration: photosites by which red and blue lie off green in the corners.
        awb_pull: share of the way from the light's own white to the picture's average that white balance goes.
        awb_jitter: natural logarithms by which the white of red and of blue is wrong besides.
        seed: of the noise.
    """

    camera: str
    light: Light = D65
    kind: Literal["scene", "display"] = "scene"
    ev: float = 0.0
    iso: float = 100.0
    cfa: str = "RGGB"
    bits: int = 12
    black: int = 256
    vignetting: float = 0.0
    blur: float = 0.5
    aberration: tuple[float, float] = (0.0, 0.0)
    awb_pull: float = 0.0
    awb_jitter: tuple[float, float] = (0.0, 0.0)
    seed: int = 0

    @classmethod
    def draw(cls, rng: np.random.Generator, camera_name: str, *, kind: Literal["scene", "display"] = "scene") -> "Shot":
        """Draw a capture as life has them: 55 % in daylight, mostly at low ISO, a fifth off by more than 1 EV.

        Over- and under-exposure follow the paper's section 4.1, which varies exposure time and gain.
        """
        light = draw_light(rng)
        phone = camera(camera_name).kind == "phone"
        bits, black = DEPTHS[rng.integers(PHONE_DEPTHS if phone else len(DEPTHS))]
        # A power of 1 would be even on a scale of stops; it is darker indoors.
        share = rng.uniform() ** (1.6 if light.name == "daylight" else 0.7)
        return cls(
            camera=camera_name,
            light=light,
            kind=kind,
            ev=float(np.clip(rng.normal(0, 0.8), -2.5, 2.0)),
            iso=float(round(ISO_RANGE[0] * (ISO_RANGE[1] / ISO_RANGE[0]) ** share)),
            cfa=CFAS[rng.choice(len(CFAS), p=(0.4, 0.2, 0.2, 0.2))],
            bits=bits,
            black=black,
            vignetting=float(rng.uniform(0, 0.25)),
            blur=float(rng.uniform(0.3, 0.8)),
            aberration=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5))),
            awb_pull=float(rng.uniform(0, 0.25)),
            awb_jitter=(float(rng.normal(0, 0.025)), float(rng.normal(0, 0.025))),
            seed=int(rng.integers(2**32)),
        )

    @classmethod
    def draw_hand_held(cls, rng: np.random.Generator, camera_name: str) -> "Shot":
        """Draw a hand-held capture of a scene: metered each by itself, and at any sensitivity that a phone has.

        Light is low in a tenth of those in daylight and half of all others, 28 % together. ISO is 32 to 640 in full
        light and 640 to 3200 in low light, even on a scale of stops.
        """
        shot = cls.draw(rng, camera_name)
        low = rng.uniform() < (LOW_IN_DAYLIGHT if shot.light.name == "daylight" else LOW_OTHERWISE)
        iso = np.exp(rng.uniform(*np.log(LOW_LIGHT_ISO if low else FULL_LIGHT_ISO)))
        return replace(shot, ev=float(np.clip(rng.normal(0, 0.35), -1.2, 1.2)), iso=float(round(iso)))

    @property
    def white(self) -> int:
        """Counts at which the sensor saturates."""
        return int(2**self.bits - 1)


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light: 55 % daylight of 4000 to 10000 K, 25 % black bodies of 2300 to 4000 K, 20 % lamps."""
    chance, tint = rng.uniform(), float(np.clip(rng.normal(0, 0.04), -0.1, 0.1))
    if chance < 0.55:
        mired = float(np.clip(rng.normal(165, 22), 100, 250))
        return Light("daylight", 1e6 / mired, tint)
    if chance < 0.8:
        return Light("black body", 1e6 / float(rng.uniform(250, 1e6 / 2300)), tint)
    return Light(str(rng.choice(list(lamps()))), tint=tint / 2)


def body_of(model: str) -> tuple[str, int, int]:
    """Give a camera's CFA, bits and black level: drawn, but always the same for a model."""
    rng = np.random.default_rng(list(hashlib.sha256(model.encode()).digest()[:8]))
    bits, black = DEPTHS[rng.integers(PHONE_DEPTHS if camera(model).kind == "phone" else len(DEPTHS))]
    return CFAS[rng.choice(len(CFAS), p=(0.4, 0.2, 0.2, 0.2))], bits, black


def photograph(scene: np.ndarray, shot: Shot, *, orientation: int = 1) -> RawImage:
    """Take a photograph of a scene.

    Args:
        scene: (h, w, 3) linear sRGB, h and w even, in sensor orientation. Values may exceed 1 as far as they like; a
            monitor shows no more than 1.
        shot: everything else.
        orientation: EXIF Orientation that the file is to state.

    Raises:
        ValueError: the scene has another shape, or holds what is no number.
    """
    _check(scene)
    measured = camera(shot.camera)
    seen, neutral = _seen(scene, shot, measured)
    seen = sensor.through_lens(seen, blur=shot.blur, vignetting=shot.vignetting, aberration=shot.aberration)
    seen *= np.float32(sensor.metered_gain(seen, neutral) * 2**shot.ev)
    noise = sensor.noise_profile(shot.iso, measured.kind)
    rng = np.random.default_rng(shot.seed)
    mosaic = sensor.counted(seen, cfa=shot.cfa, black=shot.black, white=shot.white, noise=noise, rng=rng)
    return RawImage(
        mosaic=mosaic,
        cfa=shot.cfa,
        black=np.full((2, 2), shot.black),
        white=shot.white,
        white_balance=(1 / _taken_for_white(seen, neutral, shot))[[0, 1, 2, 1]],
        calibrations=sensor.fitted_calibrations(measured.sensitivities),
        orientation=orientation,
        noise_profile=np.tile(noise, (4, 1)),
        exif=_exif(shot),
    )


def _check(scene: np.ndarray) -> None:
    if scene.ndim != 3 or scene.shape[2] != 3 or scene.shape[0] % 2 or scene.shape[1] % 2 or scene.size == 0:
        raise ValueError(f"expected a scene of (h, w, 3) with even h and w, got {scene.shape}")
    if not np.isfinite(scene).all():
        raise ValueError("expected a scene of finite values, got some that are not")


def _seen(scene: np.ndarray, shot: Shot, measured: Camera) -> tuple[np.ndarray, np.ndarray]:
    """What the sensor sees before any exposure, and the R, G, B of a white there, its G = 1."""
    if shot.kind == "display":
        to_camera = _display_matrix(measured.sensitivities) * _shown_white(shot.light)
        seen = np.maximum(np.clip(scene, 0, 1).astype(np.float32) @ to_camera.T.astype(np.float32), 0)
        neutral = to_camera.sum(axis=1)
    else:
        weights = measured.sensitivities * shot.light.spectrum()
        seen, neutral = look_up(face_table(weights), scene), weights.sum(axis=1)
    return seen / np.float32(neutral[1]), neutral / neutral[1]


def _display_matrix(sensitivities: np.ndarray) -> np.ndarray:
    """The 3x3 from what a calibrated monitor shows, linear sRGB, to what the camera sees."""
    primaries = display_primaries()
    drive = np.linalg.solve(cmfs() @ primaries.T, SRGB_TO_XYZ)
    return sensitivities @ primaries.T @ drive


def _shown_white(light: Light) -> np.ndarray:
    """A white under a light, as linear sRGB without balance; the brightest of the three is 1."""
    white = XYZ_TO_SRGB @ xyz_weights(light.spectrum()).sum(axis=1)
    return np.maximum(white / white.max(), DIMMEST_PRIMARY)


def _taken_for_white(seen: np.ndarray, neutral: np.ndarray, shot: Shot) -> np.ndarray:
    """Give the R, G, B that the camera takes for white, G = 1: nearly the light's, never quite.

    It is drawn towards the picture's average, as automatic white balance is, and off by the shot's jitter.
    """
    average = np.minimum(seen[::4, ::4], 1).mean(axis=(0, 1), dtype=np.float64)
    cast = average / average[1] / neutral if average.min() > 0 else np.ones(3)
    pull = shot.awb_pull * np.log(np.clip(cast, 1 / BOLDEST_CAST, BOLDEST_CAST))
    red, blue = shot.awb_jitter
    return neutral * np.exp(pull + np.array([red, 0, blue]))


def _exif(shot: Shot) -> dict[str, object]:
    # Another maker's name: a raw developer that knows the real camera would use its own matrix, black and crop.
    seconds = shot.iso / ISO_RANGE[0] / 1024 * 2**shot.ev  # darker scenes need both
    return {
        "make": "crispnet",
        "model": f"virtual {shot.camera}",
        "iso": shot.iso,
        "exposure_time": float(np.float32(seconds)),
        "aperture": 1.8,
    }
