"""Who may see the page, and what it tells browsers; without Gradio."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import types
import urllib.error
import urllib.request

import pytest

from imgedit.errors import ConfigError, ImgeditError
from imgedit.page import serve
from imgedit.page.logins import LimitedLogins

HEAD = b"""<!doctype html><head>
<meta
    property="og:image"
    content="https://elsewhere.example/a.png"
/>
<link rel="preconnect" href="https://fonts.example/" />
<title>imgedit</title></head>"""


async def inner(scope, receive, send):
    kind = b"text/html; charset=utf-8" if scope["path"] == "/" else b"image/jpeg"
    headers = [(b"content-type", kind), (b"content-length", str(len(HEAD)).encode()), (b"cache-control", b"public")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HEAD[:40], "more_body": True})
    await send({"type": "http.response.body", "body": HEAD[40:]})


def asked(path="/", *, is_local=True, host="127.0.0.1:7860", origin=None):
    """Return status, headers and body of an answer."""
    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    asyncio.run(serve.Access(inner, is_local=is_local)(scope, None, send))
    assert [message["type"] for message in sent[:1]] == ["http.response.start"]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, body


def test_the_page_names_no_other_machine():
    status, headers, body = asked()
    assert status == 200
    assert b"http" not in body
    assert b"<title>imgedit</title></head>" in body
    assert headers["content-length"] == str(len(body))
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert headers["cache-control"] == "no-store"


def test_the_page_takes_no_sockets_and_starts_and_ends_as_any():
    sent, reached = [], []

    async def send(message):
        sent.append(message["type"])

    async def page(scope, receive, send):
        reached.append(scope["type"])

    for kind in ("websocket", "lifespan"):
        asyncio.run(serve.Access(page, is_local=True)({"type": kind, "path": "/", "headers": []}, None, send))
    assert (sent, reached) == (["websocket.close"], ["lifespan"])


def test_other_answers_keep_their_bytes_and_programs_may_be_kept():
    status, headers, body = asked("/gradio_api/file=/tmp/a/b.jpg")
    assert (status, body, headers["cache-control"]) == (200, HEAD, "no-store")
    assert asked("/assets/index.js")[1]["cache-control"] == "public"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/info",
        "/gradio_api/proxy=http://a.example/",
        "/gradio_api/deep_link",
        "/gradio_api/runs",
        "/gradio_api/call/edited",
        "/gradio_api/process_recording",
        "/gradio_api/file",
        "/monitoring",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_the_page_does_not_need_is_not_there(path):
    assert asked(path)[0] == 404


@pytest.mark.parametrize(
    "path", ["/", "/config", "/theme.css", "/login", "/gradio_api/upload", "/gradio_api/queue/join"]
)
def test_what_the_page_needs_is_there(path):
    assert asked(path)[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "127.0.0.1"])
def test_this_machine_is_welcome(host):
    assert asked(host=host, origin=f"http://{host}")[0] == 200


def test_a_name_that_leads_here_is_not_enough():
    assert asked(host="evil.example:7860")[0] == 403
    assert asked(host="evil.example:7860", is_local=False)[0] == 200  # there is a password


@pytest.mark.parametrize("is_local", [True, False])
def test_other_pages_cannot_use_it(is_local):
    assert asked(origin="http://evil.example", is_local=is_local)[0] == 403
    assert asked(origin="null", is_local=is_local)[0] == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("192.168.1.5", False), ("x", False)],
)
def test_loopback_is_told_from_the_network(host, expected):
    assert serve.is_loopback(host) == expected


def test_a_port_that_is_taken_is_said_or_passed_over(monkeypatch):
    with serve.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert serve.url_of(taken) == f"http://127.0.0.1:{port}/"
        with pytest.raises(ImgeditError, match=f"port {port} of 127.0.0.1") as caught:
            serve.listen("127.0.0.1", port)
        assert caught.value.hint == "name another with --port"
        monkeypatch.setattr(serve, "PORT", port)
        with serve.listen("127.0.0.1", None) as other:
            assert port < other.getsockname()[1] < port + 20
    for host in ("no such host", "192.0.2.1"):  # another port would not help
        with pytest.raises(ConfigError, match="no address of this machine"):
            serve.listen(host, 0)


def test_every_network_is_reached_from_here_by_the_loopback():
    with serve.listen("0.0.0.0", 0) as place:
        assert serve.url_of(place).startswith("http://127.0.0.1:")
        assert place.family == socket.AF_INET


def test_without_gradio_it_is_said_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    with pytest.raises(ImgeditError, match="the extra `page`"):
        serve.application(None, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_a_second_one_at_once(number):
    server = types.SimpleNamespace(should_exit=False, force_exit=False)
    before = signal.getsignal(number)
    with serve.stopped_by_signals(server):
        signal.raise_signal(number)
        assert (server.should_exit, server.force_exit) == (True, False)
        signal.raise_signal(number)
        assert server.force_exit
    assert signal.getsignal(number) is before


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_address_that_a_visitor_claims_is_not_believed(monkeypatch):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")

    async def closed(scope, receive, send):
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{answer}.complete"})
            return
        await send({"type": "http.response.start", "status": 400, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own way to have them believed
    monkeypatch.setattr(serve, "application", lambda *args, **kwargs: LimitedLogins(closed))
    place = serve.listen("127.0.0.1", 0)
    url, found = serve.url_of(place) + "login", []

    def knock():
        for i in range(6):
            asked = urllib.request.Request(url, data=b"", headers={"X-Forwarded-For": f"192.0.2.{i}"})
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60)
            except urllib.error.HTTPError as error:
                error.close()
                found.append(error.code)
            except OSError as error:
                found.append(error)
        signal.raise_signal(signal.SIGTERM)

    visitor = threading.Thread(target=knock)
    serve.serve(None, place, ready=visitor.start)
    visitor.join()
    assert found == [400] * 5 + [429]
