"""What files are called: in words to users, paths of ours are the names that users gave."""

from collections.abc import Callable, Mapping
from typing import Any

from crispnet.errors import CrispnetError
from crispnet.serve.worker import Facts


def spoken(work: Callable[[Facts], tuple[Facts, bytes]], request: Facts) -> tuple[Facts, bytes]:
    """Do what a request asks for; what comes of it, and what is refused, is said with its ``names``."""
    names: dict[str, str] = request.get("names", {})
    try:
        done, blob = work(request)
    except CrispnetError as error:
        raise type(error)(named(str(error), names)) from error
    return {key: named(value, names) for key, value in done.items()}, blob


def named(value: Any, names: Mapping[str, str]) -> Any:
    """Put names in the place of paths, in words and in lists of words.

    >>> named(["/tmp/x/a.raw is empty.", 3], {"/tmp/x/a.raw": "IMG_1.DNG"})
    ['IMG_1.DNG is empty.', 3]
    """
    if isinstance(value, str):
        for path, name in names.items():
            value = value.replace(path, name)
    return [named(each, names) for each in value] if isinstance(value, list) else value
