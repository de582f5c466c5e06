"""Writes docs/reliability.md from results/reliability/*.json, so that no figure in it is typed.

python benchmarks/reliability.py --write | --check
"""

import json
from pathlib import Path
from typing import Any

from crispnet.evaluate.provenance import in_words
from made_page import keep
from tables import table

HEAD = """# Reliability

Made by `python benchmarks/reliability.py --write` from `results/reliability/*.json`; not to be edited. What is
promised, and the test that holds each promise, is in [SECURITY.md](../SECURITY.md).
"""
WHOLE = ("crispnet develop", "crispnet serve")
Result = dict[str, Any]


def main() -> None:
    """Write the page, or say whether it is current."""
    stale = "docs/reliability.md is not what results/reliability say: run python benchmarks/reliability.py --write"
    keep(__doc__.split("\n")[0], "docs/reliability.md", report, results="results/reliability", stale=stale)


def report(results: Path) -> str:
    """Compose the page."""
    damage = json.loads((results / "damage.json").read_text("utf-8"))
    kills = [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("kills-*.json"))]
    apart = json.loads((results / "apart.json").read_text("utf-8"))
    return "\n".join([HEAD, _summary(damage, kills), _damage(damage), _kills(kills), _apart(apart)])


def _summary(damage: Result, kills: list[Result]) -> str:
    everything = list(damage["targets"].values())
    parsers = [tally for name, tally in damage["targets"].items() if name not in WHOLE]
    developed, brought = (damage["targets"][name]["tried"] for name in WHOLE)
    counted = [tally for result in kills for tally in result["commands"].values()]
    rows = [
        ("damaged files given to parsers", "≥ 100,000", sum(tally["tried"] for tally in parsers)),
        ("damaged raws through the whole of `crispnet develop`", "≥ 2,000", developed),
        ("damaged raws and pictures brought to `crispnet serve`", "≥ 1,000", brought),
        ("crashes: processes ended, exceptions that are no refusal", "0", _found(everything, "crashed")),
        ("hangs: no answer in the time that a file has", "0", _found(everything, "hung")),
        ("read without a word, and wrong", "0", _found(everything, "wrong")),
        (
            "targets whose memory went beyond its limit",
            "0",
            sum(each["peak_mb"] > each["limit_mb"] for each in everything),
        ),
        ("members of the zoo that were read back otherwise", "0", len(damage["zoo"]["unlike"])),
        ("kills of `develop`, `fit` and `train`", "60", sum(each["times"] for each in counted)),
        (
            "kills survived: the same pictures, weights and losses as undisturbed",
            "all",
            sum(each["survived"] for each in counted),
        ),
        ("damaged files after a kill", "0", sum(len(each["damaged_files"]) for each in counted)),
        ("pictures made a second time", "0", sum(len(each.get("made_again", ())) for each in counted)),
    ]
    shown = [(what, wanted, f"{figure:,}") for what, wanted, figure in rows]
    return "## In short\n\n" + table(["what", "wanted", "found"], shown)


def _found(tallies: list[Result], kind: str) -> int:
    return sum(finding.split(": ", 1)[1].startswith(kind) for tally in tallies for finding in tally["findings"])


def _damage(result: Result) -> str:
    rows = [
        (
            name,
            f"{tally['tried']:,}",
            f"{tally['read']:,}",
            f"{tally['refused']:,}",
            str(len(tally["findings"])),
            str(tally["peak_mb"]),
            str(tally["limit_mb"]),
            f"`{tally['commit']}`",
        )
        for name, tally in result["targets"].items()
    ]
    zoo = result["zoo"]
    return "\n".join([
        "## Damaged files\n",
        "Bits flipped, ends lost, pieces of other files put in, and odd numbers where parsers trust them, in files of",
        "the zoo of synthetic raws, in the samples, and in files of each kind that is read. A file is read or refused",
        "in words; what is read must be possible. Memory is resident, the greatest of all files, in MB.\n",
        table(["given to", "files", "read", "refused", "findings", "memory", "limit", "commit"], rows),
        f"Of the zoo's {zoo['members']:,} members {zoo['tried']:,}, drawn at random, were written and read back.\n",
        _origin(result),
    ])  # fmt: skip


def _kills(results: list[Result]) -> str:
    rows = []
    for name, tally in (item for result in results for item in result["commands"].items()):
        steps = tally["steps_when_killed"]
        rows.append((
            f"`crispnet {name}`",
            f"{tally['survived']} of {tally['times']}",
            str(tally["files"]),
            str(len(tally["damaged_files"])),
            f"{sum(0 < step < tally['steps'] for step in steps)} of {len(steps)}",
        ))  # fmt: skip
    return "\n".join([
        "## SIGKILL\n",
        "A command, and all that it has started, is ended at random moments, begun again, ended again; at last it",
        "has to finish and to come to what one does that nobody disturbed: the very weights and losses; each picture",
        "once, byte for byte, none made a second time, and nothing beside them. After each kill all files are read.\n",
        table(["command", "survived", "files looked at", "damaged", "kills between the first step and the last"], rows),
        *map(_origin, results),
    ])  # fmt: skip


def _apart(result: Result) -> str:
    rows = [
        (row["raw"], *(f"{row[name]:.1f}" for name in ("megapixels", "here_ms", "apart_ms", "more_ms")))
        for row in result["raws"]
    ]
    return "\n".join([
        "## What decoding apart costs\n",
        "The raws of a folder are decoded in processes apart, unless `--trust` says that they are one's own.",
        f"Milliseconds for a sound raw, the middle one of {result['rounds']}, once the process is there; wanted were",
        f"at most {result['at_most_ms']:.0f} more.\n",
        table(["raw", "megapixels", "here", "apart", "more"], rows),
        _origin(result),
    ])  # fmt: skip


def _origin(result: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    computer = in_words(result["machine"])
    return f"*{computer}; commit {result['commit']}; {result['date']}; `{result['command']}`; {versions}.*\n"


if __name__ == "__main__":
    main()
