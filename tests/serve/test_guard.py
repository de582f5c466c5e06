"""Who is answered: nobody but the page of this server, and with a token nobody who has none."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from crispnet.serve.guard import COOKIE, Guard

HOST = "127.0.0.1:8731"


def ask(path="/api/photographs", *, headers=(), method="GET", query="", host="127.0.0.1", token=None):
    """Ask a guarded application, without a server."""
    given = {"host": HOST} | dict(headers)
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    asyncio.run(Guard(PlainTextResponse("inside"), host=host, token=token)(scope, None, send))
    return SimpleNamespace(status=sent[0]["status"], headers=Headers(raw=sent[0]["headers"]))


def status(headers, **how):
    return ask(headers=headers, **how).status


@pytest.mark.parametrize("host", [HOST, "localhost:8731", "[::1]:8731", "127.0.0.1", "127.8.9.1:8731"])
def test_this_computer_is_answered(host):
    assert status({"host": host}) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8731",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.0.7:8731",
        "",
        "[",
    ],
)
def test_a_name_that_is_not_ours_is_turned_away(host):
    """As after DNS rebinding: the connection reaches us, but the browser thinks that it speaks to somebody else."""
    assert status({"host": host}) == 421


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_any_other_name_is_turned_away(host):
    answered = status({"host": host}) == 200
    assert not answered or host.startswith(("127.", "localhost", "[::1]", "[0"))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8731"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_another_page_asks_for_is_refused(headers, method):
    assert status(headers, method=method) == 403


def test_our_own_page_and_a_link_to_it_are_answered():
    assert status({"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}, method="POST") == 200
    assert status({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}) == 200
    assert status({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, method="POST") == 403


def test_every_answer_says_what_a_browser_may_do_with_it():
    for answer in (ask(), ask(headers={"host": "evil.example"})):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers


# With a token


def test_without_the_token_nobody_is_answered():
    for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": f"{COOKIE}=wrong"}, {"authorization": "Bearer "}):
        assert status(headers, host="0.0.0.0", token="secret") == 401


def test_the_token_is_taken_as_bearer_or_from_the_address_once():
    far = {"host": "0.0.0.0", "token": "secret"}
    assert ask("/", headers={"authorization": "Bearer secret"}, **far).status == 200
    assert ask("/", query="token=wrong", **far).status == 401
    assert ask("/api/photographs", query="token=secret", **far).status == 401
    answer = ask("/", query="token=secret", **far)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie, *flags = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict"} <= set(flags)
    assert ask("/", headers={"cookie": cookie}, **far).status == 200


def test_from_elsewhere_an_address_will_do_but_a_strange_name_will_not():
    bearer = {"authorization": "Bearer secret"}
    assert status({"host": "192.168.0.7:8731", **bearer}, host="0.0.0.0", token="secret") == 200
    assert status({"host": "evil.example", **bearer}, host="0.0.0.0", token="secret") == 421
    assert status({"host": "darkroom.lan:8731", **bearer}, host="darkroom.lan", token="secret") == 200
