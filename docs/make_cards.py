"""Writes the page about each shipped look: `python docs/make_cards.py` makes docs/looks/NAME.md.

With `--check`, says instead whether the pages are up to date (exit code 1 if not). A page is made of what the look file
says of itself, of its figures in `results/looks/NAME.json` (`benchmarks/look_report.py` measures them), of the frozen
set that it learned from, and, where they have been measured with this very look, of the real raws in
`results/plain.json`. Figures of another version of the look are refused.
"""

import argparse
import hashlib
import json
import re
import shlex
import sys
from collections import Counter, defaultdict
from pathlib import Path

from card_figures import Result, between_ends, figures, mean, number, origin, table

from crispnet.data.captures import CaptureSet
from crispnet.data.setfile import named_set
from crispnet.data.spectra import camera
from crispnet.look.file import LookFile

ROOT = Path(__file__).resolve().parent.parent
REMAKE = "python docs/make_cards.py"
NOTE = f"<!-- Made by docs/make_cards.py from the look and its results. To make it again, run `{REMAKE}`. -->"

# What the photographs of the frozen sets are: beginning of the file's name → repository and its licence.
COLLECTIONS = {
    "cid22": ("CID22, in imazen/codec-corpus", "CC BY-SA 4.0"),
    "metadata_extractor": ("drewnoakes/metadata-extractor-images", "“free to use … however you wish”"),
    "clic2025": ("CLIC 2025, in imazen/codec-corpus", "Unsplash License"),
    "solus": ("getsolus/artwork", "CC0, public domain, CC BY or CC BY-SA, by file"),
    "kodak": ("Kodak, in imazen/codec-corpus", "unrestricted"),
    "budgie": ("BuddiesOfBudgie/budgie-backgrounds", "CC0"),
    "elementary": ("elementary/wallpapers", "CC0, Unsplash or Pexels, by file"),
    "immich": ("immich-app/test-assets", "as that repository says"),
    ".hdr": ("Poly Haven, panoramas", "CC0"),
}


def page(look: LookFile, result: Result, *, real: Result | None = None) -> str:
    """Write the page about a look.

    Args:
        look: the file that ships.
        result: what ``benchmarks/look_report.py`` found.
        real: what ``benchmarks/sheet.py`` found on real raws; left out where it was found with another look.

    Raises:
        ValueError: the result is of another file.
    """
    digest = hashlib.sha256(look.content).hexdigest()
    if result["look"]["sha256"] != digest:
        raise ValueError(f"expected results of the look {digest[:8]}, got those of {result['look']['sha256'][:8]}")
    captures = named_set(result["data"]["name"])
    parts = [
        NOTE,
        f"# The look {look.name}",
        *_what(look),
        *_how_to_use(look),
        *_learned_from(captures, result),
        *_unseen(captures, result),
        *figures(result),
        *_real(look, real),
        *_failures(look, result),
        *_licence(look),
        *_made(look, result),
    ]
    return "\n\n".join(parts) + "\n"


def _what(look: LookFile) -> list[str]:
    size = f"{len(look.content) / 1e6:.1f} MB"
    known = "".join(f", its {name}" for name in map({"white_balance": "white balance", "to_srgb": "colour matrix",
                                                     "exposure": "baseline exposure"}.get, look.reads))  # fmt: skip
    return [
        "## What it is",
        f"{look.card['summary']} Version {look.version}, one file of {size}. It reads the raw's four packed "
        f"planes, a thumbnail of the whole frame{known}; no brand and no model. It imitates a *virtual* phone: what "
        "phones are known to do to sky, foliage, skin, backlight and lamp light, as `crispnet.data.phone` does it. It "
        "is no copy of any maker's rendition.",
    ]


def _how_to_use(look: LookFile) -> list[str]:
    return [
        "## How to use it",
        f"```sh\ncrispnet develop --look {look.name} IMG_0001.DNG\n```",
        f'```python\nimport crispnet\n\ncrispnet.develop("IMG_0001.DNG", "{look.name}").save("IMG_0001.jpg")\n```',
        "Any Bayer raw that crispnet opens, on any processor; one that multiplies matrices of bfloat16 is used so.",
    ]


def _learned_from(captures: CaptureSet, result: Result) -> list[str]:
    train = result["data"]["train"]
    measured = Counter(camera(name).source for name in captures.cameras)
    by_whom = "; ".join(f"{source} ({count})" for source, count in measured.most_common())
    return [
        "## What it learned from",
        f"{train['captures']} virtual captures of {train['scenes']} scenes, the set `{captures.name}`. **No real phone "
        "raw with its own picture was used**: none could be had that may be. A photograph or panorama is lit with "
        "daylight, lamps or a monitor's light; a sensor with measured spectral sensitivities, a lens, noise and white "
        "balance make a raw file of it, and a virtual phone develops that ([how](../captures.md)). So what it has "
        "learned is true of real cameras as far as the sensitivities, and plausible as far as the phone.",
        f"Cameras: {len(captures.cameras)}, measured by {by_whom}.",
        "Scenes, none of which is in two splits. The photographs themselves are not part of the look:",
        _sources(captures),
    ]


def _sources(captures: CaptureSet) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in captures.entries:
        counts[collection_of(entry.file)][entry.split] += 1
    rows = [
        (*COLLECTIONS[name], *(str(counts[name][split]) for split in ("train", "validation", "test")))
        for name in sorted(counts, key=lambda name: -counts[name].total())
    ]
    return table(["source", "licence", "train", "validation", "test"], rows, left=2)


def collection_of(file: str) -> str:
    """Tell which collection a file of a set is from.

    Raises:
        ValueError: none that we know.
    """
    for name in COLLECTIONS:
        if file.endswith(name) or file.startswith(f"{name}_"):
            return name
    raise ValueError(f"expected a file from one of {', '.join(COLLECTIONS)}, got {file}")


def _unseen(captures: CaptureSet, result: Result) -> list[str]:
    errors: dict[str, list[float]] = defaultdict(list)
    for row in result["captures"]:
        errors[row["camera"]].append(row["delta_e"])
    found = [(name, str(len(errors[name])), mean(errors[name])) for name in captures.unseen if errors[name]]
    said = [
        "## Cameras it never saw",
        f"{len(captures.unseen)} cameras were kept for the test, which shows each scene to them in the light in which "
        "cameras that it knows saw it too. With so few captures of each, a row says little by itself.",
        table(["camera", "captures", "ΔE76"], found),
    ]
    ratio = result["unseen_over_seen"]
    if ratio:
        each = {name: f"{ratio[name]['mean']:.2f}{between_ends(ratio[name])}" for name in ratio}
        said.append(
            f"The mean ΔE76 of cameras it never saw is {each['delta_e']} times that of cameras it knows, scene by "
            f"scene; {each['low_pass_delta_e']} times where noise and detail are averaged out."
        )
    return said


def _real(look: LookFile, real: Result | None) -> list[str]:
    if real is None or real.get("looks", {}).get(look.name) != look.version:
        return []
    names = list(dict.fromkeys(name for each in real["photographs"] for name in each["renditions"]))
    rows = [
        (
            each["raw"],
            each["camera"],
            *(number(each["renditions"][name].get("delta_e_76_mean"), ".2f") for name in names),
        )
        for each in real["photographs"]
        if each["renditions"][look.name]
    ]
    return [
        "## On real raws",
        "These cameras are no phones, and the look was not made to imitate them; it should only look like a "
        f"photograph. Mean ΔE76 of {real['means']} parts to the camera's own picture, for reference; the pictures are "
        "in [sheets](../sheets/all.jpg).",
        table(["raw", "camera", *names], rows, left=2),
        origin(real),
    ]


def _failures(look: LookFile, result: Result) -> list[str]:
    worst = [
        (row["name"], row["camera"], f"{row['light']}, {row['kelvin']} K" if row["light"] in ("daylight", "black body")
         else row["light"], f"{row['iso']:g}", row["kind"], f"{row['delta_e']:.1f}", f"{row['low_pass_delta_e']:.1f}")
        for row in result["worst"]
    ]  # fmt: skip
    said = [
        "## Where it fails",
        "The worst of all captures:",
        table(["capture", "camera", "light", "ISO", "scene", "ΔE76", "low-pass"], worst, left=3),
    ]
    if result["pictures"]:
        said.append(
            "Pictures, of scenes that may be shown (Poly Haven's panoramas): the worst, two of a scene at most, and "
            " some near the middle of all. Left the look, then what it should be, then ΔE76, from black (0) to "
            "yellow (20)."
        )
    return said + [_picture(look, picture) for picture in result["pictures"]]


def _picture(look: LookFile, picture: Result) -> str:
    words = (
        f"{picture['why'].capitalize()}: number {picture['rank']} of {picture['of']} from the worst, ΔE76 "
        f"{picture['delta_e']:.1f}; {picture['camera']}{'' if picture['camera_seen'] else ', never seen'}, "
        f"{picture['light']}, ISO {picture['iso']:g}"
    )
    return f"{words}.\n\n![{words}]({look.name}/{picture['file']})"


def _licence(look: LookFile) -> list[str]:
    return [
        "## Licence",
        f"The look: {look.card['licence']}. The scenes it learned from have the licences above, and are not in it. The "
        "pictures on this page show panoramas of Poly Haven's, CC0.",
    ]


def _made(look: LookFile, result: Result) -> list[str]:
    run, name, data = result["run"], look.name, result["data"]["name"]
    step = re.search(r"at step (\d+) of (\d+)", look.card.get("recipe", ""))
    recipe = run["recipe"] if run else {}
    steps = f" --set steps={recipe['steps']}" if recipe else f" --set steps={step[2]}" if step else ""
    licence, summary = (shlex.quote(look.card[heading]) for heading in ("licence", "summary"))
    commands = [
        f"crispnet data simulate PHOTOGRAPHS -o {data} --set {data}",
        f"crispnet train {recipe.get('name', name)} {data} -o runs/{name}{steps}",
        f"crispnet export runs/{name} -o {name}.onnx --name {name} --licence {licence} --summary {summary}",
        f"python benchmarks/look_report.py {name} {data} --run runs/{name}",
        REMAKE,
    ]
    facts = [
        (heading, text)
        for heading, text in look.card.items()
        if heading in ("recipe", "validation", "date", "software")
    ]
    if run:
        stages = "; ".join(
            f"{share:.0%} {stage['view']} of {stage['size'][0]} x {stage['size'][1]} cells, "
            f"{stage['scenes'] * stage['patches']} a step"
            for stage, share in recipe["stages"]
        )
        rate = f"{recipe['learning_rate']:g}, falling after {recipe['constant']:.0%}; seed {recipe['seed']}"
        slow = f"; of {', '.join(recipe['slow'])} {recipe['slow_rate']:g} at most" if recipe.get("slow") else ""
        if recipe.get("start_from"):
            facts.append(("began with", "the weights of the look before it, which the commands below do not have"))
        facts += [
            ("stages", stages),
            ("rate", rate + slow),
            ("time", f"{run['hours']:.1f} hours on {result['machine']['cores']} processor cores, no GPU"),
        ]
    return [
        "## How it was made",
        table(["", ""], facts, left=2),
        "PHOTOGRAPHS is a folder with the files that the set names:",
        "```sh\n" + "\n".join(commands) + "\n```",
    ]


def pages(shelf: Path, results: Path) -> dict[str, str]:
    """Write the pages of all looks on a shelf, by the names of their files."""
    written = {}
    for file in sorted(shelf.glob("*.onnx")):
        result = _read(results / "looks" / f"{file.stem}.json")
        real = results / "plain.json"
        written[f"{file.stem}.md"] = page(LookFile.open(file), result, real=_read(real) if real.is_file() else None)
    return written


def _read(path: Path) -> Result:
    content: Result = json.loads(path.read_text(encoding="utf-8"))
    return content


def main() -> None:
    """Write the pages, or compare them with those that are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail unless the pages are current")
    parser.add_argument("--shelf", type=Path, default=ROOT / "src/crispnet/look/shipped", help="where the looks are")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="where their figures are")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs/looks", help="where the pages are")
    wish = parser.parse_args()
    for name, text in pages(wish.shelf, wish.results).items():
        place = wish.output / name
        if not wish.check:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        elif not place.is_file() or place.read_text(encoding="utf-8") != text:
            sys.exit(f"{place} is not what the look and its results say. Run: {REMAKE}")


if __name__ == "__main__":
    main()
