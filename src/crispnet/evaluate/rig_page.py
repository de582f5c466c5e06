"""The report of a session of the monitor rig: what came through, what did not and why, and how the screen kept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from crispnet.data.pairs import SPLITS, Pair
from crispnet.data.rig.looking import Seen
from crispnet.data.rig.sorting import FAULTS, drifts
from crispnet.errors import NoCameraPicture
from crispnet.evaluate.page import Html, Shown, heading, page, paragraph, photograph, pictures, table
from crispnet.raw.orientation import upright
from crispnet.raw.sidecar import picture_file

LONGEST = 420  # pixels of a picture on the page
PAIRS_SHOWN, FAULTS_SHOWN = 6, 36
FRAME, WIDE = (255, 96, 0), 3  # colour and pixels of the line around what is cut out


def rig_page(
    title: str, seen: Sequence[Seen], pairs: Sequence[Pair], *, never: Mapping[int, str], notes: Iterable[str]
) -> str:
    """Set the report.

    Args:
        title: of the page.
        seen: every capture, sorted.
        pairs: what came of the good ones.
        never: frames without any capture, and why.
        notes: what is worth knowing of the session, a sentence each.
    """
    left_out = [each for each in seen if each.fault]
    parts = [
        *map(paragraph, notes),
        heading("What came through"),
        table(["", "pairs"], _splits(pairs)),
        *_good(seen, pairs),
        heading("What is left out"),
        *_faults(left_out, never),
        heading("The screen and the camera"),
        *_charts(seen),
        table(["", "least", "median", "most"], _spreads(seen, pairs)),
        paragraph(
            "Blur is the spread of the markers' edges in photosites. Misfit is how far a picture lies off its raw. "
            "Drift is against the first chart, in stops; a chart's waves are those of its flat grey.",
            faint=True,
        ),
    ]
    return page(title, parts)


def _splits(pairs: Sequence[Pair]) -> Iterator[list[str]]:
    counts = Counter(pair.split for pair in pairs)
    yield from ([split, str(counts[split])] for split in SPLITS)
    yield ["scenes", str(len({pair.scene for pair in pairs}))]


def _good(seen: Sequence[Seen], pairs: Sequence[Pair]) -> Iterator[Html]:
    """Show some captures with what is cut out of them, evenly picked."""
    frames = {pair.tags.get("frame") for pair in pairs}
    good = [each for each in seen if each.step and not each.fault and each.step.number in frames]
    picked = good[:: max(1, -(-len(good) // PAIRS_SHOWN))]
    shown = [_shown(each, f"frame {_number(each)}: the part inside the line is the pair") for each in picked]
    yield pictures([each for each in shown if each is not None])


def _faults(left_out: Sequence[Seen], never: Mapping[int, str]) -> Iterator[Html]:
    if not left_out and not never:
        yield paragraph("Nothing.")
        return
    counts = Counter(each.fault for each in left_out)
    counts["missing"] += len(never)
    yield table(["", "captures"], [[words, str(counts[fault])] for fault, words in FAULTS.items() if counts[fault]])
    rows = [[f"Frame {_number(each)}: {FAULTS[each.fault]}. {each.reason}"] for each in left_out]
    rows += [[f"Frame {number}: {FAULTS['missing']}. {reason}"] for number, reason in never.items()]
    yield table(["what is wrong, and how it is known"], rows)
    shown = [_shown(each, f"frame {_number(each)}: {FAULTS[each.fault]}") for each in left_out[:FAULTS_SHOWN]]
    yield pictures([each for each in shown if each is not None])


def _number(each: Seen) -> str:
    number = each.expected if each.expected is not None else each.step and each.step.number
    return "?" if number is None else str(number)


def _shown(each: Seen, words: str) -> Shown | None:
    """Show a capture small, and what is cut out of it; None where there is no picture."""
    try:
        pixels = picture_file(each.taken.picture).pixels
    except NoCameraPicture:
        return None
    small = photograph(pixels / np.float32(255), LONGEST)
    if each.box.height and not each.fault:
        _frame(small, each)
    return Shown(small, words)


def _frame(small: Image.Image, each: Seen) -> None:
    """Draw the rectangle that is cut out, which is known as the sensor lies, into a picture that stands upright."""
    mask = np.zeros(each.size, np.uint8)
    mask[each.box.rows, each.box.columns] = 1
    standing = Image.fromarray(np.ascontiguousarray(upright(mask, each.orientation)))
    inside = np.asarray(standing.resize(small.size, Image.Resampling.NEAREST))
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) and len(columns):
        ends = (int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))
        ImageDraw.Draw(small).rectangle(ends, outline=FRAME, width=WIDE)


def _charts(seen: Sequence[Seen]) -> Iterator[Html]:
    charts = [each for each in seen if each.reading and not each.fault]
    if not charts:
        return
    off = drifts(charts)
    rows = []
    for each in charts:
        found = off.get(each.step.number) if each.step else None
        cells = [f"{found.light:+.3f}", f"{found.tone:.3f}", f"{found.colour:.3f}"] if found else ["–"] * 3
        rows.append([_number(each), *cells, f"{100 * each.reading.moire:.2f} %" if each.reading else ""])
    yield table(["chart of frame", "light", "tone", "colour", "waves"], rows)


def _spreads(seen: Sequence[Seen], pairs: Sequence[Pair]) -> Iterator[list[str]]:
    """Say in what range the good captures lie."""
    good = [each for each in seen if not each.fault and each.step and each.step.kind == "photograph"]
    misfits = [pair.tags.get("misfit") for pair in pairs]
    for words, values in (
        ("blur, photosites", [each.blur for each in good]),
        ("saturated middle tones, %", [100 * each.clipped for each in good]),
        ("misfit, photosites", misfits),
    ):
        known = [float(value) for value in values if isinstance(value, int | float)]
        if known:
            yield [words, *(f"{value:.2f}" for value in (min(known), float(np.median(known)), max(known)))]
