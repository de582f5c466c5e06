"""Says where a figure comes from, programs that it was measured beside included, and writes results."""

import json
import shutil
import subprocess
from pathlib import Path

from crispnet.evaluate import provenance as package

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"


def provenance(*, precision: str = "float32", programs: dict[str, tuple[str, ...]] | None = None) -> dict[str, object]:
    """Describe this run.

    Args:
        precision: of the arithmetic that is measured.
        programs: name → command that makes it say its version.
    """
    described = package.provenance(precision=precision)
    versions = dict(described["versions"]) | {name: _said(command) for name, command in (programs or {}).items()}
    return described | {"versions": versions}


def write(path: Path, result: dict[str, object]) -> None:
    """Write a result as JSON, in the order given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _said(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return "unknown"
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).strip().split("\n")[0].strip() or "unknown"
