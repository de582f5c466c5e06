"""What a hostile client tries: names, sizes, slowness, numbers. None of it reaches a path, or stops the server."""

import socket
import threading
import time
from urllib.parse import quote

import httpx
import pytest

from crispnet.serve.incoming import MOST_AT_A_TIME
from crispnet.serve.shop import Limits
from serving import LIMITS, serving

NAMES = [
    "../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "%2e%2e%2fpasswd", "a\0b.dng", "\r\nX: y.dng",
    "<script>alert(1)</script>.dng", "x" * 900 + ".dng", "", ".", "..", "con.dng", "~/.ssh/id_rsa", "\u202egnd.exe",
]  # fmt: skip


def speak(port, *parts, pause=0.0, wait=5.0):
    """Send parts of a request by hand, and give what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(pause)
        answer = b""
        while b"\r\n\r\n" not in answer:
            try:
                more = connection.recv(4096)
            except (TimeoutError, ConnectionResetError):
                break
            if not more:
                break
            answer += more
    return answer


def head(port, length):
    lines = "POST /api/photographs?name=a.dng HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {length}"
    return "\r\n".join((*lines, "", "")).encode()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_word(ask, name):
    answer = ask.post("/photographs", params={"name": name}, content=b"II*\0 no raw")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert not set("/\\\0\r\n") & set(told["name"])
    assert 0 < len(told["name"]) <= 120
    refused = ask.get(f"/photographs/{told['id']}").json()["detail"]
    assert "photograph.raw" not in refused
    assert "/tmp" not in refused
    assert ask.delete(f"/photographs/{told['id']}").status_code == 204


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "page/../../routes.py", "__init__.py"],
)
def test_no_path_of_the_client_is_opened(server, path):
    for start in ("/", "/api/photographs/", "/api/jobs/", "/looks/"):
        answer = speak(server.port, f"GET {start}{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"404", b"422"), answer[:100]


def test_looks_are_chosen_by_name_never_by_path(ask, bring, small_raw):
    photograph = bring(small_raw)
    for look in ("/etc/passwd", "../phone.onnx", "phone.onnx", "/tmp/x.onnx"):
        answer = ask.get(f"/photographs/{photograph}/proof", params={"look": look})
        assert answer.status_code == 422
        assert "no look called" in answer.json()["detail"]


# Sizes and slowness


def test_a_file_that_says_it_is_too_large_is_refused_before_it_comes(server):
    answer = speak(server.port, head(server.port, 300_000_000))
    assert answer.split(b" ")[1] == b"413"


def test_one_that_does_not_say_is_refused_when_it_is(ask):
    most = LIMITS.most_bytes
    sent = 0

    def stream():
        nonlocal sent
        while sent < 300_000_000:
            sent += 1 << 20
            yield bytes(1 << 20)

    try:
        status = ask.post("/photographs", content=stream()).status_code
    except httpx.TransportError:  # it does not read to the end what it has refused
        status = 413
    assert status == 413
    assert sent < most + 40_000_000
    assert ask.get("/photographs").json() == []


def test_one_that_lies_about_its_size_or_goes_away_leaves_nothing(server, ask):
    speak(server.port, head(server.port, 1000), b"short", wait=0.2)
    for length in ("-5", "1e9", "99999999999999999999"):
        assert speak(server.port, head(server.port, length), wait=1).split(b" ")[1] in (b"400", b"413")
    wait_until(lambda: ask.get("/photographs").json() == [])


def test_one_that_stops_coming_is_not_waited_for(server, ask):
    began = time.monotonic()
    answer = speak(server.port, head(server.port, 1_000_000), b"x" * 1000, wait=15)
    assert answer.split(b" ")[1] == b"408"
    assert LIMITS.patience - 0.5 < time.monotonic() - began < LIMITS.patience + 8
    assert ask.get("/photographs").json() == []


def test_one_that_trickles_does_not_hold_a_place_for_long(server):
    began = time.monotonic()
    answer = speak(server.port, head(server.port, 1_000_000), *[b"x" * 10] * 20, pause=0.3, wait=5)
    assert answer.split(b" ")[1:2] in ([b"408"], [])  # it may be cut off while it still sends
    assert time.monotonic() - began < 15


def test_pictures_that_come_at_once_for_one_raw_do_not_collide(server, bring, small_raw):
    photograph, statuses = bring(small_raw), []

    def put():
        answer = httpx.put(f"{server.url}/api/photographs/{photograph}/camera", content=b"picture", timeout=240)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=put) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(statuses) <= {200, 429}
    assert 200 in statuses


def test_slow_files_do_not_keep_others_from_being_served(server, ask, small_raw):
    parts = head(server.port, 1_000_000), *[b"x" * 10] * 6
    slow = [
        threading.Thread(target=speak, args=(server.port, *parts), kwargs={"pause": 0.4}) for _ in range(MOST_AT_A_TIME)
    ]
    for each in slow:
        each.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert ask.get("/offer").status_code == 200
    assert time.monotonic() - began < 3
    answer = ask.post("/photographs", content=small_raw.read_bytes())  # a fifth at a time
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "Try in a moment" in answer.json()["detail"]
    for each in slow:
        each.join()
    wait_until(lambda: ask.post("/photographs", content=small_raw.read_bytes()).status_code == 201)
    for each in ask.get("/photographs").json():
        ask.delete(f"/photographs/{each['id']}")


def test_many_at_once_are_served_or_told_to_wait(ask, server, small_raw):
    statuses = []

    def bring():
        with httpx.Client(base_url=f"{server.url}/api", timeout=240) as client:
            answer = client.post("/photographs", params={"name": "a.dng"}, content=small_raw.read_bytes())
            statuses.append(answer.status_code)
            if answer.status_code == 201:
                photograph = answer.json()["id"]
                statuses.append(client.get(f"/photographs/{photograph}/proof", params={"look": "plain"}).status_code)
                client.delete(f"/photographs/{photograph}")

    threads = [threading.Thread(target=bring) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(statuses) <= {200, 201, 429}
    assert statuses.count(200) >= MOST_AT_A_TIME
    assert ask.get("/photographs").json() == []


def test_the_desk_is_bounded(small_raw):
    content = small_raw.read_bytes()
    limits = Limits(most_photographs=2, most_bytes=1 << 20, most_together=3 << 20)
    with serving(limits=limits) as server, httpx.Client(base_url=f"{server.url}/api", timeout=240) as client:
        statuses = [client.post("/photographs", content=content).status_code for _ in range(3)]
        assert statuses == [201, 201, 429]
        first = client.get("/photographs").json()[0]["id"]
        assert client.delete(f"/photographs/{first}").status_code == 204
        assert client.post("/photographs", content=content).status_code == 201


# Wrong hosts and origins, on the wire


@pytest.mark.parametrize(
    ("header", "status"),
    [("Host: evil.example", b"421"), ("Host: 127.0.0.1\r\nOrigin: http://evil.example", b"403"), ("X: y", b"400")],
)
def test_strangers_are_turned_away(server, header, status):
    answer = speak(server.port, f"POST /api/photographs HTTP/1.1\r\n{header}\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.split(b" ")[1] == status


def test_another_name_for_the_same_route_is_no_way_around(server):
    for path in ("//api/offer", "/api//offer", "/API/offer", "/api/offer/", f"/{quote('api/offer', safe='')}"):
        answer = speak(server.port, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
        assert answer.split(b" ")[1] == b"421"


def wait_until(holds, seconds=10):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
