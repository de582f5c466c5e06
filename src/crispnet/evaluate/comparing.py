"""Two pictures as a case for a report: opened, aligned, measured and drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crispnet.darkroom.opening import open_picture
from crispnet.errors import PictureError
from crispnet.evaluate import score_page
from crispnet.evaluate.chart import compare_patches, find_chart
from crispnet.evaluate.overlay import as_they_lie, laid_over
from crispnet.evaluate.score import score
from crispnet.evaluate.score_page import Case


def compare_files(result: Path, reference: Path, *, align: bool, longest: int | None) -> Case:
    """Compare two picture files.

    Args:
        result: the picture that is judged.
        reference: what it should look like.
        align: whether to lay them over each other first; else pairs that are shifted are refused.
        longest: pixels along the longer side of what is drawn for a page; None to draw nothing.

    Raises:
        PictureError: one cannot be read, or the two cannot be compared.
    """
    opened = open_picture(result), open_picture(reference)
    notes = [f"{path} {note}." for path, each in zip((result, reference), opened, strict=True) for note in each.notes]
    try:
        return compare_pixels(result.stem, *(each.pixels for each in opened), align=align, longest=longest, notes=notes)
    except PictureError as error:
        raise PictureError(f"{result} and {reference} cannot be compared. {error}") from error


def compare_pixels(
    name: str,
    result: np.ndarray,
    reference: np.ndarray,
    *,
    align: bool,
    longest: int | None,
    notes: Sequence[str] = (),
) -> Case:
    """Compare two pictures, (h, w, 3) float32 sRGB in [0, 1], as ``compare_files`` does.

    Raises:
        PictureError: the two cannot be compared.
    """
    overlay = (laid_over if align else as_they_lie)(result, reference)
    measured = score(overlay.result, overlay.reference, mask=overlay.mask)
    chart = find_chart(overlay.reference) or find_chart(overlay.result)
    patches = compare_patches(chart, overlay.result, overlay.reference) if chart else ()
    drawn = score_page.drawings(overlay, measured, chart=chart, longest=longest) if longest else ()
    height, width = overlay.result.shape[:2]
    return Case(name, (width, height), measured, patches, drawn, (*notes, *overlay.notes))
