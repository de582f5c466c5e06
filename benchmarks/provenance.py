"""Says where a figure comes from: machine, versions, commit, date and command line."""

import datetime
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
PACKAGES = ("crispnet", "imagecodecs", "numpy", "pillow", "rawpy", "tifffile", "typer")


def provenance(*, precision: str = "float32", programs: dict[str, tuple[str, ...]] | None = None) -> dict[str, object]:
    """Describe this run.

    Args:
        precision: of the arithmetic that is measured.
        programs: name → command that makes it say its version.
    """
    versions = {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES}
    versions |= {name: _said(command) for name, command in (programs or {}).items()}
    return {
        "machine": machine(),
        "versions": versions,
        "precision": precision,
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": _command_line(),
    }


def machine() -> dict[str, object]:
    """Describe the machine: processor, how many of its cores we may use, memory, system."""
    cpu = re.search(r"model name\s*:\s*(.*)", _text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    system = re.search(r'PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release"))
    return {
        "cpu": cpu[1] if cpu else platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1) if memory else None,
        "os": f"{system[1] if system else platform.system()}, kernel {platform.release()}",
    }


def commit() -> str:
    """Name the commit, and say so where the sources differ from it."""
    name = _said(("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"))
    changed = subprocess.run(
        ("git", "-C", str(ROOT), "diff", "--quiet", "HEAD", "--", "src", "benchmarks"), check=False
    )
    return f"{name} with changes" if changed.returncode else name


def write(path: Path, result: dict[str, object]) -> None:
    """Write a result as JSON, in the order given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _command_line() -> str:
    """Give the command line; of files outside the repository just the names, which is all that others can use."""
    words = [
        "=".join(Path(part).name if os.path.isabs(part) else part for part in word.split("=")) for word in sys.argv[1:]
    ]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _said(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return "unknown"
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).strip().split("\n")[0].strip() or "unknown"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
