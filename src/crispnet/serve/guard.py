"""Who may ask the server, and what browsers may do with its answers: the same for every route.

A page of anybody's can make a browser send requests to 127.0.0.1, and by DNS rebinding even read the answers, as long
as the server does not look at what it is called. So the name in ``Host`` must be this computer's own or an address;
``Origin`` and ``Sec-Fetch-Site``, which a page cannot forge, must be ours; and from elsewhere a token is needed.
"""

import hmac
import ipaddress
import socket
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "crispnet-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Turns away requests that do not come from the page, and gives every answer its headers."""

    def __init__(self, app: ASGIApp, *, host: str, token: str | None) -> None:
        """Guard an application.

        Args:
            app: the application.
            host: where the server listens.
            token: what clients have to know; None where only this computer can reach the server.
        """
        self._app, self._token = app, token
        self._names = {"localhost"} if is_loopback(host) else {"localhost", host.lower(), socket.gethostname().lower()}
        self._only_loopback = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._turned_away(scope)
        await (answer or self._app)(scope, receive, send_guarded)

    def _turned_away(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_ours(host):
            return _refused(421, "This server is not called so. Its own address was needed. Open the page as printed.")
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        navigates = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if (origin is not None and origin != f"{scope['scheme']}://{host}") or not (
            site in ("same-origin", "none") or navigates
        ):
            return _refused(403, "Another page asked for this. Only the page of this server may. Open it by itself.")
        return self._unknown(scope, headers) if self._token else None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return address.is_loopback or not self._only_loopback

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """Ask for the token; where the address has it, let the browser keep it and take it out of the address."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if scope["path"] == "/" and scope["method"] == "GET" and given and self._matches(given[0]):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, given[0], httponly=True, samesite="strict", path="/")
            return answer
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._matches(cookie.value if cookie else "") or self._matches(bearer):
            return None
        return _refused(401, "The token is missing or wrong. The one that the server was started with was needed.")

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), (self._token or "").encode())


def is_loopback(host: str) -> bool:
    """Tell whether only this computer can reach a host.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)
