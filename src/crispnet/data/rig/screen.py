"""The screen: a page in a browser that shows frames, and says when they are painted.

A small server on this machine gives the page out. Its address holds a secret, it answers this machine alone, and only
to requests that name it, so that no other page can speak to it.
"""

import json
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import imagecodecs
import numpy as np

from crispnet.data.rig.marks import Layout
from crispnet.errors import RigError

HOST = "127.0.0.1"
PAGES = {"": ("page.html", "text/html"), "page.js": ("page.js", "text/javascript")}
POLICY = "default-src 'none'; script-src 'self'; img-src 'self'; connect-src 'self'; style-src 'unsafe-inline'"
PATIENCE = 20.0  # seconds that a question for the next frame waits for its answer
LARGEST_WORD, LARGEST_SIDE = 1000, 20000  # bytes that the page sends; pixels along a screen


@dataclass
class _Stage:
    """What the server and the rig share, under ``changed``.

    Attributes:
        changed: told of every change.
        turn: how many frames were shown, and which the page is to show.
        frame: that frame, as a PNG.
        painted: the turn that the page painted last; -1 before it is there.
        size: rows and columns of the screen, as the page says.
        done: whether the page may go.
    """

    changed: threading.Condition = field(default_factory=threading.Condition)
    turn: int = 0
    frame: bytes = b""
    painted: int = -1
    size: tuple[int, int] = (0, 0)
    done: bool = False


class _Server(ThreadingHTTPServer):
    """Serves the page of one screen to who knows its secret."""

    daemon_threads = True

    def __init__(self, port: int, stage: _Stage, secret: str) -> None:
        super().__init__((HOST, port), _Handler)
        self.stage, self.secret = stage, secret

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (the library's names)
        """Pass over a browser that went away; anything else is a mistake, and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            raise


class Screen:
    """Shows frames in a browser.

    It is opened in a browser at ``address``; ``layout`` waits for that, and ``show`` until a frame is painted.
    """

    def __init__(self, port: int = 0) -> None:
        self._stage, self._secret = _Stage(), secrets.token_urlsafe(16)
        try:
            self._server = _Server(port, self._stage, self._secret)
        except OSError as error:
            raise RigError(
                f"The screen cannot be served at {HOST}:{port}: {error.strerror or error}. A free port was needed. "
                "Choose another with --port."
            ) from error

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{HOST}:{self._server.server_port}/{self._secret}/"

    def __enter__(self) -> "Screen":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stage.changed:
            self._stage.done = True
            self._stage.changed.notify_all()
        time.sleep(0.1)  # for the page to hear of it
        self._server.shutdown()
        self._server.server_close()

    def layout(self, *, patience: float) -> Layout:
        """Wait for a browser to open the page, and give the layout of its screen.

        Raises:
            RigError: none does within ``patience`` seconds, or its window is too small.
        """
        with self._stage.changed:
            if not self._stage.changed.wait_for(lambda: self._stage.painted >= 0, patience):
                raise RigError(
                    f"No browser opened {self.address} within {patience:.0f} s. One on the screen to be photographed "
                    "was needed. Open that address there, and click."
                )
            rows, columns = self._stage.size
        try:
            return Layout(rows, columns)
        except ValueError as error:
            raise RigError(
                f"The browser's window has {columns} x {rows} pixels. At least some hundred were needed. Make it fill "
                "the screen."
            ) from error

    def show(self, frame: np.ndarray, *, patience: float = 20.0) -> None:
        """Show a frame (rows, columns, 3) uint8 sRGB, and return once it is painted.

        Raises:
            RigError: it is not painted within ``patience`` seconds, or the window has another size by now.
        """
        png = bytes(imagecodecs.png_encode(np.ascontiguousarray(frame), level=1))
        stage = self._stage
        with stage.changed:
            stage.turn, stage.frame = stage.turn + 1, png
            stage.changed.notify_all()
            if not stage.changed.wait_for(lambda: stage.painted == stage.turn, patience):
                raise RigError(
                    f"The browser did not show a frame within {patience:.0f} s. An open page was needed. Open "
                    f"{self.address} again, and call again to go on."
                )
            if stage.size != frame.shape[:2]:
                (rows, columns), (height, width) = stage.size, frame.shape[:2]
                raise RigError(
                    f"The browser's window has {columns} x {rows} pixels by now, and had {width} x {height}. One size "
                    "was needed for a session. Fill the screen again, and call again to go on."
                )


class _Handler(BaseHTTPRequestHandler):
    """Answers requests about what the server's screen shows."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        path, query = self._place()
        if path in PAGES:
            name, kind = PAGES[path]
            self._answer(resources.files(__package__).joinpath(name).read_bytes(), kind)
        elif path == "next":
            self._answer(json.dumps(_next(self.server.stage, query)).encode(), "application/json")
        elif path is not None and path == f"frame/{self.server.stage.turn}.png":
            self._answer(self.server.stage.frame, "image/png")
        else:
            self._refuse()

    def do_POST(self) -> None:
        path, _ = self._place()
        length = self.headers.get("Content-Length", "")
        if path != "painted" or not length.isdecimal() or int(length) > LARGEST_WORD:
            self._refuse()
            return
        if _hear(self.server.stage, self.rfile.read(int(length))):
            self._answer(b"{}", "application/json")
        else:
            self._refuse()

    def _place(self) -> tuple[str | None, Mapping[str, list[str]]]:
        """Give the path behind the secret, and the query; None for who does not know it, or asks another host."""
        split = urlsplit(self.path)
        port = self.connection.getsockname()[1]
        known = self.headers.get("Host") in (f"{HOST}:{port}", f"localhost:{port}")
        first, _, rest = split.path.removeprefix("/").partition("/")
        inside = known and secrets.compare_digest(first.encode(), self.server.secret.encode()) and "/" in split.path[1:]
        return (rest if inside else None), parse_qs(split.query)

    def _answer(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self) -> None:
        self.close_connection = True
        self._answer(b"There is nothing here.", "text/plain", HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's names)
        """Say nothing: the terminal belongs to the session."""


def _next(stage: _Stage, query: Mapping[str, list[str]]) -> dict[str, object]:
    """Wait until there is another frame than the page has, or until it is time to ask again."""
    has = query.get("after", [""])[0]
    with stage.changed:
        stage.changed.wait_for(lambda: stage.done or str(stage.turn) != has, PATIENCE)
        return {"turn": stage.turn, "done": stage.done}


def _hear(stage: _Stage, said: bytes) -> bool:
    """Take in what the page says it has painted, on a screen of what size; refuse what makes no sense."""
    try:
        words: Any = json.loads(said)
        turn, rows, columns = (words[name] for name in ("turn", "rows", "columns"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    if not all(type(each) is int for each in (turn, rows, columns)):
        return False
    if not (0 <= turn <= stage.turn and 0 < rows <= LARGEST_SIDE and 0 < columns <= LARGEST_SIDE):
        return False
    with stage.changed:
        stage.painted, stage.size = turn, (rows, columns)
        stage.changed.notify_all()
    return True
