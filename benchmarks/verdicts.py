"""Aims, and whether they were met, as the pages of figures say it."""

from typing import Any

Result = dict[str, Any]


def verdict(aim: Result) -> str:
    """Say whether what was measured is at most, or at least, what was wanted."""
    if aim["measured"] is None:
        return "not measured"
    met = aim["measured"] <= aim["at_most"] if "at_most" in aim else aim["measured"] >= aim["at_least"]
    return "met" if met else "**not met**"


def aim_row(what: str, aim: Result) -> tuple[str, ...]:
    """Give a row: what is wanted, how much of it, what was measured, and the verdict."""
    wanted = f"≤ {aim['at_most']}" if "at_most" in aim else f"≥ {aim['at_least']}"
    unit = f" {aim['unit']}" if "unit" in aim else ""
    return (what, wanted + unit, shown(aim["measured"]), verdict(aim))


def whether(*, fulfilled: bool) -> tuple[str, ...]:
    """Give the end of a row of something that is either so or not."""
    return ("yes", "yes", "met") if fulfilled else ("yes", "no", "**not met**")


def shown(figure: float | None) -> str:
    """Write a figure, or that there is none."""
    return "–" if figure is None else f"{figure:.2f}"
