"""How commands end that cannot do what was asked: a sentence on standard error, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from crispnet.errors import CrispnetError

SOME_FAILED, NOTHING_DONE = 1, 3
LABORATORY = frozenset({"cv2", "onnx", "safetensors", "torch"})  # packages that only come with crispnet[train]


def complain(error: object) -> None:
    """Say on standard error what went wrong."""
    typer.echo(f"crispnet: {error}", err=True)


@contextmanager
def refusals() -> Iterator[None]:
    """End the command with a sentence where the block refuses something, or needs a package that is not there."""
    try:
        yield
    except CrispnetError as error:
        complain(error)
        raise typer.Exit(NOTHING_DONE) from error
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in LABORATORY:
            raise
        complain(
            f'{error.name} is not installed. This command needs the laboratory. Run: pip install "crispnet[train]"'
        )
        raise typer.Exit(NOTHING_DONE) from error
