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

from crispnet.evaluate.page import Html, Shown, heading, page, paragraph, photograph, pictures, safe, swatch, table

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
