"""A server that listens for as long as a test needs it."""

import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import uvicorn

from crispnet.serve.application import make_application
from crispnet.serve.looks import offered
from crispnet.serve.running import listening
from crispnet.serve.shop import Limits

LIMITS = Limits(most_bytes=30_000_000, most_photographs=60, patience=2.0)


@contextmanager
def serving(*, limits=LIMITS, host="127.0.0.1", token=None):
    """Serve from a thread; gives the address, the port and the application."""
    app = make_application(offered(), limits=limits, host=host, token=token)
    with listening(host, 0) as opened:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        port = opened.getsockname()[1]
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}", port=port, app=app)
        server.should_exit = True
        thread.join(20)
