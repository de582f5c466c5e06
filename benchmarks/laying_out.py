"""Lays out pictures in rows and columns, with a line above each."""

from PIL import Image, ImageDraw, ImageFont

GAP, LABEL = 8, 22  # pixels between pictures; of the line above one
INK, PAPER = (225, 225, 225), (40, 40, 40)


def labelled(picture: Image.Image, words: str) -> Image.Image:
    """Write a line above a picture."""
    whole = Image.new("RGB", (picture.width, picture.height + LABEL), PAPER)
    whole.paste(picture, (0, LABEL))
    ImageDraw.Draw(whole).text((4, 3), words, fill=INK, font=ImageFont.load_default(14))
    return whole


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures next to each other."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, max(picture.height for picture in pictures)), PAPER)
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP
    return whole


def stack(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures below each other."""
    height = sum(picture.height for picture in pictures) + GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (max(picture.width for picture in pictures), height), PAPER)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height + GAP
    return whole
