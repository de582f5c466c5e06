"""The command that starts the page."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

SERVE = (sys.executable, "-c", "from crispnet.app.cli import main; main()", "serve")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "darkroom.lan"])
def test_whoever_can_be_reached_needs_a_token(crispnet, host, monkeypatch):
    monkeypatch.delenv("CRISPNET_TOKEN", raising=False)
    result = crispnet("serve", "--host", host)
    assert result.exit_code == 3
    assert f"{host} can be reached from other computers. A token was needed" in result.stderr
    assert "--token" in result.stderr


def test_a_port_that_is_taken_is_said_to_be(crispnet):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = crispnet("serve", "--port", port)
    assert result.exit_code == 3
    assert f"port {port}" in result.stderr
    assert "--port 0" in result.stderr


def test_a_look_that_is_none_is_refused_before_anything_listens(crispnet, tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no look")
    result = crispnet("serve", "--look", tmp_path / "no.onnx")
    assert result.exit_code == 3
    assert "cannot be used as a look" in result.stderr


def test_it_trusts_nobody(crispnet):
    assert crispnet("serve", "--trust").exit_code == 2


def test_without_its_packages_it_says_what_to_install(crispnet, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] in ("fastapi", "starlette", "uvicorn")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("crispnet.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = crispnet("serve")
    assert result.exit_code == 3
    assert 'pip install "crispnet[web]"' in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_interrupted_and_leaves_nothing(number, tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path), "CRISPNET_TOKEN": "word"}
    with subprocess.Popen((*SERVE, "--port", "0"), stdout=subprocess.PIPE, text=True, env=environment) as process:
        address = process.stdout.readline().strip()
        request = urllib.request.Request(f"{address}api/photographs", headers={"Authorization": "Bearer word"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer) == []
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}api/photographs", timeout=30)
        assert list(tmp_path.glob("crispnet-*"))
        process.send_signal(number)
        assert process.wait(30) == 0  # the usual end
    assert list(tmp_path.glob("crispnet-*")) == []
