"""How commands end that cannot do what was asked: a sentence on standard error, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from crispnet.errors import CrispnetError

SOME_FAILED, NOTHING_DONE = 1, 3
EXTRAS = {  # packages that only come with an extra: what needs them, and the extra
    **dict.fromkeys(("cv2", "onnx", "safetensors", "torch"), ("the laboratory", "train")),
    **dict.fromkeys(("fastapi", "pydantic", "starlette", "uvicorn"), ("the server of the page", "web")),
}


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
        missing = EXTRAS.get((error.name or "").partition(".")[0])
        if missing is None:
            raise
        needed, extra = missing
        complain(f'{error.name} is not installed. This command needs {needed}. Run: pip install "crispnet[{extra}]"')
        raise typer.Exit(NOTHING_DONE) from error
