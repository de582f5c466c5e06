"""What is installed is locked, named, and above known holes."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import rawpy

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FLOORS = {"rawpy": (0, 28), "torch": (2, 10), "pillow": (12, 3)}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.split("+")[0])))


def wanted() -> dict[str, str]:
    asked = [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["train"],
        *PROJECT["optional-dependencies"]["dev"],
    ]
    found = (re.match(r"([\w.-]+)(?:\[\w+\])?(.*)", line) for line in asked)
    return {match[1].lower(): match[2] for match in found if match[1] != "crispnet"}


def locked() -> dict[str, str]:
    return {name.lower(): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE)}


def test_everything_that_is_asked_for_is_locked_within_its_limits():
    assert wanted().keys() <= locked().keys()
    for name, limits in wanted().items():
        floor = re.search(r">=([\d.]+)", limits)
        assert floor, f"{name} has no floor"
        assert numbers(locked()[name]) >= numbers(floor[1]), name


def test_every_locked_package_has_hashes():
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) > 30
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_place_is_named_from_which_packages_come():
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host|file:", LOCK)


@pytest.mark.parametrize("name", FLOORS)
def test_floors_lie_above_known_holes(name):
    floor = re.search(r">=([\d.]+)", wanted()[name])
    assert numbers(floor[1]) >= FLOORS[name]


def test_libraw_is_newer_than_its_known_holes():
    assert rawpy.libraw_version >= (0, 22, 2)


# The audit


@pytest.fixture(scope="module")
def audit():
    specification = importlib.util.spec_from_file_location("audit", ROOT / "supply" / "audit.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


SOUND = {"name": "a", "version": "1", "vulns": []}
HOLE = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([SOUND], 0, "No hole is known in any of 1 packages."),
        ([SOUND, HOLE], 1, "b 2: CVE-1, fixed in 3"),
        ([SOUND, UNKNOWN], 2, "1 of 2 packages could not be looked up from here, c first."),
        ([], 2, ""),
    ],
)
def test_an_audit_says_what_it_could_not_see(audit, capsys, packages, code, words):
    assert audit.said(packages) == code
    assert words in capsys.readouterr().out
