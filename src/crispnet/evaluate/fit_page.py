"""The report of ``crispnet fit``: what a look was worth before and after it learned, and beside simple controls."""

from collections.abc import Mapping, Sequence

from crispnet.evaluate.intervals import Interval
from crispnet.evaluate.judging import Verdict
from crispnet.evaluate.page import Html, heading, page, paragraph, pictures, swatch, table
from crispnet.evaluate.score_page import ABOUT, SHORT, group_means, shown

WORST = 6  # frames that are shown


def fit_page(
    title: str,
    verdict: Verdict,
    *,
    chosen: str,
    beside: Sequence[str],
    remarks: Sequence[str],
    facts: Mapping[str, str],
) -> str:
    """Set the report.

    Args:
        title: of the page.
        verdict: over the frames that were held out.
        chosen: the contender that became the look.
        beside: contenders whose pictures are shown beside its.
        remarks: what a reader has to know, a sentence or two each.
        facts: what it was learned from, by whom, how long.
    """
    names = list(verdict.cases)
    worst = sorted(range(len(verdict.strips)), key=lambda place: -_delta_e(verdict, chosen, place))
    parts = [
        *map(paragraph, remarks),
        heading("On pairs that were held out"),
        table(["", *SHORT.values()], [[_marked(name, chosen), *_cells(verdict.summary(name))] for name in names]),
        paragraph("How sure the means of ΔE76 are: their 95 % intervals over pictures."),
        table(["", "ΔE76", "95 %"], [_interval(name, verdict.summary(name)["delta_e"]) for name in names]),
        heading("By hue of the camera's picture"),
        _groups(verdict, names, "hues"),
        heading("By lightness of the camera's picture"),
        _groups(verdict, names, "bands"),
        heading("The worst pictures"),
        *(part for place in worst[:WORST] for part in _pictures(verdict, place, [chosen, *beside])),
        heading("What it was made of"),
        table(["", ""], facts.items()),
        paragraph(ABOUT, faint=True),
    ]
    return page(title, parts)


def _delta_e(verdict: Verdict, name: str, place: int) -> float:
    return float(verdict.cases[name][place].score.figures["delta_e"])


def _marked(name: str, chosen: str) -> str:
    return f"{name} (the look)" if name == chosen else name


def _cells(figures: Mapping[str, Interval]) -> list[str]:
    return [shown(figures[name].mean, name) for name in SHORT]


def _interval(name: str, found: Interval) -> list[str]:
    sure = "one picture" if found.low != found.low else f"{found.low:.2f} to {found.high:.2f}"
    return [name, f"{found.mean:.2f}", sure]


def _groups(verdict: Verdict, names: Sequence[str], kind: str) -> Html:
    means = {name: group_means(verdict.cases[name], kind) for name in names}
    rows = [
        [swatch(group.colour, label), str(count), *(f"{means[name][label][2].mean:.2f}" for name in names)]
        for label, (group, count, _) in means[names[0]].items()
    ]
    return table(["ΔE76", "pictures", *names], rows)


def _pictures(verdict: Verdict, place: int, names: Sequence[str]) -> list[Html]:
    strip, case = verdict.strips[place], verdict.cases[names[0]][place]
    row = [strip.camera, *(strip.results[name] for name in dict.fromkeys(names)), strip.maps[names[0]]]
    return [heading(case.name), pictures(row)]
