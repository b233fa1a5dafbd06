"""A hub, a network or a setting that means ill or is broken: one line, nothing left, nothing without end."""

from __future__ import annotations

import _thread
import contextlib
import gzip
import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub.utils import close_session

from imgedit.errors import HubError, ImgeditError, ManifestError, OutputError
from imgedit.models import hub
from tests.fake_hub import Handler, fake_home, fake_model, fake_server  # noqa: F401

REPO = "someone/faces"


@pytest.fixture(autouse=True)
def new_client() -> object:
    """The client reads proxies when it is made."""
    close_session()
    yield
    close_session()


def only(name: str, answer: Callable[[Handler], None]) -> Callable[[Handler, str], bool]:
    """Answer for one file, as the hub does for the others."""

    def attack(handler: Handler, asked: str) -> bool:
        if asked == name:
            with contextlib.suppress(OSError):  # the client has gone
                answer(handler)
            return asked == name
        return False

    return attack


def head(handler: Handler, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def cut(handler: Handler) -> None:
    head(handler, Content_Length="5000")
    handler.wfile.write(b"x" * 100)


def in_a_circle(handler: Handler) -> None:
    head(handler, 302, Location=handler.path, Content_Length="0")


def to_a_file(handler: Handler) -> None:
    head(handler, 302, Location="file:///etc/passwd", Content_Length="0")


def nowhere(handler: Handler) -> None:
    head(handler, 302, Location="http://[broken", Content_Length="0")


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def endless(handler: Handler) -> None:
    head(handler)
    while True:
        handler.wfile.write(b"x" * 65536)


def bomb(handler: Handler) -> None:
    data = gzip.compress(b"x" * 50_000_000)
    head(handler, Content_Encoding="gzip", Content_Length=str(len(data)))
    handler.wfile.write(data)


def damaged_gzip(handler: Handler) -> None:
    head(handler, Content_Encoding="gzip", Content_Length="4")
    handler.wfile.write(b"gzip")


def silent(handler: Handler) -> None:
    time.sleep(3)


def slow_headers(handler: Handler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 100:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def trickle(handler: Handler) -> None:
    head(handler, Content_Length="5000")
    for _ in range(100):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def said(content: bytes) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        head(handler, Content_Length=str(len(content)))
        handler.wfile.write(content)

    return answer


def refused(home: Path, url: str, *kinds: type[ImgeditError], **options: float) -> str:
    with pytest.raises(kinds or (HubError, ManifestError)) as caught:
        hub.pull(REPO, endpoint=url, **options)
    assert "\n" not in str(caught.value)
    assert not home.exists() or [p.name for p in home.iterdir()] == []
    return str(caught.value)


@pytest.mark.parametrize("name", ["manifest.json", "translate.onnx", "README.md"])
@pytest.mark.parametrize("answer", [cut, in_a_circle, to_a_file, nowhere, no_http, endless, bomb, damaged_gzip])
def test_an_answer_that_is_broken_or_means_ill_is_one_line(server, model, home, name, answer):
    server.publish(REPO, model.folder)
    server.attack = only(name, answer)
    started = time.monotonic()
    says = refused(home, server.url)
    assert says.startswith(REPO)
    assert time.monotonic() - started < 20
    if answer in (endless, bomb):
        assert "may have" in says


@pytest.mark.parametrize(
    "content", [b"<html>Sign in</html>", b"[]", b"[1, 2]", b"null", b"\xff\xfe", b"", b"{" * 100_000, b'"text"']
)
def test_what_is_no_manifest_with_status_200_is_one_line(server, model, home, content):
    server.publish(REPO, model.folder)
    server.attack = only("manifest.json", said(content))
    refused(home, server.url, ManifestError)


@pytest.mark.parametrize(
    "name",
    ["../../evil.onnx", "/tmp/evil.onnx", "C:\\evil.onnx", "a\u0000.onnx", "x" * 300 + ".onnx", "\ud800.onnx",
     "..\\evil.onnx", "sub/../../evil.onnx"],
)  # fmt: skip
def test_a_name_that_no_file_may_have_is_one_line(server, model, home, name):
    server.publish(REPO, model.folder)
    data = json.loads(server.files[REPO]["manifest.json"])
    data["graphs"]["translate"]["file"] = name
    server.files[REPO]["manifest.json"] = json.dumps(data).encode()
    refused(home, server.url, ManifestError)
    assert not any("evil" in asked for asked in server.asked)


def test_a_file_longer_or_shorter_than_the_manifest_says_is_refused(server, model, home):
    server.publish(REPO, model.folder)
    whole = server.files[REPO]["translate.onnx"]
    server.files[REPO]["translate.onnx"] = whole + b"x"
    assert f"more than the {len(whole)} bytes" in refused(home, server.url, HubError)
    server.files[REPO]["translate.onnx"] = whole[:-1]
    assert f"ended after {len(whole) - 1} of {len(whole)} bytes" in refused(home, server.url, HubError)


def test_a_model_larger_than_the_disk_or_the_limit_is_refused_before_it_is_fetched(
    server,
    model,
    home,
    monkeypatch,
):
    server.publish(REPO, model.folder)
    data = json.loads(server.files[REPO]["manifest.json"])
    data["graphs"]["translate"]["bytes"] = 1 << 50
    server.files[REPO]["manifest.json"] = json.dumps(data).encode()
    assert "more than 4.3 GB" in refused(home, server.url, HubError)
    monkeypatch.setattr("imgedit.models.hub.source.MAX_BYTES", 1 << 60)
    assert "do not fit" in refused(home, server.url, OutputError)
    assert not any("onnx" in asked for asked in server.asked)


@pytest.mark.parametrize("answer", [silent, slow_headers, trickle])
@pytest.mark.parametrize("name", ["manifest.json", "translate.onnx"])
def test_a_pull_ends_in_time(server, model, home, name, answer):
    server.publish(REPO, model.folder)
    server.attack = only(name, answer)
    started = time.monotonic()
    assert "took more than 1 s" in refused(home, server.url, HubError, timeout=1.0)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("answer", [silent, slow_headers, trickle])
def test_a_pull_can_be_interrupted(server, model, home, answer):
    server.publish(REPO, model.folder)
    server.attack = only("translate.onnx", answer)
    timer = threading.Timer(0.7, _thread.interrupt_main)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
    try:
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            hub.pull(REPO, endpoint=server.url)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 2
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "endpoint", ["garbage", "", "http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999", "\x00", "http://[::1"]
)
def test_an_endpoint_that_is_none_is_one_line(home, endpoint):
    refused(home, endpoint or "garbage:", HubError)


def test_a_proxy_that_needs_another_package_is_one_line(server, model, home, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY")
    refused(home, server.url, HubError)


@pytest.mark.parametrize("token", ["hf_töken", "hf_a\nb", "hf_\x7f"])
def test_a_token_that_is_none_is_one_line_and_not_shown(server, model, home, monkeypatch, token):
    server.publish(REPO, model.folder)
    monkeypatch.setenv("HF_TOKEN", token)
    for call in (
        lambda: hub.pull(REPO, endpoint=server.url),
        lambda: hub.push(model.folder, REPO, endpoint=server.url),
    ):
        try:
            call()
        except HubError as error:
            says = str(error)
        else:
            says = ""  # a client that repairs the token
        assert "\n" not in says
        assert token not in says
        assert token.replace("\n", "") not in says


@pytest.mark.parametrize("answer", [said(b"<html>"), said(b"[]"), said(b""), cut, no_http])
def test_pushing_to_what_is_no_hub_is_one_line(server, model, monkeypatch, answer):
    monkeypatch.setattr(Handler, "do_POST", lambda self: (answer(self), setattr(self, "close_connection", True)))
    with pytest.raises(HubError) as caught:
        hub.push(model.folder, REPO, endpoint=server.url)
    assert "\n" not in str(caught.value)
