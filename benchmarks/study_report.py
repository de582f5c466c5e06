"""The section of docs/results.md about the paper's ablations, from results/monitor-v1/*.json."""

import json
from pathlib import Path
from typing import Any

from crispnet.evaluate.measure import paired, summary
from tables import table

Result = dict[str, Any]
NAMES = {
    "plain": "plain look (no learning)",
    "curve": "curve",
    "matrix-curve": "3 × 3 + curve",
    "lut": "3-D table",
    "unet-residual": "UNet + residual",
    "wb-level-1": "+ white balance, level 1",
    "wb-levels-1-3": "+ white balance, levels 1 to 3",
    "classification-cnn": "+ classification CNN",
    "crispnet": "+ XCiT: CRISPnet",
}
PAPER = {  # ΔE76 of the paper's Tables 2, 3 and 5, on its own captures
    "unet-residual": 10.25, "wb-level-1": 8.42, "wb-levels-1-3": 8.40, "classification-cnn": 6.55, "crispnet": 6.36,
}  # fmt: skip
CLAIMS = (  # of the paper: the first is better than the second; its tables
    ("wb-level-1", "unet-residual", "3"),
    ("wb-levels-1-3", "unet-residual", "3"),
    ("wb-levels-1-3", "wb-level-1", "3"),
    ("classification-cnn", "wb-levels-1-3", "5"),
    ("crispnet", "wb-levels-1-3", "5"),
    ("crispnet", "classification-cnn", "5"),
    ("crispnet", "unet-residual", "2"),
)
AIMS = (("crispnet", "unet-residual", 0.75), ("crispnet", "lut", 0.70))


def section(folder: Path) -> str:
    """Compose the section from the results that are there; nothing where there are none."""
    found = {name: _read(folder / f"{name}.json") for name in NAMES if (folder / f"{name}.json").is_file()}
    if not found:
        return ""
    parts = [
        "## The paper's ablations, on monitor-v1\n",
        "Mean over the test captures, with its 95 % interval over scenes; ΔE76 is the mean over pixels, RMS the root",
        "of the mean of its square. Every network has the same recipe: steps, data, stages, seed, objective. The last",
        "column is the paper's own figure, on its own captures of a real phone; ours are virtual captures.\n",
        _means(found),
        _differences(found),
        _difficulty(folder / "difficulty.json"),
        _origins(found),
    ]
    return "\n".join(part for part in parts if part)


def _read(path: Path) -> Result:
    return json.loads(path.read_text(encoding="utf-8"))


def _means(found: dict[str, Result]) -> str:
    rows = []
    for name, result in found.items():
        metrics = summary(result["rows"])["metrics"]
        delta_e = metrics["delta_e"]
        others = [f"{metrics[key]['mean']:.{digits}f}" for key, digits in (
            ("delta_e_rms", 2), ("delta_e_2000", 2), ("low_pass_delta_e", 2), ("psnr", 2), ("ssim", 4))]  # fmt: skip
        sure = f"{delta_e['mean']:.2f} ({delta_e['low']:.2f} to {delta_e['high']:.2f})"
        share = f"{100 * metrics['below_jnd']['mean']:.1f} %"
        rows.append((NAMES[name], sure, *others, share, f"{PAPER[name]:.2f}" if name in PAPER else ""))
    head = ("", "ΔE76", "RMS", "ΔE2000", "low-pass ΔE76", "PSNR", "SSIM", "pixels below 2.3", "paper's ΔE76")
    return table(head, rows)


def _differences(found: dict[str, Result]) -> str:
    rows = []
    for better, worse, its_table in CLAIMS:
        if better in found and worse in found:
            gap = paired(found[better]["rows"], found[worse]["rows"], "delta_e")
            holds = "holds" if gap.high < 0 else "reversed" if gap.low > 0 else "not decided"
            shown = f"{gap.mean:+.2f} ({gap.low:+.2f} to {gap.high:+.2f})"
            said = f"{PAPER[better] - PAPER[worse]:+.2f}"
            rows.append((f"{NAMES[better]} against {NAMES[worse]}", its_table, said, shown, holds))
    if not rows:
        return ""
    head = ("paired difference in ΔE76", "paper's table", "paper", "here", "")
    return table(head, rows) + "\n" + _aims(found)


def _aims(found: dict[str, Result]) -> str:
    lines = []
    for name, other, most in AIMS:
        if name in found and other in found:
            mine, theirs = (summary(found[key]["rows"])["metrics"]["delta_e"]["mean"] for key in (name, other))
            verdict = "met" if mine <= most * theirs else "**not met**"
            lines.append(f"- CRISPnet's ΔE76 ÷ {NAMES[other]}'s: {mine / theirs:.2f}; wanted ≤ {most:.2f}: {verdict}")
    return "\n".join(lines) + "\n"


def _difficulty(path: Path) -> str:
    if not path.is_file():
        return ""
    left = _read(path)["difficulty"]
    return "\n".join([
        "How hard the set is, in mean ΔE76 on the test captures (of 2 × 2 photosites; low-pass: of 8 × 8 pixels):\n",
        table(("what is fitted", "as it is", "low-pass", "wanted"), [
            ("3-D table on all training captures, balanced", *_both(left, "lut"), "≥ 10"),
            ("the same, not balanced", *_both(left, "unbalanced_lut"), ""),
            ("3 × 3 + curve on each test picture itself", *_both(left, "oracle"), "≥ 4"),
        ]),
    ])  # fmt: skip


def _both(left: dict[str, float], name: str) -> tuple[str, str]:
    return f"{left[name]:.2f}", f"{left[name + '_low_pass']:.2f}"


def _origins(found: dict[str, Result]) -> str:
    lines = []
    for name, result in found.items():
        origin = result["provenance"]
        steps = f", {result['facts']['step']} steps" if "step" in result["facts"] else ""
        lines.append(f"{NAMES[name]}: commit {str(origin['commit'])[:10]}, {origin['precision']}{steps}")
    machine = next(iter(found.values()))["provenance"]["machine"]
    return f"Where from: {'; '.join(lines)}. Machine: {json.dumps(machine, ensure_ascii=False)}.\n"
