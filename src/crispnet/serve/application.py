"""The server as an ASGI application: the routes of the page and of its interface, behind the guard."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from crispnet.serve import pages, routes
from crispnet.serve.guard import Guard
from crispnet.serve.shop import Limits, Shop
from crispnet.version import VERSION

SWEEPING = 30.0  # seconds between two looks at what nobody uses


def make_application(
    looks: Mapping[str, str], *, limits: Limits | None = None, host: str = "127.0.0.1", token: str | None = None
) -> ASGIApp:
    """Make the server's application; its processes run from its start to its end.

    Args:
        looks: what to offer, see ``looks.offered``.
        limits: what clients may ask for.
        host: where it listens.
        token: what clients have to know; None where only this computer can reach it.
    """
    app = _described(_opened(looks, limits or Limits()))
    return Guard(app, host=host, token=token)


def description() -> dict[str, Any]:
    """Describe the interface, as OpenAPI does."""
    return _described(None).openapi()


def _described(lifespan: Any) -> FastAPI:
    app = FastAPI(
        title="crispnet",
        version=VERSION,
        description="Develop raw files with the colours of a camera.",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # it would load its scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(routes.api)
    app.include_router(pages.pages)
    routes.answer_refusals(app)
    app.add_exception_handler(RequestValidationError, _in_words)
    return app


def _opened(looks: Mapping[str, str], limits: Limits) -> Any:  # FastAPI's own type says less
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with TemporaryDirectory(prefix="crispnet-") as folder:
            shop = Shop(Path(folder), looks, limits)
            app.state.shop = shop
            sweeping = asyncio.create_task(_sweep(shop))
            try:
                yield
            finally:
                sweeping.cancel()
                shop.close()

    return lifespan


async def _sweep(shop: Shop) -> None:
    while True:
        await asyncio.sleep(SWEEPING)
        await asyncio.to_thread(shop.sweep)


def _in_words(_: Request, error: Exception) -> JSONResponse:
    """Say in words what a request lacks."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in found[:5])
    detail = f"The request is not as described: {said}. One as in /api/openapi.json was needed. Correct it."
    return JSONResponse({"detail": detail.encode("utf-8", "replace").decode()}, 422)
