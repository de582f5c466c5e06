import numpy as np
import pytest
from PIL import Image, ImageFont

from crispnet.colour import srgb_to_lab
from crispnet.evaluate.drawing import (
    FAINT,
    LARGEST,
    MARGIN,
    NOTE,
    PAPER,
    WIDTH,
    Panel,
    colour_bar,
    colour_map,
    difference_map,
    fitted,
    length,
    sheet,
    split,
    write,
)


def plain(width, height, colour=(200, 30, 30)):
    return Image.new("RGB", (width, height), colour)


def inked(picture):
    """Where a picture is not paper."""
    return np.abs(np.asarray(picture, int) - PAPER).sum(axis=-1) > 60


def test_differences_are_ordered_by_lightness():
    lightness = srgb_to_lab(colour_map() / 255)[:, 0]
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert np.abs(lightness - np.linspace(lightness[0], lightness[-1], 256)).max() < 1.5
    assert lightness[0] < 10
    assert lightness[-1] > 95


def test_no_difference_has_the_first_colour_and_large_ones_the_last():
    pixels = np.asarray(difference_map(np.array([[0.0, LARGEST, 100.0, LARGEST / 2]])))[0]
    assert (pixels[0] == colour_map()[0]).all()
    assert (pixels[1:3] == colour_map()[-1]).all()
    assert (pixels[3] == colour_map()[128]).all()


def test_the_letter_that_the_font_lacks_is_as_high_as_others():
    heights = {}
    for letter in "ΔE":
        canvas = plain(60, 60, PAPER)
        write(canvas, (10, 45), letter, size=30)
        rows = np.flatnonzero(inked(canvas).any(axis=1))
        heights[letter] = rows[0], rows[-1]
    assert np.abs(np.subtract(heights["Δ"], heights["E"])).max() <= 1


def test_a_delta_is_hollow_and_closed():
    canvas = plain(80, 80, PAPER)
    write(canvas, (10, 70), "Δ", size=60)
    ink = inked(canvas)
    middle = ink[np.flatnonzero(ink.any(axis=1))[-1] - 12]
    edges = np.flatnonzero(np.diff(middle.astype(int)))
    assert len(edges) == 4  # two strokes and paper between them


def test_words_end_where_they_are_told_to():
    canvas = plain(300, 60, PAPER)
    write(canvas, (250, 40), "4.5 ΔE", size=NOTE, align=1.0)
    columns = np.flatnonzero(inked(canvas).any(axis=0))
    assert 240 <= columns[-1] <= 250
    assert columns[0] >= 249 - length("4.5 ΔE", size=NOTE)


def test_words_have_only_letters_that_the_font_has():
    font = ImageFont.load_default(20)
    missing = bytes(font.getmask("\ue123"))
    assert bytes(font.getmask("Δ")) == missing
    for letter in "CRISPnet AWNet UNet+residual 0123456789./-,()=JNDmore":
        assert letter == " " or bytes(font.getmask(letter)) != missing


def test_a_split_shows_either_picture_on_its_side():
    picture = split(plain(300, 200, (255, 0, 0)), plain(300, 200, (0, 0, 255)), names=("A", "B"))
    assert picture.size == (300, 200)
    assert picture.getpixel((100, 80)) == (255, 0, 0)
    assert picture.getpixel((200, 120)) == (0, 0, 255)
    assert picture.getpixel((150, 100)) == PAPER  # the diagonal
    assert picture.getpixel((1, 1)) == picture.getpixel((298, 198)) == PAPER  # the slips with the names


def test_only_pictures_of_one_size_are_split():
    with pytest.raises(ValueError, match="one size"):
        split(plain(30, 20), plain(20, 30), names=("A", "B"))


@pytest.mark.parametrize(("size", "expected"), [((400, 100), (200, 50)), ((50, 100), (75, 150)), ((4000, 1), (200, 1))])
def test_pictures_fit_into_their_box(size, expected):
    assert fitted(plain(*size), 200, 150).size == expected


def test_panels_stand_in_columns():
    rows = [
        [Panel(plain(100, 80), "one"), Panel(plain(100, 80), "two", "12 dB")],
        [Panel(plain(60, 90), note="dark", ink=FAINT), Panel(plain(100, 80))],
    ]
    picture = np.asarray(sheet(rows))
    red = (picture == (200, 30, 30)).all(axis=-1)
    columns = np.flatnonzero(red.any(axis=0))
    starts = columns[np.flatnonzero(np.diff(columns, prepend=-9) > 1)]
    assert starts.tolist() == [MARGIN, MARGIN + 100 + 20]
    assert picture.shape[1] == 2 * MARGIN + 220
    assert red.sum() == 3 * 100 * 80 + 60 * 90
    assert inked(picture)[:, :MARGIN].sum() == inked(picture)[:, -MARGIN:].sum() == 0


@pytest.mark.parametrize("width", [WIDTH // 2 + 2 * MARGIN, WIDTH])
def test_the_bar_runs_from_none_to_the_largest(width):
    picture = np.asarray(colour_bar(width))
    bar = picture[round(1.6 * NOTE) + 12, MARGIN : width - MARGIN]
    assert (bar[0] == colour_map()[0]).all()
    assert (bar[-1] == colour_map()[-1]).all()
    assert inked(picture)[:, :MARGIN].sum() == inked(picture)[:, width - MARGIN + 1 :].sum() == 0
