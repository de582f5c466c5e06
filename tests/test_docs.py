"""The pages say what the code does: the reference is up to date, links resolve, places exist, examples run."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crispnet.app import cli
from crispnet.darkroom.formats import DEPTHS, ENDINGS
from crispnet.errors import CrispnetError
from crispnet.raw.opcodes import KNOWN, NAMES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("samples/*.md"), *ROOT.glob("results/*.md")])
CONVENTIONS = (DOCS / "conventions.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`((?:raw|look|darkroom|serve|app|colour|strips|errors|files)(?:\.\w+)+)`")


def without_code(text: str) -> str:
    return re.sub(r"`[^`]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The names under which GitHub lets a page's headings be linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    below = text.split(f"\n{heading}\n")[1]
    rows = re.search(r"(?:^\|.*\|\n)+", below, re.MULTILINE)
    assert rows, f"no table below {heading}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[0].splitlines()[2:]]


def test_all_pages_are_looked_at():
    expected = {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
    expected |= {"docs/conventions.md", "docs/decisions.md", "docs/cli.md"}
    assert expected <= {page.relative_to(ROOT).as_posix() for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_resolve(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    targets += re.findall(r"<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        inside = found.is_relative_to(ROOT) and found.exists()
        if not inside or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


def test_links_and_anchors_are_found_at_all():
    assert {"develop", "crispnet-develop"} & anchors(DOCS / "cli.md")
    assert "](" in without_code((ROOT / "README.md").read_text(encoding="utf-8"))


# The command line


def test_the_command_reference_is_what_the_program_says():
    command = [sys.executable, str(DOCS / "make_cli.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_check_of_the_reference_finds_a_change(monkeypatch):
    specification = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    make_cli = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(make_cli)
    before = make_cli.page()
    assert before == make_cli.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(cli.app.info, "help", "Something else.")
    assert make_cli.page() != before


def test_every_command_has_a_section():
    commands = [command.callback.__name__ for command in cli.app.registered_commands]
    assert {"develop", "inspect", "preview", "looks"} <= set(commands)
    sections = re.findall(r"^## crispnet (\w+)$", (DOCS / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == commands


def test_every_option_says_what_it_is_for():
    rows = [row for command in ("develop", "inspect", "preview", "looks") for row in table_of(command)]
    assert len(rows) > 15
    assert [row for row in rows if not row[-1] or row[-1] == "None"] == []


def table_of(command: str) -> list[list[str]]:
    text = (DOCS / "cli.md").read_text(encoding="utf-8").replace("\\|", "/")
    return table(text, f"## crispnet {command}")


# The conventions


def test_examples_on_the_conventions_page_are_true():
    # Other tests import libraries that change how numpy prints, for everybody.
    with np.printoptions(legacy=False, precision=8, threshold=1000, linewidth=75, suppress=False, floatmode="maxprec"):
        result = doctest.testfile(str(DOCS / "conventions.md"), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= 10


@pytest.mark.parametrize("page", ["docs/conventions.md", "docs/decisions.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_places_in_the_code_exist(page):
    places = set(PLACE.findall((ROOT / page).read_text(encoding="utf-8")))
    assert places
    assert sorted(place for place in places if not exists(place)) == []


def exists(place: str) -> bool:
    """Whether ``room.module.name`` or ``room.module.Class.field`` is there."""
    thing: object = importlib.import_module("crispnet")
    dotted = "crispnet"
    for name in place.split("."):
        dotted = f"{dotted}.{name}"
        try:
            thing = importlib.import_module(dotted)
        except ImportError:
            if name in getattr(thing, "__annotations__", {}) and not hasattr(thing, name):
                return dotted.endswith(place)  # a field without a default
            if not hasattr(thing, name):
                return False
            thing = getattr(thing, name)
    return True


def test_a_place_that_is_gone_is_noticed():
    assert exists("raw.image.RawImage.mosaic")
    assert not exists("raw.image.RawImage.photosites")
    assert not exists("raw.bayer.pack_round")


def test_the_table_of_opcodes_is_what_the_code_does():
    rows = table(CONVENTIONS, "## Opcodes")
    assert {int(number): name for number, name, _, _ in rows} == NAMES
    applied = {int(number) for number, _, _, what in rows if what.startswith("applied")}
    skipped = {int(number) for number, _, _, what in rows if what == "skipped with a note"}
    assert applied == set(KNOWN)
    assert skipped == set(NAMES) - set(KNOWN)


def test_the_table_of_formats_is_what_the_code_does():
    rows = table(CONVENTIONS, "## Output formats")
    assert {name: tuple(map(int, re.findall(r"\d+", depths))) for name, _, depths, _ in rows} == DEPTHS
    assert {ending: name for name, endings, _, _ in rows for ending in endings.split()} == ENDINGS


# The other pages


def test_the_file_map_names_exactly_the_modules_there_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\n## The file map\n" in readme
    block = re.search(r"^```text\n(.*?)^```", readme.split("\n## The file map\n")[1], re.DOTALL | re.MULTILINE)
    assert block, "no ```text block below the heading"
    package = ROOT / "src" / "crispnet"
    names = mapped(block[1])
    assert sorted(names) == sorted(path.relative_to(package).as_posix() for path in package.rglob("*.py"))


def mapped(drawing: str) -> list[str]:
    """The modules in a drawn tree, as paths below the package; a line names a file, or a folder that others follow."""
    folders: list[tuple[int, str]] = []
    found = []
    for line in drawing.splitlines():
        named = re.match(r"([\s│├└─|]*)((?:[\w.-]+/)*)([\w-]+\.\w+)?(?=\s|$)", line)
        if not named or not (named[2] or named[3]):
            continue
        indent = len(named[1])
        folders = [(depth, name) for depth, name in folders if depth < indent]
        path = "".join(name for _, name in folders) + named[2]
        if named[3]:
            found.append(path + named[3])
        else:
            folders.append((indent, named[2]))
    inside = (path.removeprefix("src/").removeprefix("crispnet/") for path in found if "crispnet/" in path)
    return [path for path in inside if path.endswith(".py")]


@pytest.mark.parametrize(
    "drawing",
    [
        "src/crispnet/\n├── errors.py   what can go wrong\n├── raw/     a raw file, e.g. this.one\n"
        "│   └── bayer.py  packs\n└── app/\n    └── cli.py\ntests/\n└── test_docs.py",
        "src/crispnet/errors.py      what can go wrong\nsrc/crispnet/raw/bayer.py   packs\nsrc/crispnet/app/cli.py",
        "src/crispnet/\n  errors.py\n  raw/\n    bayer.py\n  app/\n    cli.py\ndocs/\n  make_cli.py",
    ],
)
def test_a_drawn_tree_is_read_as_paths(drawing):
    assert mapped(drawing) == ["errors.py", "raw/bayer.py", "app/cli.py"]


def test_the_changelog_knows_this_version():
    from crispnet.version import VERSION

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## [{VERSION}]" in text


def test_the_citation_is_of_this_software():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([\w-]+): *(.*)$", text, re.MULTILINE))
    assert {"cff-version", "message", "title", "authors", "license", "references"} <= set(fields)
    assert (fields["title"], fields["license"]) == ("crispnet", "Apache-2.0")


def test_every_family_of_errors_is_drawn():
    from crispnet import errors

    family = [
        name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, CrispnetError)
    ]
    assert len(family) >= 7
    assert [name for name in family if name not in (errors.__doc__ or "")] == []
