"""What people look at: the page itself, and pages about looks."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as InPath
from fastapi.responses import FileResponse, HTMLResponse, Response

from crispnet.evaluate.page import POLICY, heading, page, paragraph
from crispnet.look.shelf import read_card
from crispnet.serve.looks import check_name
from crispnet.serve.routes import shop_of
from crispnet.serve.shop import Shop

FOLDER = Path(__file__).with_name("page")
FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

pages = APIRouter(include_in_schema=False)


@pages.get("/")
def index() -> Response:
    """Give the page."""
    return FileResponse(FOLDER / "index.html", media_type="text/html")


@pages.get("/{name}")
def file(name: str) -> Response:
    """Give a file of the page."""
    if name not in FILES:
        return HTMLResponse("Not found.", 404)
    return FileResponse(FOLDER / name, media_type=FILES[name])


@pages.get("/looks/{name}")
def card(shop: Annotated[Shop, Depends(shop_of)], name: Annotated[str, InPath(max_length=120)]) -> Response:
    """Show the card of a look."""
    check_name(shop.looks, name)
    told = read_card(shop.looks[name])
    name, parts = told.pop("name"), [paragraph(told.pop("summary"))]
    parts += [part for title, words in told.items() for part in (heading(title), paragraph(words))]
    text = page(f"The look {name}", parts)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})
