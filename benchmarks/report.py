"""Writes docs/results.md from results/*.json, so that no figure in it is typed.

python benchmarks/report.py --write | --check
"""

import json
from pathlib import Path

import speed_sections as speed
from crispnet.evaluate import claims, tables
from crispnet.evaluate.provenance import in_words
from made_page import keep
from tables import table
from verdicts import Result, aim_row, shown, whether

DISTILLED = {"delta_e": 5.0, "against_the_best_control": -0.3}  # at most
HEAD = """# Results

Made by `python benchmarks/report.py --write` from `results/*.json`; not to be edited. Each section says where, with
what and from which commit its figures come.
"""


def main() -> None:
    """Write the page, or say whether it is current."""
    stale = "docs/results.md is not what results/*.json say: run python benchmarks/report.py --write"
    keep(__doc__.split("\n")[0], "docs/results.md", report, results="results", stale=stale)


def report(results: Path) -> str:
    """Compose the page from the results that are there; a result that no section knows is an error."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))}
    unknown = found.keys() - SECTIONS.keys()
    if unknown:
        raise ValueError(f"expected results among {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    parts = [
        HEAD,
        *(section(found[name]) + "\n" + _origin(found[name]) for name, section in SECTIONS.items() if name in found),
        *_study(results),
    ]
    return "\n".join(part for part in parts if part)


def _study(results: Path) -> list[str]:
    """Set the paper's tables for each profile that has results; why they are as they are stands in remarks.md."""
    pages = []
    for folder in (results / name for name in ("paper", "laptop")):
        if folder.is_dir():
            study = tables.read_study(folder)
            pages += [tables.as_markdown(study), claims.as_markdown(study)]
            pages += [path.read_text(encoding="utf-8") for path in folder.glob("remarks.md")]
    return pages


def _develop(result: Result) -> str:
    raw = result["raw"]
    aims = [aim_row(f"`{aim['what']}`", aim) for aim in result["aims"]]
    developing = [_cost_row(name, cost) for name, cost in result["developing"].items()]
    starting = [_cost_row(name, cost)[:5] for name, cost in result["starting"].items()]
    commands = [f"- {name}: `{cost['command']}`" for name, cost in result["developing"].items() if cost["command"]]
    costs = ["", "wall time, s", "range, s", "CPU time, s", "peak memory, MB"]
    return "\n".join([
        "## Developing a raw, as a whole process\n",
        f"From the start of the program to its end, of {raw['name']} ({raw['megapixels']} megapixels). Programs took",
        "turns; medians, and the range of the wall times. CPU time counts all cores and all child processes, memory is",
        "that of the largest process (and never less than the measuring program's own).\n",
        table(["aim", "wanted", "measured", ""], aims),
        table([*costs, f"wall time ÷ {result['reference']}"], developing),
        *commands,
        "",
        "Starting, for scale:\n",
        table(costs, starting),
    ])  # fmt: skip


def _cost_row(name: str, cost: Result) -> tuple[str, ...]:
    if "not_installed" in cost:
        return (name, "not installed", "", "", "", "")
    low, high = cost["wall_seconds_range"]
    return (
        name,
        f"{cost['wall_seconds']:.2f}",
        f"{low:.2f} – {high:.2f}",
        f"{cost['cpu_seconds']:.2f}",
        f"{cost['peak_memory_mb']:.0f}",
        shown(cost.get("ratio")),
    )


def _serve(result: Result) -> str:
    aims = [aim_row(aim["what"], aim) for aim in result["aims"]]
    rows = [
        (name, *(f"{took[each]:.3f}" for each in ("median", "least", "most")), shown(result["cpu_seconds"].get(name)))
        for name, took in result["seconds"].items()
    ]
    memory = result["memory_mb"]
    return "\n".join([
        "## The page\n",
        f"`crispnet serve` with {result['raw']['name']} ({result['raw']['megabytes']} MB), on a machine whose load was",
        f"{result['load_before']:.1f} already. The quick rendering counts from the end of the upload, the slider from",
        "its move to the last byte of the new picture. What processors spent includes the upload.\n",
        table(["aim", "wanted", "measured", ""], aims),
        table(["seconds", "median", "least", "most", "of processors"], rows),
        f"All processes of the server had {memory['before']:.0f} MB before {result['uploads']} uploads and",
        f"{memory['after']:.0f} MB after them.\n",
    ])  # fmt: skip


def _demosaic(result: Result) -> str:
    methods = list(result["seconds_per_megapixel"])
    sections = []
    for domain, words in (
        ("encoded", "Sampled in sRGB-encoded values, as papers do"),
        ("linear", "Sampled in linear light, as developing does, and compared sRGB-encoded"),
    ):
        rows = [(figure["photograph"], figure[domain]) for figure in result["photographs"]]
        rows.append(("**mean**", result["mean"][domain]))
        cells = [(name, *(f"{figures[method]:.2f}" for method in methods)) for name, figures in rows]
        sections += [f"{words}:\n", table(["PSNR, dB", *methods], cells)]
    seconds = [("seconds per megapixel", *(f"{result['seconds_per_megapixel'][method]:.3f}" for method in methods))]
    return "\n".join([
        "## Demosaicing\n",
        f"Photographs {result['source']}; the other methods are colour-demosaicing's. Without a border of",
        f"{result['border']} pixels. Time is on one core.\n",
        *sections,
        table(["of random values", *methods], seconds),
    ])  # fmt: skip


def _plain(result: Result) -> str:
    figures = ("delta_e_76_mean", "delta_e_76_median", "delta_e_76_p95", "exposure_to_the_cameras_ev")
    rows = [
        (photograph["raw"], photograph["camera"], *(shown(photograph.get(figure)) for figure in figures))
        for photograph in result["photographs"]
    ]
    return "\n".join([
        "## The plain look beside the cameras' own pictures\n",
        f"ΔE76 between means of {result['means']} parts; {result['jnd']} is just noticeable. For reference only: the",
        "plain look imitates no camera. The last column is the EV to add so that both are equally light. The pictures",
        "are in [sheets](sheets/all.jpg).\n",
        table(["raw", "camera", "mean", "median", "95th percentile", "EV"], rows),
    ])  # fmt: skip


def _match(result: Result) -> str:
    def row(photograph: Result, size: str) -> tuple[str, ...]:
        left = (figures.get(size) for figures in photograph["delta_e_76"].values())
        return f"{photograph['raw']}, {size.replace('x', ' × ')}", *map(shown, left)

    photographs = result["photographs"]
    names = list(photographs[0]["delta_e_76"])
    rows = [row(each, size) for each in photographs for size in each["delta_e_76"][names[0]]]
    costs = [
        (each["raw"], each["fitted_to"], *(f"{each['seconds'][name]:.2f}" for name in ("without", "with", "more")))
        for each in photographs
    ]
    return "\n".join([
        "## Matching the camera's own picture\n",
        "Mean ΔE76 to the camera's picture, both averaged over so many equal parts. `--match-preview` fits the look's",
        "colours to that picture; RawTherapee fits a tone curve to the embedded one by default, darktable neither.",
        "Side by side in a [sheet](sheets/match.jpg).\n",
        table(["raw, parts", *names], rows),
        f"Seconds to develop, in one process, without and with matching; medians of {result['rounds']}, in turn:\n",
        table(["raw", "picture", "without", "with", "more"], costs),
    ])  # fmt: skip


def _distil(result: Result) -> str:
    names = ("before", "curve", "matrix-curve", "lut", "after")

    def row(name: str, found: Result) -> tuple[str, ...]:
        against = found["against_the_best_control"]
        met = found["after"] <= DISTILLED["delta_e"] and against <= DISTILLED["against_the_best_control"]
        figures = (shown(found[each]) for each in names)
        program, _, settings = name.partition("-")
        words = f"{program}, {settings.replace('-', ' ')}"
        return words, *figures, f"{against:+.0%}", whether(fulfilled=met)[-1]

    rows = [row(name, found) for name, found in result["renderings"].items()]
    return "\n".join([
        "## Looks distilled from other raw developers\n",
        f"`crispnet fit` learns {result['learned']} virtual captures as RawTherapee and darktable render them, with",
        f"settings that depend on the scene; mean ΔE76 on {result['judged']} others. Before: the look it began as.",
        f"Wanted, for two renderings of each program: {DISTILLED['delta_e']:.0f} at most, and",
        f"{-DISTILLED['against_the_best_control']:.0%} below the best of curve, matrix and table.\n",
        table(["rendering", "before", "curve", "3 × 3 + curve", "3-D table", "after", "against the best", ""], rows),
    ])  # fmt: skip


def _shading(result: Result) -> str:
    def row(patch: Result) -> tuple[str, ...]:
        before, after = patch["before"], patch["after"]
        pairs = ((before[name], after[name]) for name in ("green", "red_over_green", "blue_over_green"))
        gain = sum(patch["gains"]) / len(patch["gains"])
        return (patch["place"], f"{patch['radius']:.2f}", f"{gain:.2f}", *(f"{a:.3f} → {b:.3f}" for a, b in pairs))

    return "\n".join([
        "## The HERO7's gain map\n",
        f"{result['raw']} before → after its gain map, relative to the {result['reference']}; the radius is a part",
        "of half the diagonal. The light is uneven and the corners are cloth, so nothing has to become 1. The maps",
        f"of the four planes differ by at most {100 * result['maps_differ_by']:.2f} %, which is all they can do to a",
        "cast.\n",
        table(["place", "radius", "gain", "green", "R/G", "B/G"], [row(patch) for patch in result["patches"]]),
        "![Before and after the gain map](sheets/hero7-shading.jpg)\n",
    ])  # fmt: skip


def _difficulty(result: Result) -> str:
    left = result["difficulty"]

    def row(what: str, name: str, wanted: str) -> tuple[str, ...]:
        return what, f"{left[name]:.2f}", f"{left[name + '_low_pass']:.2f}", wanted

    return "\n".join([
        "## How hard monitor-v1 is\n",
        f"What is left of its {result['captures']} test captures by what is no network, in mean ΔE76, of 2 × 2",
        "photosites and, low-pass, of 8 × 8 pixels.\n",
        table(("what is fitted", "as it is", "low-pass", "wanted"), [
            row("3-D table on all training captures, balanced", "lut", "≥ 10"),
            row("the same, not balanced", "unbalanced_lut", ""),
            row("3 × 3 + curve on each test picture itself", "oracle", "≥ 4"),
        ]),
    ])  # fmt: skip


def _rig(result: Result) -> str:
    rows = [(name, str(count), str(result["named"].get(name, 0))) for name, count in result["planted"].items()]
    rows.append(("interrupted session", "1", str(result["interruptions"])))
    error, learned = result["error_px"], result["learned"]
    return "\n".join([
        "## The monitor rig\n",
        f"{result['captures']} captures, charts included, by the virtual camera of what headless Chromium shows, with",
        "faults planted and the session killed half-way. From the plan to a scored run of two steps, unattended.\n",
        table(["fault", "planted", "named"], rows),
        f"Of {result['good']} good captures of photographs, {len(result['good_lost'])} were lost; of the others,",
        f"{len(result['bad_kept'])} were kept. Another call took them anew: {result['pairs_once_taken_anew']} pairs.\n",
        "How far the screen is found from where it is, in photosites, over the part that shows photographs:\n",
        table(
            ["captures", "mean", "largest mean of a capture", "largest of all places", "raw against its picture"],
            [(str(error["captures"]), *(f"{error[name]:.3f}" for name in ERRORS))],
        ),
        f"{learned['pairs']['train']} pairs were learned from, {learned['scored']} scored.\n",
    ])  # fmt: skip


ERRORS = ("mean", "largest_mean", "largest", "raw_against_picture_mean")
SECTIONS = {
    "develop": _develop,
    "render_rate": speed.render_rate,
    "exactness": speed.exactness,
    "int8": speed.int8,
    "large": speed.large,
    "folder": speed.folder,
    "cluster": speed.cluster,
    "serve": _serve,
    "demosaic": _demosaic,
    "plain": _plain,
    "match": _match,
    "distil": _distil,
    "shading": _shading,
    "difficulty": _difficulty,
    "rig": _rig,
}


def _origin(result: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    computer = in_words(result["machine"])
    source = f"commit {result['commit']}; {result['date']}; `{result['command']}`"
    return f"*{computer}; {result['precision']}; {source}; {versions}.*\n"


if __name__ == "__main__":
    main()
