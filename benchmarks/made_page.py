"""Pages that are made of results: written by their command, or compared with what it would write."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def keep(description: str, page: str, report: Callable[[Path], str], *, results: str, stale: str) -> None:
    """Write a page, or say whether it is current.

    Args:
        description: of the command.
        page: its path, from the root.
        report: composes it from the folder of results.
        results: that folder, from the root.
        stale: what is said where the page is not current.
    """
    parser = argparse.ArgumentParser(description=description)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the page")
    what.add_argument("--check", action="store_true", help="fail unless the page is current")
    parser.add_argument("--root", type=Path, default=ROOT, help="where results/ and docs/ are")
    wish = parser.parse_args()
    path, text = wish.root / page, report(wish.root / results)
    if wish.write:
        path.write_text(text, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != text:
        sys.exit(stale)
