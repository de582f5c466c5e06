"""Looks every locked package up in the advisories that pip-audit knows, and says so where it cannot reach them.

python supply/audit.py [requirements-dev.txt]

Exit codes: 0 nothing known, 1 a known hole, 2 not all packages could be looked up.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.txt"
LONGEST = 600.0  # seconds


def main() -> int:
    """Ask, and say what came of it."""
    lock = Path(sys.argv[1]) if len(sys.argv) > 1 else LOCK
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--format", "json", "--requirement", str(lock)],
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"pip-audit gave no answer in {LONGEST:g} s. Try again where the advisories can be reached.")
        return 2
    try:
        return said(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        print(f"pip-audit cannot look anything up here ({last}). Run it where the advisories can be reached.")
        return 2


def said(packages: list[dict[str, object]]) -> int:
    """Say what is known of packages, and give the exit code."""
    holes = [(package, hole) for package in packages for hole in package.get("vulns", ())]
    for package, hole in holes:
        fixed = ", ".join(hole.get("fix_versions", ())) or "no version"
        print(f"{package['name']} {package['version']}: {hole['id']}, fixed in {fixed}")
    passed_over = [str(package["name"]) for package in packages if "skip_reason" in package]
    if passed_over:
        print(
            f"{len(passed_over)} of {len(packages)} packages could not be looked up from here, {passed_over[0]} first."
        )
    if not holes and not passed_over:
        print(f"No hole is known in any of {len(packages)} packages.")
    return 1 if holes else 2 if passed_over or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
