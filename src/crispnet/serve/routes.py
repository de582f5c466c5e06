"""The routes of the page's server, and what stands behind them.

POST photographs ── desk ── proof, facts, differences ──→ a worker for small renderings
                      └──── jobs ── line ────────────────→ a worker for full ones
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import ClientDisconnect

from crispnet.colour import JND
from crispnet.darkroom.formats import DEPTHS, usual_ending
from crispnet.errors import CrispnetError
from crispnet.evaluate.drawing import LARGEST, colour_map
from crispnet.evaluate.page import POLICY
from crispnet.look import DEFAULT
from crispnet.look.shelf import read_card
from crispnet.serve import forms
from crispnet.serve.desk import Item, Missing, shown_name
from crispnet.serve.incoming import TooLarge, TooSlow
from crispnet.serve.line import Job
from crispnet.serve.shop import Shop
from crispnet.serve.worker import Busy, Facts, WorkerLost
from crispnet.version import VERSION

PATIENCE = 60.0  # seconds for a small rendering
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
PAGE = "text/html"
MEDIA = {
    "view": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "report": PAGE,
    "score": PAGE,
}
MORE = {  # headers; of what is refused while it comes, no more is to be read
    408: {"Connection": "close"},
    413: {"Connection": "close"},
    429: {"Retry-After": "1"},
}
REASONS = {
    400: "The request is no JSON.",
    404: "There is nothing of this id.",
    408: "The file stopped coming.",
    409: "It is not ready.",
    413: "The file is too large.",
    422: "It cannot be done.",
    429: "There is too much to do already.",
}
GONE = "There is nothing of this id: it was removed, or its time is over. Bring it again."

Id = Annotated[str, InPath(pattern="^[A-Za-z0-9_-]{8,40}$")]
Controls = Annotated[forms.Controls, Query()]
Small = Annotated[forms.Small, Query()]


def shop_of(request: Request) -> Shop:
    """Give what stands behind the routes."""
    shop: Shop = request.app.state.shop
    return shop


InShop = Annotated[Shop, Depends(shop_of)]


def _refusing(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": forms.Refusal, "description": REASONS[status]} for status in statuses}


def _picture(media: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media: {"schema": {"type": "string", "format": "binary"}}}, "description": "A picture."}}


api = APIRouter(prefix="/api", responses=_refusing(422))
of_item = _refusing(404, 429)


@api.get("/offer")
def offer(shop: InShop) -> forms.Offer:
    """Say what this server offers, and its limits."""
    cards = [(name, read_card(source)) for name, source in shop.looks.items()]
    return forms.Offer(
        version=VERSION,
        looks=[forms.LookOffered(name=name, version=card["version"], summary=card["summary"]) for name, card in cards],
        default=DEFAULT,
        formats=list(DEPTHS),
        most_bytes=shop.limits.most_bytes,
        most_photographs=shop.limits.most_photographs,
        minutes=shop.limits.minutes,
        jnd=JND,
        largest=LARGEST,
        colours=[f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colour_map().tolist()],
    )


@api.get("/photographs")
def photographs(shop: InShop) -> list[forms.Brought]:
    """List the photographs on the desk."""
    return [_brought(item) for item in shop.desk.items()]


@api.post("/photographs", status_code=201, openapi_extra=BODY, responses=_refusing(408, 413, 429))
async def bring(request: Request, shop: InShop, name: Annotated[str, Query(max_length=1000)] = "") -> forms.Brought:
    """Bring a raw file: the body is the file itself."""
    with shop.desk.coming(name, size=shop.gate.expected(request)) as item:
        await shop.gate.write(request, item.raw)
    return _brought(item)


@api.get("/photographs/{photograph}", responses=of_item)
def facts(shop: InShop, photograph: Id) -> forms.Told:
    """Say what a raw file says, and where each value came from."""
    told, _ = _asked(shop, shop.desk.take(photograph).request("facts"))
    return forms.Told(**told)


@api.delete("/photographs/{photograph}", status_code=204, responses=_refusing(404))
def remove(shop: InShop, photograph: Id) -> None:
    """Remove a photograph, and all that was made of it."""
    shop.remove(photograph)


@api.post("/leavings", status_code=204, responses=_refusing(400))
def leave(shop: InShop, leaving: forms.Leaving) -> None:
    """Remove photographs: one request, since a page that is left sends no more than a few."""
    for photograph in leaving.photographs:
        with suppress(Missing):
            shop.remove(photograph)


@api.put("/photographs/{photograph}/camera", openapi_extra=BODY, responses=_refusing(404, 408, 413, 429))
async def bring_picture(
    request: Request,
    shop: InShop,
    photograph: Id,
    name: Annotated[str, Query(max_length=1000)] = "",
) -> forms.Brought:
    """Bring the picture that the camera wrote beside a raw: the body is the JPEG itself."""
    item = shop.desk.take(photograph)
    coming = item.beside.with_name(secrets.token_hex(8))
    try:
        await shop.gate.write(request, coming)
        coming.replace(item.beside)
    finally:
        coming.unlink(missing_ok=True)
    item.picture, item.version = shown_name(name), item.version + 1
    return _brought(item)


@api.get("/photographs/{photograph}/camera", response_class=Response, responses=of_item | _picture("image/jpeg"))
def camera(shop: InShop, photograph: Id) -> Response:
    """Give the camera's own picture: in sRGB, upright, without shooting data."""
    return Response(_asked(shop, shop.desk.take(photograph).request("camera"))[1], media_type="image/jpeg")


@api.get("/photographs/{photograph}/place", responses=of_item)
def place(shop: InShop, photograph: Id) -> forms.CameraPicture:
    """Say where the camera's own picture lies in our frame."""
    return forms.CameraPicture(**_asked(shop, shop.desk.take(photograph).request("place"))[0])


@api.get("/photographs/{photograph}/proof", response_class=Response, responses=of_item | _picture("image/jpeg"))
def proof(shop: InShop, photograph: Id, small: Small) -> Response:
    """Render a photograph small: the colours are those of the full one."""
    return Response(_rendered(shop, photograph, "proof", small, size=small.size)[1], media_type="image/jpeg")


@api.get("/photographs/{photograph}/histogram", responses=of_item)
def histogram(shop: InShop, photograph: Id, small: Small) -> forms.Histogram:
    """Count the codes of a small rendering."""
    return forms.Histogram(**_rendered(shop, photograph, "histogram", small, size=small.size)[0])


@api.get("/photographs/{photograph}/differences", responses=of_item)
def differences(shop: InShop, photograph: Id, controls: Controls) -> forms.Differences:
    """Say how far a quick rendering is from the camera's own picture, in ΔE76."""
    return forms.Differences(**_rendered(shop, photograph, "differences", controls)[0])


@api.get(
    "/photographs/{photograph}/differences/map",
    response_class=Response,
    responses=of_item | _picture("application/octet-stream"),
)
def map_of_differences(shop: InShop, photograph: Id, controls: Controls) -> Response:
    """Give ΔE76 of each pixel, in hundredths: 16-bit little-endian numbers, 65535 for none."""
    return Response(_rendered(shop, photograph, "differences", controls)[1], media_type="application/octet-stream")


@api.get("/photographs/{photograph}/grey", responses=of_item)
def grey(
    shop: InShop,
    photograph: Id,
    across: Annotated[float, Query(ge=0, le=1)],
    down: Annotated[float, Query(ge=0, le=1)],
) -> forms.Grey:
    """Find the white balance that makes a place grey; places count from the upper left corner, in shares."""
    return forms.Grey(**_asked(shop, shop.desk.take(photograph).request("grey") | {"across": across, "down": down})[0])


@api.get("/jobs")
def jobs(shop: InShop) -> list[forms.JobTold]:
    """List what is developed at full size, in the order in which it was ordered."""
    return [forms.JobTold.of(job) for job in shop.line.jobs()]


@api.post("/jobs", status_code=202, responses=_refusing(400, 404, 429))
def order(shop: InShop, order: forms.Order) -> forms.JobTold:
    """Order a photograph at its full size."""
    item, wish = shop.desk.take(order.photograph), order.controls.wish()
    wish.check()
    shop.check(wish)
    request = item.request("develop") | {"wish": wish.told(), "kind": order.kind}
    ending = {"view": ".jpg", "report": ".html"}.get(order.kind) or usual_ending(order.kind)
    return forms.JobTold.of(shop.line.add(item, request, kind=order.kind, ending=ending))


@api.post("/scores", status_code=202, responses=_refusing(400, 404, 429))
def score(shop: InShop, pair: forms.Pair) -> forms.JobTold:
    """Order a page that says how far two pictures are apart."""
    result, reference = shop.desk.take(pair.result), shop.desk.take(pair.reference)
    request = result.request("score") | {"reference": str(reference.raw), "align": pair.align}
    request["names"] |= {str(reference.raw): reference.name}
    return forms.JobTold.of(shop.line.add(result, request, kind="score", ending=".html"))


@api.get("/jobs/{job}", responses=_refusing(404))
def state(shop: InShop, job: Id) -> forms.JobTold:
    """Say what became of an order."""
    return forms.JobTold.of(shop.line.job(job))


@api.delete("/jobs/{job}", responses=_refusing(404))
def cancel(shop: InShop, job: Id) -> forms.JobTold:
    """Cancel an order."""
    return forms.JobTold.of(shop.line.cancel(job))


@api.get("/jobs/{job}/picture", response_class=Response, responses=_refusing(404, 409) | _picture("image/*"))
def picture(shop: InShop, job: Id) -> Response:
    """Give the picture that was ordered, under its name."""
    found = shop.line.job(job)
    if found.state != "done":
        return _said(409, f"{found.name} is {found.state}. A picture that is done was needed. Wait, or order it again.")
    shop.desk.take(found.item.id)
    return _file(found)


def _brought(item: Item) -> forms.Brought:
    return forms.Brought(id=item.id, name=item.name, size=item.size, picture=item.picture)


def _asked(shop: Shop, request: Facts) -> tuple[Facts, bytes]:
    return shop.small.ask(request, limit=PATIENCE)


def _rendered(shop: Shop, photograph: str, verb: str, controls: forms.Controls, **more: str) -> tuple[Facts, bytes]:
    wish = controls.wish()
    wish.check()
    return _asked(shop, shop.desk.take(photograph).request(verb) | {"wish": wish.told()} | more)


def _file(job: Job) -> Response:
    if not job.target.is_file():
        raise Missing(job.id)
    media = MEDIA[job.kind]
    if media == PAGE:
        return FileResponse(job.target, media_type=media, headers={"Content-Security-Policy": POLICY})
    return FileResponse(job.target, media_type=media, filename=None if job.kind == "view" else job.name)


def _said(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, MORE.get(status))


def answer_refusals(app: FastAPI) -> None:
    """Have refusals answered in one shape, each with its status."""
    statuses: dict[type[Exception], int] = {CrispnetError: 422, TooLarge: 413, TooSlow: 408, Busy: 429, WorkerLost: 422}

    def answering(status: int) -> Callable[[Request, Exception], Response]:
        return lambda _, error: _said(status, str(error))

    for kind, status in statuses.items():
        app.add_exception_handler(kind, answering(status))
    app.add_exception_handler(Missing, lambda *_: _said(404, GONE))
    app.add_exception_handler(ClientDisconnect, lambda *_: Response(status_code=400))
