"""Two pictures brought to where they can be compared pixel by pixel, or refused with the reason.

Notation: that of ``metrics`` and ``darkroom.levels``. The **displacement** of two pictures is how far, in pixels of the
first, what the second shows lies from where the first shows it: a root mean square over the frame.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from crispnet.darkroom.blocks import PLAIN
from crispnet.darkroom.levels import IDENTITY, LUMA, Level, evaluated, positions
from crispnet.darkroom.registration import ASPECTS, COARSE, FLIPS, LEAST, Registration, register
from crispnet.errors import ForeignPicture, PictureError
from crispnet.evaluate.metrics import WINDOW

STILL = 0.25  # pixels of displacement that are none
FELT = 0.75  # pixels of displacement from which figures of single pixels suffer noticeably
MOST_PIXELS, MOST_SHARE = 2.0, 0.001  # of the longer side: the larger of both is the most that passes for aligned
LARGER = 1.05  # times as fine that a picture may be as the other before it is made smaller
DOUBTFUL = 0.1  # share that seems to show something else and is worth a word
ALIGN = "Say --align to have them laid over each other first."
WRONG = "Compare a picture with one of the same photograph."


@dataclass(frozen=True, eq=False)
class Overlay:
    """Two pictures of one size that show the same in the same place.

    Attributes:
        result: (h, w, 3) float32.
        reference: (h, w, 3) float32.
        mask: (h, w) bool, where both show something; None for everywhere.
        displacement: in pixels, before anything was moved; None where it cannot be told.
        notes: what was done, and what remains doubtful, a sentence each.
    """

    result: np.ndarray
    reference: np.ndarray
    mask: np.ndarray | None
    displacement: float | None
    notes: tuple[str, ...] = ()


def as_they_lie(result: np.ndarray, reference: np.ndarray) -> Overlay:
    """Check that two pictures (h, w, 3) of one size show the same in the same place.

    Raises:
        PictureError: their sizes differ, they are too small, shifted against each other, or of different scenes.
    """
    _refuse_tiny(result, reference)
    if result.shape != reference.shape:
        raise PictureError(f"{_sizes(result, reference)} Two of one size were needed. {ALIGN}")
    if np.array_equal(result, reference):
        return Overlay(result, reference, None, 0.0)
    doubt = _doubt(result, reference)
    if doubt:
        return Overlay(result, reference, None, None, (doubt,))
    found = _located(result, reference)
    if isinstance(found, str):
        raise _foreign(found)
    shift = displacement(found)
    if shift > max(MOST_PIXELS, MOST_SHARE * max(result.shape[:2])):
        raise PictureError(f"{_shifted(found, shift)} Two that lie alike were needed. {ALIGN}")
    felt = (f"They lie about {shift:.1f} pixels apart, which sharp edges feel; --align puts that right.",)
    return Overlay(result, reference, None, shift, felt if shift > FELT else ())


def laid_over(result: np.ndarray, reference: np.ndarray) -> Overlay:
    """Find where two pictures (h, w, 3) show the same, and lay one over the other there.

    The finer one is made smaller first, so that no detail is invented. What only one of them shows is cut off or
    masked. Nothing is moved that lies within a quarter of a pixel already.

    Raises:
        PictureError: they are too small, of different scenes or aspects, turned or mirrored.
    """
    _refuse_tiny(result, reference)
    aspects = [picture.shape[1] / picture.shape[0] for picture in (result, reference)]
    if max(aspects) / min(aspects) > ASPECTS:
        raise PictureError(
            f"{_sizes(result, reference)} Their aspects are too far apart to align them. Two uncut pictures of one "
            "photograph were needed. Turn or cut one like the other."
        )
    doubt = _doubt(result, reference)
    if doubt:
        if result.shape != reference.shape:
            raise PictureError(f"{_sizes(result, reference)} {doubt} Larger or more detailed ones were needed. {WRONG}")
        return Overlay(result, reference, None, None, (doubt,))
    found = _located(result, reference)
    if not isinstance(found, str):
        return _overlaid(found, result, reference)
    turned = _located(reference, result)  # the result may be the one that was cut
    if isinstance(turned, str):
        raise _foreign(found)
    laid = _overlaid(turned, reference, result)
    return Overlay(laid.reference, laid.result, laid.mask, laid.displacement, laid.notes)


def displacement(found: Registration) -> float:
    """Measure how far apart two registered pictures of one frame show the same: RMS, in pixels of the first."""
    return float(np.sqrt(np.mean(np.square(_apart(found)).sum(axis=0))))


def _apart(found: Registration) -> np.ndarray:
    """Give the displacement (2, rows, columns), across and down, in pixels of the rendering, over the frame."""
    pitch = max(found.rendering_size) / 16
    shape = tuple(round(length / pitch) for length in found.rendering_size)
    places = positions(shape, pitch, tuple(round(length * pitch) for length in shape))
    return evaluated(found.cubic - IDENTITY, *places) * max(found.rendering_size) / 2


def _refuse_tiny(result: np.ndarray, reference: np.ndarray) -> None:
    if min(*result.shape[:2], *reference.shape[:2]) < WINDOW:
        raise PictureError(
            f"{_sizes(result, reference)} At least {WINDOW} along each side were needed. Compare larger ones."
        )


def _sizes(result: np.ndarray, reference: np.ndarray) -> str:
    ours, theirs = (f"{picture.shape[1]} x {picture.shape[0]}" for picture in (result, reference))
    return f"The result has {ours} pixels, the reference {theirs}."


def _doubt(result: np.ndarray, reference: np.ndarray) -> str:
    """Say why it cannot be told whether two pictures are aligned; nothing where it can."""
    pair = (result, reference)
    if any(max(picture.shape[:2]) < LEAST or min(picture.shape[:2]) < LEAST // 2 for picture in pair):
        return "They are too small to tell whether they are aligned."
    if any(np.mean(np.abs(Level.of(picture, COARSE).features) ** 2) < PLAIN for picture in pair):
        return "They are too plain to tell whether they are aligned."
    return ""


def _located(ours: np.ndarray, theirs: np.ndarray) -> Registration | str:
    """Find one picture in the other, or say why not; where colours are too far apart for that, by lightness alone."""
    try:
        return register(ours, theirs)
    except ForeignPicture:
        pass
    try:
        return register(_grey(ours), _grey(theirs))
    except ForeignPicture as error:
        return str(error)


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat((picture @ LUMA)[..., None], 3, axis=2)


def _foreign(reason: str) -> PictureError:
    """Refuse two pictures for a reason of ``registration``'s, which speaks of a raw."""
    needed = f"Two renditions of one photograph were needed. {WRONG}"
    for flip in FLIPS:
        if f" is {flip}," in reason:
            return PictureError(f"The reference is {flip}, compared with the result. {needed}")
    return PictureError(f"The two show different scenes, or one was changed beyond recognition. {needed}")


def _shifted(found: Registration, shift: float) -> str:
    across, down = _apart(found).mean(axis=(1, 2))
    sides = [f"{abs(across):.1f} pixels to the {'right' if across > 0 else 'left'}"] if abs(across) >= 1 else []
    sides += [f"{abs(down):.1f} {'down' if down > 0 else 'up'}"] if abs(down) >= 1 else []
    scale = 100 * (found.cubic[0, 0, 1] - 1)
    sides += [f"{abs(scale):.1f} % {'larger' if scale > 0 else 'smaller'}"] if abs(scale) >= 0.1 else []
    how = f" ({', '.join(sides)})" if sides else ""
    return f"The reference shows the same {shift:.1f} pixels away from where the result does{how}."


def _overlaid(found: Registration, under: np.ndarray, over: np.ndarray) -> Overlay:
    """Lay ``over`` over ``under``, and cut both to what both show."""
    shift = displacement(found)
    density = found.cubic[0, 0, 1] * max(over.shape[:2]) / max(under.shape[:2])  # pixels of one in a pixel of the other
    if density * LARGER < 1:
        size = [round(length * density) for length in under.shape[1::-1]]
        under = cv2.resize(under, size, interpolation=cv2.INTER_AREA)
        found = replace(found, rendering_size=under.shape[:2])
    if under.shape == over.shape and shift <= STILL:
        return Overlay(under, over, None, shift, (_compared_at(under),))
    laid, _ = found.lay(over)
    inside = _inside(found)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    notes = [_compared_at(inside[cut])]
    doubtful = float(1 - found.blocks.mean())
    if doubtful > DOUBTFUL:
        notes.append(f"{doubtful:.0%} of it may show something else; it counts all the same.")
    mask = inside[cut]
    return Overlay(
        under[cut], np.clip(laid[cut], 0, 1), None if mask.all() else np.ascontiguousarray(mask), shift, tuple(notes)
    )


def _compared_at(pixels: np.ndarray) -> str:
    return f"Aligned, and compared at {pixels.shape[1]} x {pixels.shape[0]} pixels."


def _inside(found: Registration) -> np.ndarray:
    """Tell which pixels (h, w) of the rendering the other picture shows as well."""
    size = found.rendering_size
    reach = np.array(found.picture_size[::-1]) / max(found.picture_size)
    across, down = np.abs(evaluated(found.cubic, *positions(size, 1, size)))
    return (across <= reach[0]) & (down <= reach[1])
