"""Runs the server until it is interrupted."""

import socket
import webbrowser
from collections.abc import Callable, Mapping
from urllib.parse import quote

import uvicorn

from crispnet.errors import CrispnetError
from crispnet.serve.application import make_application
from crispnet.serve.shop import Limits

BACKLOG = 128


def run(
    looks: Mapping[str, str],
    *,
    limits: Limits,
    host: str,
    port: int,
    token: str | None,
    browser: bool,
    say: Callable[[str], object],
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        looks: what to offer.
        limits: what clients may ask for.
        host: address to listen at.
        port: likewise; 0 for any.
        token: what clients have to know; None for nothing.
        browser: whether to open the page.
        say: says where the page is, once it is there.

    Raises:
        CrispnetError: nothing can listen there.
    """
    app = make_application(looks, limits=limits, host=host, token=token)
    with listening(host, port) as opened:
        address = _address(host, opened.getsockname()[1])
        say(address)
        if browser:
            webbrowser.open(f"{address}?token={quote(token)}" if token else address)
        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[opened])


def listening(host: str, port: int) -> socket.socket:
    """Listen at an address, and at a port, 0 for any that is free.

    Raises:
        CrispnetError: nothing can listen there.
    """
    try:
        return socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
    except OSError as error:
        raise CrispnetError(
            f"Nothing can listen at {host}, port {port}: {error.strerror or error}. An address of this computer and a "
            "free port were needed. Try --port 0, which takes any."
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
