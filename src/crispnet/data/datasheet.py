"""A datasheet of a set of pairs: what it holds, counted; and the questions that nobody but its maker can answer.

The questions are those of Gebru et al., "Datasheets for Datasets" (2021), as far as a set of raws and pictures raises
them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crispnet.colour import decode_srgb
from crispnet.data.pairs import SPLITS, Pair
from crispnet.data.phone.sight import see
from crispnet.errors import DataError, NoCameraPicture
from crispnet.raw.sidecar import picture_file
from crispnet.version import VERSION

OPEN = "*To be answered.*"
SKIN = 0.3  # how surely skin must be seen for a person to look at a picture
DAYLIGHT = 6500.0  # kelvin: a picture is balanced
NAMED = 40  # pictures that are named, at most
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Facts:
    """What was counted.

    Attributes:
        pairs: of the set.
        skin: names of the pictures in which there is much of the colour of skin.
        sizes: how many pictures have which columns and rows.
        bytes: that raws and pictures take.
    """

    pairs: tuple[Pair, ...]
    skin: tuple[str, ...]
    sizes: Mapping[tuple[int, int], int]
    bytes: int


def facts_of(pairs: Sequence[Pair], *, progress: Callable[[int], None] | None = None) -> Facts:
    """Count what a set holds, and look at every picture.

    Args:
        pairs: of the set.
        progress: told how many pictures were looked at.

    Raises:
        DataError: a file of it cannot be read.
    """
    skin, sizes, size = [], Counter[tuple[int, int]](), 0
    for done, pair in enumerate(pairs, 1):
        try:
            pixels = picture_file(pair.picture).pixels
            size += pair.raw.stat().st_size + pair.picture.stat().st_size
        except NoCameraPicture as error:
            raise DataError(f"{error} Or take the pair out of the manifest.") from error
        except OSError as error:
            raise DataError(
                f"{pair.raw} cannot be read: {error.strerror or error}. The raw of every pair was needed. Check the "
                "manifest."
            ) from error
        sizes[pixels.shape[1], pixels.shape[0]] += 1
        step = max(1, max(pixels.shape) // 400)
        linear = decode_srgb(pixels[::step, ::step].astype(np.float32) / 255).astype(np.float32)
        skin += [pair.picture.name] if see(linear, DAYLIGHT).skin > SKIN else []
        if progress is not None:
            progress(done)
    return Facts(tuple(pairs), tuple(skin), sizes, size)


def datasheet(title: str, facts: Facts) -> str:
    """Write the datasheet, as Markdown."""
    parts = [
        f"# Datasheet: {title}\n\nCounted by crispnet {VERSION}; what it cannot know is marked, and to be written by "
        "whoever made the set.",
        "## Motivation\n\nFor what was the set made, by whom, and who paid for it? " + OPEN,
        "## Composition\n\n" + "\n\n".join(_composition(facts)),
        "## People\n\n" + _people(facts),
        "## Collection\n\n" + "\n\n".join(_collection(facts)),
        "## Licences\n\n" + _licences(facts),
        "## Processing\n\n" + _processing(facts),
        "## Uses\n\nFor what should the set be used, and for what not? " + OPEN,
        "## Distribution and upkeep\n\nWhere can it be had, who keeps it, and how does somebody in it ask to be taken "
        "out? " + OPEN,
    ]
    return "\n\n".join(parts) + "\n"


def _composition(facts: Facts) -> Iterator[str]:
    pairs = facts.pairs
    yield f"{len(pairs)} pairs of a raw and the picture to be learned from it, {facts.bytes / 1e9:.2f} GB."
    rows = []
    for split in SPLITS:
        mine = [pair for pair in pairs if pair.split == split]
        rows.append([split, str(len(mine)), str(len({pair.scene for pair in mine}))])
    yield _table(["split", "pairs", "scenes"], rows)
    yield "No scene is in two splits."
    yield _table(["camera", "pairs"], _counted(facts, "camera"))
    sizes = sorted(facts.sizes.items(), key=lambda item: -item[1])[:NAMED]
    yield _table(["size of the pictures", "pairs"], [[f"{w} x {h}", str(count)] for (w, h), count in sizes])


def _people(facts: Facts) -> str:
    if not facts.skin:
        named = "In none of the pictures is there much of the colour of skin."
    else:
        shown = ", ".join(f"`{name}`" for name in facts.skin[:NAMED])
        more = f" and {len(facts.skin) - NAMED} more" if len(facts.skin) > NAMED else ""
        named = f"In {len(facts.skin)} pictures there is much of the colour of skin: {shown}{more}."
    return (
        f"{named} That finds most portraits, but neither every face nor nothing else: somebody has to look.\n\n"
        f"Who looked, and how many pictures show people who can be recognised? Did they agree? {OPEN}"
    )


def _collection(facts: Facts) -> Iterator[str]:
    yield _table(["shown", "pairs"], _counted(facts, "shown"))
    yield _table(["light", "pairs"], _counted(facts, "light"))
    rows = []
    for words, tag in (("ISO", "iso"), ("exposure time, s", "exposure_time"), ("exposure against the meter, EV", "ev")):
        values = [value for pair in facts.pairs if isinstance(value := pair.tags.get(tag), int | float)]
        if values:
            ends = [min(values), float(np.median(values)), max(values)]
            rows.append([words, *(f"{value:.4g}" for value in ends), str(len(values))])
    if rows:
        yield _table(["", "least", "median", "most", "known of"], rows)
    times = sorted(str(pair.tags["time"]) for pair in facts.pairs if pair.tags.get("time"))
    if times:
        yield f"Taken between {times[0]} and {times[-1]}, as the files say."
    yield f"Where, in what light, on what monitor, and set up how? {OPEN}"


def _licences(facts: Facts) -> str:
    table = _table(["licence", "pairs"], _counted(facts, "licence", otherwise=NOT_STATED))
    return (
        f"{table}\n\nWho owns the raws, and the photographs that were shown, and under what terms are they here? {OPEN}"
    )


def _processing(facts: Facts) -> str:
    laid = sum("laid" in pair.tags for pair in facts.pairs)
    cut = sum("box" in pair.tags and "frame" in pair.tags for pair in facts.pairs)
    return (
        f"{laid} pictures were laid over the photosites of their raws; {cut} pairs were cut out of captures of a "
        f"screen. What else was done, and is the untouched data kept? {OPEN}"
    )


def _counted(facts: Facts, tag: str, *, otherwise: str = "not known") -> list[list[str]]:
    counts = Counter(str(pair.tags.get(tag) or otherwise) for pair in facts.pairs)
    return [[name, str(count)] for name, count in counts.most_common()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
