"""Measures what developing a raw costs as a whole process, beside the raw developers that are installed.

    python benchmarks/develop.py [RAW] [--runs 5] [--write results/develop.json]

Each program runs from its start to its end and writes a picture; programs take turns. Without RAW, a sample is
developed. Figures are written only where ``--write`` says so.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from provenance import ROOT, provenance, write
from whole_process import Program, interleave, summary

BINARIES = Path(sys.executable).parent
CRISPNET = str(BINARIES / "crispnet")
REFERENCE = "dcraw_emu, AHD, TIFF 8 bit"
RAWTHERAPEE, DARKTABLE = "rawtherapee-cli, JPEG", "darktable-cli, JPEG"
WHOLE, PLAIN, COMMAND_LINE = "crispnet develop, JPEG", "crispnet develop, plain look, JPEG", "crispnet --help"
FIRST = "crispnet develop, JPEG, first run"
IMPORT = "python -c 'import crispnet'"
VERSIONS = {
    "dcraw_emu": ("dpkg-query", "--show", "--showformat=LibRaw ${Version}", "libraw-bin"),
    "rawtherapee-cli": ("rawtherapee-cli", "-v"),
    "darktable-cli": ("darktable-cli", "--version"),
    "exiftool": ("exiftool", "-ver"),
}


def main() -> None:
    """Measure, print a table, and write the result where that is asked for."""
    wish = _parser().parse_args()
    raw = (wish.raw or _sample()).resolve()
    with tempfile.TemporaryDirectory() as folder:
        width, height = _size(raw, Path(folder))
        developing = _measure(_developers(raw, Path(folder)), runs=wish.runs)
    starting = _measure(_starts(), runs=wish.runs)
    result = {
        **provenance(programs=VERSIONS),
        "raw": {"name": raw.name, "megapixels": round(width * height / 1e6, 1)},
        "reference": REFERENCE,
        "developing": _with_ratios(developing),
        "starting": starting,
        "aims": [
            _aim(developing, WHOLE, RAWTHERAPEE, at_most=0.5),
            _aim(developing, WHOLE, DARKTABLE, at_most=0.5),
            _aim(developing, WHOLE, REFERENCE, at_most=2.5),
            _aim(developing, FIRST, WHOLE, at_most=2.0),
            {"what": WHOLE, "at_most": 1200, "unit": "MB", "measured": developing[WHOLE]["peak_memory_mb"]},
            _aim(developing, PLAIN, REFERENCE, at_most=2.0),
            {"what": COMMAND_LINE, "at_most": 0.25, "unit": "s", "measured": _wall(starting, COMMAND_LINE)},
            {"what": IMPORT, "at_most": 0.2, "unit": "s", "measured": _wall(starting, IMPORT)},
        ],
    }
    _print(result)
    if wish.write:
        write(wish.write, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("raw", nargs="?", type=Path, help="a raw file [default: a sample]")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count, after one that warms up")
    parser.add_argument("--write", type=Path, metavar="JSON", help="write the figures to a file")
    return parser


def _sample() -> Path:
    samples = sorted((ROOT / "samples").glob("*.dng")) + sorted((ROOT / "samples").glob("*.DNG"))
    if not samples:
        raise SystemExit("samples/ holds no DNG; name a raw file")
    return samples[0]


def _size(raw: Path, folder: Path) -> tuple[int, int]:
    """Develop the raw once, and give the size of its picture; a raw that fails should do so before the measuring."""
    command = (CRISPNET, "develop", "--json", str(raw), "-o", str(folder / "size.jpg"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"crispnet develop failed:\n{done.stderr}")
    facts = json.loads(done.stdout)
    return facts["width"], facts["height"]


def _developers(raw: Path, folder: Path) -> list[Program]:
    """List the programs, each of which writes one picture of the raw into the folder."""

    def ours(name: str, ending: str, *look: str, forgets: Path | None = None, **environment: str) -> Program:
        target = folder / f"ours{ending}"
        command = (CRISPNET, "develop", *look, str(raw), "-o", str(target), "--overwrite")
        return Program(name, command, target, tuple(environment.items()), forgets)

    def theirs(name: str, target: str, command: str, *arguments: str) -> Program:
        found = shutil.which(command)
        # Programs keep their settings and caches in the folder, never in the user's own.
        homes = tuple((home, str(folder)) for home in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"))
        return Program(name, (found, *arguments) if found else None, folder / target, homes)

    empty, compiled = folder / "empty", folder / "compiled"
    empty.mkdir()
    tiff, bilinear, rt, dt = (str(folder / name) for name in ("ahd.tiff", "bilinear.tiff", "rt.jpg", "dt.jpg"))
    plain = ("--look", "plain")
    database = ("--core", "--library", ":memory:", "--configdir", str(folder / "darktable"))
    return [
        ours(WHOLE, ".jpg"),
        ours(FIRST, ".jpg", forgets=compiled, CRISPNET_CACHE=str(compiled)),
        ours(PLAIN, ".jpg", *plain),
        ours("crispnet develop, plain look, JPEG, no exiftool", ".jpg", *plain, PATH=str(empty)),
        ours("crispnet develop, plain look, TIFF 16 bit", ".tif", *plain),
        theirs(REFERENCE, "ahd.tiff", "dcraw_emu", "-w", "-T", "-Z", tiff, str(raw)),
        theirs(
            "dcraw_emu, bilinear, TIFF 8 bit",
            "bilinear.tiff",
            "dcraw_emu",
            *("-w", "-q", "0", "-T", "-Z"),
            bilinear,
            str(raw),
        ),
        theirs(RAWTHERAPEE, "rt.jpg", "rawtherapee-cli", *("-o", rt, "-j95", "-js3", "-Y", "-c"), str(raw)),
        theirs(DARKTABLE, "dt.jpg", "darktable-cli", str(raw), dt, *database),
    ]


def _starts() -> list[Program]:
    def python(code: str) -> Program:
        return Program(f"python -c '{code}'", (sys.executable, "-c", code))

    return [Program(COMMAND_LINE, (CRISPNET, "--help")), *map(python, ("import crispnet", "import numpy", "pass"))]


def _measure(programs: list[Program], *, runs: int) -> dict[str, dict[str, object]]:
    costs = interleave(programs, runs=runs, tell=lambda line: print(line, file=sys.stderr))
    absent = {"not_installed": True}
    return {
        program.name: _as_typed(program) | (summary(costs[program.name]) if program.name in costs else absent)
        for program in programs
    }


def _as_typed(program: Program) -> dict[str, object]:
    """Give the command line without folders, which differ from run to run."""
    words = [Path(word).name if word.startswith("/") else word for word in program.command or ()]
    return {"command": " ".join(words)}


def _with_ratios(costs: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {name: cost | {"ratio": _ratio(costs, name, REFERENCE)} for name, cost in costs.items()}


def _aim(costs: dict[str, dict[str, object]], name: str, reference: str, *, at_most: float) -> dict[str, object]:
    return {"what": name, "at_most": at_most, "unit": f"x {reference}", "measured": _ratio(costs, name, reference)}


def _ratio(costs: dict[str, dict[str, object]], name: str, reference: str) -> float | None:
    measured, reference = _wall(costs, name), _wall(costs, reference)
    return round(measured / reference, 2) if measured and reference else None


def _wall(costs: dict[str, dict[str, object]], name: str) -> float | None:
    return costs[name].get("wall_seconds")


def _print(result: dict[str, object]) -> None:
    print(f"{'':48}{'wall s':>8}{'range':>15}{'CPU s':>8}{'peak MB':>9}{'ratio':>7}")
    for name, cost in (result["developing"] | result["starting"]).items():
        if "not_installed" in cost:
            print(f"{name:48}{'not installed':>23}")
            continue
        low, high = cost["wall_seconds_range"]
        ratio = "" if cost.get("ratio") is None else f"{cost['ratio']:.2f}"
        print(
            f"{name:48}{cost['wall_seconds']:8.3f}{f'{low:.3f}-{high:.3f}':>15}"
            f"{cost['cpu_seconds']:8.3f}{cost['peak_memory_mb']:9.0f}{ratio:>7}"
        )
    for aim in result["aims"]:
        print(f"aim: {aim['what']} at most {aim['at_most']} {aim['unit']}; measured {aim['measured']}")


if __name__ == "__main__":
    main()
