"""What ``crispnet tables`` does: the paper's tables with our figures beside them, and which of its claims hold."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from crispnet.app.refusing import complain
from crispnet.errors import RunError
from crispnet.evaluate import claims, tables
from crispnet.evaluate.intervals import Interval
from crispnet.files import make_folder, write_whole


@dataclass(frozen=True)
class Wish:
    """What the user asked for: see ``crispnet tables --help``."""

    results: Path
    profile: str
    output: Path | None


def tabulate(wish: Wish, *, as_json: bool) -> int:
    """Say the tables and the claims, complain of what is missing, and return how many results are damaged.

    Raises:
        RunError: there are no results of that profile.
        OutputError: the page cannot be written.
    """
    folder = wish.results / wish.profile
    if not folder.is_dir():
        raise RunError(
            f"There are no results of the profile {wish.profile} in {wish.results}. A folder {folder} with what "
            "`crispnet evaluate` writes was needed. Name another with --results, or choose another --profile."
        )
    study = tables.read_study(folder)
    for line in _complaints(study, folder):
        complain(line)
    text = "\n".join(_lines(study)) if as_json else f"{tables.as_markdown(study)}\n{claims.as_markdown(study)}".strip()
    if wish.output:
        make_folder(wish.output.parent, purpose="the tables", advice="Choose another with -o.")
        write_whole(wish.output, [f"{text}\n".encode()], raw=None, overwrite=True)
    typer.echo(wish.output or text)
    return len(study.damaged)


def _complaints(study: tables.Study, folder: Path) -> Iterator[str]:
    for key, reason in study.damaged.items():
        yield (
            f"{folder / key}.json is no result ({reason}). What `crispnet evaluate` writes was needed. Measure that "
            "run again; until then it counts as missing."
        )
    for key in study.strays:
        yield f"{folder / key}.json belongs to no table and is left out."
    if study.missing:
        count = f"{len(study.missing)} of {len(tables.KEYS)}"
        yield f"{count} runs of the profile {study.profile} have no result: {', '.join(study.missing)}."


def _lines(study: tables.Study) -> Iterator[str]:
    """Give one JSON object for each table, then one for each claim and metric."""
    for table in tables.TABLES:
        yield _as_json(_of_table(table, study))
    for topic in claims.TOPICS:
        for finding in claims.judge(topic.claims, study):
            yield _as_json({"topic": topic.says, **_of_finding(finding)})


def _of_table(table: tables.Table, study: tables.Study) -> dict[str, object]:
    rows = [
        {"label": line.label, "group": group, "key": entry.key, **_of_entry(entry, study)}
        for line in tables.shown(table, study)
        for group, entry in zip(table.groups, line.entries, strict=True)
    ]
    return {"table": table.number, "title": table.title, "profile": study.profile, "rows": rows}


def _of_entry(entry: tables.Entry, study: tables.Study) -> dict[str, object]:
    result = study.results.get(entry.key)
    published = {name: figure for name, figure in entry._asdict().items() if name != "key" and figure is not None}
    return {
        "paper": published or None,
        "ours": {metric: _finite(figure) for metric, figure in result.figures.items()} if result else None,
        "origin": dict(result.origin) if result else None,
    }


def _of_finding(finding: claims.Finding) -> dict[str, object]:
    claim = asdict(finding.claim)
    facts = {name: getattr(finding, name) for name in ("metric", "verdict", "note", "published", "published_relative")}
    gap = _finite(finding.gap) if finding.gap else None
    return {
        "claim": finding.claim.words,
        **claim,
        **facts,
        "gap": gap,
        "relative": finding.relative,
        "met": finding.met,
    }


def _finite(figure: Interval) -> dict[str, float | None]:
    """Replace what JSON has no word for by None."""
    return {name: value if math.isfinite(value) else None for name, value in figure._asdict().items()}


def _as_json(facts: dict[str, object]) -> str:
    return json.dumps(facts, ensure_ascii=False, allow_nan=False)
