"""Pages stand alone, and nothing that is put into them can break out."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crispnet.evaluate.fit_page import fit_page
from crispnet.evaluate.judging import Strip, Verdict
from crispnet.evaluate.page import (
    UNSEEN,
    Html,
    Shown,
    heading,
    page,
    paragraph,
    photograph,
    pictures,
    safe,
    swatch,
    table,
)
from crispnet.evaluate.score import score
from crispnet.evaluate.score_page import Case, folder_page, pair_page

EVIL = "<script>alert('x')</script>\"&.jpg"
OURS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "table", "thead", "tbody", "tr", "th"}
OURS |= {"td", "figure", "img", "figcaption", "span"}


class Reader(HTMLParser):
    """Collects the tags and attributes of a page, and checks that what opens is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parts(words):
    shown = Shown(Image.new("RGB", (8, 6), (10, 200, 30)), words)
    return [
        heading(words),
        paragraph(words),
        paragraph(words, faint=True),
        table([words, "b"], [[words, swatch((1, 2, 3), words)]]),
        pictures([shown, Shown(shown.picture, words, drawn=True)]),
    ]


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_words_stay_words(words):
    read = Reader(page(words, parts(words)))
    assert read.tags <= OURS
    assert read.open == []
    assert {name for name, _ in read.attributes}.isdisjoint({"onerror", "onload", "href"})


def test_nothing_comes_from_elsewhere():
    text = page(EVIL, parts(EVIL))
    assert "<script" not in text
    assert all(value.startswith("data:image/") for name, value in Reader(text).attributes if name == "src")
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", text)
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_names_that_are_no_text_can_be_written():
    assert page("a\udcff.jpg", [paragraph("b\udcff")]).encode("utf-8")


def test_html_is_kept_and_words_are_escaped():
    assert safe(Html("<b>")) == "<b>"
    assert safe("<b>") == "&lt;b&gt;"
    assert isinstance(safe("x"), Html)


@pytest.mark.parametrize("drawn", [True, False])
def test_pictures_are_inside(drawn):
    pixels = np.random.default_rng(0).random((30, 40, 3))
    text = pictures([Shown(photograph(pixels, 40), "a", drawn=drawn)])
    kind, data = re.search(r'src="data:image/(\w+);base64,([^"]+)"', text).groups()
    assert kind == ("png" if drawn else "jpeg")
    with Image.open(io.BytesIO(base64.b64decode(data))) as found:
        error = np.abs(np.asarray(found) / 255 - pixels).mean()
    assert error < (0.003 if drawn else 0.2)


def test_photographs_are_made_small_and_never_large():
    assert photograph(np.zeros((300, 400, 3)), 100).size == (100, 75)
    assert photograph(np.zeros((30, 40, 3)), 100).size == (40, 30)


def test_colours_are_colours_whatever_is_given():
    assert "#00ff07" in swatch((-5, 300, 7))


# Whole reports, with strings that come from files


HOSTILE = (
    EVIL, "</title><script>", "' onmouseover='x", "{{7*7}}", "a\x00b\x1b[31m", "photo\u202egnp.exe", "\u2066x", "%s%n",
    "<img src=//x>", "a\udcff", "javascript:x", "]]><!--",
)  # fmt: skip
words = st.sampled_from(HOSTILE) | st.text(max_size=30)


def case(name: str) -> Case:
    pixels = np.random.default_rng(0).random((24, 24, 3)).astype(np.float32)
    measured = score(pixels, pixels[::-1])
    small = Shown(photograph(pixels, 24), name)
    return Case(name, (24, 24), measured, shown=(small, small, small), notes=(name,))


@settings(max_examples=40, deadline=None)
@given(name=words)
def test_whatever_a_file_is_called_stays_words_in_every_report(name):
    one = case(name)
    small = one.shown[0]
    strip = Strip(small, dict.fromkeys(("before", name), small), dict.fromkeys(("before", name), small))
    verdict = Verdict({"before": [one], name: [one]}, [strip])
    facts = {"cameras": name, name: "x"}
    for text in (
        pair_page(name, one),
        folder_page(name, [one], refused={name: name}),
        fit_page(name, verdict, chosen=name, beside=["before"], remarks=[name], facts=facts),
    ):
        read = Reader(text)
        assert read.tags <= OURS
        assert read.open == []
        assert {attribute for attribute, _ in read.attributes} <= {
            *("lang", "charset", "http-equiv", "content", "name", "class", "alt", "width", "height", "src", "style"),
        }
        assert not UNSEEN.search(text)
        assert text.encode("utf-8")


def test_what_turns_the_direction_of_words_is_shown():
    assert safe("photo\u202egnp.exe") == "photo\\u202egnp.exe"
    assert safe("\x1b[31m\tred\n") == "\\u001b[31m\tred\n"
    assert safe("صورة \u200f1.dng") == "صورة \u200f1.dng"
