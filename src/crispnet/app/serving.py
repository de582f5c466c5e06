"""The verb of the page: ``crispnet serve``."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from crispnet.app.refusing import refusals
from crispnet.errors import CrispnetError

TOKEN = "CRISPNET_TOKEN"  # noqa: S105 - the name of a variable


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = 8731,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen at; any but this computer's own needs a token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help=f"What others have to know, or {TOKEN} in the environment.", show_default=False
        ),
    ] = None,
    look: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A look file to offer beside those that ship; repeatable.")
    ] = None,
    max_upload: Annotated[int, typer.Option(metavar="MB", min=1, max=4000, help="Largest raw to accept.")] = 256,
    keep: Annotated[
        float, typer.Option(metavar="MINUTES", min=1, max=10080, help="After which what nobody used is removed.")
    ] = 120.0,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Open the page in a browser: see photographs, compare them, adjust them. Ctrl-C ends it."""
    with refusals():
        from crispnet.serve.guard import is_loopback
        from crispnet.serve.looks import offered
        from crispnet.serve.running import run
        from crispnet.serve.shop import Limits

        token = token or os.environ.get(TOKEN) or None
        if not token and not is_loopback(host):
            raise CrispnetError(
                f"{host} can be reached from other computers. A token was needed, so that not everybody may use this "
                f"one. Say --token WORD or set {TOKEN}, or leave --host out."
            )
        looks = offered([str(path) for path in look or []])
        limits = Limits(most_bytes=max_upload << 20, minutes=keep)
        with suppress(KeyboardInterrupt):  # the usual end
            run(looks, limits=limits, host=host, port=port, token=token, browser=browser, say=typer.echo)
