"""The five tables of the paper as data, and ours beside them, made of the results of the study.

A **key** "SET/NAME" names a run of the study: SET is where it learned ("monitor"; "real": fine-tuned there; "scratch":
on real only), NAME its network or control. FOLDER/SET/NAME.json is what ``measure.write_results`` wrote, and FOLDER is
called after the profile. Titles and labels are the paper's own, without its references; so are its figures.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from crispnet.evaluate.intervals import Interval
from crispnet.evaluate.measure import Row
from crispnet.evaluate.provenance import in_words

CONTROLS = {"plain": "plain look (no learning)", "curve": "curve", "matrix-curve": "3 × 3 + curve", "lut": "3-D table"}
MISSING = "–"


class Column(NamedTuple):
    """A metric's heading, its decimals in the paper, and whether the paper has a figure of it."""

    heading: str
    digits: int
    published: bool


# The paper's text defines ΔE76 as an RMS, its successor's code takes the mean: the paper's figure stands after both.
COLUMNS: Mapping[str, Column] = {
    "psnr": Column("PSNR/dB", 2, published=True),
    "delta_e": Column("ΔE76", 2, published=False),
    "delta_e_rms": Column("its RMS", 2, published=True),
    "ssim": Column("SSIM", 4, published=True),
}


class Entry(NamedTuple):
    """A run and what the paper has of it, if anything."""

    key: str
    psnr: float | None = None
    delta_e: float | None = None
    ssim: float | None = None

    def published(self, metric: str) -> float | None:
        """Give the paper's figure, which for both means of ΔE76 is the same."""
        return {"psnr": self.psnr, "delta_e": self.delta_e, "delta_e_rms": self.delta_e, "ssim": self.ssim}[metric]


@dataclass(frozen=True)
class Line:
    """A row of a table: its label, and one entry for each group of columns."""

    label: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Table:
    """A table of the paper.

    Attributes:
        number: in the paper.
        title: the first sentence of its caption.
        heading: of the labels.
        groups: of columns: the sets that are measured on.
        lines: the paper's rows, in its order.
        controls: ours, shown where they have been measured.
    """

    number: int
    title: str
    heading: str
    groups: tuple[str, ...]
    lines: tuple[Line, ...]
    controls: tuple[Line, ...] = ()


def _controls(of: str) -> tuple[Line, ...]:
    return tuple(Line(label, (Entry(f"{of}/{name}"),)) for name, label in CONTROLS.items())


TABLES = (
    Table(1, "Reconstruction results on Real-World dataset first fine-tuning using Monitor data",
          "Method", ("Real-World",), (
        Line("CSANET", (Entry("real/csanet", 24.51, 16.07, 0.8631),)),
        Line("PYNET CA", (Entry("real/pynet-ca", 25.00, 15.50, 0.8561),)),
        Line("AWNET", (Entry("real/awnet", 25.70, 14.41, 0.8947),)),
        Line("UNet + Residual Bottleneck", (Entry("real/unet-residual", 26.33, 13.76, 0.9130),)),
        Line("CRISPnet", (Entry("real/crispnet", 27.54, 11.75, 0.8911),)),
    ), _controls("real")),
    Table(2, "Reconstruction results on Monitor dataset", "Method", ("Monitor",), (
        Line("CSANET", (Entry("monitor/csanet", 27.05, 11.43, 0.8986),)),
        Line("PYNET CA", (Entry("monitor/pynet-ca", 27.41, 11.06, 0.8796),)),
        Line("AWNET", (Entry("monitor/awnet", 27.66, 10.84, 0.9093),)),
        Line("UNet + Residual Bottleneck", (Entry("monitor/unet-residual", 28.34, 10.25, 0.9243),)),
        Line("CRISPnet", (Entry("monitor/crispnet", 32.04, 6.36, 0.9344),)),
    ), _controls("monitor")),
    Table(3, "Comparison of different ways to explore the White Balance (WB) information", "Method", ("Monitor",), (
        Line("AWNet", (Entry("monitor/awnet", 27.66, 10.84, 0.9093),)),
        Line("AWNet Preprocess WB", (Entry("monitor/awnet-preprocess-wb", 28.51, 9.88, 0.9113),)),
        Line("No WB", (Entry("monitor/unet-residual", 28.34, 10.25, 0.9243),)),
        Line("Preprocess WB", (Entry("monitor/preprocess-wb", 28.98, 9.57, 0.9236),)),
        Line("Branch level 1", (Entry("monitor/wb-level-1", 29.84, 8.42, 0.9261),)),
        Line("Branch level 1, 2 and 3", (Entry("monitor/wb-levels-1-3", 29.86, 8.40, 0.9281),)),
        Line("Branch level 1, 2, 3 and 4", (Entry("monitor/wb-levels-1-4", 29.75, 8.48, 0.9264),)),
        Line("Branch level 1, 2, 3, 4 and 5", (Entry("monitor/wb-levels-1-5", 29.69, 8.56, 0.9256),)),
    )),
    Table(4, "Result on the Real-World data without and with fine-tuning process", "Method", ("Real-World",), (
        Line("UNet + Residual", (Entry("scratch/unet-residual", 26.03, 14.14, 0.9038),)),
        Line("CRISPnet", (Entry("scratch/crispnet", 26.73, 12.51, 0.8746),)),
        Line("CRISPnet Fine-tuned", (Entry("real/crispnet", 27.54, 11.75, 0.8911),)),
    )),
    Table(5, "Comparison between different global semantics strategies and its contribution",
          "Global Semantics", ("Monitor", "Real-World"), (
        Line("Without", (Entry("monitor/wb-levels-1-3", 29.86, 8.40, 0.9281),
                         Entry("real/wb-levels-1-3", 26.80, 13.01, 0.9133))),
        Line("Classification CNN", (Entry("monitor/classification-cnn", 31.89, 6.55, 0.9311),
                                    Entry("real/classification-cnn", 26.90, 12.62, 0.8874))),
        Line("XCiT", (Entry("monitor/crispnet", 32.04, 6.36, 0.9344),
                      Entry("real/crispnet", 27.53, 11.75, 0.8911))),  # Table 1 has 27.54
    )),
)  # fmt: skip


def _keys(*lines: Line) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.key for line in lines for entry in line.entries))


KEYS = _keys(*(line for table in TABLES for line in table.lines))
CONTROL_KEYS = _keys(*(line for table in TABLES for line in table.controls))


@dataclass(frozen=True)
class Result:
    """What was measured of a run: means with their intervals, the rows of which they are, and facts on where from."""

    figures: Mapping[str, Interval]
    rows: Sequence[Row]
    origin: Mapping[str, str]


@dataclass(frozen=True)
class Study:
    """The results of a profile.

    Attributes:
        profile: its name.
        results: those that are there, by their keys.
        missing: keys of the paper without a result.
        damaged: keys whose file is no result, and why; they count as missing.
        strays: keys of files that belong to no table.
    """

    profile: str
    results: Mapping[str, Result]
    missing: Sequence[str]
    damaged: Mapping[str, str]
    strays: Sequence[str]


def read_study(folder: Path) -> Study:
    """Read the results of a profile; what is not there, or is damaged, is noted and raises nothing."""
    results, missing, damaged = {}, [], {}
    for key in (*KEYS, *CONTROL_KEYS):
        try:
            results[key] = _result(json.loads((folder / f"{key}.json").read_bytes()))
        except FileNotFoundError:
            missing.append(key)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            damaged[key] = f"{type(error).__name__}, {error}"
    found = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/*.json"))
    strays = [key for key in found if key not in {*KEYS, *CONTROL_KEYS}]
    return Study(folder.name, results, [key for key in missing if key in KEYS], damaged, strays)


def _result(document: Any) -> Result:
    rows = [_row(row) for row in document["rows"]]
    if len({row["name"] for row in rows}) < len(rows):
        raise ValueError("expected each picture once, got some twice")
    figures = {metric: _interval(document["summary"]["metrics"][metric], metric) for metric in COLUMNS}
    for metric, figure in figures.items():
        mean = fmean(_number(row[metric], metric) for row in document["rows"])
        if not math.isclose(mean, figure.mean, rel_tol=1e-6):
            raise ValueError(f"expected a mean {metric} of {mean}, which is that of its rows, got {figure.mean}")
    return Result(figures, rows, _facts(document))


def _row(row: Mapping[str, Any]) -> Row:
    named: Row = {"name": str(row["name"]), "scene": str(row["scene"])}
    return named | {metric: _number(row[metric], metric) for metric in COLUMNS}


def _interval(figure: Mapping[str, Any], metric: str) -> Interval:
    low, high = (math.nan if figure[end] is None else float(figure[end]) for end in ("low", "high"))
    return Interval(_number(figure["mean"], metric), low, high)


def _number(value: Any, metric: str) -> float:
    return math.inf if value is None and metric == "psnr" else float(value)  # JSON has no word for that of equals


def _facts(document: Mapping[str, Any]) -> dict[str, str]:
    origin, facts = document["provenance"], document["facts"]
    data = facts.get("data", "not recorded")
    return {
        "captures": f"{len(document['rows'])} captures of {data}, {facts.get('split', 'split not recorded')}",
        "machine": in_words(origin["machine"]),
        "precision": str(origin["precision"]),
        "commit": f"commit {origin['commit']}",
        "steps": f"weights of step {facts['step']}" if "step" in facts else "no steps",
    }


def as_markdown(study: Study) -> str:
    """Set the five tables in Markdown: ours with their 95 % intervals beside the paper's, and where ours are from."""
    parts = [
        f"## The paper's five tables, profile {study.profile}\n",
        "Means over the test captures, with their 95 % intervals over scenes, beside the paper's figures, which are of",
        "its own captures of a real phone; ours are virtual. ΔE76 is the mean over pixels, its RMS the root of the",
        "mean of its square; the paper says RMS. What has not been measured is –.\n",
        *(one_table(table, study) for table in TABLES),
    ]
    return "\n".join(parts)


def one_table(table: Table, study: Study) -> str:
    """Set a table in Markdown, with its title above and where our figures are from below."""
    head = [table.heading, *(name for group in table.groups for name in _headings(table, group))]
    rows = [
        [line.label, *(cell for entry in line.entries for cell in _cells(entry, study))] for line in shown(table, study)
    ]
    title = f"### Table {table.number}. {table.title}\n"
    origins = (f"*{_origin(table, place, study)}*\n" for place in range(len(table.groups)))
    return "\n".join([title, lay_out(head, rows), *origins])


def lay_out(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table in Markdown: a column of words, then numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def shown(table: Table, study: Study) -> Iterator[Line]:
    """Give the rows to be shown: the paper's, measured or not, and the controls that have been measured."""
    yield from table.lines
    yield from (line for line in table.controls if any(entry.key in study.results for entry in line.entries))


def _headings(table: Table, group: str) -> Iterator[str]:
    for column in COLUMNS.values():
        yield f"{group}: {column.heading}" if len(table.groups) > 1 else column.heading
        if column.published:
            yield "paper"


def _cells(entry: Entry, study: Study) -> Iterator[str]:
    result = study.results.get(entry.key)
    for metric, column in COLUMNS.items():
        yield show(result.figures[metric], f".{column.digits}f") if result else MISSING
        if column.published:
            figure = entry.published(metric)
            yield "" if figure is None else f"{figure:.{column.digits}f}"


def show(figure: Interval, form: str) -> str:
    """Write a mean and its interval, if it has one (a single scene has none)."""
    mean, low, high = (format(number, form) for number in figure)
    return mean if math.isnan(figure.low) else f"{mean} ({low} to {high})"


def _origin(table: Table, place: int, study: Study) -> str:
    """Say what the results of a group of columns share, and which of them differ in what."""
    of_lines = {line.label: study.results.get(line.entries[place].key) for line in shown(table, study)}
    facts = {label: result.origin for label, result in of_lines.items() if result}
    group = f"{table.groups[place]}: " if len(table.groups) > 1 else ""
    if not facts:
        return f"{group}nothing of it has been measured in the profile {study.profile}."
    names = next(iter(facts.values()))
    said = (_shared({label: origin[name] for label, origin in facts.items()}) for name in names)
    return f"{group}profile {study.profile}; {'; '.join(said)}."


def _shared(values: Mapping[str, str]) -> str:
    (usual, _), *others = Counter(values.values()).most_common()
    differing = [f"{value}: {', '.join(each for each in values if values[each] == value)}" for value, _ in others]
    return f"{usual} (but {'; '.join(differing)})" if differing else usual
