"""Sets reports as HTML pages that need nothing beside them: no script, no network, pictures inside.

A page is made of parts: headings, paragraphs, tables, rows of pictures. Whatever is given as ``str`` (names of files,
messages of errors) is words and is escaped; only what is ``Html``, which the functions here make, is taken as it is.
"""

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = 90  # of photographs inside a page
STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # even if a name got through, nothing is loaded

# What cannot be seen and changes what is: control characters, and those that turn the direction of all that follows.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Html(str):
    """What is HTML already, and safe."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture of a page and the words below it; drawn ones are kept without loss, photographs as JPEG."""

    picture: Image.Image
    words: str
    drawn: bool = False


def page(title: str, parts: Iterable[Html]) -> str:
    """Set a whole page."""
    inner, style = "\n".join(parts), STYLE.read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{safe(title)}</title>\n<style>{style}</style>\n'
        f"</head>\n<body>\n<h1>{safe(title)}</h1>\n{inner}\n</body>\n</html>\n"
    )


def safe(words: str) -> Html:
    """Escape words, and show what would not be seen; what is HTML already stays.

    >>> safe("<b>&"), safe(Html("<b>"))
    ('&lt;b&gt;&amp;', '<b>')
    """
    if isinstance(words, Html):
        return words
    readable = words.encode("utf-8", "replace").decode("utf-8")  # names of files need not be text
    return Html(html.escape(UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", readable)))


def heading(words: str) -> Html:
    """Set a heading within the page."""
    return Html(f"<h2>{safe(words)}</h2>")


def paragraph(words: str, *, faint: bool = False) -> Html:
    """Set a paragraph."""
    kind = "<p class='faint'>" if faint else "<p>"
    return Html(f"{kind}{safe(words)}</p>")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Set a table: a column of words, then numbers."""
    titles = "".join(f"<th>{safe(cell)}</th>" for cell in head)
    lines = ("".join(f"<td>{safe(cell)}</td>" for cell in row) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return Html(f'<div class="wide"><table><thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>')


def pictures(shown: Iterable[Shown]) -> Html:
    """Set pictures side by side, or below each other where the page is narrow."""
    figures = (
        f'<figure><img alt="{safe(each.words)}" width="{each.picture.width}" height="{each.picture.height}" '
        f'src="{_address(each)}"><figcaption>{safe(each.words)}</figcaption></figure>'
        for each in shown
    )
    return Html(f'<div class="row">{"".join(figures)}</div>')


def swatch(colour: Sequence[int], words: str = "") -> Html:
    """Set words behind a small square of a colour, given as three sRGB codes."""
    red, green, blue = (min(255, max(0, int(code))) for code in colour)
    return Html(f'<span class="swatch" style="background:#{red:02x}{green:02x}{blue:02x}"></span>{safe(words)}')


def photograph(pixels: np.ndarray, longest: int) -> Image.Image:
    """Make a picture for a page of (h, w, 3) sRGB in [0, 1], at most ``longest`` pixels along a side."""
    picture = Image.fromarray(np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8))
    picture.thumbnail((longest, longest), Image.Resampling.BOX)
    return picture


def _address(shown: Shown) -> str:
    """Put a picture into an address."""
    kind, options = ("png", {"optimize": True}) if shown.drawn else ("jpeg", {"quality": QUALITY, "subsampling": 0})
    file = io.BytesIO()
    shown.picture.save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
