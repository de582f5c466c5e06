"""The simple renditions that a network has to beat, each fitted in closed form or nearly so.

    Curve         one monotone curve per channel                     knows no crosstalk between colours
    MatrixCurve   3 x 3 in linear light, one monotone curve each      what a camera would do if it did one thing only
    Lut           a 3-D table                                         any mapping that looks at one pixel alone

Fitted on a whole data set, their errors are what depends on the scene or on the neighbourhood. ``oracle_delta_e`` fits
a MatrixCurve on the very picture it is judged by: where that is small, each *single* picture is simple, and what is
left to learn is how the scene chooses the rendition.

All of them read camera values demosaiced to packed resolution, white-balanced where ``balanced``; the paper's plain
UNet sees no white balance either. All give (2h, 2w, 3) sRGB in [0, 1], brought to full size by bilinear interpolation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from crispnet.colour import decode_srgb, delta_e_76, encode_srgb, srgb_to_lab
from crispnet.data.frames import Frame
from crispnet.evaluate.lattice import NormalEquations
from crispnet.evaluate.samples import Samples, camera_values, sample, sample_blocks
from crispnet.evaluate.tone import BEND, Tone, fit_tone
from crispnet.look.trilinear import identity, interpolate
from crispnet.strips import for_each, strips

CELLS_PER_FRAME = 20_000
CELLS_OF_ALL = 400_000  # that curves and matrices are fitted to: they have few numbers
ROUNDS = 12  # of curve and matrix in turn
LUT_SIZE = 33
LUT_STIFFNESS = 1e-2
OUTLIER = 0.04  # the error in sRGB beyond which a sample loses weight: noise, a misregistered edge


@dataclass(frozen=True, eq=False)
class MatrixCurve:
    """A 3 x 3 matrix in linear light, then one monotone curve per channel.

    Attributes:
        matrix: (3, 3) from camera values to what the curves read.
        tones: of red, green and blue.
        balanced: whether camera values are white-balanced first.
    """

    matrix: np.ndarray
    tones: tuple[Tone, ...]
    balanced: bool

    @classmethod
    def fit(cls, frames: Sequence[Frame], *, seed: int = 0, balanced: bool = True) -> Self:
        """Fit it to frames: matrix and curves in turn, robustly."""
        return cls.fit_samples(_flat_samples(frames, seed=seed, balanced=balanced), balanced=balanced)

    @classmethod
    def fit_samples(
        cls, samples: Samples, *, balanced: bool, start: np.ndarray | None = None, bend: float = BEND
    ) -> Self:
        """Fit it to samples whose camera values are balanced already, where ``balanced``.

        Args:
            samples: of any shape.
            balanced: what the control says of itself.
            start: the matrix to begin with. What samples leave open (greys say nothing of crosstalk) stays as in it.
            bend: as in ``fit_tone``.
        """
        camera, target = (values.reshape(-1, 3).astype(np.float64) for values in samples)
        if start is None:
            start = np.linalg.lstsq(camera, decode_srgb(target), rcond=None)[0].T
        channels = [_fit_channel(camera, wanted, row, bend=bend) for wanted, row in zip(target.T, start, strict=True)]
        return cls(np.stack([row for row, _ in channels]), tuple(tone for _, tone in channels), balanced)

    def colours(self, camera: np.ndarray) -> np.ndarray:
        """Bring camera values (..., 3), balanced where it was fitted so, to sRGB in [0, 1]."""
        return _through(self.tones, camera @ self.matrix.T.astype(camera.dtype))

    def __call__(self, frame: Frame) -> np.ndarray:
        """Render a frame: (2h, 2w, 3) sRGB in [0, 1]."""
        return _rendered(self, frame)


def _fit_channel(camera: np.ndarray, target: np.ndarray, row: np.ndarray, *, bend: float) -> tuple[np.ndarray, Tone]:
    """Fit one row of the matrix and its curve in turn (Gauss-Newton, Huber's weights)."""
    weights = np.ones(len(target))
    tried: list[tuple[float, np.ndarray, Tone]] = []
    for _ in range(ROUNDS):
        linear = camera @ row
        tone = fit_tone(linear, target, weights=weights, bend=bend)
        missing = target - tone(linear)
        weights = OUTLIER / np.maximum(np.abs(missing), OUTLIER)
        tried.append((float(np.mean(weights * missing**2)), row, tone))
        slopes = tone.slope(linear)[:, None] * camera
        normal = slopes.T @ (weights[:, None] * slopes)
        ridge = (1e-6 * np.trace(normal) / 3 + 1e-12) * np.eye(3)  # a grey picture says nothing about crosstalk
        row = row + np.linalg.solve(normal + ridge, slopes.T @ (weights * missing))
    _, row, tone = min(tried, key=lambda attempt: attempt[0])
    return row, tone


@dataclass(frozen=True, eq=False)
class Curve:
    """One monotone curve per channel, from that channel's own camera value.

    Attributes:
        tones: of red, green and blue.
        balanced: whether camera values are white-balanced first.
    """

    tones: tuple[Tone, ...]
    balanced: bool

    @classmethod
    def fit(cls, frames: Sequence[Frame], *, seed: int = 0, balanced: bool = True) -> Self:
        """Fit it to frames."""
        samples = _flat_samples(frames, seed=seed, balanced=balanced)
        weights = np.ones(len(samples.camera))
        channels = zip(samples.camera.T.astype(np.float64), samples.target.T.astype(np.float64), strict=True)
        return cls(tuple(fit_tone(linear, target, weights=weights) for linear, target in channels), balanced)

    def colours(self, camera: np.ndarray) -> np.ndarray:
        """Bring camera values (..., 3), balanced where it was fitted so, to sRGB in [0, 1]."""
        return _through(self.tones, camera)

    def __call__(self, frame: Frame) -> np.ndarray:
        """Render a frame: (2h, 2w, 3) sRGB in [0, 1]."""
        return _rendered(self, frame)


@dataclass(frozen=True, eq=False)
class Lut:
    """A 3-D table over sRGB-companded camera values, trilinear.

    Attributes:
        nodes: (n, n, n, 3) sRGB.
        top: (3,) camera values of the last nodes; what is above is clipped.
        balanced: whether camera values are white-balanced first.
    """

    nodes: np.ndarray
    top: np.ndarray
    balanced: bool

    @classmethod
    def fit(cls, frames: Sequence[Frame], *, seed: int = 0, balanced: bool = True, size: int = LUT_SIZE) -> Self:
        """Fit it to up to 20 000 cells of each frame by regularised least squares in sRGB."""
        balances = [frame.white_balance[:3] for frame in frames] if balanced else [np.ones(3)]
        top = np.max(balances, axis=0).astype(np.float32)
        equations, slopes = NormalEquations(size), np.zeros((4, 4 + 3))
        for number, frame in enumerate(frames):
            samples = sample(frame, CELLS_PER_FRAME, balanced=balanced, seed=seed + number)
            places = _places(samples.camera.reshape(-1, 3), top)
            target = samples.target.reshape(-1, 3)
            equations.add(places, target)
            affine = np.column_stack([places, np.ones(len(places))]).astype(np.float64)
            slopes += affine.T @ np.column_stack([affine, target])
        straight = np.linalg.lstsq(slopes[:, :4], slopes[:, 4:], rcond=None)[0]
        nodes = equations.solve(identity(size) @ straight[:3] + straight[3], stiffness=LUT_STIFFNESS)
        return cls(nodes, top, balanced)

    def colours(self, camera: np.ndarray) -> np.ndarray:
        """Bring camera values (..., 3), balanced where it was fitted so, to sRGB in [0, 1]."""
        return np.clip(interpolate(self.nodes, _places(camera, self.top)), 0, 1)

    def __call__(self, frame: Frame) -> np.ndarray:
        """Render a frame: (2h, 2w, 3) sRGB in [0, 1]."""
        return _rendered(self, frame)


ORACLES = {"oracle": False, "oracle_low_pass": True}  # whether colours are averaged first
Control = Curve | MatrixCurve | Lut


def oracle_delta_e(frame: Frame, *, low_pass: bool, cells: int = 16 * CELLS_PER_FRAME) -> float:
    """Measure what a MatrixCurve fitted on this very picture leaves: mean ΔE76.

    Args:
        frame: what it is fitted on, and judged by.
        low_pass: whether to take colours averaged over 8 x 8 pixels, without noise and detail, or cells as they are.
        cells: that are looked at, at most.
    """
    single, averaged = sample_blocks(frame, cells, balanced=True)
    seen = averaged if low_pass else single
    return _mean_delta_e(MatrixCurve.fit_samples(seen, balanced=True).colours(seen.camera), seen.target)


def difficulty(
    train_frames: Sequence[Frame], test_frames: Sequence[Frame], *, seed: int = 0, size: int = LUT_SIZE
) -> dict[str, float]:
    """Measure how hard a data set is: what controls leave of it, in mean ΔE76 over the test frames.

    Args:
        train_frames: on which tables are fitted.
        test_frames: on which they are judged.
        seed: of the cells that are looked at.
        size: nodes of the tables along each axis.

    Returns:
        ``lut`` and ``unbalanced_lut``: of 3-D tables fitted on the training frames, per cell, with its noise;
        ``oracle``: of the best MatrixCurve of each picture; the same with ``_low_pass``: of colours averaged over
        8 x 8 pixels.
    """
    luts = {
        "lut": Lut.fit(train_frames, seed=seed, size=size),
        "unbalanced_lut": Lut.fit(train_frames, seed=seed, size=size, balanced=False),
    }
    rows = []
    for frame in test_frames:
        row = {name: oracle_delta_e(frame, low_pass=low_pass) for name, low_pass in ORACLES.items()}
        for name, lut in luts.items():
            cells, averaged = sample_blocks(frame, 8 * CELLS_PER_FRAME, balanced=lut.balanced, seed=seed)
            row[name] = _mean_delta_e(lut.colours(cells.camera), cells.target)
            row[f"{name}_low_pass"] = _mean_delta_e(lut.colours(averaged.camera), averaged.target)
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _mean_delta_e(result: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean(delta_e_76(srgb_to_lab(result), srgb_to_lab(target))))


def _flat_samples(frames: Sequence[Frame], *, seed: int, balanced: bool) -> Samples:
    cells = min(CELLS_PER_FRAME, max(CELLS_OF_ALL // len(frames), 16))
    taken = [sample(frame, cells, balanced=balanced, seed=seed + number) for number, frame in enumerate(frames)]
    camera, target = (np.concatenate([values.reshape(-1, 3) for values in part]) for part in zip(*taken, strict=True))
    return Samples(camera, target)


def _through(tones: Sequence[Tone], linear: np.ndarray) -> np.ndarray:
    channels = [tone(linear[..., channel]) for channel, tone in enumerate(tones)]
    return np.clip(np.stack(channels, axis=-1), 0, 1).astype(np.float32)


def _places(camera: np.ndarray, top: np.ndarray) -> np.ndarray:
    return encode_srgb(np.clip(camera / top, 0, 1))


def _rendered(control: Control, frame: Frame) -> np.ndarray:
    camera = camera_values(frame.packed, white_balance=frame.white_balance if control.balanced else None)
    small = np.empty_like(camera)

    def render(rows: slice) -> None:
        small[rows] = control.colours(camera[rows])

    for_each(strips(len(camera), 64), render)
    return cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
