"""What ``crispnet score`` does: two pictures or two folders, their figures, a map, a page."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from crispnet.app.batch import RAW_ENDINGS
from crispnet.app.refusing import complain
from crispnet.app.watching import watched
from crispnet.darkroom.opening import ENDINGS
from crispnet.errors import OutputError, PictureError
from crispnet.evaluate import score_page
from crispnet.evaluate.chart import Patch
from crispnet.evaluate.comparing import compare_files
from crispnet.evaluate.score import FIGURES, Group
from crispnet.evaluate.score_page import LABELS, LARGE, SHORT, SMALL, Case
from crispnet.files import check_destination, whole_file, write_whole

WORST = 12  # pictures of a folder that a page shows


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet score --help``."""

    result: Path
    reference: Path
    align: bool = False
    html: Path | None = None
    drawing: Path | None = None
    overwrite: bool = False


def score_and_say(wish: Wish, *, as_json: bool) -> bool:
    """Compare two pictures or two folders, say the figures, and return whether all were compared.

    Raises:
        PictureError: nothing could be compared.
        OutputError: the page or the map is not to be written there, or cannot be.
    """
    folders = wish.result.is_dir(), wish.reference.is_dir()
    if folders[0] != folders[1]:
        odd = wish.result if folders[0] else wish.reference
        raise PictureError(
            f"{odd} is a folder and the other is not. Two pictures or two folders were needed. Name a picture in it."
        )
    if all(folders) and wish.drawing:
        raise OutputError(
            f"{wish.drawing} is to be one map, of two folders. Two pictures were needed. Say --html for all maps."
        )
    for path in filter(None, (wish.html, wish.drawing)):
        _check(path, wish)
    return _score_folders(wish, as_json=as_json) if all(folders) else _score_pair(wish, as_json=as_json)


def _check(path: Path, wish: Wish) -> None:
    check_destination(path, raw=None, overwrite=wish.overwrite)
    if any(path.exists() and path.samefile(each) for each in (wish.result, wish.reference) if each.exists()):
        raise OutputError(f"{path} is one of the two pictures. They are never changed. Choose another name.")


def _score_pair(wish: Wish, *, as_json: bool) -> bool:
    case = _compared(wish.result, wish.reference, wish, longest=LARGE)
    title = f"{wish.result.name} against {wish.reference.name}"
    for note in case.notes:
        complain(note)
    if wish.drawing:
        with whole_file(wish.drawing, overwrite=wish.overwrite, ending=".png") as hidden:
            score_page.map_with_bar(case.score.delta_e).save(hidden)
        typer.echo(wish.drawing, err=True)
    _write(wish, lambda: score_page.pair_page(title, case))
    names = {"result": str(wish.result), "reference": str(wish.reference)}
    typer.echo(json.dumps(names | _facts(case)) if as_json else "\n\n".join((title, *_tables(case))))
    return True


def _score_folders(wish: Wish, *, as_json: bool) -> bool:
    pairs, refused = _paired(wish.result, wish.reference)
    for name, reason in refused.items():
        _say_refused(name, reason, as_json=as_json)
    cases: list[Case] = []
    with watched(len(pairs), "comparing") as tell:
        for done, (result, reference) in enumerate(pairs, 1):
            try:
                case = _compared(result, reference, wish, longest=SMALL)
            except PictureError as error:
                refused[result.name] = str(error)
                _say_refused(result.name, str(error), as_json=as_json)
            else:
                for note in case.notes:
                    complain(f"{result.name}: {note}")
                if as_json:
                    typer.echo(json.dumps({"result": str(result), "reference": str(reference)} | _facts(case)))
                cases = _with_worst_shown([*cases, case])
            tell(done)
    if not cases:
        raise PictureError(
            f"Nothing in {wish.result} and {wish.reference} could be compared; the reasons are above. Pictures of the "
            "same names, of one size, were needed. Check the folders, or say --align."
        )
    _write(wish, lambda: score_page.folder_page(_title(wish), cases, refused=refused))
    typer.echo(_summary_as_json(cases, refused) if as_json else f"{_title(wish)}\n\n{_folder_table(cases)}")
    return not refused


def _title(wish: Wish) -> str:
    return f"{wish.result} against {wish.reference}"


def _with_worst_shown(cases: Sequence[Case]) -> list[Case]:
    """Sort the worst to the front, and forget the pictures of all but those that a page will show."""
    ranked = sorted(cases, key=lambda case: -case.score.figures["delta_e"])
    return [*ranked[:WORST], *(case.without_pictures() if case.shown else case for case in ranked[WORST:])]


def _say_refused(name: str, reason: str, *, as_json: bool) -> None:
    complain(f"{name}: {reason}")
    if as_json:
        typer.echo(json.dumps({"picture": name, "error": reason}))


def _paired(results: Path, references: Path) -> tuple[list[tuple[Path, Path]], dict[str, str]]:
    """Pair the pictures of two folders by their stems, whatever their case and ending; also say what has no partner.

    Raises:
        PictureError: a folder has no pictures.
    """
    refused: dict[str, str] = {}
    found = [_by_stem(folder, refused) for folder in (results, references)]
    for one, other, folder in ((found[0], found[1], references), (found[1], found[0], results)):
        refused |= {
            str(one[stem]): f"There is no picture of this name in {folder}." for stem in one if stem not in other
        }
    return [(found[0][stem], found[1][stem]) for stem in found[0] if stem in found[1]], refused


def _by_stem(folder: Path, refused: dict[str, str]) -> dict[str, Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    except OSError as error:
        raise PictureError(
            f"{folder} cannot be read: {error.strerror or error}. A folder of pictures was needed. Check its rights."
        ) from error
    if not paths:
        raise PictureError(
            f"{folder} holds no pictures. Some ({', '.join(sorted(ENDINGS))}) were needed. Name another."
        )
    found: dict[str, Path] = {}
    for path in paths:
        if not path.name.startswith("."):
            first = found.setdefault(path.stem.lower(), path)
            if first != path:
                refused[str(path)] = f"{first.name} has the same name and was taken instead."
    return found


def _compared(result: Path, reference: Path, wish: Wish, *, longest: int) -> Case:
    """Open, align and measure two pictures; draw them where a page is wanted."""
    for path in (result, reference):
        if path.suffix.lower() in RAW_ENDINGS:
            raise PictureError(
                f"{path} is a raw file. A developed picture was needed. Run `crispnet develop`, or `crispnet preview` "
                "for the camera's own picture."
            )
    return compare_files(result, reference, align=wish.align, longest=longest if wish.html else None)


def _write(wish: Wish, page: Callable[[], str]) -> None:
    if wish.html:
        write_whole(wish.html, [page().encode("utf-8")], raw=None, overwrite=wish.overwrite)
        typer.echo(wish.html, err=True)


def _facts(case: Case) -> dict[str, object]:
    return {
        "pixels": list(case.size),
        **_finite(case.score.figures),
        "hues": [_of_group(group) for group in case.score.hues],
        "lightness": [_of_group(group) for group in case.score.bands],
        "chart": [asdict(patch) for patch in case.patches] or None,
        "notes": list(case.notes),
    }


def _of_group(group: Group) -> dict[str, object]:
    return {"of": group.name, "share": group.share, **_finite(group.figures)}


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: figure if math.isfinite(figure) else None for name, figure in figures.items()}


def _summary_as_json(cases: Sequence[Case], refused: Mapping[str, str]) -> str:
    means = {name: _finite(found._asdict()) for name, found in score_page.summary(cases).items()}
    groups = {
        label: {
            name: {"pictures": count, **_finite(found._asdict())}
            for name, (_, count, found) in score_page.group_means(cases, kind).items()
        }
        for label, kind in (("hues", "hues"), ("lightness", "bands"))
    }
    return json.dumps({"pictures": len(cases), "refused": len(refused), "summary": means, **groups})


def _tables(case: Case) -> Iterator[str]:
    """Give the tables of a pair as text."""
    width, height = case.size
    figures = [(LABELS[name], score_page.shown(case.score.figures[name], name)) for name in FIGURES]
    yield _laid_out([("pixels", f"{width} x {height}"), *figures])
    for title, groups in (("hue", case.score.hues), ("lightness", case.score.bands)):
        rows = [(group.name, *score_page.group_cells(group)) for group in groups]
        yield _laid_out([(title, *score_page.GROUP_HEAD), *rows])
    if case.patches:
        head = ("patch", "result L*", "a*", "b*", "reference L*", "a*", "b*", "ΔE76", "ΔE2000")
        yield _laid_out([head, *((f"{each.number} {each.name}", *_of_patch(each)) for each in case.patches)])


def _of_patch(patch: Patch) -> tuple[str, ...]:
    labs = (f"{value:.1f}" for lab in (patch.result, patch.reference) for value in lab)
    return (*labs, f"{patch.delta_e:.2f}", f"{patch.delta_e_2000:.2f}")


def _folder_table(cases: Sequence[Case]) -> str:
    means = score_page.summary(cases)
    rows = [
        ("mean", *(score_page.shown(means[name].mean, name) for name in SHORT)),
        *((case.name, *(score_page.shown(case.score.figures[name], name) for name in SHORT)) for case in cases),
    ]
    if len(cases) > 1:  # a single picture says nothing of others
        rows[1:1] = [
            (label, *(score_page.shown(getattr(means[name], end), name) for name in SHORT))
            for label, end in (("95 % from", "low"), ("to", "high"))
        ]
    return _laid_out([("", *SHORT.values()), *rows])


def _laid_out(rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table as text: a column of words, then numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            (row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))
        )
        for row in rows
    )
