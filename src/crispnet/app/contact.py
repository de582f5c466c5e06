"""Contact sheets: small renderings beside the camera's pictures of them, to be looked at."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from crispnet.data.finding import OURS, SOFTWARE
from crispnet.evaluate.drawing import HEADING, INK, NOTE, Panel, fitted, length, sheet
from crispnet.files import whole_file

CELL, GAP, COLUMNS, ROWS = (400, 300), 12, 2, 12  # of a picture; between two; pairs on a page
ALARM, EMPTY = (176, 42, 42), (232, 232, 234)
QUALITY = 85
NAME = "sheet-{}.jpg"


class ContactSheet:
    """Pages of pairs, each written as soon as it is full."""

    def __init__(self, folder: Path) -> None:
        """Begin with the first page, in a folder that is there."""
        self.pages: list[Path] = []
        self._folder = folder
        self._panels: list[Panel] = []

    def add(self, ours: np.ndarray, theirs: np.ndarray | None, *, name: str, words: str, fault: bool) -> None:
        """Put a pair on the sheet: two upright pictures (h, w, 3) sRGB, the second of which may be missing.

        Raises:
            OutputError: a page was full, and cannot be written.
        """
        width, height = CELL
        both = Image.new("RGB", (2 * width + GAP, height), EMPTY if theirs is None else (255, 255, 255))
        for pixels, left in ((ours, 0), (theirs, width + GAP)):
            if pixels is not None:
                picture = fitted(_picture(pixels), width, height)
                both.paste(picture, (left + (width - picture.width) // 2, (height - picture.height) // 2))
        note = shortened(words, both.width, size=NOTE)
        self._panels.append(Panel(both, shortened(name, both.width, size=HEADING), note, ALARM if fault else INK))
        if len(self._panels) == COLUMNS * ROWS:
            self._write()

    def close(self) -> list[Path]:
        """Write what is on the last page, take away pages of an older and longer sheet, and return all pages."""
        if self._panels:
            self._write()
        number = len(self.pages) + 1
        while (old := self._folder / NAME.format(number)).exists():
            with suppress(OSError):
                old.unlink()
            number += 1
        return self.pages

    def _write(self) -> None:
        rows = [self._panels[first : first + COLUMNS] for first in range(0, len(self._panels), COLUMNS)]
        path, exif = self._folder / NAME.format(len(self.pages) + 1), Image.Exif()
        exif[SOFTWARE] = OURS
        with whole_file(path, overwrite=True, ending=".jpg") as hidden:
            sheet(rows).save(hidden, quality=QUALITY, exif=exif)
        self.pages.append(path)
        self._panels = []


def _picture(pixels: np.ndarray) -> Image.Image:
    codes = pixels if pixels.dtype == np.uint8 else np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(codes))


def shortened(words: str, width: int, *, size: int) -> str:
    """Cut a line of words so that it fits into a width."""
    if length(words, size=size) <= width:
        return words
    while words and length(words + "...", size=size) > width:
        words = words[:-1]
    return words.rstrip(" ,;.") + "..."
