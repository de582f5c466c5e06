"""Writes the figures of a look in words and tables, for `make_cards.py`; results are `benchmarks/look_report.py`'s."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crispnet.colour import JND
from crispnet.evaluate.provenance import in_words

Result = Mapping[str, Any]

BESIDE = {
    "bf16": "**this look**, bf16",
    "f32": "this look, f32",
    "lut": "a 3-D table",
    "matrix-curve": "a matrix and curves",
    "curve": "a curve per colour",
    "plain": "the plain look",
}
GROUPS = {
    "camera_seen": ("Cameras", {"True": "seen in training", "False": "never seen"}),
    "kind": ("What the virtual phone took the scene for", {}),
    "level": ("Light: how far the scene's middle stands above the noise", {}),
    "shown": ("What stood before the camera", {"scene": "surfaces or a panorama", "display": "a monitor"}),
}
COLUMNS = {
    "low_pass_delta_e": ("low-pass", ".2f"),
    "delta_e_2000": ("ΔE2000", ".2f"),
    "psnr": ("PSNR, dB", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "below_jnd": (f"below {JND}", ".1%"),
}


def origin(result: Result) -> str:
    """Say where figures come from."""
    computer = in_words(result["machine"])
    return f"*{computer}; {result['precision']}; commit {result['commit']}; {result['date']}; `{result['command']}`.*"


def mean(values: Sequence[float]) -> str:
    """Write the mean of some errors."""
    return f"{sum(values) / len(values):.2f}"


def number(value: float | None, form: str) -> str:
    """Write a number in a form, or that there is none."""
    return "–" if value is None else format(value, form)


def with_interval(value: Result) -> str:
    """Write a mean with its interval."""
    return f"{value['mean']:.2f}{between_ends(value)}"


def between_ends(value: Result) -> str:
    """Write an interval, in brackets; nothing where there is none."""
    return "" if value["low"] is None else f" ({value['low']:.2f} to {value['high']:.2f})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Lay out a table in Markdown, ``left`` columns of words and then numbers."""
    lines = [head, ["---"] * left + ["---:"] * (len(head) - left), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def figures(result: Result) -> list[str]:
    """Write the section of all figures."""
    test, some = result["test"], result["beside"]["f32"]["images"]
    fitted, between = result["fitted_on"], result["bf16_to_f32"]
    grouped = [
        part
        for tag, (title, names) in GROUPS.items()
        if tag in test["groups"]
        for part in (
            f"{title}:",
            _summaries((names.get(value, value), each) for value, each in test["groups"][tag].items()),
        )
    ]
    return [
        "## Figures",
        f"On {test['images']} captures of {test['scenes']} scenes that it never learned from, in bf16. ΔE76 is the "
        f"mean over pixels, of which {JND} is just noticeable, averaged over captures; low-pass is that of squares of "
        "8 x 8 pixels, without noise and detail. In brackets: 95 % intervals over scenes; a single scene has none.",
        _summaries([("all", test)]),
        *grouped,
        f"Beside simple controls, on {some} of the captures. Controls were fitted on {fitted['captures']} of the "
        f"{fitted['of']} that the look learned from, and cannot see the scene. The third column is by how much more "
        "than the look each is off, on the same pictures.",
        _beside_table(result["beside"]),
        f"bf16 and f32 differ by a mean ΔE76 of {between['delta_e']:.3f} on {between['captures']} captures, "
        f"{between['worst']:.3f} on the worst of them.",
        origin(result),
    ]


def _summaries(parts: Iterable[tuple[str, Result]]) -> str:
    rows = [
        (name, str(part["images"]), str(part["scenes"]), with_interval(part["metrics"]["delta_e"]),
         *_cells(part["metrics"]))
        for name, part in parts
    ]  # fmt: skip
    return table(["", "captures", "scenes", "ΔE76", *(heading for heading, _ in COLUMNS.values())], rows)


def _beside_table(beside: Result) -> str:
    rows = []
    for name, label in BESIDE.items():
        metrics, more = beside[name]["metrics"], beside[name]["more_than_the_look"]
        shown = "" if name == "bf16" or not more else f"{more['mean']:+.2f}{between_ends(more)}"
        rows.append((label, with_interval(metrics["delta_e"]), shown, *_cells(metrics)))
    return table(["", "ΔE76", "more", *(heading for heading, _ in COLUMNS.values())], rows)


def _cells(metrics: Result) -> list[str]:
    return [number(metrics[name]["mean"], form) for name, (_, form) in COLUMNS.items()]
