"""Says where a figure comes from: machine, versions, commit, date and command line."""

import datetime
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from crispnet.strips import cores

PACKAGES = ("crispnet", "imagecodecs", "numpy", "opencv-python-headless", "openvino", "pillow", "rawpy", "torch")
_SOURCES = Path(__file__).resolve().parent.parent


def provenance(*, precision: str) -> dict[str, object]:
    """Describe this run; ``precision`` is that of the arithmetic that is measured."""
    return {
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES},
        "precision": precision,
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": _command_line(),
    }


def machine() -> dict[str, object]:
    """Describe the machine: processor, how many of its cores we may use, memory, system; a graphics card if in use."""
    cpu = re.search(r"model name\s*:\s*(.*)", _text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    system = re.search(r'PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release"))
    return _card() | {
        "cpu": cpu[1] if cpu else platform.processor() or "unknown",
        "cores": cores(),
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1) if memory else None,
        "os": f"{system[1] if system else platform.system()}, kernel {platform.release()}",
    }


def in_words(described: Mapping[str, object]) -> str:
    """Say what ``machine`` has described; facts that are not known to it, too."""
    usual = {"gpu": "{}", "cpu": "{}", "cores": "{} cores", "memory_gb": "{} GB", "os": "{}"}
    words = (usual.get(name, name + " {}").format(value) for name, value in described.items())
    return ", ".join("1 core" if each == "1 cores" else each for each in words)


def _card() -> dict[str, object]:
    """Name the graphics card, if networks run on one: only PyTorch's can, and only where it was imported."""
    torch = sys.modules.get("torch")
    return {"gpu": torch.cuda.get_device_name()} if torch and torch.cuda.is_available() else {}


def commit() -> str:
    """Name the commit that the package is run from, and say so where its sources differ; "unknown" if installed."""
    # A repository around an installed package is somebody else's: only one that tracks this file is ours.
    if _git("ls-files", "--error-unmatch", "version.py") is None:
        return "unknown"
    name = _git("rev-parse", "--short=12", "HEAD")
    if name is None:
        return "unknown"
    return f"{name} with changes" if _git("status", "--porcelain", "--", ".") else name


def _git(*words: str) -> str | None:
    """Give what git says of the package's folder, or None where it fails or is missing."""
    git = shutil.which("git")
    if git is None:
        return None
    command = (git, "-C", str(_SOURCES), *words)
    said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words only
    return said.stdout.strip() if said.returncode == 0 else None


def _command_line() -> str:
    """Give the command line; of files outside the working folder just the names, which is all that others can use."""
    words = [
        "=".join(Path(part).name if os.path.isabs(part) else part for part in word.split("=")) for word in sys.argv
    ]
    return shlex.join(words)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
