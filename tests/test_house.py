"""The house keeps its own rules: the import law, sizes, names, documentation, and a door that costs nothing."""

import ast
import contextlib
import doctest
import importlib
import io
import json
import re
import statistics
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import crispnet
from crispnet.raw.writer import write_dng
from making import raw_image

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "crispnet"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

MOST_LINES, MOST_LINES_OF_A_FUNCTION, USUAL_FUNCTION = 300, 50, 15
LONGER_FOR_A_REASON = {
    "raw/opcodes.py": "one class per opcode, each with its reading and its writing, and the list they stand in",
}
BOOLEANS_FOR_A_REASON = {"_require": "a condition is all it is about", "from_body": "called in one place, by `parse`"}
SURFACE = {
    *(
        "CrispnetError",
        "ForeignPicture",
        "LookError",
        "NoCameraPicture",
        "OutputError",
        "RawError",
        "UnreadableRaw",
        "UnsupportedRaw",
    ),
    *("Photo", "RawImage", "__version__", "develop", "load_look", "open_raw"),
}
# Names that programs, libraries, the standards (tags of TIFF, EXIF and DNG) and makers give, and two titles.
FOREIGN_COLOR = (
    r"color_desc|num_colors|ColorMatrix\d?|ColorSpace|PreviewColorSpace|InterColorProfile|CFAPlaneColor"
    r"|Color Space|force-color-profile|Color Rendition|ColorChecker|(?:out)?colorspace"
)
HEAVY = {"numpy", "rawpy", "PIL", "tifffile", "imagecodecs", "torch", "torchvision", "openvino"}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [name_of(path) for path in FILES]


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', '')}".strip()


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path, tree in TREES.items():
        yield from ((path, node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def in_a_fresh_interpreter(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_whole_package_is_looked_at():
    rooms = {path.parent.name for path in FILES}
    assert {"crispnet", "raw", "look", "darkroom", "app"} <= rooms
    assert len(FILES) == len(set(MODULES)) > 25
    assert len(list(functions())) > 200


# The import law


def test_the_import_law_is_kept():
    lint_imports = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", lint_imports], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [2-9] kept, 0 broken", done.stdout), done.stdout


def test_only_the_laboratory_and_one_look_import_torch():
    """Developing works without it; the import law says the same of what is imported by way of others."""
    torch = re.compile(r"^\s*(import|from) torch\b", re.MULTILINE)
    places = [path.relative_to(PACKAGE).as_posix() for path in FILES if torch.search(path.read_text("utf-8"))]
    importing = {place for place in places if place.split("/")[0] not in {"model", "train"}}
    assert importing == {"look/torch.py"}


def test_no_file_uses_the_private_names_of_another():
    offenders = [
        f"{place(path, node)} imports {alias.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crispnet")
        for alias in node.names
        if alias.name.startswith("_")
    ]
    offenders += [
        f"{place(path, node)} uses {ast.unparse(node)}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
        if isinstance(node.value, ast.Name) and node.value.id in modules_imported_by(tree)
    ]
    assert offenders == []


def modules_imported_by(tree: ast.Module) -> set[str]:
    """The names under which a file knows other modules of the house."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crispnet")
        for alias in node.names
        if f"{node.module}.{alias.name}" in MODULES
    }


# Sizes, as habits


def test_files_have_one_subject():
    lengths = {path.relative_to(PACKAGE).as_posix(): len(path.read_text().splitlines()) for path in FILES}
    longer = {name: length for name, length in lengths.items() if length > MOST_LINES}
    unexplained = {name: length for name, length in longer.items() if name not in LONGER_FOR_A_REASON}
    assert unexplained == {}, f"more than {MOST_LINES} lines: part them, or give a reason in LONGER_FOR_A_REASON"
    needless = set(LONGER_FOR_A_REASON) - set(longer)
    assert needless == set(), "short enough now: take them out of LONGER_FOR_A_REASON"
    assert max(lengths.values()) <= 1.25 * MOST_LINES


def test_functions_read_like_sentences():
    lengths = {place(path, node): (node.end_lineno or 0) - node.lineno + 1 for path, node in functions()}
    longer = {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION}
    assert longer == {}
    assert statistics.median(lengths.values()) <= USUAL_FUNCTION


# Names


def test_nothing_is_called_after_nothing():
    vague = {"utils", "util", "common", "helpers", "core", "base", "misc"}
    assert [str(path) for path in PACKAGE.rglob("*") if path.stem.lower() in vague] == []


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_colour_is_british(path):
    # Tokens, so that identifiers, comments and docstrings count, wherever a line is broken.
    with path.open("rb") as file:
        words = [
            f"line {token.start[0]}: {found}"
            for token in tokenize.tokenize(file.readline)
            for found in re.findall(r"\w*color\w*", re.sub(FOREIGN_COLOR, "", token.string), re.IGNORECASE)
        ]
    assert words == []


def test_no_boolean_is_positional():
    flags = [
        f"{place(path, node)}: {argument.arg}"
        for path, node in functions()
        if node.name not in BOOLEANS_FOR_A_REASON
        for argument in [*node.args.posonlyargs, *node.args.args]
        if isinstance(argument.annotation, ast.Name) and argument.annotation.id == "bool"
    ]
    # In the command line typer, and not a reader, decides how arguments are given.
    assert [flag for flag in flags if "app/cli.py" not in flag] == []
    assert flags, "typer's flags at least should have been found"


# Documentation


def test_everything_public_says_what_it_is():
    silent = [
        place(path, node)
        for path, tree in TREES.items()
        for node in [tree, *public_definitions(tree)]
        if not ast.get_docstring(node)
    ]
    assert silent == []


def public_definitions(
    scope: ast.Module | ast.ClassDef,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes, functions and methods with a public name; what is inside a function is its own affair."""
    for node in scope.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module):
    # Other tests import libraries that change how numpy prints, for everybody.
    usual = {"precision": 8, "threshold": 1000, "linewidth": 75, "suppress": False, "floatmode": "maxprec"}
    with np.printoptions(**usual, edgeitems=3, sign="-", formatter=None, legacy=False):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0, said.getvalue()


def test_there_are_examples():
    found = {module: doctest.DocTestFinder().find(importlib.import_module(module)) for module in MODULES}
    with_examples = {module for module, tests in found.items() if any(test.examples for test in tests)}
    assert {"crispnet.colour", "crispnet.raw.bayer", "crispnet.strips", "crispnet.raw.orientation"} <= with_examples


# The door


def test_the_public_surface_is_short_and_listed():
    # To add or take away a name is a decision: it belongs in CHANGELOG.md, and then here.
    assert set(crispnet.__all__) == SURFACE
    assert len(crispnet.__all__) == len(SURFACE)
    assert set(crispnet.ROOMS) <= SURFACE


@pytest.mark.parametrize("name", sorted(SURFACE - {"__version__"}))
def test_every_public_name_resolves_and_is_documented(name):
    thing = getattr(crispnet, name)
    assert thing.__name__ == name
    assert thing.__doc__
    assert thing.__module__.startswith("crispnet.")


def test_a_name_that_is_not_there_is_said_to_be_missing():
    with pytest.raises(AttributeError, match="no attribute 'enlarge'"):
        _ = crispnet.enlarge


@pytest.mark.parametrize("module", ["crispnet", "crispnet.app.cli"])
def test_the_door_and_the_command_line_open_at_once(module):
    done = in_a_fresh_interpreter(f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert module in loaded
    assert loaded & HEAVY == set()


WITHOUT_TORCH = """
    import sys
    from importlib.abc import MetaPathFinder

    class Absent(MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in {"torch", "torchvision", "onnx", "cv2", "safetensors"}:
                raise ModuleNotFoundError(f"{name} is not installed", name=name)

    sys.meta_path.insert(0, Absent())
    try:
        import torch
    except ModuleNotFoundError:
        print("no torch here", file=sys.stderr)

    from crispnet.app.cli import main
    sys.argv = ["crispnet", "develop", *sys.argv[1:]]
    main()
"""


def test_the_trained_look_develops_without_the_laboratory(tmp_path):
    raw = write_dng(raw_image(height=96, width=128), tmp_path / "scene.dng")
    picture = tmp_path / "scene.jpg"
    done = in_a_fresh_interpreter(WITHOUT_TORCH, str(raw), "--output", str(picture))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(picture)
    assert "no torch here" in done.stderr
    with Image.open(picture) as developed:
        assert (developed.format, developed.size) == ("JPEG", (128, 96))
        assert np.asarray(developed).std() > 5
