"""How commands end that cannot do what was asked: a sentence on standard error, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from crispnet.app.stopping import terminable
from crispnet.errors import CrispnetError

SOME_FAILED, NOTHING_DONE = 1, 3
STOPPED = "stopped. What was finished is whole, and is kept. Give the same command again to go on, or to begin anew."
EXTRAS = {  # packages that only come with an extra: what needs them, and the extra
    **dict.fromkeys(("cv2", "onnx", "safetensors", "torch"), ("the laboratory", "train")),
    **dict.fromkeys(("fastapi", "pydantic", "starlette", "uvicorn"), ("the server of the page", "web")),
}


def complain(error: object) -> None:
    """Say on standard error what went wrong."""
    typer.echo(f"crispnet: {error}", err=True)


@contextmanager
def refusals() -> Iterator[None]:
    """End the command with a sentence where the block refuses something, is stopped, or lacks a package."""
    try:
        with terminable():
            yield
    except CrispnetError as error:
        complain(error)
        raise typer.Exit(NOTHING_DONE) from error
    except KeyboardInterrupt as interruption:
        complain(STOPPED)
        raise typer.Exit(SOME_FAILED) from interruption
    except ModuleNotFoundError as error:
        missing = EXTRAS.get((error.name or "").partition(".")[0])
        if missing is None:
            raise
        needed, extra = missing
        complain(f'{error.name} is not installed. This command needs {needed}. Run: pip install "crispnet[{extra}]"')
        raise typer.Exit(NOTHING_DONE) from error
